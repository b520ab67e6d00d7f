"""`magento-oms reconcile`: compare Magento, OMS and couriers now; list and open reports."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import typer

from magento_oms.cli.configured import configured, person
from magento_oms.cli.output import heading, print_json, print_rows
from magento_oms.ports import ConfigurationError

app = typer.Typer(no_args_is_help=True, help="Compare Magento, the OMS and the couriers; list and open reports.")

LIST = ("id", "kind", "instance", "store_id", "start_at", "end_at", "made_at", "proof")
SUMMARY = ("store", "window", "proof", "requests", "rows_read", "report")


@app.command()
def orders(
    instance: Annotated[str, typer.Argument(help="Code of the instance.")],
    from_: Annotated[
        str | None, typer.Option("--from", help="Placed from this time on (ISO; UTC unless it says otherwise).")
    ] = None,
    to: Annotated[str | None, typer.Option(help="Placed before this time. Without both: the last 24 hours.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Read every order, also where counts agree.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare and report; heal nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the orders of a window three ways; a report a store. Exit code 1 if something is lost or doubled."""
    from magento_oms.orchestration import wiring
    from magento_oms.orchestration.reconcile_tasks import open_account
    from magento_oms.settings import settings
    from magento_oms.workflows.reconcile.daily import reconcile_orders

    config = configured(instance)
    summary = reconcile_orders(
        wiring.oms_url(),
        wiring.magento_for(config),
        config,
        spans=[_span(from_, to)],
        open_account=open_account,
        folder=settings().reports_dir,
        run_id=f"by {person()}",
        full=full,
        dry_run=dry_run,
    )
    if as_json:
        print_json(summary.as_dict())
    else:
        print_rows([asdict(each) for each in summary.stores], SUMMARY, nothing=summary.note)
        for each in summary.stores:
            typer.echo(str(settings().reports_dir / each.html))
    if summary.troubles:
        raise typer.Exit(1)


