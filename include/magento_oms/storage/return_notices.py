"""Planning what Magento and the store are told of returns, as the store wants it."""

from __future__ import annotations

from sqlalchemy import Connection

from magento_oms.domain.returns import ReturnKind
from magento_oms.ports import ParcelStatus
from magento_oms.storage import notices
from magento_oms.storage.database import text

TELL_MAGENTO_OF_RETURN = "tell_magento_of_return"
NOTIFY_STORE_OF_RETURN = "notify_store_of_return"
ACKNOWLEDGE_RETURN = "acknowledge_return"

PLACED = "return_placed"
AWB = "return_awb"
RECEIVED = "return_received"
PROCESSED = "return_processed"
CANCELLED = "return_cancelled"
QC_FAILED = "return_qc_failed"

EVENT_OF = {
    ParcelStatus.RETURN_OUT_FOR_PICKUP: "return_out_for_pickup",
    ParcelStatus.RETURN_PICKED_UP: "return_picked_up",
    ParcelStatus.RETURN_IN_TRANSIT: "return_in_transit",
    ParcelStatus.RETURN_DELIVERED: "return_delivered",
    ParcelStatus.RETURN_QC_FAILED: QC_FAILED,
}
"""What the new state of a parcel that comes back is told as."""

OF_RTO = frozenset({RECEIVED, PROCESSED})
"""Of an RTO only these are told: until it arrives, the forward parcel's own events tell of it."""


def tell_awb(connection: Connection, booking_id: int, awb: str) -> None:
    """Tell that what a booking brings back has an AWB; of a forward parcel nothing is told."""
    for return_id in connection.execute(
        text(
            "select r.id from return_order r join courier_booking b on b.parcel_id = r.parcel_id"
            " where b.id = :id and r.kind <> 'return_to_origin' order by r.id"
        ),
        {"id": booking_id},
    ).scalars():
        tell(connection, AWB, return_id, mark=awb)


def tell(connection: Connection, event: str, return_id: int, *, mark: str = "") -> None:
    """Tell of an event of a return. Told before, with the same mark, it is not told again.

    Once all of it is judged it is also acknowledged to the store's `return_ack_url`.

    Args:
        mark: what tells one happening of the event from another: how many units it was about, an AWB.
    """
    row = connection.execute(
        text(
            "select o.id, o.instance, o.entity_id, o.shadow, r.kind, s.told from return_order r"
            " join sales_order o on o.id = r.order_id"
            " left join store s on s.instance = o.instance and s.store_id = o.store_id where r.id = :id"
        ),
        {"id": return_id},
    ).one()
    if row.kind == ReturnKind.RETURN_TO_ORIGIN and event not in OF_RTO:
        return
    acknowledged = event == PROCESSED and (row.told or {}).get("return_ack")
    notices.plan(
        connection,
        row,
        event,
        f"return:{return_id}",
        comment=TELL_MAGENTO_OF_RETURN,
        post=NOTIFY_STORE_OF_RETURN,
        details={"return": return_id, "event": event},
        mark=mark,
        acknowledgement=ACKNOWLEDGE_RETURN if acknowledged else "",
    )
