"""`magento-oms orders`: what the OMS knows of orders, and reading one from its store now."""

from __future__ import annotations

import json
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from magento_oms.cli.configured import configured
from magento_oms.cli.output import cell, heading, local, print_rows
from magento_oms.ports import ConfigurationError

if TYPE_CHECKING:
    from magento_oms.cli.paper_files import Paper

app = typer.Typer(no_args_is_help=True, help="Orders in the OMS.")

By = Annotated[
    Literal["entity", "increment"] | None, typer.Option(help="Which number it is, where both kinds would fit.")
]
LIST = (
    "instance", "entity_id", "increment_id", "store_id", "state", "magento_status", "placed_at", "payment_kind",
    "currency", "grand_total",
)  # fmt: skip
LINES = ("item_id", "kind", "sku", "state", "ordered", "allocated", "packed", "invoiced", "shipped", "cancelled",
    "returned", "price", "row_total_incl_tax")  # fmt: skip
FULFILMENTS = ("id", "location", "state", "invoice", "parcel", "account", "awb", "status", "cod")
CANCELLATIONS = ("noted_at", "cause", "reason", "by", "units", "too_late", "outcomes")
EXPECTED = ("parcel_id", "awb", "asked", "since_at", "ended_at", "ended_as")


@app.command("list")
def list_(
    instance: Annotated[str | None, typer.Option(help="Only this instance.")] = None,
    state: Annotated[str | None, typer.Option(help="Only orders in this state of the OMS.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most, the newest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List orders, the newest first. Without personal data."""
    from magento_oms.cli import queries
    from magento_oms.domain.states import OrderState
    from magento_oms.storage.database import autocommit, database_url

    if state is not None and state not in set(OrderState):
        raise ConfigurationError(f"There is no order state {state!r}.", way_out=f"Use {', '.join(OrderState)}.")
    with autocommit(database_url()) as connection:
        rows = queries.orders(connection, instance, state, limit)
    print_rows(rows, LIST, as_json=as_json, nothing="No orders.")


@app.command()
def show(
    instance: Annotated[str, typer.Argument(help="Code of the instance.")],
    order: Annotated[str, typer.Argument(help="Entity id or increment id.")],
    by: By = None,
    personal: Annotated[bool, typer.Option("--personal", help="Show the buyer's data too.")] = False,
    documents: Annotated[
        bool,
        typer.Option("--documents", help="Save its invoices, labels and manifests instead; at a desktop, open them."),
    ] = False,
    into: Annotated[Path, typer.Option(help="With --documents: the folder, in which it gets one of its own.")] = Path(
        "papers"
    ),
) -> None:
    """Show all that the OMS knows of one order, with times in the store's time zone."""
    from magento_oms.cli import fulfilment_queries, queries
    from magento_oms.storage.database import autocommit, database_url

    with autocommit(database_url()) as connection:
        found = queries.the_one(queries.matches(connection, instance, order, by), instance, order)
        header = queries.header(connection, found["id"], personal=personal)
        parts = queries.parts(connection, found["id"], instance, found["entity_id"])
        fulfilments = fulfilment_queries.fulfilments_of(connection, found["id"])
        papers = fulfilment_queries.papers_of(connection, found["id"]) if documents else []
    if documents:
        _save(papers, fulfilments, instance, header, into)
        return
    zone = _zone(instance, header["store_id"])
    for name, value in header.items():
        if name != "buyer":
            typer.echo(f"{name}: {local(value, zone) if name.endswith(('_at', '_by')) else cell(value)}")
    if personal:
        heading("Buyer")
        typer.echo(json.dumps(header["buyer"], ensure_ascii=False, indent=2))
    _part("Lines", parts["lines"], LINES, zone)
    _part("Fulfilments", fulfilments, FULFILMENTS, zone)
    _part("Holds", parts["holds"], ("code", "reason", "placed_at", "released_at"), zone)
    _part("Cancellations", parts["cancellations"], CANCELLATIONS, zone)
    _part("Expected back", parts["expected back"], EXPECTED, zone)
    _part("Effects", parts["effects"], ("id", "kind", "state", "attempts", "due_at", "last_error", "way_out"), zone)
    _part("Attempts", parts["attempts"], ("effect_id", "number", "action", "started_at", "outcome"), zone)
    _part("Quarantine", parts["quarantine"], ("id", "code", "reason", "way_out", "opened_at", "resolution"), zone)
    _part("Time line", parts["events"], ("at", "kind", "details"), zone)


@app.command()
def permit(
    fulfilment: Annotated[int, typer.Argument(help="Id of the fulfilment.")],
    kind: Annotated[Literal["eway_bill", "irn"], typer.Argument(help="What it is.")],
    number: Annotated[str, typer.Argument(help="Its number.")],
    signed_qr: Annotated[str, typer.Option(help="Of an IRN: the signed QR code's text.")] = "",
) -> None:
    """Give the e-way bill or IRN that an order waits for; it goes on at once."""
    from magento_oms.cli.configured import person
    from magento_oms.storage.database import database_url, engine
    from magento_oms.workflows.warehouse.permits import give

    with engine(database_url()).begin() as connection:
        order = give(connection, fulfilment, kind, number, signed_qr=signed_qr, by=person())
    typer.echo(f"Order {order} goes on with {kind} {number}.")


def _save(
    papers: list[Paper], fulfilments: list[dict[str, Any]], instance: str, order: dict[str, Any], into: Path
) -> None:
    """Save an order's papers, and tell what has none yet."""
    from magento_oms.cli import paper_files

    name = order["increment_id"]
    if not papers:
        raise ConfigurationError(
            f"Order {name} of {instance} is {order['state']} and has no papers yet.",
            way_out="They come once a warehouse has packed it; without --documents this command tells how far it is.",
        )
    written = paper_files.save(papers, into / paper_files.plain(f"{instance}-{name}"))
    for paper, path in zip(papers, written, strict=True):
        typer.echo(f"{paper.kind}\t{paper.number}\t{path}")
    for fulfilment in fulfilments:
        if fulfilment["state"] in ("routed", "packed"):
            where, state = fulfilment["location"], fulfilment["state"]
            typer.echo(
                f"Not all papers of fulfilment {fulfilment['id']} ({where}) are there yet: it is {state}.", err=True
            )
    paper_files.show(written)


@app.command()
def pull(
    instance: Annotated[str, typer.Argument(help="Code of the instance.")],
    order: Annotated[str, typer.Argument(metavar="ID", help="Entity id; or increment id, if the OMS knows it.")],
    by: By = None,
) -> None:
    """Read one order from its store now and tell what became of it. Exit code 1 if it went to quarantine."""
    from magento_oms.cli import queries
    from magento_oms.orchestration import wiring
    from magento_oms.storage.database import autocommit, database_url
    from magento_oms.workflows.master_data.waiting import ask_for_unknown
    from magento_oms.workflows.order_pull import pull_one

    config = configured(instance)
    url = database_url()
    with autocommit(url) as connection:
        entity_id = _entity_id(queries.matches(connection, instance, order, by), instance, order, by)
    store = wiring.magento_for(config)
    counts = pull_one(url, store, config, entity_id).counts
    ask_for_unknown(url, store, config)
    with autocommit(url) as connection:
        stored = queries.stored(connection, instance, entity_id)
        troubles = [row for row in queries.quarantined(connection, instance, entity_id) if row["resolved_at"] is None]
    became = next(
        (name for name in ("new", "changed", "unchanged", "quarantined", "ignored") if getattr(counts, name)), "read"
    )
    now = f", now {stored['state']} (Magento: {stored['magento_status']})" if stored else ", not stored"
    typer.echo(f"Order {entity_id} of {instance}: {became}{now}.")
    for row in troubles:
        typer.echo(f"Quarantine {row['id']}: {row['reason']} {row['way_out']}", err=True)
    if troubles:
        raise typer.Exit(1)


def _entity_id(found: list[dict[str, Any]], instance: str, order: str, by: str | None) -> int:
    """The entity id meant: of the order that the OMS knows by this number, else the number itself."""
    from magento_oms.cli import queries

    if found:
        return int(queries.the_one(found, instance, order)["entity_id"])
    if by != "increment" and order.isascii() and order.isdigit() and not order.startswith("0"):
        return int(order)
    raise ConfigurationError(
        f"The OMS knows no order of {instance} with the increment id {order}.",
        way_out="Give its entity id: the number in the address of its page in Magento's admin.",
    )


def _zone(instance: str, store_id: int) -> tzinfo:
    """The store's time zone; UTC where the store is not configured (any more)."""
    try:
        store = configured(instance).store(store_id)
    except ConfigurationError:
        return UTC
    return store.zone if store else UTC


def _part(title: str, rows: list[dict[str, Any]], columns: tuple[str, ...], zone: tzinfo) -> None:
    if not rows:
        return
    heading(title)
    shown = [
        {
            name: json.dumps(row[name], ensure_ascii=False)
            if isinstance(row[name], (dict, list))
            else local(row[name], zone)
            if name == "at" or name.endswith("_at")
            else row[name]
            for name in columns
        }
        for row in rows
    ]
    print_rows(shown, columns)
