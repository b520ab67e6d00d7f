"""Where the parcel of a return is."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection

from magento_oms.domain.parcel_states import CALLED_OFF, rank
from magento_oms.ports import Direction, ParcelStatus
from magento_oms.storage.database import text


def set_parcel(connection: Connection, return_id: int, parcel_id: int | None) -> None:
    """Note which parcel of ours brings it; None: none."""
    connection.execute(
        text("update return_order set parcel_id = :parcel_id where id = :id"), {"id": return_id, "parcel_id": parcel_id}
    )


def set_tracking(
    connection: Connection,
    return_id: int,
    *,
    awb: str = "",
    courier: str = "",
    expected_on: date | None = None,
) -> None:
    """Note who brings it. What is not told stays."""
    connection.execute(
        text(
            "update return_order set awb = coalesce(nullif(:awb, ''), awb),"
            " courier = coalesce(nullif(:courier, ''), courier),"
            " expected_on = coalesce(:expected_on, expected_on) where id = :id"
        ),
        {
            "id": return_id,
            "awb": awb,
            "courier": courier,
            "expected_on": expected_on,
        },
    )


def parcel_status(connection: Connection, parcel_id: int) -> ParcelStatus | None:
    """How far a parcel has come, whichever of its bookings brought it so far.

    A booking that was given up counts only as far as the courier moves it all the same.
    """
    rows = connection.execute(
        text(
            "select b.status, b.given_up, p.direction from courier_booking b join parcel p on p.id = b.parcel_id"
            " where b.parcel_id = :id"
        ),
        {"id": parcel_id},
    ).all()
    told = [
        (rank(Direction(row.direction), ParcelStatus(row.status)), ParcelStatus(row.status))
        for row in rows
        if not (row.given_up and ParcelStatus(row.status) in CALLED_OFF)
    ]
    return max(told)[1] if told else None
