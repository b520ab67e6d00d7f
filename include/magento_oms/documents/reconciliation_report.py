"""A reconciliation's report as two files: CSV for programs and spreadsheets, HTML for people. No personal data.

The HTML stands alone (no script, nothing loaded), is escaped by Jinja, and cannot run anything: its policy allows only
its own style.
"""

from __future__ import annotations

import csv
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from magento_oms.documents.cells import cell, harmless

MOST_ROWS = 2_000
"""Rows of a table that the HTML shows; the CSV has them all."""

LABELS = {
    "increment_id": "order",
    "entity_id": "id on Magento",
    "on_magento": "on Magento",
    "magento": "Magento",
    "oms": "OMS",
    "sku": "SKU",
    "subject": "SKU, AWB or code",
}
"""Columns whose name is not what people call them."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the HTML report."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Row]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says.

    Attributes:
        kind: orders, returns or inventory.
        start, end: the window, aware; shown in `zone`.
        proof: the line that tells whether all is well.
        agrees: whether it is.
        facts: what was compared and how: name → figure or word.
        columns, rows: the differences, as the CSV has them.
        tables: what only the HTML shows besides.
    """

    kind: str
    title: str
    instance: str
    store: str
    store_id: int
    start: datetime
    end: datetime
    zone: tzinfo
    made_at: datetime
    proof: str
    agrees: bool
    facts: Mapping[str, object]
    columns: Sequence[str]
    rows: Sequence[Row]
    notes: Sequence[str] = field(default_factory=tuple)
    tables: Sequence[Table] = field(default_factory=tuple)


def write(report: Report, folder: Path) -> tuple[str, str]:
    """Write both files; their paths below `folder`.

    Each is written beside and then renamed, so that nobody opens half of one.
    """
    place = Path(report.instance) / report.kind / f"store-{report.store_id}"
    name = f"{report.start:%Y%m%dT%H%M%SZ}-{report.end:%Y%m%dT%H%M%SZ}-{report.made_at:%Y%m%dT%H%M%S%f}"
    (folder / place).mkdir(parents=True, exist_ok=True)
    csv_path, html_path = place / f"{name}.csv", place / f"{name}.html"
    _put(folder / csv_path, _csv(report))
    _put(folder / html_path, html(report))
    return str(csv_path), str(html_path)


def html(report: Report) -> str:
    """The HTML page."""
    return _template().render(
        report=report,
        start=_local(report.start, report.zone),
        end=_local(report.end, report.zone),
        made=_local(report.made_at, report.zone),
        shown=report.rows[:MOST_ROWS],
    )


def _csv(report: Report) -> str:
    """The proof line, then one line a difference; columns are the same throughout."""
    lines = _Lines()
    writer = csv.writer(lines)
    columns = list(report.columns)
    writer.writerow(columns)
    writer.writerow(["proof", report.proof, *[""] * (len(columns) - 2)])
    for row in report.rows:
        writer.writerow([harmless(row[name]) for name in columns])
    return "".join(lines)


class _Lines(list[str]):
    """Takes what a CSV writer writes."""

    def write(self, text: str) -> None:
        self.append(text)


def _put(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    beside.write_text(text, encoding="utf-8", newline="")
    os.replace(beside, path)  # noqa: PTH105  (replaces on every system)


def _local(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%d %b %Y, %H:%M %Z}"


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = cell
    environment.filters["label"] = lambda name: LABELS.get(name, name.replace("_", " "))
    return environment.get_template("reconciliation.html")
