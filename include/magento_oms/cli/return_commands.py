"""`magento-oms returns`: what comes back: found, placed and received by CSV, called off; its replacement decided."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from magento_oms.cli import csv_files
from magento_oms.cli.configured import configured, person
from magento_oms.cli.output import cell, heading, print_json, print_rows
from magento_oms.ports import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from magento_oms.storage.returns import StoredReturn, StoredUnit
    from magento_oms.workflows.returns.place import AskedReturn
    from magento_oms.workflows.returns.receive import Verdict

app = typer.Typer(no_args_is_help=True, help="Returns, RTO and exchanges: find, place, receive, call off, decide.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Found = Annotated[
    str, typer.Argument(metavar="RETURN", help="Its code, its AWB, the invoice's or the order's number, or #ID.")
]
COLUMNS = (
    "id", "instance", "return_code", "order", "kind", "state", "location", "units", "awb", "courier", "placed_at",
)  # fmt: skip
UNITS = ("item_code", "sku", "name", "reason", "state", "qc_reason", "cancelled_why", "refund")
CREATE = ("instance", "order", "return_code", "kind", "item_code", "sku")
ALSO = ("item_id", "reason", "location", "awb", "courier", "account", "courier_code", "reference", "book_pickup")
RECEIVE = ("return", "item_code", "passed")
ANSWERS = {"yes": True, "pass": True, "no": False, "fail": False, "": None}

Rows = Iterable[tuple[int, dict[str, str]]]
Results = list[dict[str, object]]


@app.command("list")
def list_(
    find: Annotated[str, typer.Option(help="An AWB, invoice number, order number or return code.")] = "",
    state: Annotated[str, typer.Option(help="placed, in_transit, received, …")] = "",
    location: Annotated[str, typer.Option(help="Only what comes back to this warehouse.")] = "",
    instance: Annotated[str, typer.Option(help="Only this instance.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at most, the newest first.")] = 50,
    csv: Annotated[
        Path | None, typer.Option(help="Write CSV to this file, a line a unit: the pattern for `receive`.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List returns, the newest first."""
    from magento_oms.domain.returns import ReturnState
    from magento_oms.storage import return_search, returns
    from magento_oms.storage.database import autocommit, database_url
    from magento_oms.storage.return_search import Wanted

    if state and state not in set(ReturnState):
        raise ConfigurationError(f"There is no state {state!r}.", way_out=f"Use {', '.join(ReturnState)}.")
    wanted = Wanted(find, state, location, (instance,) if instance else ())
    with autocommit(database_url()) as connection:
        found = return_search.search(connection, wanted, limit)
        units = returns.units(connection, [stored.id for stored in found])
    if csv is not None:
        lines = [_line(stored, unit) for stored in found for unit in units[stored.id]]
        with _out(csv) as out:
            csv_files.write(out, (*RECEIVE, "reason", "images", "sku", "order", "state"), lines)
        return
    print_rows([_row(stored, units[stored.id]) for stored in found], COLUMNS, as_json=as_json, nothing="No returns.")


@app.command()
def show(found: Found, as_json: AsJson = False) -> None:
    """Show one return with its units."""
    from magento_oms.storage import returns
    from magento_oms.storage.database import autocommit, database_url

    with autocommit(database_url()) as connection:
        stored = _the(connection, found)
        units = returns.units(connection, [stored.id])[stored.id]
    facts = _row(stored, units) | {
        "source": str(stored.source),
        "reason": stored.reason,
        "received_at": stored.received_at,
        "processed_at": stored.processed_at,
        "cancelled_at": stored.cancelled_at,
    }
    listed = [{name: getattr(unit, name) for name in UNITS} for unit in units]
    if as_json:
        print_json(facts | {"items": listed})
        return
    for name, value in facts.items():
        if value:
            typer.echo(f"{name.replace('_', ' '):14} {cell(value)}")
    heading("Units")
    print_rows(listed, UNITS)


@app.command()
def create(
    file: Annotated[
        Path, typer.Argument(help=f"CSV, a line a unit: {', '.join(CREATE)}; {', '.join(ALSO)} may be added.")
    ],
) -> None:
    """Place returns as a file tells. One that is refused does not stop the others; the same file again changes nothing.

    Exit code 1 if something was refused.
    """
    from magento_oms.domain.returns import ReturnSource
    from magento_oms.storage.database import database_url, engine
    from magento_oms.workflows.returns.place import place
    from magento_oms.workflows.warehouse.problems import WarehouseProblem

    results: Results = []
    rows = csv_files.read(file, CREATE)
    for (instance, code), group in groupby(rows, key=lambda row: (row[1]["instance"], row[1]["return_code"])):
        lines = list(group)
        told = {"line": lines[0][0], "return": code}
        try:
            asked = _asked(lines)
            with engine(database_url()).begin() as connection:
                order_id = _order(connection, instance, lines[0][1]["order"])
                placed = place(connection, configured(instance), order_id, asked, source=ReturnSource.CSV, by=person())
        except (WarehouseProblem, ConfigurationError, ValueError) as problem:
            results.append(told | {"result": f"refused: {problem}"})
        else:
            results.append(told | {"result": f"{'placed before' if placed.again else 'placed'}, #{placed.return_id}"})
    _told(results)


