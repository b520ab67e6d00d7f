"""`magento-oms quarantine`: orders and effects that wait for a person."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from magento_oms.cli.configured import configured, person
from magento_oms.cli.output import print_rows
from magento_oms.ports import ConfigurationError, OutsideError

app = typer.Typer(no_args_is_help=True, help="Orders and effects that cannot go on by themselves.")

COLUMNS = ("id", "instance", "subject", "code", "reason", "way_out", "opened_at", "seen_times")
ALL = 1_000_000


@app.command("list")
def list_(
    instance: Annotated[str | None, typer.Argument(help="Only this instance.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most, the longest waiting first.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the open entries, the longest waiting first."""
    from magento_oms.storage import quarantine
    from magento_oms.storage.database import autocommit, database_url

    with autocommit(database_url()) as connection:
        entries = quarantine.list_open(connection, instance, limit=limit)
    print_rows([asdict(entry) for entry in entries], COLUMNS, as_json=as_json, nothing="The quarantine is empty.")


@app.command()
def retry(
    entry_id: Annotated[int | None, typer.Argument(metavar="ID", help="The entry.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All open entries.")] = False,
    instance: Annotated[str | None, typer.Option(help="With --all: only this instance.")] = None,
) -> None:
    """Send on: a refused effect is due again, an order is decided upon anew. Exit code 1 if one stays."""
    from magento_oms.storage import quarantine
    from magento_oms.storage.database import autocommit, database_url
    from magento_oms.workflows import quarantine_care

    if (entry_id is None) != every:
        raise ConfigurationError("It is not clear what to retry.", way_out="Give either an ID or --all.")
    url = database_url()
    if entry_id is not None:
        entries = [quarantine_care.open_entry(url, entry_id)]
    else:
        with autocommit(url) as connection:
            entries = quarantine.list_open(connection, instance, limit=ALL)
    stays = False
    for entry in entries:
        try:
            came = quarantine_care.retry(url, entry, configured)
            resolved, told = came.resolved, came.told
        except OutsideError as error:  # one entry's trouble does not stop the others
            resolved, told = False, str(error)
        stays = stays or not resolved
        typer.echo(f"{entry.id} {entry.instance} {entry.subject}: {'' if resolved else 'stays: '}{told}")
    if not entries:
        typer.echo("The quarantine is empty.")
    if stays:
        raise typer.Exit(1)


@app.command()
def dismiss(
    entry_id: Annotated[int, typer.Argument(metavar="ID", help="The entry.")],
    reason: Annotated[str, typer.Option(help="Why; kept with the entry.")],
) -> None:
    """Close an entry without sending it on: a refused effect is given up, an order stays as it is stored."""
    from magento_oms.storage.database import database_url
    from magento_oms.workflows import quarantine_care

    if not reason.strip():
        raise ConfigurationError("A dismissal says why.", way_out='Give --reason "…".')
    url = database_url()
    entry = quarantine_care.open_entry(url, entry_id)
    quarantine_care.dismiss(url, entry, reason=reason, by=person())
    typer.echo(f"Dismissed {entry.id}: {entry.subject} of {entry.instance}.")
