"""How the commands print: rich tables for people at a terminal, plain stable text for pipes, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

import typer

from magento_oms.documents.cells import cell as cell
from magento_oms.documents.cells import plain as plain

Row = Mapping[str, Any]


def print_rows(rows: Sequence[Row], columns: Sequence[str], *, as_json: bool = False, nothing: str = "") -> None:
    """A list. Piped, it is a line of column names and one line a row, separated by tabs."""
    if as_json:
        print_json([{name: row[name] for name in columns} for row in rows])
    elif not rows and nothing:
        typer.echo(nothing, err=not sys.stdout.isatty())
    elif sys.stdout.isatty():
        _rich_table(rows, columns)
    else:
        typer.echo("\t".join(columns))
        for row in rows:
            typer.echo("\t".join(" ".join(cell(row[name]).split()) for name in columns))


def print_json(value: object) -> None:
    """JSON with amounts as text, so that none is rounded by its reader."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_json_value))


def _json_value(value: object) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


def local(moment: datetime | None, zone: tzinfo) -> str:
    """A time in a store's zone."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}" if moment else ""


def heading(title: str) -> None:
    """The title of a part."""
    typer.echo()
    typer.secho(title, bold=True)


def _rich_table(rows: Sequence[Row], columns: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(cell(row[name])) for name in columns))
    Console().print(table)
