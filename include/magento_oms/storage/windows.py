"""The window ledger: which half-open windows `[start, end)` a workflow has covered, per (instance, store).

`store_id` 0 stands for all stores of the instance: what covers them all covers each.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from magento_oms.storage.database import text
from magento_oms.storage.tables import WindowLedger

ALL_STORES = 0

_GAPS = text("""
select lower(gap) as start_at, upper(gap) as end_at
from unnest(tstzmultirange(tstzrange(:start, :end)) - coalesce((
    select range_agg(tstzrange(start_at, end_at)) from window_ledger
    where instance = :instance and workflow = :workflow and store_id = any(:stores)
      and start_at < :end and end_at > :start
), '{}'::tstzmultirange)) as gap
order by start_at
""")


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open interval `[start, end)`, aware UTC."""

    start: datetime
    end: datetime


def cover(
    connection: Connection,
    instance: str,
    workflow: str,
    start: datetime,
    end: datetime,
    *,
    rows_read: int,
    rows_changed: int,
    run_id: str,
    store_id: int = ALL_STORES,
) -> None:
    """Note that `[start, end)` is covered, in the transaction that stores its rows.

    Covering the same window again keeps one entry: the figures and the run become those of the last time.

    Raises:
        ValueError: the window is empty or a time has no time zone.
    """
    window = _window(start, end)
    statement = insert(WindowLedger).values(
        instance=instance,
        workflow=workflow,
        store_id=store_id,
        start_at=window.start,
        end_at=window.end,
        rows_read=rows_read,
        rows_changed=rows_changed,
        run_id=run_id,
    )
    new = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["instance", "workflow", "store_id", "start_at", "end_at"],
            set_={
                "rows_read": new.rows_read,
                "rows_changed": new.rows_changed,
                "run_id": new.run_id,
                "covered_at": func.now(),
            },
        )
    )


def gaps(
    connection: Connection,
    instance: str,
    workflow: str,
    start: datetime,
    end: datetime,
    *,
    store_id: int = ALL_STORES,
) -> list[Window]:
    """What of `[start, end)` is not covered, oldest first; empty if all of it is.

    Raises:
        ValueError: the window is empty or a time has no time zone.
    """
    asked = _window(start, end)
    rows = connection.execute(
        _GAPS,
        {
            "instance": instance,
            "workflow": workflow,
            "stores": sorted({ALL_STORES, store_id}),
            "start": asked.start,
            "end": asked.end,
        },
    )
    return [Window(row.start_at.astimezone(UTC), row.end_at.astimezone(UTC)) for row in rows]


def covered(
    connection: Connection,
    instance: str,
    workflow: str,
    start: datetime,
    end: datetime,
    *,
    store_id: int = ALL_STORES,
) -> bool:
    """Whether every moment of `[start, end)` is covered. Raises as `gaps` does."""
    return not gaps(connection, instance, workflow, start, end, store_id=store_id)


def latest(connection: Connection, instance: str, workflow: str, *, store_id: int = ALL_STORES) -> datetime | None:
    """The start of the newest window that was covered, aware UTC, or None."""
    found = connection.execute(
        select(func.max(WindowLedger.start_at)).where(
            WindowLedger.instance == instance,
            WindowLedger.workflow == workflow,
            WindowLedger.store_id == store_id,
        )
    ).scalar()
    return None if found is None else found.astimezone(UTC)


def _window(start: datetime, end: datetime) -> Window:
    if start.tzinfo is None or end.tzinfo is None:
        raise ValueError(f"window [{start}, {end}): a time without a time zone could be any hour")
    if start >= end:
        raise ValueError(f"window [{start}, {end}) is empty")
    return Window(start.astimezone(UTC), end.astimezone(UTC))
