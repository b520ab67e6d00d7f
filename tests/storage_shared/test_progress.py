"""Watermarks and the window ledger: progress that never goes backwards and never forgets a gap."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from magento_oms.ports import Cursor
from magento_oms.storage import watermarks, windows
from magento_oms.storage.database import engine
from magento_oms.storage.windows import Window

if TYPE_CHECKING:
    from tests.storage_shared.conftest import AtOnce

START = datetime(2026, 4, 1, tzinfo=UTC)
IST = timezone(timedelta(hours=5, minutes=30))


def at(seconds: int, entity_id: int = 0) -> Cursor:
    return Cursor(START + timedelta(seconds=seconds), entity_id)


def hour(number: int) -> datetime:
    return START + timedelta(hours=number)


# ---- watermarks ----------------------------------------------------------------------------------------------------


def test_a_new_watermark_stands_at_the_start_and_stays_there(connection: Connection) -> None:
    mark = watermarks.read(connection, "heritage", "order_pull", START.astimezone(IST))
    assert (mark.safe, mark.seen, mark.swept_at) == (at(0), at(0), None)
    assert mark.safe.at.tzinfo is UTC
    again = watermarks.read(connection, "heritage", "order_pull", START - timedelta(days=9))
    assert again == mark


def test_it_moves_with_the_rows_it_covers_or_not_at_all(connection: Connection) -> None:
    mark = watermarks.read(connection, "heritage", "order_pull", START)
    connection.commit()
    assert watermarks.move(connection, mark, at(60, 7), at(62, 9), swept_at=START)
    connection.rollback()
    assert watermarks.read(connection, "heritage", "order_pull", START) == mark
    assert watermarks.move(connection, mark, at(60, 7), at(62, 9), swept_at=START)
    moved = watermarks.read(connection, "heritage", "order_pull", START)
    assert (moved.safe, moved.seen, moved.swept_at) == (at(60, 7), at(62, 9), START)
    assert watermarks.move(connection, moved, at(70), at(70))
    assert watermarks.read(connection, "heritage", "order_pull", START).swept_at == START


def test_a_stale_mark_moves_nothing(connection: Connection) -> None:
    mark = watermarks.read(connection, "heritage", "order_pull", START)
    assert watermarks.move(connection, mark, at(60), at(60))
    assert not watermarks.move(connection, mark, at(99), at(99))
    assert watermarks.read(connection, "heritage", "order_pull", START).safe == at(60)


def test_other_workflows_and_instances_have_their_own(connection: Connection) -> None:
    marks = [
        watermarks.read(connection, instance, workflow, START)
        for instance, workflow in itertools.product(("heritage", "urban"), ("order_pull", "cancellations"))
    ]
    assert watermarks.move(connection, marks[0], at(60), at(60))
    assert all(watermarks.move(connection, mark, at(5), at(5)) for mark in marks[1:])


def test_a_mark_made_up_cannot_move_it_backwards(connection: Connection) -> None:
    mark = watermarks.read(connection, "heritage", "order_pull", START)
    assert watermarks.move(connection, mark, at(60, 5), at(60, 5))
    present = watermarks.read(connection, "heritage", "order_pull", START)
    forged = watermarks.Mark("heritage", "order_pull", at(0), at(0), present.version, None)
    assert not watermarks.move(connection, forged, at(60, 4), at(99))
    assert not watermarks.move(connection, forged, at(99), at(60, 4))


def test_times_without_a_zone_are_refused(connection: Connection) -> None:
    naive = START.replace(tzinfo=None)
    with pytest.raises(ValueError, match="no time zone"):
        watermarks.read(connection, "heritage", "order_pull", naive)
    mark = watermarks.read(connection, "heritage", "order_pull", START)
    with pytest.raises(ValueError, match="no time zone"):
        watermarks.move(connection, mark, Cursor(naive), at(0))


@given(steps=st.lists(st.tuples(st.integers(-5, 50), st.integers(0, 9), st.integers(-5, 50), st.booleans())))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_it_never_goes_backwards(connection: Connection, steps: list[tuple[int, int, int, bool]]) -> None:
    connection.rollback()
    first = mark = watermarks.read(connection, "heritage", "order_pull", START)
    for safe, entity_id, seen, reread in steps:
        before = watermarks.read(connection, "heritage", "order_pull", START)
        moved = watermarks.move(connection, mark, at(safe, entity_id), at(seen))
        after = watermarks.read(connection, "heritage", "order_pull", START)
        assert moved is (mark.version == before.version)
        if moved:
            assert after.safe == max(before.safe, at(safe, entity_id))
            assert after.seen == max(before.seen, at(seen))
        else:
            assert after == before
        if reread:
            mark = after
    assert first.safe <= watermarks.read(connection, "heritage", "order_pull", START).safe


def test_of_many_transactions_with_the_same_mark_one_moves_it(oms_database: str, at_once: AtOnce) -> None:
    def make(_: int) -> watermarks.Mark:
        with engine(oms_database).begin() as connection:
            return watermarks.read(connection, "heritage", "order_pull", START)

    marks = at_once(6, make)
    assert len(set(marks)) == 1

    def work(number: int) -> bool:
        with engine(oms_database).begin() as connection:
            return watermarks.move(connection, marks[0], at(60 + number), at(60 + number))

    won = at_once(6, work)
    assert sum(won) == 1
    with engine(oms_database).begin() as connection:
        assert watermarks.read(connection, "heritage", "order_pull", START).safe == at(60 + won.index(True))


# ---- windows -------------------------------------------------------------------------------------------------------


def cover(connection: Connection, start: int, end: int, *, store_id: int = 0, rows: int = 1) -> None:
    windows.cover(
        connection,
        "heritage",
        "order_pull",
        hour(start),
        hour(end),
        rows_read=rows,
        rows_changed=rows,
        run_id="scheduled__1",
        store_id=store_id,
    )


def gaps(connection: Connection, start: int, end: int, *, store_id: int = 0) -> list[tuple[int, int]]:
    found = windows.gaps(connection, "heritage", "order_pull", hour(start), hour(end), store_id=store_id)
    assert all(isinstance(gap, Window) and gap.start.tzinfo is UTC for gap in found)
    return [
        (int((gap.start - START) / timedelta(hours=1)), int((gap.end - START) / timedelta(hours=1))) for gap in found
    ]


def test_gaps_are_what_no_window_covers(connection: Connection) -> None:
    assert gaps(connection, 0, 10) == [(0, 10)]
    cover(connection, 2, 4)
    cover(connection, 4, 5)
    cover(connection, 7, 20)
    assert gaps(connection, 0, 10) == [(0, 2), (5, 7)]
    assert gaps(connection, 5, 7) == [(5, 7)]
    assert gaps(connection, 2, 5) == []
    assert windows.covered(connection, "heritage", "order_pull", hour(2), hour(5))
    assert not windows.covered(connection, "heritage", "order_pull", hour(2), hour(6))
    assert not windows.covered(connection, "urban", "order_pull", hour(2), hour(5))
    assert not windows.covered(connection, "heritage", "cancellations", hour(2), hour(5))


def test_covering_again_keeps_one_entry_with_the_last_figures(connection: Connection) -> None:
    cover(connection, 0, 1, rows=5)
    cover(connection, 0, 1, rows=7)
    rows = connection.exec_driver_sql("select rows_read, rows_changed from window_ledger").all()
    assert [tuple(row) for row in rows] == [(7, 7)]


def test_what_covers_all_stores_covers_each_but_not_the_other_way(connection: Connection) -> None:
    cover(connection, 0, 2)
    cover(connection, 2, 4, store_id=3)
    assert gaps(connection, 0, 6, store_id=3) == [(4, 6)]
    assert gaps(connection, 0, 6, store_id=4) == [(2, 6)]
    assert gaps(connection, 0, 6) == [(2, 6)]


def test_zones_do_not_matter(connection: Connection) -> None:
    windows.cover(
        connection,
        "heritage",
        "order_pull",
        hour(0).astimezone(IST),
        hour(3).astimezone(IST),
        rows_read=0,
        rows_changed=0,
        run_id="manual__1",
    )
    assert gaps(connection, 0, 4) == [(3, 4)]


def test_the_latest_window(connection: Connection) -> None:
    assert windows.latest(connection, "heritage", "order_pull") is None
    cover(connection, 5, 6)
    cover(connection, 1, 2)
    assert windows.latest(connection, "heritage", "order_pull") == hour(5)


@pytest.mark.parametrize(("start", "end"), [(hour(1), hour(1)), (hour(2), hour(1))])
def test_empty_windows_are_refused(connection: Connection, start: datetime, end: datetime) -> None:
    with pytest.raises(ValueError, match="empty"):
        windows.gaps(connection, "heritage", "order_pull", start, end)
    with pytest.raises(ValueError, match="time zone"):
        windows.gaps(connection, "heritage", "order_pull", start.replace(tzinfo=None), end)


@given(
    covered=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12)), max_size=12),
    asked=st.tuples(st.integers(0, 30), st.integers(1, 20)),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_gaps_and_windows_make_up_every_hour(
    connection: Connection, covered: list[tuple[int, int]], asked: tuple[int, int]
) -> None:
    connection.rollback()
    hours: set[int] = set()
    for start, length in covered:
        cover(connection, start, start + length)
        hours |= set(range(start, start + length))
    start, end = asked[0], sum(asked)
    found = gaps(connection, start, end)
    assert {each for gap in found for each in range(*gap)} == set(range(start, end)) - hours
    assert all(earlier[1] < later[0] for earlier, later in itertools.pairwise(found)), "whole gaps, in order"
