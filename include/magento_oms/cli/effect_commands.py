"""`magento-oms effects`: the changes asked of outside systems, and the brake."""

from __future__ import annotations

from typing import Annotated

import typer

from magento_oms.cli.configured import person, target_of
from magento_oms.cli.output import print_rows
from magento_oms.ports import ConfigurationError

app = typer.Typer(no_args_is_help=True, help="Changes asked of Magento and couriers; hold and release them.")

Target = Annotated[str, typer.Argument(help="magento:<code>, <code>, courier:<account>, or all.")]
COLUMNS = ("id", "target", "kind", "subject", "state", "attempts", "due_at", "last_error", "way_out")


@app.command("list")
def list_(
    target: Annotated[str | None, typer.Option(help="magento:<code>, <code>, courier:<account>, or all.")] = None,
    state: Annotated[str | None, typer.Option(help="planned, due, sending, unknown, done, failed, …")] = None,
    order: Annotated[str | None, typer.Option(help="Entity id or increment id of an order.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most, the newest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List effects, the newest first, and the holds that are on."""
    from magento_oms.cli import queries
    from magento_oms.domain.effects import EffectState
    from magento_oms.storage import holds
    from magento_oms.storage.database import autocommit, database_url

    if state is not None and state not in set(EffectState):
        raise ConfigurationError(f"There is no effect state {state!r}.", way_out=f"Use {', '.join(EffectState)}.")
    wanted = target_of(target) if target else "*"
    with autocommit(database_url()) as connection:
        rows = queries.effects(connection, None if wanted == "*" else wanted, state, order, limit)
        on = holds.all_holds(connection)
    print_rows(rows, COLUMNS, as_json=as_json, nothing="No effects.")
    for hold_ in on:
        typer.echo(f"Held: {hold_.target} by {hold_.by} since {hold_.at:%Y-%m-%d %H:%M} UTC: {hold_.reason}", err=True)


@app.command()
def hold(target: Target, reason: Annotated[str, typer.Option(help="Why; shown to everyone.")]) -> None:
    """Send nothing to a target until it is released. What is under way ends; nothing is lost."""
    from magento_oms.storage import holds
    from magento_oms.storage.database import database_url, engine

    if not reason.strip():
        raise ConfigurationError("A hold says why.", way_out='Give --reason "…".')
    held = target_of(target)
    with engine(database_url()).begin() as connection:
        holds.hold(connection, held, reason.strip(), person())
    typer.echo(f"Held: nothing is sent to {held}. `magento-oms effects release {target}` ends it.")


@app.command()
def release(target: Target) -> None:
    """Take a hold off. Releasing one target does not release `all`."""
    from magento_oms.storage import holds
    from magento_oms.storage.database import database_url, engine

    # Not looked up among the configured: the hold of an instance that has left must be releasable.
    held = "*" if target in ("all", "*") else target if ":" in target else f"magento:{target}"
    with engine(database_url()).begin() as connection:
        if not holds.release(connection, held):
            others = ", ".join(each.target for each in holds.all_holds(connection)) or "none"
            raise ConfigurationError(f"{held} is not held.", way_out=f"Held now: {others}.")
        still = holds.held(connection, held)
    typer.echo(f"Released {held}." + (f" Everything is still held: {still}" if still else ""))


@app.command()
def recover(
    target: Annotated[str | None, typer.Option(help="Only this target, as for `hold`.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """After a restored backup: look up everything not final on the other side before anything is sent."""
    from magento_oms.storage import fulfilments
    from magento_oms.storage.database import database_url, engine
    from magento_oms.storage.effects import look_all_up

    wanted = target_of(target) if target else "*"
    if not yes:
        typer.echo(
            "What was due when the backup was made may have been sent since. Every effect that is due, being sent or "
            "of unknown outcome will first be looked up on the other side, and sent only if it is not found there."
        )
        typer.confirm("Go on?", abort=True)
    with engine(database_url()).begin() as connection:
        count = look_all_up(connection, None if wanted == "*" else wanted)
        fulfilments.feed_anew(connection)
    typer.echo(f"{count} effects will be looked up before they are sent.")
