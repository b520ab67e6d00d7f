"""Pulling orders: live from the watermark, by windows of `created_at`, all that are pending, or one by its id.

All four read the same way and write through `take_in`, so that they may overlap and repeat. Only live reading moves the
watermark; only windows are entered into the window ledger.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import Cursor, MagentoOrders, OrderFilter, OrderPage
from magento_oms.storage import instances, watermarks, windows
from magento_oms.storage.database import engine, listener
from magento_oms.storage.leases import Lease
from magento_oms.workflows.intake import IntakeCounts, take_in
from magento_oms.workflows.reading import halves, read_ranges
from magento_oms.workflows.turns import NO_LINGER, AnotherRunHasTheTurn, Linger

LIVE = "order_pull_live"
WINDOWS = "order_pull"
PENDING = "pending_order_sync"

OVERLAP = timedelta(seconds=10)
"""Read again on each wake: an order's row may commit some seconds after the time it carries."""
SWEEP_OVERLAP = timedelta(minutes=10)
"""Read again every so often, for what committed later still."""
SAFETY = timedelta(seconds=2)
"""How far the watermark stays behind the store's own clock."""
UNSAFE_SECONDS = 25.0
"""How long a live run waits at the least for its last rows to become safe; orders of that time are read at once."""
SETTLE_SECONDS = 1.0
"""Between two readings while the last rows are not safe yet and nothing else is waited for."""
LEASE_SECONDS = 60.0
BACKLOG_PAGES = 3
"""From this many pages on, a backlog is read over two ranges at once."""

Sleep = Callable[[float], object]


@dataclass(slots=True)
class PullSummary:
    """What a run did, for people: shown in the Airflow UI. No payloads, no personal data."""

    instance: str
    workflow: str
    counts: IntakeCounts = field(default_factory=IntakeCounts)
    pages: int = 0
    seconds: float = 0.0
    watermark: str = ""
    window: str = ""
    note: str = ""

    def as_dict(self) -> dict[str, object]:
        """Flat, without what is empty."""
        row = asdict(self)
        row |= row.pop("counts")
        return {name: value for name, value in row.items() if value not in ("", None)}


class AnotherRunIsLive(AnotherRunHasTheTurn):
    """Another live run of this instance holds the lease; nothing to do here."""


def live_filter(config: InstanceConfig) -> OrderFilter:
    """What live reading and its watcher look for: the same predicate, else the watcher wakes for ever."""
    return OrderFilter(not_statuses=config.ignored_statuses, store_ids=config.store_ids)


def orders_signal(instance: str) -> str:
    """The signal by which a store that tells of changed orders itself wakes the watcher."""
    return f"orders:{instance}"


def live_lease(instance: str) -> str:
    """Name of the lease of an instance's live run. The watcher stays silent while somebody holds it."""
    return f"{LIVE}:{instance}"


def live_start(config: InstanceConfig) -> Cursor:
    """Where live reading begins that has never run: the earliest `live_from`."""
    return Cursor(config.live_from.astimezone(UTC).replace(microsecond=0))


def pull_live(
    url: str,
    store: MagentoOrders,
    config: InstanceConfig,
    *,
    holder: str,
    linger: Linger = NO_LINGER,
    sleep: Sleep | None = None,
    clock: Callable[[], float] = time.monotonic,
    then: Callable[[], object] = lambda: None,
) -> PullSummary:
    """Read what changed since the watermark until nothing is left and the last rows are safe.

    Args:
        linger: how long to go on reading, every `live_poll_seconds`, for what changes next.
        sleep: seconds until the next reading; by default less long where the store tells of changed orders itself.
        then: called each time that the store was read to its end.

    Raises:
        AnotherRunIsLive: another run does it already.
        OutsideError: the store cannot be read; what was read is stored and the watermark stands behind it.
    """
    started = clock()
    summary = PullSummary(config.code, LIVE)
    lease = Lease(url, live_lease(config.code), holder, ttl=LEASE_SECONDS)
    with lease as mine, listener(url, orders_signal(config.code)) as heard:
        if not mine:
            raise AnotherRunIsLive(f"Another run reads the live orders of {config.code}.")
        with engine(url).begin() as connection:
            instances.configure(connection, config)
        pause = min(config.live_poll_seconds, linger.idle) or SETTLE_SECONDS
        rest = sleep or heard.wait
        busy_at, known = started, 0
        while True:
            safe = _drain(url, store, config, lease, summary)
            then()
            if (news := summary.counts.new + summary.counts.changed) > known:
                busy_at, known = clock(), news
            if clock() - started >= max(linger.at_most, UNSAFE_SECONDS):
                break
            if safe and clock() - busy_at >= linger.idle:
                break
            rest(pause)
    summary.seconds = round(clock() - started, 2)
    return summary


