"""`magento-oms budget`: how many requests each system may be sent, and how it is doing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from magento_oms.cli.output import heading, print_json, print_rows
from magento_oms.ports import ConfigurationError

app = typer.Typer(no_args_is_help=True, help="Requests a second towards each Magento and each courier account.")

COLUMNS = (
    "scope", "per_second", "allowed", "burst", "tokens", "slowness", "paused_until", "eased_at", "eased_why",
)  # fmt: skip
USUAL = ("kind", "usual_ms")


@app.command()
def show(
    scope: Annotated[
        str | None, typer.Argument(help="Only this one, such as magento:CODE or courier:ACCOUNT, with usual times.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what is configured, what is allowed now, and why less. `slowness` is in times of the usual answer's time;
    what was eased grows back by itself within two minutes.
    """
    from magento_oms.storage.database import autocommit, database_url
    from magento_oms.storage.easing import budgets

    with autocommit(database_url()) as connection:
        found = [each for each in budgets(connection) if scope in (None, each.scope)]
    if scope is not None and not found:
        raise ConfigurationError(
            f"Nothing was ever sent to {scope!r}.", way_out="`magento-oms budget show` lists all budgets."
        )
    if scope is not None and as_json:
        print_json(asdict(found[0]))
        return
    print_rows([asdict(each) for each in found], COLUMNS, as_json=as_json, nothing="Nothing was sent to anybody yet.")
    if scope is not None and found[0].usual_ms:
        heading("What is usual")
        usual = sorted(found[0].usual_ms.items())
        print_rows([{"kind": kind, "usual_ms": milliseconds} for kind, milliseconds in usual], USUAL)
