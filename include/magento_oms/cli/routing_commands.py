"""`magento-oms routing`: why orders go where they go, what waits, and what other strategies would do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from magento_oms.cli.configured import configured
from magento_oms.cli.output import heading, print_json, print_rows
from magento_oms.ports import ConfigurationError

app = typer.Typer(no_args_is_help=True, help="Which warehouse ships what.")

QUEUE = ("instance", "increment_id", "item_id", "sku", "quantity", "queue", "since", "reason")


@app.command()
def queue(
    instance: Annotated[str | None, typer.Option(help="Only this instance.")] = None,
    sku: Annotated[str | None, typer.Option(help="Only this SKU.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most, the oldest first.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what no location can fill now, with the reason. It is tried again when stock comes."""
    from magento_oms.cli import fulfilment_queries
    from magento_oms.storage.database import autocommit, database_url

    with autocommit(database_url()) as connection:
        rows = fulfilment_queries.unfilled(connection, instance, sku, limit)
    print_rows(rows, QUEUE, as_json=as_json, nothing="Every line has a location.")


@app.command()
def explain(
    instance: Annotated[str, typer.Argument(help="Code of the instance.")],
    order: Annotated[str, typer.Argument(help="Entity id or increment id.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say why an order goes where it goes: for each fulfilment why here, and what was tried."""
    from magento_oms.cli import fulfilment_queries, queries
    from magento_oms.storage.database import autocommit, database_url

    with autocommit(database_url()) as connection:
        found = queries.the_one(queries.matches(connection, instance, order, None), instance, order)
        fulfilments = fulfilment_queries.explanations(connection, found["id"])
        waiting = fulfilment_queries.unfilled_of(connection, found["id"])
    if as_json:
        print_json({"fulfilments": fulfilments, "waiting": waiting})
        return
    if not fulfilments and not waiting:
        typer.echo("Nothing of it was routed: it is held, history, virtual, or its store has no locations.")
    for row in fulfilments:
        heading(f"Fulfilment {row['number']} (id {row['id']}): {row['location']}, {row['state']}")
        typer.echo(row["explanation"].get("why", ""))
        typer.echo(f"  here: {row['explanation'].get('here', '')}")
        for tried in row["explanation"].get("tried", []):
            typer.echo(f"  {tried['location']}: {tried['result']}")
    if waiting:
        heading("Waiting")
        for row in waiting:
            typer.echo(f"{row['sku']} × {row['quantity'].normalize():f} ({row['queue']}): {row['reason']}")


@app.command()
def simulate(
    instance: Annotated[str, typer.Argument(help="Code of the instance.")],
    strategies: Annotated[
        str, typer.Option(help="In order, separated by commas: fewest_parcels, nearest, nearest_prefix, priority.")
    ] = "",
    policy: Annotated[str, typer.Option(help="complete, single_partial or many_partial; as it was if not given.")] = "",
    max_parcels: Annotated[int | None, typer.Option(min=1, help="Locations an order is split over at most.")] = None,
    store: Annotated[int | None, typer.Option(help="Only this store view's id.")] = None,
    days: Annotated[float, typer.Option(min=0.01, help="Orders of so many days back.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Decide upon past orders with other strategies and compare parcels, splits, distance and unfilled lines.

    Each order is decided upon with the stock that was seen when it was decided upon. Nothing is changed.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from magento_oms.domain.routing.words import Policy, Strategy
    from magento_oms.storage.database import database_url
    from magento_oms.workflows.routing.simulate import simulate as run

    configured(instance)
    try:
        wanted = [Strategy(name.strip()) for name in strategies.split(",") if name.strip()]
        kept = Policy(policy) if policy else None
    except ValueError as error:
        raise ConfigurationError(
            f"{error}.", way_out=f"Strategies: {', '.join(Strategy)}. Policies: {', '.join(Policy)}."
        ) from None
    now = datetime.now(UTC)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as bar:
        looked = bar.add_task("Deciding again", total=None)
        compared = run(
            database_url(),
            instance,
            store_id=store,
            since=now - timedelta(days=days),
            until=now,
            strategies=wanted,
            policy=kept,
            max_parcels=max_parcels,
            step=lambda done, of: bar.update(looked, completed=done, total=of),
        )
    names = ("orders", "parcels", "split", "unfilled_lines", "kilometres", "not_exact")
    rows = [
        {"figure": name, "was": _round(getattr(compared.was, name)), "would be": _round(getattr(compared.would, name))}
        for name in names
    ]
    rows.append({"figure": "orders that would go another way", "was": "", "would be": compared.changed})
    print_rows(rows, ("figure", "was", "would be"), as_json=as_json)


def _round(value: float) -> float | int:
    return round(value) if isinstance(value, float) else value
