"""The poll behind the webhooks: reads where live parcels are, in the aggregator's batch size, slower as they age."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta

import structlog
from sqlalchemy import Connection

from magento_oms.ports import (
    Aggregator,
    CourierEvent,
    Direction,
    PermanentError,
    RateLimited,
    StatusReader,
    Tracking,
)
from magento_oms.storage import scans
from magento_oms.storage.database import engine
from magento_oms.storage.leases import Lease
from magento_oms.storage.parcels import StoredBooking
from magento_oms.storage.scans import Reading
from magento_oms.workflows.couriers.outcomes import follow_up
from magento_oms.workflows.turns import AnotherRunHasTheTurn

log = structlog.get_logger(__name__)

PAGE = 500
"""Bookings that are read from the database at once."""
UNKNOWN_THERE = timedelta(hours=1)
"""Until an AWB of which the aggregator knows nothing is asked for again: most are too new."""
REFUSED = timedelta(hours=6)
"""Until an AWB whose tracking was refused is asked for again."""
LONGEST_SECONDS = 840.0
"""A poll ends before the next one begins; what it did not come to is first in the next one."""
LEASE_SECONDS = 120.0


class AnotherPollRuns(AnotherRunHasTheTurn):
    """Another poll of this account holds the lease; it does the work."""


@dataclass(slots=True)
class TrackingSummary:
    """What a poll did, for people. No personal data."""

    account: str
    read: int = 0
    unknown_there: int = 0
    refused: int = 0
    new_scans: int = 0
    moved: int = 0
    requests: int = 0
    seconds: float = 0.0
    unfinished: bool = False
    now: dict[str, int] = field(default_factory=dict)
    unknown_codes: dict[str, int] = field(default_factory=dict)
    alerts: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, object]:
        """Without what is empty."""
        return {name: value for name, value in asdict(self).items() if value} | {"read": self.read}


def poll(
    url: str,
    account: str,
    aggregator: Aggregator,
    statuses: StatusReader,
    *,
    holder: str,
    clock: Callable[[], float] = time.monotonic,
) -> TrackingSummary:
    """Read the tracking of every live parcel of an account that is due.

    Raises:
        AnotherPollRuns: it is being done already.
        OutsideError: the account as a whole is in trouble; what was read until then is kept.
    """
    started = clock()
    summary = TrackingSummary(account)
    with Lease(url, f"tracking:{account}", holder, ttl=LEASE_SECONDS) as mine_lease:
        if not mine_lease:
            raise AnotherPollRuns(f"Another poll of {account} runs.")
        for batch in _batches(url, account, aggregator.track_at_once):
            if clock() - started >= LONGEST_SECONDS:
                summary.unfinished = True
                break
            _read(url, aggregator, statuses, batch, summary)
    summary.seconds = round(clock() - started, 2)
    return summary


def readings_of(tracking: Tracking, statuses: StatusReader, direction: Direction) -> list[Reading]:
    """Everything that a tracking tells, read by the aggregator's table for a parcel that goes this way."""
    events: list[CourierEvent] = list(tracking.events)
    if tracking.current is not None and tracking.current not in events:
        events.append(tracking.current)
    return [Reading(event, statuses.meaning(event, direction)) for event in events]


def _batches(url: str, account: str, size: int) -> Iterator[list[StoredBooking]]:
    after = 0
    while True:
        with engine(url).begin() as connection:
            page = scans.due_for_tracking(connection, account, limit=PAGE, after=after)
        for start in range(0, len(page), size):
            yield page[start : start + size]
        if len(page) < PAGE:
            return
        after = page[-1].id


def _read(
    url: str, aggregator: Aggregator, statuses: StatusReader, batch: Sequence[StoredBooking], summary: TrackingSummary
) -> None:
    """Read one batch; where the aggregator refuses it as a whole, one after another, so that one is its own trouble."""
    summary.requests += 1
    try:
        found = aggregator.track([stored.booked for stored in batch])
    except RateLimited:
        raise
    except PermanentError as refusal:
        if len(batch) > 1:
            for stored in batch:
                _read(url, aggregator, statuses, [stored], summary)
            return
        log.warning("tracking refused", account=summary.account, awb=batch[0].booked.awb, why=refusal.what)
        summary.refused += 1
        with engine(url).begin() as connection:
            scans.put_off(connection, [batch[0].id], REFUSED)
        return
    summary.read += len(batch)
    for stored in batch:
        tracking = found.get(stored.booked.awb)
        with engine(url).begin() as connection:
            if tracking is None:
                summary.unknown_there += 1
                scans.put_off(connection, [stored.id], UNKNOWN_THERE)
            else:
                keep(connection, stored, tracking, statuses, summary)


def keep(
    connection: Connection, stored: StoredBooking, tracking: Tracking, statuses: StatusReader, summary: TrackingSummary
) -> None:
    """Keep what a tracking tells of a booking, with all that follows from it, in the caller's transaction."""
    applied = scans.apply(connection, stored.id, readings_of(tracking, statuses, stored.direction), read_back=True)
    scans.note_tracked(connection, stored.id, tracking.expected_on)
    follow_up(connection, applied)
    summary.new_scans += applied.new
    summary.moved += applied.moved
    summary.alerts += [f"{stored.booked.awb}: {alert}" for alert in applied.alerts]
    summary.now = dict(Counter(summary.now) + Counter([str(applied.state.status)]))
    summary.unknown_codes = dict(Counter(summary.unknown_codes) + Counter(applied.unknown))
