"""How far live reading has safely come, per (instance, workflow).

A watermark moves by compare-and-set in the transaction that stores the rows it covers, and never backwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from magento_oms.ports import Cursor
from magento_oms.storage.tables import Watermark


@dataclass(frozen=True, slots=True)
class Mark:
    """A watermark as it was read.

    Attributes:
        safe: everything up to here is stored.
        seen: the newest row that was read; the watcher wakes for what is newer.
        version: grows with every move.
        swept_at: when the long overlap was last read, aware UTC; None if never.
    """

    instance: str
    workflow: str
    safe: Cursor
    seen: Cursor
    version: int
    swept_at: datetime | None


def read(connection: Connection, instance: str, workflow: str, start: datetime) -> Mark:
    """The watermark of a workflow; made at `start` (the earliest `live_from` of the instance) where there is none.

    Raises:
        ValueError: `start` has no time zone.
    """
    where = (Watermark.instance == instance, Watermark.workflow == workflow)
    columns = select(Watermark.__table__).where(*where)
    row = connection.execute(columns).mappings().first()
    if row is None:
        at = _utc(start)
        connection.execute(
            insert(Watermark)
            .values(instance=instance, workflow=workflow, safe_at=at, safe_id=0, seen_at=at, seen_id=0)
            .on_conflict_do_nothing()
        )
        row = connection.execute(columns).mappings().one()
    return Mark(
        instance=instance,
        workflow=workflow,
        safe=Cursor(_utc(row["safe_at"]), row["safe_id"]),
        seen=Cursor(_utc(row["seen_at"]), row["seen_id"]),
        version=row["version"],
        swept_at=None if row["swept_at"] is None else _utc(row["swept_at"]),
    )


def move(connection: Connection, mark: Mark, safe: Cursor, seen: Cursor, swept_at: datetime | None = None) -> bool:
    """Move the watermark that was read as `mark`. Call it in the transaction that stores the rows up to `safe`.

    What lies behind `mark` leaves that part where it is: an overlap that is read again moves nothing backwards.

    Returns:
        False if somebody moved it since `mark` was read: roll back or read it again; nothing was changed.

    Raises:
        ValueError: a time has no time zone.
    """
    safe = max(mark.safe, Cursor(_utc(safe.at), safe.entity_id))
    seen = max(mark.seen, Cursor(_utc(seen.at), seen.entity_id))
    values = {
        "safe_at": safe.at,
        "safe_id": safe.entity_id,
        "seen_at": seen.at,
        "seen_id": seen.entity_id,
        "version": mark.version + 1,
        "moved_at": func.now(),
    }
    if swept_at is not None:
        values["swept_at"] = func.greatest(Watermark.swept_at, _utc(swept_at))
    moved = connection.execute(
        update(Watermark)
        .where(
            Watermark.instance == mark.instance,
            Watermark.workflow == mark.workflow,
            Watermark.version == mark.version,
            tuple_(Watermark.safe_at, Watermark.safe_id) <= (safe.at, safe.entity_id),
            tuple_(Watermark.seen_at, Watermark.seen_id) <= (seen.at, seen.entity_id),
        )
        .values(values)
    )
    return moved.rowcount == 1


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone; a watermark wants an aware time")
    return at.astimezone(UTC)
