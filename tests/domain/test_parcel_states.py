"""Where a parcel is: whatever the order and repetition of its scans."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magento_oms.domain.parcel_states import ENDS, PHASES, STARTS, ParcelState, Scan, parcel_state
from magento_oms.ports import Direction, ParcelStatus

START = datetime(2026, 11, 8, 10, tzinfo=UTC)
FORWARD, REVERSE = Direction.FORWARD, Direction.REVERSE


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def scan(
    status: str | None, hours: float | None, *, code: str = "", again: str | None = None, told: bool = False
) -> Scan:
    """A scan; `told`: only by a webhook."""
    return Scan(
        code or str(status),
        None if hours is None else at(hours),
        None if status is None else ParcelStatus(status),
        None if again is None else ParcelStatus(again),
        read_back=not told,
    )


@pytest.mark.parametrize(
    ("scans", "status"),
    [
        ([], "created"),
        ([scan("pickup_scheduled", 1)], "pickup_scheduled"),
        ([scan("in_transit", 3), scan("picked_up", 2)], "in_transit"),
        ([scan("out_for_delivery", 5), scan("in_transit", 3)], "out_for_delivery"),
        # a second attempt: back in the hub, and out again
        ([scan("out_for_delivery", 5), scan("delivery_failed", 6), scan("in_transit", 8)], "in_transit"),
        ([scan("delivery_failed", 6), scan("out_for_delivery", 9)], "out_for_delivery"),
        ([scan("delivered", 6), scan("in_transit", 7)], "delivered"),
        ([scan("rto_initiated", 6), scan("in_transit", 9)], "rto_initiated"),
        ([scan("rto_in_transit", 6), scan("rto_initiated", 9)], "rto_in_transit"),
        ([scan("rto_in_transit", 6), scan("rto_delivered", 9), scan("delivered", 9)], "rto_delivered"),
        ([scan("in_transit", 2), scan("cancelled", 3)], "cancelled"),
        # the courier missed the cancellation
        ([scan("cancelled", 3), scan("in_transit", 4)], "in_transit"),
        ([scan("cancelled", 3), scan("pickup_scheduled", 4)], "cancelled"),
        ([scan("lost", 3), scan("delivered", 9)], "delivered"),
        ([scan(None, 3), scan("picked_up", 1)], "picked_up"),
        ([scan("in_transit", None), scan("out_for_delivery", 1)], "out_for_delivery"),
        ([scan("return_delivered", 4), scan("in_transit", 2)], "in_transit"),
    ],
)
def test_where_a_forward_parcel_is(scans: list[Scan], status: str) -> None:
    assert parcel_state(scans, FORWARD).status == status


@pytest.mark.parametrize(
    ("scans", "status"),
    [
        ([], "return_placed"),
        ([scan("return_out_for_pickup", 1)], "return_out_for_pickup"),
        ([scan("return_in_transit", 4), scan("return_picked_up", 3)], "return_in_transit"),
        ([scan("return_delivered", 5), scan("return_in_transit", 6)], "return_delivered"),
        ([scan("return_cancelled", 5)], "return_cancelled"),
        ([scan("return_cancelled", 5), scan("return_picked_up", 6)], "return_picked_up"),
        ([scan("return_qc_failed", 5), scan("return_cancelled", 6)], "return_qc_failed"),
        # a forward word about a reverse parcel says nothing
        ([scan("delivered", 5), scan("return_in_transit", 4)], "return_in_transit"),
    ],
)
def test_where_a_reverse_parcel_is(scans: list[Scan], status: str) -> None:
    assert parcel_state(scans, REVERSE).status == status


def test_a_code_that_stands_for_a_whole_rto_means_more_the_second_time() -> None:
    first = scan("rto_initiated", 1, code="RTO", again="rto_in_transit")
    repeated = scan("rto_initiated", 1, code="RTO", again="rto_in_transit")
    second = scan("rto_initiated", 2, code="RTO", again="rto_in_transit")

    assert parcel_state([first, repeated], FORWARD).status == "rto_initiated"
    assert parcel_state([second, first], FORWARD).status == "rto_in_transit"


def test_an_end_that_only_a_webhook_told_is_claimed_and_not_believed() -> None:
    scans = [scan("out_for_delivery", 5), scan("delivered", 6, told=True)]

    assert parcel_state(scans, FORWARD) == ParcelState(ParcelStatus.OUT_FOR_DELIVERY, at(5), 0, ParcelStatus.DELIVERED)
    read_back = parcel_state([*scans, scan("delivered", 6)], FORWARD)
    assert read_back == ParcelState(ParcelStatus.DELIVERED, at(6))


def test_failed_attempts_are_counted_once_each() -> None:
    scans = [scan("delivery_failed", hours, told=told) for hours in (5, 9, 5) for told in (True, False)]

    assert parcel_state(scans, FORWARD).failed_attempts == 2


def _scans(direction: Direction) -> st.SearchStrategy[list[Scan]]:
    statuses = [status for phase in PHASES[direction] for status in sorted(phase)]
    one = st.builds(
        Scan,
        code=st.sampled_from(["A", "B", "C", "D"]),
        at=st.one_of(st.none(), st.integers(0, 6).map(at)),
        status=st.one_of(st.none(), st.sampled_from(statuses)),
        again=st.one_of(st.none(), st.sampled_from(statuses)),
        read_back=st.booleans(),
    )
    return st.lists(one, max_size=9)


@given(st.data(), st.sampled_from(Direction))
def test_neither_order_nor_repetition_changes_the_state(data: st.DataObject, direction: Direction) -> None:
    scans = data.draw(_scans(direction))
    shuffled = data.draw(st.permutations(scans))
    repeated = data.draw(st.lists(st.sampled_from(scans), max_size=4)) if scans else []

    assert parcel_state([*repeated, *shuffled], direction) == parcel_state(scans, direction)


@given(st.data(), st.sampled_from(Direction))
def test_news_moves_a_parcel_forward_only(data: st.DataObject, direction: Direction) -> None:
    """But for a cancellation that a later movement disproves, and a code that means more the second time."""
    rank = {status: place for place, phase in enumerate(PHASES[direction]) for status in phase}
    scans = [
        Scan(each.code, each.at, each.status, None, each.read_back)
        for each in data.draw(_scans(direction))
        if each.status not in ("cancelled", "return_cancelled")
    ]
    known = data.draw(st.integers(0, len(scans)))

    before, after = parcel_state(scans[:known], direction), parcel_state(scans, direction)

    assert rank[after.status] >= rank[before.status]


@given(st.data(), st.sampled_from(Direction))
def test_nothing_ends_a_parcel_that_was_not_read_back(data: st.DataObject, direction: Direction) -> None:
    scans = [Scan(each.code, each.at, each.status, each.again, False) for each in data.draw(_scans(direction))]

    state = parcel_state(scans, direction)

    assert not state.ended
    assert state.claimed is None or state.claimed in ENDS
    assert state.status is STARTS[direction] or scans