def _drain(url: str, store: MagentoOrders, config: InstanceConfig, lease: Lease, summary: PullSummary) -> bool:
    """Read to the end once. Whether the watermark has reached the newest row read."""
    where = live_filter(config)
    with engine(url).begin() as connection:
        mark = watermarks.read(connection, config.code, LIVE, live_start(config).at)
    sweep = mark.swept_at is None or datetime.now(UTC) - mark.swept_at >= SWEEP_OVERLAP
    start = Cursor(max(mark.safe.at - (SWEEP_OVERLAP if sweep else OVERLAP), live_start(config).at))
    progress = _Progress(mark, sweep=sweep)

    def write(number: int, page: OrderPage) -> None:
        progress.read(number, page)
        summary.counts += take_in(url, config, page, and_also=progress.move)
        summary.pages += 1
        if not lease.renew_if_due():
            raise AnotherRunIsLive(f"The lease of the live run of {config.code} ran out; another run goes on.")

    first = store.page_after(start, where, page_size=config.page_size)
    write(0, first)
    if not first.last and first.end is not None:
        ranges = _ranges(store, config, replace(where, updated_from=first.end.at))
        progress.split(len(ranges))
        with closing(
            read_ranges(store, first.end, ranges, page_size=config.page_size, by="updated_at")
        ) as rest:  # so that the readers end at once where writing fails
            for item in rest:
                write(item.range_number, item.page)
    summary.watermark = f"{progress.mark.safe.at:%Y-%m-%d %H:%M:%S} UTC, order {progress.mark.safe.entity_id}"
    return progress.mark.safe >= progress.mark.seen


def _ranges(store: MagentoOrders, config: InstanceConfig, where: OrderFilter) -> tuple[OrderFilter, ...]:
    """`where` as it is, or as two ranges where what it finds is a backlog."""
    if store.count(where) < BACKLOG_PAGES * config.page_size:
        return (where,)
    return halves(store, where)


class _Progress:
    """Follows the ranges that are read and moves the watermark as far as all of them have come."""

    def __init__(self, mark: watermarks.Mark, *, sweep: bool) -> None:
        self.mark = mark
        self._sweep = sweep
        self._reached: dict[int, Cursor] = {0: mark.safe}
        self._ended: set[int] = set()
        self._seen = mark.seen
        self._server_time: datetime | None = None

    def split(self, ranges: int) -> None:
        """From here on, `ranges` ranges are read side by side."""
        self._reached = dict.fromkeys(range(ranges), self._reached[0])

    def read(self, number: int, page: OrderPage) -> None:
        """Note a page before it is written."""
        if page.end is not None:
            self._reached[number] = page.end
            self._seen = max(self._seen, page.end)
        if page.last:
            self._ended.add(number)
        self._server_time = page.server_time

    def move(self, connection: Connection) -> None:
        """Move the watermark, in the transaction that writes the rows it covers."""
        safe = self._safe()
        swept = self._sweep and len(self._ended) == len(self._reached)
        if safe <= self.mark.safe and self._seen <= self.mark.seen and not swept:
            return
        swept_at = datetime.now(UTC) if swept else None
        if not watermarks.move(connection, self.mark, safe=safe, seen=self._seen, swept_at=swept_at):
            raise AnotherRunIsLive(f"Another run moved the watermark of {self.mark.instance} meanwhile; it goes on.")
        self.mark = replace(
            self.mark,
            safe=max(safe, self.mark.safe),
            seen=max(self._seen, self.mark.seen),
            version=self.mark.version + 1,
            swept_at=swept_at or self.mark.swept_at,
        )

    def _safe(self) -> Cursor:
        """The last row up to which every range has come, and which is old enough by the store's own clock."""
        if self._server_time is None:
            return self.mark.safe
        unfinished = [cursor for number, cursor in self._reached.items() if number not in self._ended]
        reached = min(unfinished, default=self._seen)
        limit = self._server_time - SAFETY
        return reached if reached.at <= limit else Cursor(limit)