@app.command()
def returns(
    instance: Annotated[str, typer.Argument(help="Code of the instance.")],
    from_: Annotated[
        str | None, typer.Option("--from", help="Refunded from this time on (ISO; UTC unless it says otherwise).")
    ] = None,
    to: Annotated[str | None, typer.Option(help="Refunded before this time. Without both: the last 24 hours.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare and report; heal nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare refunds, returns and return parcels; a report a store. Exit code 1 if something is lost or doubled."""
    from magento_oms.orchestration import wiring
    from magento_oms.orchestration.reconcile_tasks import open_account
    from magento_oms.settings import settings
    from magento_oms.workflows.reconcile.returns import reconcile_returns

    config = configured(instance)
    start, end = _span(from_, to)
    summary = reconcile_returns(
        wiring.oms_url(),
        wiring.magento_for(config),
        config,
        start=start,
        end=end,
        open_account=open_account,
        folder=settings().reports_dir,
        run_id=f"by {person()}",
        dry_run=dry_run,
    )
    if as_json:
        print_json(summary.as_dict())
    else:
        print_rows([asdict(each) for each in summary.stores], ("store", "window", "proof", "report"))
        for each in summary.stores:
            typer.echo(str(settings().reports_dir / each.html))
    if summary.troubles:
        raise typer.Exit(1)


@app.command()
def inventory(
    instance: Annotated[str, typer.Argument(help="Code of the instance.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare and report; tell nothing.")] = False,
    even_in_a_storm: Annotated[
        bool, typer.Option("--even-in-a-storm", help="Tell it all again, however many SKUs differ: you looked.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare what Magento has of every SKU with what it should have. Exit code 1 if a person must decide."""
    from magento_oms.orchestration import wiring
    from magento_oms.settings import settings
    from magento_oms.workflows.reconcile.inventory import reconcile_inventory

    config = configured(instance)
    summary = reconcile_inventory(
        wiring.oms_url(),
        wiring.magento_for(config),
        config,
        folder=settings().reports_dir,
        run_id=f"by {person()}",
        dry_run=dry_run,
        even_in_a_storm=even_in_a_storm,
    )
    if as_json:
        print_json(summary.as_dict())
    else:
        rows = [asdict(each) for each in summary.stores]
        print_rows(rows, ("stores", "proof", "told_again", "report"), nothing="No stock is told to this instance.")
        for each in summary.stores:
            typer.echo(str(settings().reports_dir / each.html))
    for trouble in summary.troubles:
        typer.echo(trouble, err=True)
    if summary.troubles:
        raise typer.Exit(1)


@app.command("list")
def list_(
    instance: Annotated[str | None, typer.Option(help="Only this instance.")] = None,
    kind: Annotated[
        Literal["orders", "returns", "inventory"] | None, typer.Option(help="Only reports of this kind.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most, the newest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the reports, the newest first, each with the line that tells whether all is well."""
    from magento_oms.storage import reports
    from magento_oms.storage.database import autocommit, database_url

    with autocommit(database_url()) as connection:
        found = reports.newest(connection, kind=kind, instance=instance, limit=limit)
    print_rows([{name: getattr(each, name) for name in LIST} for each in found], LIST, as_json=as_json, nothing="None.")


@app.command()
def show(
    report: Annotated[int, typer.Argument(help="Number of the report, as `reconcile list` shows it.")],
    differences: Annotated[int, typer.Option(min=0, help="How many differences are printed.")] = 50,
    open_: Annotated[bool, typer.Option("--open", help="Open the HTML in the browser.")] = False,
) -> None:
    """Show one report: its proof line, figures and differences, and where its files are."""
    import csv

    from magento_oms.settings import settings
    from magento_oms.storage import reports
    from magento_oms.storage.database import autocommit, database_url

    with autocommit(database_url()) as connection:
        found = reports.get(connection, report)
    if found is None:
        raise ConfigurationError(f"There is no report {report}.", way_out="`magento-oms reconcile list` shows them.")
    typer.echo(found.proof)
    typer.echo(f"{found.kind} of {found.instance}, store view {found.store_id}, {found.start_at} to {found.end_at}")
    for name, value in found.counts.items():
        typer.echo(f"{name}: {value}")
    path = settings().reports_dir / found.csv_path
    if not path.exists():
        raise ConfigurationError(
            f"The report's files are not on this machine ({path}).",
            way_out="Set MAGENTO_OMS_REPORTS_DIR to the folder that the tasks write to.",
        )
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] != "proof"]
    if rows:
        heading(f"Differences ({len(rows)})")
        print_rows(rows[:differences], tuple(rows[0]))
    page = settings().reports_dir / found.html_path
    typer.echo(f"\n{path}\n{page}")
    if open_ and sys.stdout.isatty():
        typer.launch(str(page))


@app.command()
def tidy(instance: Annotated[str, typer.Argument(help="Code of the instance.")]) -> None:
    """Remove reports that are older than `reconciliation.keep_reports_days`, as the nightly comparison does."""
    from magento_oms.settings import settings
    from magento_oms.storage.database import database_url
    from magento_oms.workflows.reconcile.old_reports import remove_old_reports

    config = configured(instance)
    removed = remove_old_reports(database_url(), config, settings().reports_dir)
    typer.echo(f"{removed} reports older than {config.reconciliation.keep_reports_days} days were removed.")


def _span(start: str | None, end: str | None) -> tuple[datetime, datetime]:
    """The window that is meant.

    Raises:
        ConfigurationError: a time is none, or they are the wrong way round.
    """
    if start is None and end is None:
        now = datetime.now(UTC)
        return now - timedelta(hours=24), now
    if start is None or end is None:
        raise ConfigurationError("A window has two ends.", way_out="Give both --from and --to, or neither.")
    span = _time("--from", start), _time("--to", end)
    if span[0] >= span[1]:
        raise ConfigurationError(f"The window from {start} to {end} is empty.", way_out="--from lies before --to.")
    return span


def _time(name: str, value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ConfigurationError(
            f"{name} {value!r} is no time.", way_out="Write it as 2026-11-25 or 2026-11-25T00:00:00+05:30."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
