"""A webhook tells of a return that nobody placed here: somebody did so in the aggregator's panel.

Its reference, or the forward AWB that it names, leads to the parcel that went out. The return is of what is in that
parcel and in no other return; where one was placed here with this very AWB, the webhook's is that one.
"""

from __future__ import annotations

import re

from sqlalchemy import Connection

from magento_oms.domain.parcels import NewParcel
from magento_oms.domain.returns import ReturnKind, ReturnSource, ReturnState
from magento_oms.ports import Booked, Courier, CourierEvent, Direction, StatusReader
from magento_oms.storage import orders, parcels, return_notices, return_tracking, returns
from magento_oms.storage.database import text
from magento_oms.storage.parcels import StoredBooking
from magento_oms.storage.returns import NewReturn, NewUnit, StoredReturn
from magento_oms.workflows.returns.from_courier import BY, units_in

RETURNS = re.compile(r"(?:^|[^A-Z])(?:R|RET|RETURN|RMA|RVP|REV|REVERSE)(?:[^A-Z]|$)", re.IGNORECASE)
"""What panels put before or behind an order's number for its return."""
OUR_PARCEL = re.compile(r"-P(\d{1,18})\b")
"""In our references, see `domain.parcels.booking_reference`."""


def adopt(connection: Connection, account: str, event: CourierEvent, statuses: StatusReader) -> int | None:
    """The booking of a return that a webhook tells of; None: it tells of none, or of no parcel of ours."""
    if not _is_return(event, statuses):
        return None
    forward = _forward(connection, account, event)
    if forward is None:
        return None
    returns.lock_order(connection, forward.order_id)
    told = [name for name in (event.reference, event.order_ref, event.awb) if name]
    used = {name: parcels.find(connection, account, reference=name) for name in told}
    for known in (parcels.find(connection, account, awb=event.awb), *used.values()):
        if known is not None and parcels.get(connection, known).direction is Direction.REVERSE:
            return known  # another worker adopted it while this one waited for the order
    reference = next((name for name, known in used.items() if known is None), "")
    if not reference:
        return None
    there = _placed_here(connection, forward, event.awb)
    units = [] if there is not None else units_in(connection, forward)
    if there is None and not units:
        return None
    parcel_id = parcels.create(connection, _reverse_of(connection, forward, there))
    return_id = there.id if there is not None else _place(connection, forward, reference, units)
    return_tracking.set_parcel(connection, return_id, parcel_id)
    booked = _told(reference, event)
    booking = parcels.adopt(connection, parcel_id, account, forward.aggregator, booked)
    returns.derive(connection, return_id)
    return booking.id


def is_another(connection: Connection, booking_id: int, event: CourierEvent) -> bool:
    """Whether an event is about a return under the reference of the forward booking that was found by it."""
    if event.direction is not Direction.REVERSE:
        return False
    booking = parcels.get(connection, booking_id)
    return booking.direction is Direction.FORWARD and bool(event.awb) and event.awb != booking.booked.awb


def note_awb(connection: Connection, booking: StoredBooking, event: CourierEvent) -> None:
    """A return's AWB may come after the return: from then on it is tracked."""
    if booking.direction is Direction.REVERSE and event.awb and not booking.booked.awb:
        parcels.note_booked(connection, booking.id, _told(booking.reference, event))


def _told(reference: str, event: CourierEvent) -> Booked:
    """What an event tells of a booking. Clickpost tracks only by AWB and courier."""
    code = event.hints.get("courier_code", "")
    courier = Courier(code) if code else None
    return Booked(reference, event.order_ref, awb=event.awb, courier=courier, direction=Direction.REVERSE)


def _is_return(event: CourierEvent, statuses: StatusReader) -> bool:
    """By its own word, by a code that only returns have, by the forward AWB that it names, or by its reference."""
    if event.direction is not None:
        return event.direction is Direction.REVERSE
    if event.hints.get("forward_awb") or event.hints.get("forward_reference"):
        return True
    forward, reverse = (statuses.meaning(event, direction).status for direction in Direction)
    only_returns = forward is None and reverse is not None
    return only_returns or RETURNS.search(event.reference) is not None


