"""The command `magento-oms`."""

from __future__ import annotations

from typing import Annotated

import typer

from magento_oms.cli import (
    budget_commands,
    cancel_commands,
    catalogue_commands,
    config_commands,
    effect_commands,
    order_commands,
    parcel_commands,
    quarantine_commands,
    reconcile_commands,
    return_commands,
    routing_commands,
    sandbox_commands,
    stock_commands,
    stock_import,
    token_commands,
    warehouse_commands,
    webhook_commands,
)
from magento_oms.cli.errors import PlainErrors

app = typer.Typer(
    cls=PlainErrors,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Look into the OMS, send on what waits for a person, check the configuration, run the sandbox. "
    "The OMS is found by MAGENTO_OMS_DATABASE_URL, the instances by MAGENTO_OMS_INSTANCES_DIR.",
)
database = typer.Typer(no_args_is_help=True, help="The OMS database itself.")
app.add_typer(config_commands.app, name="config")
order_commands.app.command()(cancel_commands.cancel)
order_commands.app.command()(cancel_commands.release)
app.add_typer(order_commands.app, name="orders")
app.add_typer(effect_commands.app, name="effects")
app.add_typer(quarantine_commands.app, name="quarantine")
app.add_typer(reconcile_commands.app, name="reconcile")
app.add_typer(parcel_commands.app, name="parcels")
app.add_typer(return_commands.app, name="returns")
app.add_typer(webhook_commands.app, name="webhooks")
app.add_typer(routing_commands.app, name="routing")
app.add_typer(warehouse_commands.app, name="warehouse")
stock_commands.app.command("import")(stock_import.import_)
app.add_typer(stock_commands.app, name="stock")
app.add_typer(catalogue_commands.app, name="catalogue")
app.add_typer(budget_commands.app, name="budget")
app.add_typer(token_commands.app, name="tokens")
app.add_typer(sandbox_commands.app, name="sandbox")
app.add_typer(database, name="database")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"magento-oms {version('magento-oms')}")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """What all commands share."""


@database.command()
def upgrade() -> None:
    """Migrate the OMS database to the tables of this version. Safe to repeat and to run several times at once."""
    from magento_oms.storage.database import database_url
    from magento_oms.storage.migrate import upgrade as migrate

    migrate(database_url())
    typer.echo("The OMS database has the tables of this version.")


@database.callback()
def _database() -> None:
    """The OMS database itself."""
