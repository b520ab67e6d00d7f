"""Pulling orders: live from the watermark, by windows, the pending ones, and one by its id."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from tests.workflows.fakes import LIVE_FROM, NOW, FakeMagento, instance_config, store_config
from tests.workflows.oms import Oms
from tests.workflows.payloads import order

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import Cursor, NotFound, OrderFilter, OrderPage, RetryableError
from magento_oms.storage import watermarks, windows
from magento_oms.storage.database import engine, notify
from magento_oms.storage.leases import Lease, holder_of
from magento_oms.workflows import order_pull
from magento_oms.workflows.order_pull import AnotherRunIsLive, live_lease, pull_one, pull_pending, pull_window
from magento_oms.workflows.turns import Linger


def mark(oms: Oms) -> watermarks.Mark:
    with engine(oms.url).begin() as connection:
        return watermarks.read(connection, "loom", order_pull.LIVE, LIVE_FROM)


def test_live_reads_all_and_settles(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    ids = [store.place() for _ in range(5)]

    summary = oms.pull_live(store, config)

    assert set(oms.states()) == set(ids)
    assert summary.counts.new == 5
    assert mark(oms).safe == mark(oms).seen == Cursor(NOW, ids[-1])
    assert holder_of(oms.url, live_lease("loom")) is None


def test_watermark_stays_two_seconds_behind_the_store(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    """A row that carries this second may commit after the page was read; it is found without an overlap's help."""
    store.place()
    late = order(7, at=store.now)

    def sleep(seconds: float) -> None:
        assert mark(oms).safe.at <= store.now - timedelta(seconds=2)
        store.pass_time(seconds)
        if 7 not in store.orders:
            store.place(late)

    order_pull.pull_live(oms.url, store, config, holder="test", sleep=sleep)

    assert set(oms.states()) == {1, 7}
    assert mark(oms).safe == Cursor(NOW, 7)


