"""Scans of parcels: kept once each, whoever told them how often, and the state that follows from all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from magento_oms.domain.parcel_states import ParcelState, Scan, parcel_state
from magento_oms.domain.tracking_pace import next_look
from magento_oms.ports import CourierEvent, Direction, Meaning, ParcelStatus
from magento_oms.storage import notices, orders, parcels
from magento_oms.storage.database import text
from magento_oms.storage.parcels import StoredBooking


@dataclass(frozen=True, slots=True)
class Reading:
    """A scan with what the aggregator's table says of it."""

    event: CourierEvent
    meaning: Meaning


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of scans.

    Attributes:
        new: those that were not known.
        alerts: why a person should look, one a scan.
        unknown: codes that the aggregator's table lacks.
    """

    booking: StoredBooking
    before: ParcelStatus
    state: ParcelState
    new: int = 0
    alerts: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def moved(self) -> bool:
        """Whether the parcel's state is another one now."""
        return self.state.status is not self.before


def apply(connection: Connection, booking_id: int, readings: Sequence[Reading], *, read_back: bool) -> Applied:
    """Keep scans of one booking and bring its state to what follows from all of them.

    Args:
        read_back: whether they were read from the tracking API; a webhook's are only told.
    """
    parcels.lock_order_of(connection, booking_id)
    booking = parcels.get(connection, booking_id, lock=True)
    new = [reading for reading in readings if _keep(connection, booking_id, reading, read_back=read_back)]
    state = _derived(connection, booking)
    if state.status is not booking.status:
        details = {"parcel": booking.parcel_id, "awb": booking.booked.awb, "from": str(booking.status)}
        orders.add_event(connection, booking.order_id, "parcel", details | {"to": str(state.status)})
        notices.tell_of_parcel(connection, booking.parcel_id, state.status)
    return Applied(
        booking,
        booking.status,
        state,
        new=len(new),
        alerts=tuple(reading.meaning.alert for reading in new if reading.meaning.alert),
        unknown=tuple(reading.event.code for reading in new if not reading.meaning.known),
    )


def note_tracked(connection: Connection, booking_id: int, expected_on: date | None) -> None:
    """The tracking was read just now."""
    connection.execute(
        text("update courier_booking set tracked_at = now(), expected_on = coalesce(:day, expected_on) where id = :id"),
        {"id": booking_id, "day": expected_on},
    )


def due_for_tracking(connection: Connection, account: str, *, limit: int, after: int = 0) -> list[StoredBooking]:
    """Bookings with an AWB whose tracking is due, by id from `after` on."""
    ids = connection.execute(
        text(
            "select id from courier_booking where account = :account and track_at <= now() and awb <> ''"
            " and id > :after order by id limit :limit"
        ),
        {"account": account, "limit": limit, "after": after},
    ).scalars()
    return [parcels.get(connection, booking_id) for booking_id in ids]


def put_off(connection: Connection, booking_ids: Iterable[int], by: timedelta) -> None:
    """The aggregator knows nothing of these (yet): their tracking is read later."""
    connection.execute(
        text("update courier_booking set track_at = now() + :by, tracked_at = now() where id = any(:ids)"),
        {"ids": list(booking_ids), "by": by},
    )


def unknown_codes(connection: Connection) -> list[dict[str, Any]]:
    """Codes that aggregators sent and their tables lack, with how often and since when; the most frequent first."""
    rows = connection.execute(
        text(
            "select b.aggregator, e.code, max(e.label) as label, count(*) as times, min(e.received_at) as first_at,"
            " max(e.received_at) as last_at from parcel_event e join courier_booking b on b.id = e.booking_id"
            " where not e.known group by b.aggregator, e.code order by count(*) desc, b.aggregator, e.code"
        )
    )
    return [dict(row) for row in rows.mappings()]


def _keep(connection: Connection, booking_id: int, reading: Reading, *, read_back: bool) -> bool:
    """Store a scan; whether it was new. One that a webhook told and that is read back now counts as read back."""
    event, meaning = reading.event, reading.meaning
    return bool(
        connection.execute(
            text(
                "insert into parcel_event as e (booking_id, digest, code, label, occurred_at, location, remark, hints,"
                " status, again, known, alert, reason, read_back)"
                " values (:booking_id, :digest, :code, :label, :at, :location, :remark, :hints, :status, :again,"
                " :known, :alert, :reason, :read_back)"
                " on conflict (booking_id, digest) do update set read_back = true"
                " where excluded.read_back and not e.read_back"
                " returning (xmax = 0) as new"
            ),
            {
                "booking_id": booking_id,
                "digest": _digest(event),
                "code": event.code,
                "label": event.label,
                "at": event.occurred_at,
                "location": event.location,
                "remark": event.remark,
                "hints": Jsonb(dict(event.hints), dumps=orjson.dumps),
                "status": str(meaning.status) if meaning.status else None,
                "again": str(meaning.again) if meaning.again else None,
                "known": meaning.known,
                "alert": meaning.alert,
                "reason": meaning.reason,
                "read_back": read_back,
            },
        ).scalar()
    )


def _digest(event: CourierEvent) -> bytes:
    moment = event.occurred_at.astimezone(UTC).isoformat() if event.occurred_at else ""
    told = "\x1f".join((event.code, moment, event.location, event.remark))
    return hashlib.blake2b(told.encode(), digest_size=16).digest()


def _derived(connection: Connection, booking: StoredBooking) -> ParcelState:
    """Derive the state from all stored scans, and write it."""
    rows = connection.execute(
        text("select code, occurred_at, status, again, read_back from parcel_event where booking_id = :id"),
        {"id": booking.id},
    )
    state = parcel_state(
        (
            Scan(
                row.code,
                row.occurred_at,
                ParcelStatus(row.status) if row.status else None,
                ParcelStatus(row.again) if row.again else None,
                row.read_back,
            )
            for row in rows
        ),
        Direction(booking.direction),
    )
    age = datetime.now(UTC) - (booking.booked_at or datetime.now(UTC))
    connection.execute(
        text(
            "update courier_booking set status = :status, status_at = :since, failed_attempts = :failed,"
            " track_at = case when awb = '' then null else now() + cast(:pause as interval) end where id = :id"
        ),
        {
            "id": booking.id,
            "status": str(state.status),
            "since": state.since,
            "failed": state.failed_attempts,
            "pause": next_look(state, age),
        },
    )
    return state
