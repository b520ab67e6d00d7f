"""`magento-oms webhooks`: what couriers told, and what came of it."""

from __future__ import annotations

from typing import Annotated

import typer

from magento_oms.cli.output import print_rows

app = typer.Typer(no_args_is_help=True, help="Stored webhooks of couriers: count them by outcome, work on them again.")

Account = Annotated[str | None, typer.Option(help="Only this courier account.")]


@app.command("list")
def list_(
    account: Account = None,
    limit: Annotated[int, typer.Option(min=1, help="How many kinds of outcome at most.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Count webhooks by what came of them, the most frequent first."""
    from magento_oms.cli import queries
    from magento_oms.storage.database import autocommit, database_url

    with autocommit(database_url()) as connection:
        rows = queries.webhooks(connection, account, limit)
    print_rows(rows, ("target", "outcome", "times", "repeats", "last_at"), as_json=as_json, nothing="No webhooks.")


@app.command()
def rework(
    account: Account = None,
    outcome: Annotated[
        str, typer.Option(help="Only those with this outcome; % stands for anything: 'no such parcel', 'unknown%'.")
    ] = "%",
) -> None:
    """Let stored webhooks be worked on again: after a new status row, or once a parcel is known. Safe to repeat."""
    from magento_oms.storage import webhooks
    from magento_oms.storage.database import database_url, engine

    target = f"courier:{account}" if account else None
    with engine(database_url()).begin() as connection:
        count = webhooks.work_again(connection, target, outcome_like=outcome)
    typer.echo(f"{count} webhooks will be worked on again.")
