"""The couriers' side of a reconciliation: what they say of a window's parcels, beside what the OMS knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from magento_oms.domain.parcel_states import Scan, parcel_state
from magento_oms.ports import Aggregator, Direction, OutsideError, PermanentError, RateLimited, StatusReader, Tracking
from magento_oms.storage import parcels, reconciliation
from magento_oms.storage.database import autocommit, engine
from magento_oms.storage.parcels import StoredBooking
from magento_oms.workflows.couriers.tracking import TrackingSummary, keep, readings_of
from magento_oms.workflows.reconcile import compare
from magento_oms.workflows.reconcile.compare import ABSENT, PARCELS

FRESH = timedelta(hours=1)
"""What the courier said within this time, to the poll or to us, need not be asked again."""
NEW = timedelta(hours=6)
"""An AWB as young as this may not be known to the courier yet."""


@dataclass(frozen=True, slots=True)
class CourierSide:
    """An opened account, and how its statuses are read."""

    aggregator: Aggregator
    statuses: StatusReader


OpenAccount = Callable[[str], AbstractContextManager[CourierSide]]
"""Opens a courier account by its code; may raise any OutsideError."""


@dataclass(slots=True)
class Asked:
    """What the couriers said of a window's parcels.

    Attributes:
        parcels: as `compare.PARCELS`.
        requests: tracking calls.
        unreadable: account → why it could not be asked.
        moved: AWB → (state before, state after), of those that the OMS learnt from it.
    """

    parcels: pd.DataFrame
    requests: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)
    moved: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Row:
    """A booking of the window."""

    columns: tuple[Any, ...]
    booking_id: int
    account: str
    ended: bool
    tracked_at: datetime | None
    read_back: bool
    booked_at: datetime | None

    def must_be_asked(self, now: datetime) -> bool:
        """What has ended was read back; the rest is asked about unless that was done lately."""
        if self.ended and self.read_back:
            return False
        return not (self.read_back and self.tracked_at and now - self.tracked_at < FRESH)


def ask(
    url: str,
    instance: str,
    store_id: int,
    start: datetime,
    end: datetime,
    open_account: OpenAccount,
    *,
    dry_run: bool,
    direction: Direction = Direction.FORWARD,
) -> Asked:
    """Ask the couriers for the parcels of a window; what they say is kept, unless `dry_run`.

    An account that cannot be read is named, and its parcels stay as the OMS knows them.
    """
    now = datetime.now(UTC)
    with autocommit(url) as connection:
        rows = _window(connection, instance, store_id, start, end, direction)
    asked = Asked(compare.frame([], PARCELS))
    words: dict[int, str] = {}
    by_account: defaultdict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        if row.must_be_asked(now):
            by_account[row.account].append(row)
    for account, of_account in by_account.items():
        try:
            with open_account(account) as side:
                for row, word in _words(url, side, of_account, asked, now, dry_run=dry_run):
                    words[row.booking_id] = word
        except OutsideError as error:
            asked.unreadable[account] = str(error)
    if not dry_run:
        with autocommit(url) as connection:
            rows = _window(connection, instance, store_id, start, end, direction)
    asked.parcels = compare.frame((_with_word(row, words.get(row.booking_id, "")) for row in rows), PARCELS)
    return asked


def _window(
    connection: Connection, instance: str, store_id: int, start: datetime, end: datetime, direction: Direction
) -> list[_Row]:
    return [
        _Row(tuple(row[: len(PARCELS)]), *row[len(PARCELS) :])
        for row in reconciliation.parcels(connection, instance, store_id, start, end, direction)
    ]


def _with_word(row: _Row, word: str) -> tuple[Any, ...]:
    at = list(PARCELS).index("courier")
    return (*row.columns[:at], word, *row.columns[at + 1 :])


def _words(
    url: str, side: CourierSide, rows: Iterable[_Row], asked: Asked, now: datetime, *, dry_run: bool
) -> Iterator[tuple[_Row, str]]:
    """Each booking with the courier's own word."""
    waiting = list(rows)
    size = side.aggregator.track_at_once
    for place in range(0, len(waiting), size):
        batch = waiting[place : place + size]
        with autocommit(url) as connection:
            stored = {row.booking_id: parcels.get(connection, row.booking_id) for row in batch}
        for row, tracking in _tracked(side.aggregator, batch, stored, asked):
            if tracking is None:
                old = row.booked_at is not None and now - row.booked_at > NEW
                yield row, ABSENT if old and not row.read_back else ""
            else:
                yield row, _word(url, side, stored[row.booking_id], tracking, asked, dry_run=dry_run)


def _tracked(
    aggregator: Aggregator, batch: list[_Row], stored: dict[int, StoredBooking], asked: Asked
) -> Iterator[tuple[_Row, Tracking | None]]:
    """One call a batch; where it is refused as a whole, one a parcel. A refused parcel is left out."""
    asked.requests += 1
    try:
        found = aggregator.track([stored[row.booking_id].booked for row in batch])
    except RateLimited:
        raise
    except PermanentError:
        if len(batch) > 1:
            for row in batch:
                yield from _tracked(aggregator, [row], stored, asked)
        return
    for row in batch:
        yield row, found.get(stored[row.booking_id].booked.awb)


def _word(
    url: str, side: CourierSide, booking: StoredBooking, tracking: Tracking, asked: Asked, *, dry_run: bool
) -> str:
    """The state that follows from what the courier says alone; the OMS learns from it."""
    readings = readings_of(tracking, side.statuses, booking.direction)
    scans = (
        Scan(r.event.code, r.event.occurred_at, r.meaning.status, r.meaning.again, read_back=True) for r in readings
    )
    word = str(parcel_state(scans, booking.direction).status)
    if not dry_run:
        with engine(url).begin() as connection:
            keep(connection, booking, tracking, side.statuses, TrackingSummary(booking.account))
            after = str(parcels.get(connection, booking.id).status)
        if after != str(booking.status):
            asked.moved[booking.booked.awb] = (str(booking.status), after)
    return word