@app.command()
def receive(
    file: Annotated[
        Path,
        typer.Argument(
            help=f"CSV, a line a unit: {', '.join(RECEIVE)}; reason, images, sku may be added. `passed` is yes, no, or"
            " empty for what is checked later. Without an item_code, the next unit of that SKU."
        ),
    ],
) -> None:
    """Take units in as a file tells, and note which passed. A return that is refused does not stop the others.

    The same file again changes nothing. Exit code 1 if something was refused.
    """
    from magento_oms.storage.database import database_url, engine
    from magento_oms.workflows.returns.judged import settle
    from magento_oms.workflows.returns.receive import receive as take_in
    from magento_oms.workflows.warehouse.problems import WarehouseProblem

    results: Results = []
    for found, group in groupby(csv_files.read(file, RECEIVE), key=lambda row: row[1]["return"]):
        lines = list(group)
        told = {"line": lines[0][0], "return": found}
        try:
            with engine(database_url()).begin() as connection:
                stored = _the(connection, found)
                taken = take_in(connection, stored.id, _verdicts(connection, stored, lines), by=person())
                settle(connection, configured(stored.instance), stored.id)
        except (WarehouseProblem, ConfigurationError, ValueError) as problem:
            results.append(told | {"result": f"refused: {problem}"})
        else:
            done = "known so" if taken.again else f"{taken.changed} units noted"
            results.append(told | {"result": f"{done}, it is {taken.stored.state}"})
    _told(results)


@app.command()
def cancel(
    found: Found,
    reason: Annotated[str, typer.Option(help="Why.")],
    item: Annotated[list[str] | None, typer.Option(help="Item code; none: all that has not been received.")] = None,
) -> None:
    """Call a return off, or units of it, until they are received. A pickup that was booked is cancelled too."""
    from magento_oms.storage.database import database_url, engine
    from magento_oms.workflows.returns.cancel import cancel as call_off
    from magento_oms.workflows.returns.judged import settle

    with engine(database_url()).begin() as connection:
        stored = _the(connection, found)
        now = call_off(connection, stored.id, item or None, reason, by=person())
        settle(connection, configured(stored.instance), stored.id)
    typer.echo(f"Return {now.return_code} is {now.state}.")


@app.command()
def exchange(
    found: Found, decision: Annotated[str, typer.Argument(help="release: it goes out; cancel: it is cancelled.")]
) -> None:
    """Decide about the order that replaces a return and is on hold."""
    from magento_oms.storage.database import database_url, engine
    from magento_oms.workflows.returns.exchange import decide

    if decision not in ("release", "cancel"):
        raise ConfigurationError(f"There is no decision {decision!r}.", way_out="Say release or cancel.")
    with engine(database_url()).begin() as connection:
        stored = _the(connection, found)
        decide(connection, configured(stored.instance), stored.id, release=decision == "release", by=person())
    typer.echo("It goes out." if decision == "release" else "It is cancelled on Magento.")


def _the(connection: Connection, found: str) -> StoredReturn:
    """The one return that a person means.

    Raises:
        ConfigurationError: there is none, or several.
    """
    from magento_oms.storage import return_search, returns
    from magento_oms.storage.return_search import Wanted

    if found.startswith("#") and found[1:].isdigit():
        one = returns.get(connection, int(found[1:]))
        listed = [one] if one is not None else []
    else:
        listed = return_search.search(connection, Wanted(found), 5) if found else []
        exact = [stored for stored in listed if stored.return_code == found]
        listed = exact if len(exact) == 1 else listed
    if len(listed) == 1:
        return listed[0]
    if not listed:
        raise ConfigurationError(f"There is no return {found!r}.", way_out="`magento-oms returns list` shows them.")
    codes = ", ".join(f"#{stored.id} ({stored.return_code}, {stored.state})" for stored in listed)
    raise ConfigurationError(f"{found!r} leads to several returns: {codes}.", way_out="Name one by its #ID.")


def _order(connection: Connection, instance: str, told: str) -> int:
    from sqlalchemy import text

    found = connection.execute(
        text(
            "select id from sales_order where instance = :i"
            " and (increment_id = :told or entity_id::text = :told) order by increment_id = :told desc limit 1"
        ),
        {"i": instance, "told": told},
    ).scalar()
    if found is None:
        raise ConfigurationError(f"There is no order {told!r} of {instance}.")
    return int(found)


