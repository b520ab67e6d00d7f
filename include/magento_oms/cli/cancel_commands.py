"""`magento-oms orders cancel` and `release`: what a person decides about an order that shall not, or may, go on."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from magento_oms.cli.configured import configured, person
from magento_oms.cli.order_commands import By
from magento_oms.ports import ConfigurationError, PermanentError

Instance = Annotated[str, typer.Argument(help="Code of the instance.")]
Order = Annotated[str, typer.Argument(help="Entity id or increment id.")]


def cancel(
    instance: Instance,
    order: Order,
    reason: Annotated[str, typer.Option(help="Why, in words.")],
    line: Annotated[
        list[str] | None,
        typer.Option(metavar="ITEM=UNITS", help="Only so many units of this line, in all; may be given several times."),
    ] = None,
    by: By = None,
) -> None:
    """Cancel an order, or units of its lines, because the seller will not ship them. Possible until they are packed."""
    from magento_oms.cli import queries
    from magento_oms.storage.database import database_url, engine
    from magento_oms.workflows.cancelling.seller import ask_to_cancel, ask_to_cancel_units
    from magento_oms.workflows.warehouse.problems import WarehouseProblem

    config = configured(instance)
    totals = dict(map(_total, line or ()))
    with engine(database_url()).begin() as connection:
        found = queries.the_one(queries.matches(connection, instance, order, by), instance, order)
        try:
            if totals:
                new = ask_to_cancel_units(connection, config, found["id"], totals, reason, by=person())
            else:
                new = ask_to_cancel(connection, config, found["id"], reason, by=person())
        except WarehouseProblem as problem:
            raise PermanentError(str(problem), way_out=problem.way_out) from None
    what = "units of order" if totals else "order"
    said = "are cancelled; Magento is told" if totals else "is held, and cancelled on Magento"
    typer.echo(f"{what.capitalize()} {order} {said}." if new else f"Order {order}: that was asked before.")


def release(
    instance: Instance,
    order: Order,
    code: Annotated[str, typer.Argument(help="Code of the hold; `orders show` lists them.")],
    by: By = None,
) -> None:
    """Release a hold of an order, and let it go on if no other is open. What Magento's status asks for comes back."""
    from magento_oms.cli import queries
    from magento_oms.storage import inbox, orders
    from magento_oms.storage.database import database_url, engine
    from magento_oms.workflows.intake import take_in

    config, url = configured(instance), database_url()
    with engine(url).begin() as connection:
        found = queries.the_one(queries.matches(connection, instance, order, by), instance, order)
        if not orders.release_hold(connection, found["id"], code):
            raise ConfigurationError(
                f"Order {order} is under no hold {code!r}.", way_out="`magento-oms orders show` lists its holds."
            )
        orders.add_event(connection, found["id"], "released_by", {"code": code, "by": person()})
        page = inbox.newest(connection, instance, [found["entity_id"]])
    take_in(url, config, page, decide_again=True)
    typer.echo(f"Order {order}: the hold {code} is released.")


def _total(given: str) -> tuple[int, Decimal]:
    item, _, units = given.partition("=")
    try:
        return int(item), Decimal(units)
    except (ValueError, InvalidOperation):
        raise ConfigurationError(
            f"--line {given!r} is not understood.", way_out="Write ITEM=UNITS, such as 27=1."
        ) from None