def _forward(connection: Connection, account: str, event: CourierEvent) -> StoredBooking | None:
    """The forward booking that it is about."""
    awb = event.hints.get("forward_awb", "")
    told = [event.hints.get("forward_reference", ""), event.reference]
    if awb and (found := parcels.find(connection, account, awb=awb)) is not None:
        return _if_forward(connection, found)
    for reference in filter(None, told):
        if (found := parcels.find(connection, account, reference=reference)) is not None:
            return _if_forward(connection, found)
        if (found := _by_number(connection, account, reference)) is not None:
            return parcels.get(connection, found)
    return None


def _if_forward(connection: Connection, booking_id: int) -> StoredBooking | None:
    booking = parcels.get(connection, booking_id)
    return booking if booking.direction is Direction.FORWARD else None


def _by_number(connection: Connection, account: str, reference: str) -> int | None:
    """By our parcel's number in the reference, or by an order's number that is a word of it."""
    parcel = OUR_PARCEL.search(reference)
    words = re.findall(r"[A-Za-z0-9]+", reference)
    return connection.execute(
        text(
            "select b.id from courier_booking b join parcel p on p.id = b.parcel_id"
            " join sales_order o on o.id = p.order_id"
            " where b.account = :account and p.direction = 'forward' and o.increment_id = any(:numbers)"
            " and (cast(:parcel as bigint) is null or p.id = :parcel) order by b.awb <> '' desc, b.id desc limit 1"
        ),
        {"account": account, "parcel": int(parcel[1]) if parcel else None, "numbers": words},
    ).scalar()


def _placed_here(connection: Connection, forward: StoredBooking, awb: str) -> StoredReturn | None:
    """A return of the order that was placed with this AWB, or without any, and that no parcel of ours brings."""
    waiting = [
        stored
        for stored in returns.of_order(connection, forward.order_id)
        if stored.kind is ReturnKind.CUSTOMER_RETURN
        and stored.parcel_id is None
        and stored.state in (ReturnState.PLACED, ReturnState.RECEIVED)
        and stored.awb in (awb, "")
    ]
    return max(waiting, key=lambda stored: bool(stored.awb), default=None)


def _reverse_of(connection: Connection, forward: StoredBooking, there: StoredReturn | None) -> NewParcel:
    row = connection.execute(text("select location, value from parcel where id = :id"), {"id": forward.parcel_id}).one()
    return NewParcel(
        order_id=forward.order_id,
        direction=Direction.REVERSE,
        location=there.location if there is not None else row.location,
        contents=parcels.contents_of(connection, forward.parcel_id),
        value=row.value,
        return_reason="placed at the aggregator",
    )


def _place(connection: Connection, forward: StoredBooking, reference: str, units: list[NewUnit]) -> int:
    code = reference
    if returns.by_code(connection, forward.instance, code) is not None:
        code = f"{code}-P{forward.parcel_id}"
    location = connection.execute(
        text("select location from parcel where id = :id"), {"id": forward.parcel_id}
    ).scalar_one()
    return_id = returns.insert(
        connection,
        NewReturn(
            instance=forward.instance,
            order_id=forward.order_id,
            return_code=code,
            kind=ReturnKind.CUSTOMER_RETURN,
            source=ReturnSource.COURIER,
            location=location,
            reason="Placed at the aggregator",
            placed_at=returns.now(connection),
            created_by=BY,
        ),
        units,
    )
    details = {"return": return_id, "code": code, "units": len(units), "source": str(ReturnSource.COURIER)}
    orders.add_event(connection, forward.order_id, "return_placed", details)
    return_notices.tell(connection, return_notices.PLACED, return_id)
    return return_id