def _asked(lines: Sequence[tuple[int, dict[str, str]]]) -> AskedReturn:
    """The return that the lines of one code tell of.

    Raises:
        ValueError: a line cannot be understood, or its lines contradict each other; it is named.
    """
    from magento_oms.domain.returns import ReturnKind
    from magento_oms.workflows.returns.place import AskedReturn, AskedUnit
    from magento_oms.workflows.returns.tracking import Brought

    units = []
    first = lines[0][1]
    for number, row in lines:
        item_id = row.get("item_id", "")
        if item_id and not item_id.isdigit():
            raise ValueError(f"line {number}: item_id {item_id!r} is no number")
        if not row["item_code"] or not (row["sku"] or item_id):
            raise ValueError(f"line {number}: item_code, and sku or item_id, are needed")
        for name in ("order", "kind", *ALSO[2:]):
            if row.get(name, "") != first.get(name, ""):
                raise ValueError(f"line {number}: {name} must be the same in all lines of a return")
        units.append(AskedUnit(row["item_code"], int(item_id) if item_id else None, row["sku"], row.get("reason", "")))
    if first["kind"] not in set(ReturnKind):
        raise ValueError(f"line {lines[0][0]}: kind {first['kind']!r} is none of {', '.join(ReturnKind)}")
    if first.get("book_pickup", "") not in ("yes", "no", ""):
        raise ValueError(f"line {lines[0][0]}: book_pickup is yes or no, not {first['book_pickup']!r}")
    return AskedReturn(
        first["return_code"],
        ReturnKind(first["kind"]),
        tuple(units),
        location=first.get("location", ""),
        reason=units[0].reason,
        brought=Brought(
            awb=first.get("awb", ""),
            courier=first.get("courier", ""),
            account=first.get("account", ""),
            courier_code=first.get("courier_code", ""),
            reference=first.get("reference", ""),
            book_pickup=first.get("book_pickup") == "yes",
        ),
    )


def _verdicts(connection: Connection, stored: StoredReturn, lines: Rows) -> list[Verdict]:
    """What the lines say of each unit. Raises ValueError, which names the line, where one cannot be understood."""
    from magento_oms.storage import returns
    from magento_oms.workflows.returns.receive import Verdict

    free = list(returns.units(connection, [stored.id])[stored.id])
    verdicts = []
    for number, row in lines:
        answer = row["passed"].casefold()
        if answer not in ANSWERS:
            raise ValueError(f"line {number}: passed is yes, no or empty, not {row['passed']!r}")
        code = row["item_code"] or _next_of(free, row.get("sku", ""), number)
        free = [unit for unit in free if unit.item_code != code]
        images = tuple(row.get("images", "").split())
        if wrong := next((image for image in images if not image.startswith(("https://", "http://"))), ""):
            raise ValueError(f"line {number}: {wrong!r} is no link to a picture")
        verdicts.append(Verdict(code, ANSWERS[answer], row.get("reason", ""), images))
    return verdicts


def _next_of(free: Sequence[StoredUnit], sku: str, number: int) -> str:
    """The first unit of a SKU that no line has named, those that are expected first."""
    mine = sorted((unit for unit in free if unit.sku == sku), key=lambda unit: unit.state != "expected")
    if not sku or not mine:
        raise ValueError(f"line {number}: an item_code is needed, or the sku of a unit that comes back")
    return mine[0].item_code


def _row(stored: StoredReturn, units: Sequence[StoredUnit]) -> dict[str, object]:
    return {
        "id": stored.id,
        "instance": stored.instance,
        "return_code": stored.return_code,
        "order": stored.increment_id,
        "kind": str(stored.kind),
        "state": str(stored.state),
        "location": stored.location,
        "units": len(units),
        "awb": stored.awb,
        "courier": stored.courier,
        "placed_at": stored.placed_at,
    }


def _line(stored: StoredReturn, unit: StoredUnit) -> dict[str, object]:
    passed = {"passed": "yes", "failed": "no", "missing": "no"}.get(str(unit.state), "")
    return {
        "return": stored.return_code,
        "item_code": unit.item_code,
        "passed": passed,
        "reason": unit.qc_reason,
        "images": " ".join(unit.images),
        "sku": unit.sku,
        "order": stored.increment_id,
        "state": str(unit.state),
    }


def _out(path: Path) -> AbstractContextManager[TextIO]:
    """The file to write to; - is the standard output."""
    return nullcontext(sys.stdout) if str(path) == "-" else path.open("w", encoding="utf-8", newline="")


def _told(results: Results) -> None:
    print_rows(results, ("line", "return", "result"), nothing="The file has no lines.")
    if any(str(row["result"]).startswith("refused") for row in results):
        raise typer.Exit(1)
