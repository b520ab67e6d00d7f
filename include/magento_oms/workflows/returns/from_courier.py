"""What couriers' scans mean for returns: an RTO is placed, a return moves, is called off, or comes all the same."""

from __future__ import annotations

from sqlalchemy import Connection

from magento_oms.domain.returns import ReturnKind, ReturnSource, UnitState, rto_reason
from magento_oms.ports import Direction, NdrAction, ParcelStatus
from magento_oms.storage import orders, parcels, return_claims, return_notices, return_tracking, returns
from magento_oms.storage.database import text
from magento_oms.storage.parcels import StoredBooking
from magento_oms.storage.returns import NewReturn, NewUnit, StoredReturn, StoredUnit
from magento_oms.storage.scans import Applied
from magento_oms.workflows.couriers import ndr
from magento_oms.workflows.returns.cancel import COMES_BACK, call_off_units

BY = "courier"
DELIVERED_AFTER_ALL = "the courier delivered it after all"
CALLED_OFF = "the courier called the pickup off"
QC_FAILED = "the courier's check at the door failed"
MOVES = frozenset(
    {
        ParcelStatus.RETURN_PICKED_UP,
        ParcelStatus.RETURN_IN_TRANSIT,
        ParcelStatus.RETURN_DELIVERED,
    }
)
"""The units are with the courier."""


def parcel_moved(connection: Connection, applied: Applied) -> None:
    """Bring returns to what a parcel's scans say, in the transaction that keeps them."""
    booking, status = applied.booking, applied.state.status
    if booking.direction is Direction.FORWARD:
        if status in COMES_BACK:
            note_rto(connection, booking, applied.state.failed_attempts)
        elif status is ParcelStatus.DELIVERED:
            _call_off(connection, booking.parcel_id, DELIVERED_AFTER_ALL)
        elif status is ParcelStatus.DELIVERY_FAILED:
            _ask_to_bring_it_back(connection, booking, applied.state.failed_attempts)
    elif not booking.given_up and status is ParcelStatus.RETURN_CANCELLED:
        _call_off(connection, booking.parcel_id, CALLED_OFF)
    elif not booking.given_up and status is ParcelStatus.RETURN_QC_FAILED:
        for return_id in returns.of_parcel(connection, booking.parcel_id):
            return_notices.tell(connection, return_notices.QC_FAILED, return_id)
        _call_off(connection, booking.parcel_id, QC_FAILED)
    elif status in MOVES:
        _comes_all_the_same(connection, booking.parcel_id)
    event = return_notices.EVENT_OF.get(status)
    for return_id in returns.of_parcel(connection, booking.parcel_id):
        returns.derive(connection, return_id)
        if event is not None:
            return_notices.tell(connection, event, return_id)


def note_rto(connection: Connection, booking: StoredBooking, failed_attempts: int) -> int | None:
    """The return of a parcel that its courier brings back; None where none of its units is left to come back.

    One there is already goes on; one that a caller placed without naming the parcel is joined to it.
    """
    returns.lock_order(connection, booking.order_id)
    mine = [
        stored
        for stored in returns.of_order(connection, booking.order_id)
        if stored.kind is ReturnKind.RETURN_TO_ORIGIN and stored.parcel_id in (booking.parcel_id, None)
    ]
    for stored in sorted(mine, key=lambda each: each.parcel_id is None):
        units = returns.units(connection, [stored.id])[stored.id]
        if stored.parcel_id == booking.parcel_id:
            _expect_again(connection, stored, units)
            return stored.id
        if any(unit.state is UnitState.EXPECTED for unit in units):
            return_tracking.set_parcel(connection, stored.id, booking.parcel_id)
            return stored.id
    inside = units_in(connection, booking)
    if not inside:
        return None
    row = connection.execute(text("select location from parcel where id = :id"), {"id": booking.parcel_id}).one()
    code = f"RTO-{booking.booked.awb or booking.reference}"
    if returns.by_code(connection, booking.instance, code) is not None:
        code = f"{code}-P{booking.parcel_id}"
    reason = str(rto_reason(failed_attempts))
    return_id = returns.insert(
        connection,
        NewReturn(
            instance=booking.instance,
            order_id=booking.order_id,
            return_code=code,
            kind=ReturnKind.RETURN_TO_ORIGIN,
            source=ReturnSource.COURIER,
            location=row.location,
            reason=reason,
            placed_at=returns.now(connection),
            created_by=BY,
            parcel_id=booking.parcel_id,
            awb=booking.booked.awb,
        ),
        inside,
    )
    details = {"return": return_id, "code": code, "kind": str(ReturnKind.RETURN_TO_ORIGIN), "units": len(inside)}
    orders.add_event(connection, booking.order_id, "return_placed", details | {"reason": reason, "source": "courier"})
    return return_id


