"""`magento-oms stock import`: absolute figures of locations from a CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from magento_oms.cli.output import print_rows
from magento_oms.ports import ConfigurationError

REFUSED = ("line", "location", "sku", "reason")


def import_(
    file: Annotated[Path, typer.Argument(help="CSV with the columns location, sku, quantity: absolute figures.")],
    location: Annotated[str | None, typer.Option(help="Location of all lines; the file needs no such column.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every line and say what would change.")] = False,
    encoding: Annotated[str | None, typer.Option(help="Of the file, such as cp1252; UTF-8 if not given.")] = None,
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
    if done.refused:
        rows = [
            {"line": line.number, "location": line.location, "sku": line.sku, "reason": line.wrong}
            for line in done.refused
        ]
        print_rows(rows, REFUSED)
    would = "Dry run, nothing was kept: " if dry_run else ""
    typer.echo(
        f"{would}{done.read} lines: {done.changed} changed, {done.unchanged} known so, {len(done.refused)} refused;"
        f" {done.orders_woken} waiting orders are routed now.",
        err=True,
    )
    if done.refused:
        raise typer.Exit(1)
