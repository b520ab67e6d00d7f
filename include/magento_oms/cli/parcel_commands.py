"""`magento-oms parcels`: what couriers have, and what a person decides about it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from magento_oms.cli.configured import person
from magento_oms.cli.output import cell, heading, print_json, print_rows
from magento_oms.ports import ConfigurationError, NdrAction

app = typer.Typer(no_args_is_help=True, help="Parcels at couriers: look, decide about failed deliveries, cancel.")

Parcel = Annotated[str, typer.Argument(metavar="AWB", help="The courier's AWB, or our reference.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Account = Annotated[str | None, typer.Option(help="Only this courier account.")]
COLUMNS = (
    "reference", "instance", "increment_id", "direction", "account", "awb", "status", "status_at", "failed_attempts",
    "next_kind", "next_state", "last_error",
)  # fmt: skip
SCANS = ("occurred_at", "code", "label", "location", "status", "reason", "received_at")


@app.command("list")
def list_(
    account: Account = None,
    status: Annotated[str | None, typer.Option(help="created, in_transit, delivered, …")] = None,
    instance: Annotated[str | None, typer.Option(help="Only this instance.")] = None,
    order: Annotated[str | None, typer.Option(help="Entity id or increment id of an order.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List parcels, the newest first, each with the change that it waits for."""
    from magento_oms.cli import queries
    from magento_oms.ports import ParcelStatus
    from magento_oms.storage.database import autocommit, database_url

    if status is not None and status not in set(ParcelStatus):
        raise ConfigurationError(f"There is no parcel status {status!r}.", way_out=f"Use {', '.join(ParcelStatus)}.")
    with autocommit(database_url()) as connection:
        rows = queries.bookings(connection, account=account, status=status, instance=instance, order=order, limit=limit)
    print_rows(rows, COLUMNS, as_json=as_json, nothing="No parcels.")


@app.command()
def show(parcel: Parcel, as_json: AsJson = False) -> None:
    """Show one parcel: its booking, what was tried before, and its scans."""
    from magento_oms.cli import queries
    from magento_oms.storage import parcels
    from magento_oms.storage.database import autocommit, database_url

    with autocommit(database_url()) as connection:
        booking_id = queries.booking_id(connection, parcel)
        stored = parcels.get(connection, booking_id)
        scans = queries.scans(connection, booking_id)
    courier = stored.booked.courier
    facts = {
        "order": f"{stored.instance} {stored.increment_id}",
        "reference": stored.reference,
        "direction": str(stored.direction),
        "account": f"{stored.account} ({stored.aggregator})",
        "courier": f"{courier.code} {courier.name}".strip() if courier else "",
        "awb": stored.booked.awb,
        "status": str(stored.status),
        "booked_at": stored.booked_at,
        "pickup_number": stored.pickup_number,
        "tracking_url": stored.booked.tracking_url,
        "tried_before": "; ".join(" ".join(each.values()) for each in stored.tried),
        "given_up": stored.given_up,
    }
    if as_json:
        print_json(facts | {"scans": [{name: row[name] for name in SCANS} for row in scans]})
        return
    for name, value in facts.items():
        if value:
            typer.echo(f"{name.replace('_', ' '):14} {cell(value)}")
    heading("Scans")
    print_rows(scans, SCANS, nothing="None yet.")


@app.command()
def ndr(
    account: Account = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that were decided already.")] = False,
    as_json: AsJson = False,
) -> None:
    """List parcels that could not be delivered, the oldest first: `reattempt` or `return-to-origin` decides."""
    from magento_oms.storage.database import autocommit, database_url
    from magento_oms.workflows.couriers import ndr as queue

    with autocommit(database_url()) as connection:
        cases = queue.queue(connection, account=account, all_of_them=every)
    rows = [
        {
            "awb": case.booking.booked.awb, "instance": case.booking.instance, "order": case.booking.increment_id,
            "account": case.booking.account, "since": case.since, "attempts": case.attempts, "reason": case.reason,
            "decision": case.decision,
        }
        for case in cases
    ]  # fmt: skip
    columns = ("awb", "instance", "order", "account", "since", "attempts", "reason", "decision")
    print_rows(rows, columns, as_json=as_json, nothing="Nothing waits for a decision.")


@app.command()
def reattempt(
    parcel: Parcel,
    note: Annotated[str, typer.Option(help="For the courier.")] = "",
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day to try, in India.")] = None,
    phone: Annotated[str, typer.Option(help="Another number of the customer's.")] = "",
    address: Annotated[list[str] | None, typer.Option(help="A line of a corrected address; may be repeated.")] = None,
) -> None:
    """Ask the courier to try again."""
    _decide(parcel, NdrAction.REATTEMPT, note=note, on=on, phone=phone, address=address or [])


@app.command("return-to-origin")
def return_to_origin(parcel: Parcel, note: Annotated[str, typer.Option(help="For the courier.")] = "") -> None:
    """Ask the courier to bring it back."""
    _decide(parcel, NdrAction.RETURN_TO_ORIGIN, note=note, on=None, phone="", address=[])


@app.command()
def cancel(parcel: Parcel, reason: Annotated[str, typer.Option(help="Why; kept with the parcel.")]) -> None:
    """Take a booking back: what was not sent is dropped, what the courier has is cancelled there."""
    from magento_oms.cli import queries
    from magento_oms.storage import parcels
    from magento_oms.storage.database import database_url, engine
    from magento_oms.workflows.couriers import plans

    if not reason.strip():
        raise ConfigurationError("A cancellation says why.", way_out='Give --reason "…".')
    with engine(database_url()).begin() as connection:
        booking_id = queries.booking_id(connection, parcel)
        stored = parcels.get(connection, booking_id)
        if stored.status in plans.BEYOND_NDR:
            raise ConfigurationError(
                f"Parcel {parcel} is {stored.status}: there is nothing to cancel.", way_out="Look at `parcels show`."
            )
        plans.plan_cancellation(connection, booking_id, f"{reason.strip()} ({person()})")
    typer.echo(f"Parcel {parcel} is not wanted any more. `magento-oms parcels show {parcel}` tells what came of it.")


@app.command()
def codes(as_json: AsJson = False) -> None:
    """List codes that couriers sent and our tables lack: the parcels kept their state."""
    from magento_oms.storage import scans
    from magento_oms.storage.database import autocommit, database_url

    with autocommit(database_url()) as connection:
        rows = scans.unknown_codes(connection)
    columns = ("aggregator", "code", "label", "times", "first_at", "last_at")
    print_rows(rows, columns, as_json=as_json, nothing="Every code is known.")


def _decide(parcel: str, action: NdrAction, *, note: str, on: datetime | None, phone: str, address: list[str]) -> None:
    from magento_oms.cli import queries
    from magento_oms.storage.database import database_url, engine
    from magento_oms.workflows.couriers import ndr as queue

    with engine(database_url()).begin() as connection:
        booking_id = queries.booking_id(connection, parcel)
        try:
            queue.decide(
                connection, booking_id, action, by=person(), comment=note, on=on.date() if on else None, phone=phone,
                address_lines=address,
            )  # fmt: skip
        except queue.CannotDecide as refusal:
            raise ConfigurationError(str(refusal), way_out="`magento-oms parcels show` tells how it stands.") from None
    typer.echo(f"The courier of {parcel} will be asked: {str(action).replace('_', ' ')}.")
