"""`magento-oms tokens`: who may call the OMS API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from magento_oms.cli.configured import configured, known_location
from magento_oms.cli.output import print_rows
from magento_oms.ports import ConfigurationError

app = typer.Typer(no_args_is_help=True, help="Who may call the OMS API.")

LIST = ("name", "scopes", "stores", "locations", "created_at", "expires_at", "revoked_at", "used_at")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose it is; shown in time lines.")],
    scope: Annotated[list[str], typer.Option(help="May be given several times; `all` for all of them.")],
    store: Annotated[
        list[str] | None, typer.Option(help="Only orders of this INSTANCE, or of its store view INSTANCE/STORE_ID.")
    ] = None,
    location: Annotated[list[str] | None, typer.Option(help="Only this warehouse.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Days after which it expires.")] = None,
) -> None:
    """Make a token. It is printed once, and kept nowhere."""
    from sqlalchemy.exc import IntegrityError

    from magento_oms.storage import api_tokens
    from magento_oms.storage.api_tokens import Scope
    from magento_oms.storage.database import database_url, engine

    try:
        scopes = list(Scope) if "all" in scope else [Scope(one) for one in scope]
    except ValueError as error:
        raise ConfigurationError(f"{error}.", way_out=f"Scopes: {', '.join(Scope)}, or all.") from None
    for one in store or ():
        _known_store(one)
    for one in location or ():
        known_location(one)
    expires = datetime.now(UTC) + timedelta(days=days) if days else None
    try:
        with engine(database_url()).begin() as connection:
            token = api_tokens.create(
                connection, name, scopes, stores=store or (), locations=location or (), expires_at=expires
            )
    except IntegrityError:
        raise ConfigurationError(f"There is a token called {name!r} already.", way_out="Take another name.") from None
    typer.echo(token)


def _known_store(limit: str) -> None:
    code, _, store_id = limit.partition("/")
    known = [str(store.store_id) for store in configured(code).stores]
    if store_id not in ("", *known):
        raise ConfigurationError(f"{code} has no store {store_id!r}.", way_out=f"It has {', '.join(known)}.")


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List who may call, and when each last did."""
    from magento_oms.cli import fulfilment_queries
    from magento_oms.storage.database import autocommit, database_url

    with autocommit(database_url()) as connection:
        rows = fulfilment_queries.api_tokens(connection)
    print_rows(rows, LIST, as_json=as_json, nothing="Nobody may call the OMS API.")


@app.command()
def revoke(name: Annotated[str, typer.Argument(help="Whose token.")]) -> None:
    """Make a token worthless, within seconds."""
    from magento_oms.storage import api_tokens
    from magento_oms.storage.database import database_url, engine

    with engine(database_url()).begin() as connection:
        if not api_tokens.revoke(connection, name):
            raise ConfigurationError(f"There is no valid token called {name!r}.")
    typer.echo(f"The token of {name} is worth nothing any more.")
