"""Planning what is asked of an aggregator, always in the transaction of the change that calls for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from magento_oms.domain.intake import PlannedEffect
from magento_oms.domain.parcel_states import ENDS
from magento_oms.ports import ParcelStatus
from magento_oms.storage import effects, fulfilments, orders, parcels, quarantine
from magento_oms.storage.database import text
from magento_oms.storage.parcels import StoredBooking

BOOK = "book_parcel"
AWB = "assign_awb"
LABEL = "fetch_label"
PICKUP = "schedule_pickup"
CANCEL = "cancel_booking"
NDR = "ndr_action"
CONFIRM = "confirm_status"
FETCH_TRACKING = "fetch_tracking"

STEPS = (BOOK, AWB, LABEL, PICKUP)
"""Of every parcel, each after the one before. A step whose result is there already costs no call."""

BEYOND_NDR = ENDS | {ParcelStatus.RTO_INITIATED, ParcelStatus.RTO_IN_TRANSIT}
"""A parcel that is so takes no decision about its delivery any more."""


def target(account: str) -> str:
    """What is asked of an account is an effect towards this."""
    return f"courier:{account}"


def plan_booking(
    connection: Connection, parcel_id: int, account: str, aggregator: str, *, after: Sequence[int] = ()
) -> StoredBooking:
    """Book a parcel with an account: order, AWB, label and pickup, once the effects `after` are done."""
    stored = parcels.open_booking(connection, parcel_id, account, aggregator)
    before = list(after)
    for kind in STEPS:
        effect_id = effects.plan(connection, _effect(stored, kind), stored.order_id, after=before)
        before = [effect_id] if effect_id is not None else before
    details = {"parcel": parcel_id, "account": account, "reference": stored.reference}
    orders.add_event(connection, stored.order_id, "booking_planned", details)
    return stored


def plan_cancellation(connection: Connection, booking_id: int, why: str) -> None:
    """Take a booking back: what was not sent or was refused is dropped, what the aggregator has is cancelled there.

    A booking that is under way is cancelled as soon as it is known to be there.
    """
    stored = parcels.get(connection, booking_id, lock=True)
    parcels.give_up(connection, booking_id, why)
    effects.cancel_unsent_of(connection, target(stored.account), subject(booking_id))
    _drop_refused(connection, stored, why)
    if stored.booked_at is not None:
        effects.plan(connection, replace(_effect(stored, CANCEL), even_if_stopped=True, urgent=True), stored.order_id)
    if stored.fulfilment_id is not None:
        fulfilments.derive_state(connection, stored.fulfilment_id)  # it has no AWB any more


def _drop_refused(connection: Connection, stored: StoredBooking, why: str) -> None:
    """Nobody need mend what a booking was refused for once it is not wanted any more."""
    refused = connection.execute(
        text(
            "select id from effect where order_id = :order and subject = :subject and state = 'failed'"
            " and kind = any(:kinds)"
        ),
        {"order": stored.order_id, "subject": subject(stored.id), "kinds": list(STEPS)},
    ).scalars()
    quarantine.drop_refused(connection, stored.instance, list(refused), why=f"not wanted any more: {why}")


def plan_confirmation(connection: Connection, booking: StoredBooking, claimed: ParcelStatus) -> None:
    """Read the tracking of a parcel that a webhook says has ended."""
    effect = PlannedEffect(
        target(booking.account),
        CONFIRM,
        f"{subject(booking.id)}:{claimed}",
        lane=f"{subject(booking.id)}:tracking",
        withheld=False,
        even_if_stopped=True,
        details={"booking": booking.id, "claimed": str(claimed)},
    )
    effects.plan(connection, effect, booking.order_id)


def plan_tracking_fetch(connection: Connection, booking: StoredBooking) -> None:
    """Fetch the AWB of a return that somebody placed at the aggregator."""
    effect = replace(_effect(booking, FETCH_TRACKING), even_if_stopped=True)
    effects.plan(connection, effect, booking.order_id)


def plan_ndr(connection: Connection, booking: StoredBooking, decision_id: int) -> None:
    """Tell the courier what a person decided."""
    effect = replace(_effect(booking, NDR), subject=f"ndr:{decision_id}", even_if_stopped=True)
    details = effect.details | {"decision": decision_id}
    effects.plan(connection, replace(effect, details=details), booking.order_id)


def subject(booking_id: int) -> str:
    """What an effect about a booking is about."""
    return f"booking:{booking_id}"


def _effect(stored: StoredBooking, kind: str) -> PlannedEffect:
    return PlannedEffect(
        target(stored.account),
        kind,
        subject(stored.id),
        lane=subject(stored.id),
        withheld=stored.shadow,
        details={"booking": stored.id},
    )
