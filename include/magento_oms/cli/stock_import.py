"""`magento-oms stock import`: absolute figures of locations from a CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from magento_oms.cli import csv_files
from magento_oms.cli.output import print_rows
from magento_oms.ports import ConfigurationError

REFUSED = ("line", "location", "sku", "reason")
SHOWN = 200
"""Refused lines that are shown; all of them go into a file where one is named."""


def import_(
    file: Annotated[Path, typer.Argument(help="CSV with the columns location, sku, quantity: absolute figures.")],
    location: Annotated[str | None, typer.Option(help="Location of all lines; the file needs no such column.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every line and say what would change.")] = False,
    encoding: Annotated[str | None, typer.Option(help="Of the file, such as cp1252; UTF-8 if not given.")] = None,
    refused: Annotated[
        Path | None, typer.Option(help="CSV that all refused lines are written to, with their reasons.")
    ] = None,
) -> None:
    """Tell what locations have. A bad line is named, and the others are kept. Exit code 1 if there was one."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from magento_oms.config.load import load_instances
    from magento_oms.settings import settings
    from magento_oms.storage.database import database_url
    from magento_oms.workflows.warehouse.import_stock import import_stock
    from magento_oms.workflows.warehouse.stock_file import read_stock_file

    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}.") from None
    lines = read_stock_file(content, location=location, encoding=encoding)
    url = database_url()
    configs = load_instances(settings().instances_dir).good
    bars = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*bars, console=Console(stderr=True)) as bar:
        task = bar.add_task(file.name, total=len(lines))
        done = import_stock(
            url, configs, lines, dry_run=dry_run, progress=lambda worked_on: bar.advance(task, worked_on)
        )
    rows = [
        {"line": line.number, "location": line.location, "sku": line.sku, "reason": line.wrong} for line in done.refused
    ]
    if refused is not None:
        _write(refused, rows)
    if rows:
        print_rows(rows[:SHOWN], REFUSED)
    if len(rows) > SHOWN:
        typer.echo(f"... and {len(rows) - SHOWN} more; --refused FILE writes all of them.", err=True)
    would = "Dry run, nothing was kept: " if dry_run else ""
    typer.echo(
        f"{would}{done.read} lines: {done.changed} changed, {done.unchanged} known so, {len(done.refused)} refused;"
        f" {done.orders_woken} waiting orders are routed now.",
        err=True,
    )
    if done.refused:
        raise typer.Exit(1)


def _write(file: Path, rows: list[dict[str, Any]]) -> None:
    try:
        with file.open("w", encoding="utf-8-sig", newline="") as out:
            csv_files.write(out, REFUSED, rows)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}.") from None