def test_a_run_that_was_woken_goes_on_for_what_comes_next(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    store.place()
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        store.pass_time(seconds)
        if len(pauses) in (2, 3, 6):
            store.place()
        assert holder_of(oms.url, live_lease("loom")) is not None

    def run(linger: Linger) -> None:
        order_pull.pull_live(
            oms.url, store, config, holder="test", linger=linger, sleep=sleep, clock=lambda: sum(pauses)
        )

    run(Linger(idle=11, at_most=300))
    assert len(oms.states()) == 4
    # Every five seconds, until nothing came for eleven: the last came before the sixth look.
    assert pauses == [config.live_poll_seconds] * (6 + 3)
    assert mark(oms).safe == mark(oms).seen
    store.place()
    run(Linger(idle=1e9, at_most=60))
    assert sum(pauses[9:]) == 60


def test_a_store_that_tells_of_its_orders_ends_the_wait(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    rarely = config.model_copy(update={"live_poll_seconds": 60.0})
    seconds = 0.0

    def tell() -> None:
        with engine(oms.url).begin() as connection:
            notify(connection, order_pull.orders_signal("loom"))

    def until(count: int) -> None:
        end = time.monotonic() + 15  # less than the run would wait by itself
        while len(oms.states()) < count:
            assert time.monotonic() < end
            tell()
            time.sleep(0.1)

    with ThreadPoolExecutor(1) as other:
        running = other.submit(
            order_pull.pull_live, oms.url, store, rarely, holder="test", linger=Linger(60, 60), clock=lambda: seconds
        )
        try:
            for count in (1, 2):
                store.place()
                store.pass_time(60)
                until(count)
        finally:
            seconds = 60.0
            tell()
        assert running.result(timeout=15).counts.new == 2


def test_live_reads_again_only_the_overlap(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    store.place()
    oms.pull_live(store, config)
    store.pass_time(3600)
    second = store.now
    store.place()
    oms.pull_live(store, config)
    starts: list[Cursor | None] = []
    store.pass_time(3600)
    store.place()
    page_after = store.page_after

    def spy(cursor: Cursor | None, where: OrderFilter, *, page_size: int, by: str = "updated_at") -> OrderPage:
        starts.append(cursor)
        return page_after(cursor, where, page_size=page_size, by=by)

    store.page_after = spy  # type: ignore[method-assign]
    summary = oms.pull_live(store, config)

    assert starts[0] == Cursor(second - timedelta(seconds=10))
    assert summary.counts.new == 1


def test_sweep_finds_what_committed_minutes_late(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    store.place()
    oms.pull_live(store, config)
    store.place(order(9, at=NOW - timedelta(minutes=5)))
    oms.pull_live(store, config)
    assert 9 not in oms.states()
    oms.run("update watermark set swept_at = swept_at - interval '11 minutes'")

    oms.pull_live(store, config)

    assert 9 in oms.states()
    swept = mark(oms).swept_at
    assert swept is not None
    assert datetime.now(UTC) - swept < timedelta(minutes=1)


def test_watermark_moves_with_the_rows_or_not_at_all(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    store.place()
    oms.run(
        "create function refuse() returns trigger language plpgsql as"
        " $$ begin raise exception using errcode = 'object_not_in_prerequisite_state'; end $$"
    )
    oms.run("create trigger refuse before update on watermark for each row execute function refuse()")

    with pytest.raises(Exception, match="refuse"):
        oms.pull_live(store, config)

    assert oms.states() == {}
    assert mark(oms).safe.at == LIVE_FROM


def test_other_one_s_move_of_the_watermark_ends_the_run(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    store.place()
    mark(oms)

    def intrude(method: str) -> None:
        if method == "page_after":
            oms.run("update watermark set version = version + 1")

    store.before_call = intrude
    with pytest.raises(AnotherRunIsLive):
        oms.pull_live(store, config)

    assert oms.states() == {}


def test_one_live_run_at_a_time(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    with Lease(oms.url, live_lease("loom"), "somebody", ttl=60), pytest.raises(AnotherRunIsLive):
        oms.pull_live(store, config)
    assert store.calls.total() == 0


def test_backlog_is_read_over_two_ranges(oms: Oms, store: FakeMagento) -> None:
    config = instance_config(page_size=5)
    for _ in range(60):
        store.pass_time(1)
        store.place()
    store.pass_time(1)
    store.save(3)
    store.save(50)

    summary = oms.pull_live(store, config)

    assert len(oms.states()) == 60
    assert store.calls["newest_after"] == 1
    assert mark(oms).safe == mark(oms).seen == Cursor(store.now - timedelta(seconds=2), 50)
    assert summary.counts.new == 60
    assert summary.counts.quarantined == 0


@pytest.mark.parametrize("broken", range(1, 9))
def test_store_that_breaks_off_in_a_backlog_loses_nothing(oms: Oms, store: FakeMagento, broken: int) -> None:
    config = instance_config(page_size=5)
    for _ in range(40):
        store.pass_time(1)
        store.place()
    calls = 0

    def break_off(method: str) -> None:
        nonlocal calls
        calls += method == "page_after"
        if calls == broken:
            raise RetryableError("The store is down for maintenance.")

    store.before_call = break_off
    with pytest.raises(RetryableError):
        oms.pull_live(store, config)
    reached = mark(oms).safe
    stored = set(oms.states())
    assert all(id_ in stored for id_ in store.orders if Cursor(NOW + timedelta(seconds=id_), id_) <= reached)
    store.before_call = lambda method: None

    oms.pull_live(store, config)

    assert set(oms.states()) == set(store.orders)
    assert len(oms.effects()) == 40


def test_live_and_its_watcher_ask_the_same(oms: Oms, store: FakeMagento) -> None:
    config = instance_config(store_config(statuses={"ignore": {"quote": "no order yet"}}))
    store.place()
    store.place(status="quote")
    store.place(store_id=2)
    oms.pull_live(store, config)

    assert set(oms.states()) == {1}
    assert store.newest_after(mark(oms).seen, order_pull.live_filter(config)) is None


def test_window_covers_its_orders_and_the_ledger_says_so(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    for hour in range(4):
        store.place(order(hour + 1, at=NOW + timedelta(hours=hour)))
    start, end = NOW + timedelta(hours=1), NOW + timedelta(hours=3)

    summary = pull_window(oms.url, store, config, start=start, end=end, run_id="backfill-1")

    assert set(oms.states()) == {2, 3}
    assert summary.counts.new == 2
    assert oms.count("watermark") == 0
    with engine(oms.url).begin() as connection:
        assert windows.covered(connection, "loom", order_pull.WINDOWS, start, end)
        gaps = windows.gaps(connection, "loom", order_pull.WINDOWS, NOW, end)
    assert gaps == [windows.Window(NOW, start)]


def test_window_that_broke_off_is_not_in_the_ledger(oms: Oms, store: FakeMagento) -> None:
    config = instance_config(page_size=2)
    for _ in range(9):
        store.place()
    calls = 0

    def break_off(method: str) -> None:
        nonlocal calls
        calls += method == "page_after"
        if calls == 3:
            raise RetryableError("The store is down.")

    store.before_call = break_off
    with pytest.raises(RetryableError):
        pull_window(oms.url, store, config, start=NOW, end=NOW + timedelta(hours=1), run_id="x")
    assert oms.count("window_ledger") == 0


def test_dry_run_counts_and_writes_nothing(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    store.place()
    summary = pull_window(oms.url, store, config, start=NOW, end=NOW + timedelta(hours=1), run_id="x", dry_run=True)
    assert summary.counts.read == 1
    assert (oms.count("sales_order"), oms.count("window_ledger")) == (0, 0)


def test_window_upside_down_is_refused(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    with pytest.raises(ValueError, match="empty"):
        pull_window(oms.url, store, config, start=NOW, end=NOW, run_id="x")


def test_rows_read_by_windows_equal_those_read_live(
    oms: Oms, new_oms: Callable[[], Oms], store: FakeMagento, config: InstanceConfig
) -> None:
    """The same day, backfilled in one OMS while live goes on from later, and read live in another."""
    live, backfilled = oms, new_oms()
    for hour in range(24):
        store.place(order(hour + 1, at=LIVE_FROM - timedelta(hours=12) + timedelta(hours=hour)))
    store.cancel_in_admin(15)
    store.pay(16)
    store.hold(17)
    live.pull_live(store, config)
    live.run("delete from watermark")
    start = LIVE_FROM - timedelta(days=1)
    pull_window(live.url, store, config, start=start, end=LIVE_FROM, run_id="before live")

    for day in range(2):
        begin = start + timedelta(days=day)
        pull_window(backfilled.url, store, config, start=begin, end=begin + timedelta(days=1), run_id=str(day))

    assert len(live.states()) == 24
    assert live.business() == backfilled.business()
    assert [row["state"] for row in live.effects()] == [row["state"] for row in backfilled.effects()]


def test_pending_finds_old_orders_in_the_statuses_to_pull_or_hold(
    oms: Oms, store: FakeMagento, config: InstanceConfig
) -> None:
    store.place(order(1, at=LIVE_FROM + timedelta(hours=1)))
    store.place(order(2, at=LIVE_FROM + timedelta(hours=1), status="pending_payment", state="pending_payment"))
    store.place(order(3, at=LIVE_FROM + timedelta(hours=1), status="complete", state="complete"))

    pull_pending(oms.url, store, config)

    assert oms.states() == {1: "allocated", 2: "held"}
    assert (oms.count("watermark"), oms.count("window_ledger")) == (0, 0)


def test_one_order_is_read_whatever_its_age(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    store.place(order(5, at=LIVE_FROM - timedelta(days=400)))
    assert pull_one(oms.url, store, config, 5).counts.new == 1
    with pytest.raises(NotFound):
        pull_one(oms.url, store, config, 6)


def test_nothing_new_costs_one_request_and_writes_nothing(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    store.place()
    oms.pull_live(store, config)
    store.pass_time(60)
    before = (mark(oms), store.calls.total())

    oms.pull_live(store, config)

    assert (mark(oms), store.calls.total()) == (before[0], before[1] + 1)


def test_lost_lease_ends_the_run(
    oms: Oms, store: FakeMagento, config: InstanceConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.place()

    def steal(method: str) -> None:
        oms.run("update lease set holder = 'thief', expires_at = now() + interval '1 minute'")

    store.before_call = steal
    monkeypatch.setattr(order_pull, "LEASE_SECONDS", 0.001)
    with pytest.raises(AnotherRunIsLive):
        oms.pull_live(store, config)
    with engine(oms.url).connect() as connection:
        assert connection.execute(text("select holder from lease")).scalar() == "thief"
