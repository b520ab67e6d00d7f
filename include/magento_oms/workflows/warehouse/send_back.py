"""A location sends back what it cannot ship."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

from sqlalchemy import Connection

from magento_oms.domain.fulfilments import FulfilmentState
from magento_oms.storage import fulfilments, orders, routing, stock
from magento_oms.storage.database import notify, text
from magento_oms.storage.fulfilments import CarriedLine, StoredFulfilment
from magento_oms.workflows.warehouse.problems import Detail, Kind, WarehouseProblem

ZERO = Decimal(0)


def reject(
    connection: Connection, fulfilment_id: int, units: Mapping[int, Decimal] | None, reason: str, by: str
) -> None:
    """A location sends back units of a fulfilment; they are routed anew, elsewhere.

    Args:
        units: item id → how many; None: all of it. A part of a bundle that Magento ships as a whole takes the rest of
            its bundle with it.

    Raises:
        WarehouseProblem: it is packed already, or more is sent back than is there.
    """
    stored = fulfilments.get(connection, fulfilment_id, lock=True)
    if stored is None:
        raise WarehouseProblem(Kind.MISSING, f"There is no fulfilment {fulfilment_id}.")
    if stored.state is not FulfilmentState.ROUTED:
        raise WarehouseProblem(
            Kind.CONFLICT,
            f"Fulfilment {fulfilment_id} is {stored.state}: only what is not packed yet can be sent back.",
        )
    lines = {line.item_id: line for line in fulfilments.lines(connection, [fulfilment_id])[fulfilment_id]}
    wanted = {item: line.quantity for item, line in lines.items() if line.quantity} if units is None else dict(units)
    if wrong := tuple(_wrong(lines, wanted)):
        raise WarehouseProblem(Kind.INVALID, "Nothing was sent back.", details=wrong)
    going = wanted | _whole_bundles(connection, stored, lines, wanted)
    _take_off(connection, stored, lines, going, rejected=wanted.keys())
    details = {
        "fulfilment": fulfilment_id,
        "location": stored.location,
        "items": {str(item): str(quantity) for item, quantity in going.items()},
        "reason": reason,
        "by": by,
    }
    orders.add_event(connection, stored.order_id, "rejected", details)
    orders.derive_lines(connection, stored.order_id)
    orders.derive_state(connection, stored.order_id)
    routing.look_again(connection, stored.order_id)
    notify(connection, orders.ROUTING)


def _wrong(lines: Mapping[int, CarriedLine], wanted: Mapping[int, Decimal]) -> list[Detail]:
    details = []
    if not wanted:
        details.append(Detail("/lines", "No line is named."))
    for item_id, units in wanted.items():
        line = lines.get(item_id)
        if line is None:
            details.append(Detail(f"/lines/{item_id}", "The fulfilment has no such line."))
        elif not ZERO < units <= line.quantity:
            details.append(Detail(f"/lines/{item_id}", f"{units} is sent back, {line.quantity} is to be shipped."))
    return details


def _whole_bundles(
    connection: Connection,
    stored: StoredFulfilment,
    lines: Mapping[int, CarriedLine],
    wanted: Collection[int],
) -> dict[int, Decimal]:
    """All units of the bundles that lines are parts of, by item id."""
    bundles = {
        row.item_id: row.bundle
        for row in connection.execute(
            text(f"select l.item_id, {orders.BUNDLE} as bundle from order_line l where l.order_id = :id"),  # noqa: S608
            {"id": stored.order_id},
        )
    }
    broken = {bundles[item] for item in wanted} - {None}
    return {item: line.quantity for item, line in lines.items() if line.quantity and bundles[item] in broken}


def _take_off(
    connection: Connection,
    stored: StoredFulfilment,
    lines: Mapping[int, CarriedLine],
    units: Mapping[int, Decimal],
    *,
    rejected: Collection[int],
) -> None:
    """Take units off its list. Of `rejected` lines the location gets none of the order again."""
    freed: dict[tuple[str, str], Decimal] = {}
    for item_id, quantity in units.items():
        fulfilments.take_off(connection, stored.id, item_id, quantity, rejected=item_id in rejected)
        key = (stored.location, lines[item_id].sku)
        freed[key] = freed.get(key, ZERO) - quantity
        connection.execute(
            text("update order_line set allocated = allocated - :units where order_id = :id and item_id = :item"),
            {"id": stored.order_id, "item": item_id, "units": quantity},
        )
    stock.reserve(connection, freed)
    fulfilments.derive_state(connection, stored.id)
