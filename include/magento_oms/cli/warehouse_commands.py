"""`magento-oms warehouse`: a warehouse's steps by CSV, for those without a system that calls the OMS API."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from magento_oms.cli import csv_files
from magento_oms.cli.configured import known_location, person
from magento_oms.cli.output import print_rows
from magento_oms.ports import ConfigurationError

if TYPE_CHECKING:
    from magento_oms.workflows.warehouse.pack import Box

app = typer.Typer(no_args_is_help=True, help="A warehouse's steps, by CSV.")

WORK = ("fulfilment", "instance", "order_number", "required_by", "item_id", "sku", "name", "quantity")
PACKING = ("fulfilment", "shipment_id", "box", "item_id", "quantity")
SIZES = ("length_cm", "breadth_cm", "height_cm", "weight_g")

Results = list[dict[str, object]]


@app.command("list")
def list_(
    location: Annotated[str, typer.Argument(help="Code of the warehouse.")],
    state: Annotated[str, typer.Option(help="routed, packed or ready.")] = "routed",
    csv: Annotated[Path | None, typer.Option(help="Write CSV to this file; - for the standard output.")] = None,
) -> None:
    """List what a warehouse has to ship, the most urgent first. The file is the pattern for `pack`."""
    from magento_oms.cli import fulfilment_queries
    from magento_oms.storage.database import autocommit, database_url

    known_location(location)
    with autocommit(database_url()) as connection:
        rows = fulfilment_queries.work_list(connection, location, state)
    if csv is None:
        print_rows(rows, WORK, nothing="Nothing to ship.")
    elif str(csv) == "-":
        csv_files.write(sys.stdout, WORK, rows)
    else:
        with csv.open("w", encoding="utf-8", newline="") as out:
            csv_files.write(out, WORK, rows)
        typer.echo(f"{len(rows)} lines written to {csv}.")


@app.command()
def pack(
    file: Annotated[Path, typer.Argument(help=f"CSV with {', '.join(PACKING)}; {', '.join(SIZES)} may be added.")],
) -> None:
    """Pack fulfilments as a file tells, one line a SKU and box. One that is refused does not stop the others.

    The same file again changes nothing. Exit code 1 if something was refused.
    """
    from magento_oms.cli.configured import configured
    from magento_oms.storage import fulfilments
    from magento_oms.storage.database import database_url, engine
    from magento_oms.workflows.warehouse.pack import pack as pack_one
    from magento_oms.workflows.warehouse.problems import WarehouseProblem

    results: Results = []
    rows = csv_files.read(file, PACKING)
    for fulfilment, group in groupby(rows, key=lambda row: row[1]["fulfilment"]):
        lines = list(group)
        try:
            boxes, shipment = _boxes(lines)
            with engine(database_url()).begin() as connection:
                stored = fulfilments.get(connection, int(fulfilment))
                if stored is not None:
                    packed = pack_one(connection, configured(stored.instance), stored.id, shipment, boxes, by=person())
        except (WarehouseProblem, ConfigurationError, ValueError) as problem:
            results.append({"line": lines[0][0], "fulfilment": fulfilment, "result": f"refused: {problem}"})
            continue
        if stored is None:
            results.append({"line": lines[0][0], "fulfilment": fulfilment, "result": "refused: there is no such one"})
        else:
            told = "packed before" if packed.again else "packed"
            results.append(
                {"line": lines[0][0], "fulfilment": fulfilment, "result": f"{told}, invoice {packed.invoice_number}"}
            )
    _told(results, ("line", "fulfilment", "result"))


@app.command()
def reject(
    fulfilment: Annotated[int, typer.Argument(help="Its id.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    item: Annotated[list[str] | None, typer.Option(help="ITEM_ID=QUANTITY; none: all of it.")] = None,
) -> None:
    """Send back what a warehouse cannot ship. It is routed anew, elsewhere."""
    from magento_oms.storage.database import database_url, engine
    from magento_oms.workflows.warehouse.send_back import reject as send_back

    units = None
    if item:
        units = {}
        for told in item:
            item_id, _, quantity = told.partition("=")
            count = csv_files.figure(quantity)
            if not item_id.isdigit() or count is None:
                raise ConfigurationError(f"{told!r} is not ITEM_ID=QUANTITY.")
            units[int(item_id)] = count
    with engine(database_url()).begin() as connection:
        send_back(connection, fulfilment, units, reason, by=person())
    typer.echo("Sent back; another location is looked for.")


@app.command()
def manifest(
    location: Annotated[str, typer.Argument(help="Code of the warehouse.")],
    account: Annotated[str | None, typer.Option(help="Only this courier account's parcels.")] = None,
    into: Annotated[Path, typer.Option(help="Folder for the PDFs.")] = Path("papers"),
) -> None:
    """List what is ready, one manifest a courier, and print each; name those that have not left yet."""
    from magento_oms.storage import manifests
    from magento_oms.storage.database import autocommit, database_url
    from magento_oms.workflows.warehouse.manifests import create_manifests, printed

    known_location(location)
    with autocommit(database_url()) as connection:
        waiting = manifests.open_at(connection, location)
    made = create_manifests(database_url(), location, account=account)
    if not made:
        typer.echo("Nothing is ready.")
    for one in made:
        into.mkdir(parents=True, exist_ok=True)
        path = into / f"{one.number}.pdf"
        path.write_bytes(printed(database_url(), one.id))
        typer.echo(f"{one.number}\t{one.courier}\t{path}")
    for one in waiting:
        typer.echo(f"{one.number}\t{one.courier}\twas listed before and has not left")


@app.command()
def handover(
    fulfilments: Annotated[list[int] | None, typer.Argument(help="Their ids.")] = None,
    manifest_number: Annotated[str, typer.Option("--manifest", help="All that is on this manifest.")] = "",
) -> None:
    """The courier takes it. Each order is read again at its store first. Exit code 1 if something must stay."""
    from magento_oms.orchestration.courier_wiring import order_check
    from magento_oms.orchestration.wiring import valid_instances
    from magento_oms.storage import manifests
    from magento_oms.storage.database import autocommit, database_url
    from magento_oms.workflows.warehouse.hand_over import hand_over
    from magento_oms.workflows.warehouse.manifests import hand_over_manifest
    from magento_oms.workflows.warehouse.problems import WarehouseProblem

    url, configs = database_url(), valid_instances()
    check, by = order_check(configs), person()
    results: Results = []
    if manifest_number:
        with autocommit(url) as connection:
            manifest_id = manifests.by_number(connection, manifest_number)
        if manifest_id is None:
            raise ConfigurationError(f"There is no manifest {manifest_number!r}.")
        outcome = hand_over_manifest(url, configs, manifest_id, by=by, check=check)
        results += [{"fulfilment": done, "result": "handed over"} for done in outcome.done]
        results += [{"fulfilment": kept, "result": f"refused: {why}"} for kept, why in outcome.refused.items()]
    for fulfilment_id in fulfilments or ():
        try:
            done = hand_over(url, configs, fulfilment_id, by=by, check=check)
        except WarehouseProblem as problem:
            results.append({"fulfilment": fulfilment_id, "result": f"refused: {problem} {problem.way_out}".strip()})
        else:
            told = "handed over before" if done.again else "handed over"
            results.append({"fulfilment": fulfilment_id, "result": f"{told}, order {done.increment_id}"})
    _told(results, ("fulfilment", "result"))


def _boxes(lines: Iterable[tuple[int, dict[str, str]]]) -> tuple[list[Box], str]:
    """The boxes that the lines of one fulfilment tell of, and its shipment id.

    Raises:
        ValueError: a line cannot be understood; it is named.
    """
    from magento_oms.workflows.warehouse.pack import Box

    items: dict[str, dict[int, Decimal]] = {}
    sizes: dict[str, dict[str, Decimal]] = {}
    shipments = set()
    for number, row in lines:
        quantity = csv_files.figure(row["quantity"])
        if not row["fulfilment"].isdigit() or not row["item_id"].isdigit() or quantity is None:
            raise ValueError(f"line {number}: fulfilment, item_id and quantity must be numbers")
        shipments.add(row["shipment_id"])
        box = items.setdefault(row["box"], {})
        box[int(row["item_id"])] = box.get(int(row["item_id"]), Decimal(0)) + quantity
        for name in SIZES:
            if row.get(name):
                size = csv_files.figure(row[name])
                if size is None:
                    raise ValueError(f"line {number}: {name} {row[name]!r} is no figure")
                sizes.setdefault(row["box"], {})[name] = size
    if len(shipments) != 1 or not next(iter(shipments)):
        raise ValueError("its lines must have one shipment_id, the same in all of them")
    return [Box(units, **sizes.get(name, {})) for name, units in items.items()], shipments.pop()


def _told(results: Results, columns: tuple[str, ...]) -> None:
    print_rows(results, columns)
    if any(str(row["result"]).startswith("refused") for row in results):
        raise typer.Exit(1)