def mend_rto(connection: Connection, booking_id: int, failed_attempts: int) -> bool:
    """Place the return of a parcel that comes back; whether there was one to place."""
    booking = parcels.get(connection, booking_id)
    return_id = note_rto(connection, booking, failed_attempts)
    if return_id is not None:
        returns.derive(connection, return_id)
    return return_id is not None


def units_in(connection: Connection, booking: StoredBooking) -> list[NewUnit]:
    """The units that are in a forward parcel and that no return has."""
    free = return_claims.unclaimed(connection, booking.order_id)
    lines = connection.execute(
        text(
            "select l.item_id, l.sku from order_line l where l.order_id = :order and (cast(:id as bigint) is null or"
            " exists (select from fulfilment_line f where f.fulfilment_id = :id and f.item_id = l.item_id))"
            " order by l.item_id"
        ),
        {"order": booking.order_id, "id": booking.fulfilment_id},
    ).all()
    units: list[NewUnit] = []
    for item in parcels.contents_of(connection, booking.parcel_id).items:
        for _ in range(item.quantity):
            line = next((row.item_id for row in lines if row.sku == item.sku and free.get(row.item_id, 0) > 0), None)
            if line is not None:
                free[line] -= 1
                units.append(NewUnit(f"{line}-{len(units) + 1}", line))
    return units


def _call_off(connection: Connection, parcel_id: int, why: str) -> None:
    for return_id in returns.of_parcel(connection, parcel_id):
        stored = returns.get(connection, return_id, lock=True)
        if stored is not None:
            units = returns.units(connection, [return_id])[return_id]
            expected = [unit for unit in units if unit.state is UnitState.EXPECTED]
            call_off_units(connection, stored, expected, why, by=BY)


def _comes_all_the_same(connection: Connection, parcel_id: int) -> None:
    for return_id in returns.of_parcel(connection, parcel_id):
        stored = returns.get(connection, return_id, lock=True)
        if stored is not None:
            _expect_again(connection, stored, returns.units(connection, [return_id])[return_id])


def _expect_again(connection: Connection, stored: StoredReturn, units: list[StoredUnit]) -> None:
    """Units of a return that was called off as a whole come back all the same, those that no other return has."""
    if any(unit.state is not UnitState.CANCELLED for unit in units):
        return
    free = return_claims.unclaimed(connection, stored.order_id)
    again = []
    for unit in units:
        if free.get(unit.item_id, 0) > 0:
            free[unit.item_id] -= 1
            returns.move_unit(connection, unit, UnitState.EXPECTED)
            again.append(unit.item_code)
    if again:
        details = {"return": stored.id, "items": again, "why": "the courier brings it all the same"}
        orders.add_event(connection, stored.order_id, "return_revived", details)


def _ask_to_bring_it_back(connection: Connection, booking: StoredBooking, failed_attempts: int) -> None:
    """After so many failed deliveries as the store says, unless a person decided since the last one."""
    limit = connection.execute(
        text(
            "select s.returns ->> 'rto_after_attempts' from sales_order o"
            " join store s on s.instance = o.instance and s.store_id = o.store_id where o.id = :id"
        ),
        {"id": booking.order_id},
    ).scalar()
    if limit is None or failed_attempts < int(limit) or not booking.booked.awb:
        return
    if any(case.booking.id == booking.id for case in ndr.queue(connection, account=booking.account)):
        comment = f"{failed_attempts} deliveries failed"
        ndr.decide(connection, booking.id, NdrAction.RETURN_TO_ORIGIN, by="rto_after_attempts", comment=comment)
