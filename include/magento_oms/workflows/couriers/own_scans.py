"""What we know of a parcel without a courier telling: kept as a scan of our own, so that the state follows from scans
alone.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection

from magento_oms.ports import CourierEvent, Meaning, ParcelStatus
from magento_oms.storage import scans
from magento_oms.storage.parcels import StoredBooking
from magento_oms.storage.scans import Reading


def note_own_scan(connection: Connection, booking: StoredBooking, status: ParcelStatus, remark: str = "") -> None:
    """Note that a parcel came to be so just now, because an aggregator answered so to what we asked."""
    event = CourierEvent(
        code=f"oms:{status}", awb=booking.booked.awb, label=str(status), occurred_at=datetime.now(UTC), remark=remark
    )
    scans.apply(connection, booking.id, [Reading(event, Meaning(status))], read_back=True)