def pull_window(
    url: str,
    store: MagentoOrders,
    config: InstanceConfig,
    *,
    start: datetime,
    end: datetime,
    run_id: str,
    dry_run: bool = False,
) -> PullSummary:
    """Read the orders placed in `[start, end)`, whatever their status, and enter the window into the ledger.

    Rows are read by `entity_id`, which never changes, so none is missed when orders move meanwhile. Live reading goes
    on beside it; the watermark is not touched.

    Raises:
        ValueError: the window is empty or upside down.
    """
    if start >= end:
        raise ValueError(f"the window from {start} to {end} is empty: `from` must lie before `to`")
    where = OrderFilter(
        not_statuses=config.ignored_statuses,
        store_ids=config.store_ids,
        created_from=start.astimezone(UTC).replace(microsecond=0),
        created_before=end.astimezone(UTC).replace(microsecond=0),
    )
    summary = PullSummary(config.code, WINDOWS, window=f"[{start.isoformat()}, {end.isoformat()})")
    _pull_all(url, store, config, where, summary, dry_run=dry_run)
    if not dry_run:
        with engine(url).begin() as connection:
            windows.cover(
                connection,
                instance=config.code,
                workflow=WINDOWS,
                start=start,
                end=end,
                rows_read=summary.counts.read,
                rows_changed=summary.counts.new + summary.counts.changed,
                run_id=run_id,
            )
    return summary


def pull_pending(url: str, store: MagentoOrders, config: InstanceConfig, *, dry_run: bool = False) -> PullSummary:
    """Read every order in one of the statuses to pull or to hold, whenever it was placed or changed: the net."""
    where = OrderFilter(statuses=config.pending_statuses, store_ids=config.store_ids)
    summary = PullSummary(config.code, PENDING)
    _pull_all(url, store, config, where, summary, dry_run=dry_run)
    return summary


def pull_one(url: str, store: MagentoOrders, config: InstanceConfig, entity_id: int) -> PullSummary:
    """Read one order now, whatever its age and status.

    Raises:
        NotFound: the store has no such order.
    """
    started = time.monotonic()
    summary = PullSummary(config.code, "orders pull")
    with engine(url).begin() as connection:
        instances.configure(connection, config)
    page = store.page_of(entity_id)
    summary.counts += take_in(url, config, page)
    summary.pages, summary.seconds = 1, round(time.monotonic() - started, 2)
    return summary


def _pull_all(
    url: str, store: MagentoOrders, config: InstanceConfig, where: OrderFilter, summary: PullSummary, *, dry_run: bool
) -> None:
    started = time.monotonic()
    if dry_run:
        summary.counts.read = store.count(where)
        summary.note = "dry run: counted, nothing was read or written"
        return
    with engine(url).begin() as connection:
        instances.configure(connection, config)
    with closing(_pages(store, config, where)) as pages:
        for page in pages:
            summary.counts += take_in(url, config, page)
            summary.pages += 1
    summary.seconds = round(time.monotonic() - started, 2)


def _pages(store: MagentoOrders, config: InstanceConfig, where: OrderFilter) -> Generator[OrderPage]:
    """All orders by `entity_id`: over two ranges at once where there are many."""
    ranges = _ranges(store, config, where)
    with closing(read_ranges(store, None, ranges, page_size=config.page_size, by="entity_id")) as pages:
        for item in pages:
            yield item.page
