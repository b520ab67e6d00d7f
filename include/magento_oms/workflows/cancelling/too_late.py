"""What had left when it was cancelled: the courier is asked to bring it back, it is expected, and a person is told."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from magento_oms.domain.cancellation import Outcome, Wish, outcome, stage_of_parcel
from magento_oms.domain.fulfilments import FulfilmentState
from magento_oms.ports import NdrAction, ParcelStatus
from magento_oms.storage import cancellations, fulfilments, orders, parcels, quarantine
from magento_oms.storage.parcels import StoredBooking
from magento_oms.storage.too_late import TOO_LATE, look_again
from magento_oms.workflows.couriers import ndr

EXPECTED_RTO = "expected_rto"


def look(connection: Connection, order_id: int, wish: Wish) -> list[dict[str, Any]]:
    """What will become of the parcels of an order that have left, parcel by parcel."""
    return [
        {"parcel": booking.parcel_id, "stage": str(stage), "outcome": outcome(stage, wish.ask).name.lower()}
        for booking in _left(connection, order_id)
        for stage in (stage_of_parcel(booking.status),)
    ]


def act(connection: Connection, order_id: int, wish: Wish, cancellation_id: int) -> None:
    """Ask couriers, expect parcels back, tell people. The order is locked."""
    for booking in _left(connection, order_id):
        what = outcome(stage_of_parcel(booking.status), wish.ask)
        if what in (Outcome.CALL_BACK, Outcome.AWAIT):
            asked = what is Outcome.CALL_BACK and ask_back(connection, booking, wish)
            if cancellations.expect_back(connection, booking.parcel_id, order_id, cancellation_id, asked=asked):
                _tell_expected(connection, booking, asked=asked, comes=what is Outcome.AWAIT)
        elif what is Outcome.GOES_ON:
            _tell_too_late(connection, booking, whole=wish.whole)
    look_again(connection, order_id)


def ask_back(connection: Connection, booking: StoredBooking, wish: Wish) -> bool:
    """Ask the courier to return a parcel to where it came from; whether it could be asked."""
    try:
        ndr.decide(
            connection, booking.id, NdrAction.RETURN_TO_ORIGIN, by=wish.by or "oms", comment="The order was cancelled."
        )
    except ndr.CannotDecide:
        return False
    return True


def note_end(connection: Connection, booking: StoredBooking, status: ParcelStatus) -> None:
    """A parcel has ended: if it was expected back, that is settled, or a person is told that it was delivered."""
    if not cancellations.end_expectation(connection, booking.parcel_id, status):
        return
    _settle(connection, booking, status, f"the parcel is {status}")
    if status is ParcelStatus.DELIVERED:
        quarantine.open_(
            connection,
            instance=booking.instance,
            subject=_subject(booking),
            code=TOO_LATE,
            reason=f"Order {booking.increment_id} was cancelled, and AWB {booking.booked.awb} was delivered all the"
            " same.",
            way_out="Ask the customer: create a return, which closes this, or dismiss this if it is kept and paid for.",
        )
        look_again(connection, booking.order_id)


def note_received(connection: Connection, parcel_id: int) -> None:
    """A parcel is in the warehouse, whatever its courier says: if it was expected back, that is settled."""
    if cancellations.end_expectation(connection, parcel_id, ParcelStatus.RTO_DELIVERED):
        booking = max(parcels.of_parcel(connection, parcel_id), key=lambda each: each.id)
        _settle(connection, booking, ParcelStatus.RTO_DELIVERED, "the warehouse received it")


def _settle(connection: Connection, booking: StoredBooking, status: ParcelStatus, how: str) -> None:
    quarantine.resolve(connection, booking.instance, _subject(booking), code=EXPECTED_RTO, resolution=how)
    details = {"parcel": booking.parcel_id, "awb": booking.booked.awb, "as": str(status)}
    orders.add_event(connection, booking.order_id, "expected_rto_ended", details)


def _left(connection: Connection, order_id: int) -> list[StoredBooking]:
    return [
        booking
        for stored in fulfilments.of_order(connection, order_id)
        if stored.state is FulfilmentState.HANDED_OVER
        for booking in parcels.live_bookings_of(connection, stored.id)
    ]


def _tell_expected(connection: Connection, booking: StoredBooking, *, asked: bool, comes: bool) -> None:
    awb = booking.booked.awb
    if comes:
        done, next_step = "It is on its way back.", "Nothing need be done: this closes when it has come back."
    elif asked:
        done = "The courier is asked to return it."
        next_step = "This closes when it has come back. If the courier will not turn it, the customer refuses it."
    else:
        done = "The courier takes no such request for it."
        next_step = "Call the courier; else the customer refuses it. This closes when it has come back."
    orders.add_event(
        connection, booking.order_id, EXPECTED_RTO, {"parcel": booking.parcel_id, "awb": awb, "asked": asked}
    )
    quarantine.open_(
        connection,
        instance=booking.instance,
        subject=_subject(booking),
        code=EXPECTED_RTO,
        reason=f"Order {booking.increment_id} was cancelled after AWB {awb} had left the warehouse. {done}",
        way_out=next_step,
    )


def _tell_too_late(connection: Connection, booking: StoredBooking, *, whole: bool) -> None:
    what = "was cancelled" if whole else "has units that were cancelled"
    quarantine.open_(
        connection,
        instance=booking.instance,
        subject=_subject(booking),
        code=TOO_LATE,
        reason=f"Order {booking.increment_id} {what} when AWB {booking.booked.awb} had left; it is {booking.status}.",
        way_out="What the customer does not keep comes back as a return: create one, which closes this. Dismiss this if"
        " all of it is kept.",
    )


def _subject(booking: StoredBooking) -> str:
    return f"parcel:{booking.parcel_id}"
