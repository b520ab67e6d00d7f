"""Counting: where the sides differ is found by asking for single rows; a clean window costs next to nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from magento_oms.ports import OrderFilter
from magento_oms.workflows.reconcile import compare
from magento_oms.workflows.reconcile.counts import KNOWN, Counted, find_slices

START = int(datetime(2026, 11, 25, tzinfo=UTC).timestamp())
END = START + 86_400
STATUSES = ("pending", "processing", "complete")


@dataclass
class Order:
    placed_at: int
    status: str
    updated_at: int


class Shop:
    """Counts as Magento does."""

    def __init__(self, orders: dict[int, Order]) -> None:
        self.orders = orders
        self.asked = 0

    def count(self, where: OrderFilter) -> int:
        self.asked += 1
        assert where.created_from is not None
        assert where.created_before is not None
        since = where.updated_from.timestamp() if where.updated_from else 0
        return sum(
            where.created_from.timestamp() <= order.placed_at < where.created_before.timestamp()
            and (not where.statuses or order.status in where.statuses)
            and order.status not in where.not_statuses
            and order.updated_at >= since
            for order in self.orders.values()
        )


def known(orders: dict[int, Order]) -> pd.DataFrame:
    rows = [(entity_id, order.placed_at, order.status, order.updated_at) for entity_id, order in orders.items()]
    return compare.frame(rows, KNOWN)


def search(shop: Shop, ours: dict[int, Order], page_size: int = 20, ignored: tuple[str, ...] = ()) -> Counted:
    return find_slices(shop.count, known(ours), store_id=1, start=START, end=END, ignored=ignored, page_size=page_size)


def day(count: int) -> dict[int, Order]:
    """So many orders, over a day."""
    step = 86_400 / count
    return {
        number: Order(START + int(number * step), STATUSES[number % 3], START + 90_000 + number)
        for number in range(count)
    }


def test_a_clean_day_is_told_by_a_few_single_rows() -> None:
    orders = day(20_000)
    shop = Shop(orders)
    found = search(shop, orders, page_size=100)
    assert found.to_read == []
    assert found.on_magento == 20_000
    assert found.by_status["pending"] == (6667, 6667)
    assert found.requests == shop.asked <= 30


def test_an_empty_day_costs_one_request() -> None:
    found = search(Shop({}), {})
    assert (found.requests, found.to_read, found.on_magento) == (1, [], 0)


def test_one_lost_order_is_narrowed_down_to_a_page() -> None:
    orders = day(20_000)
    ours = {number: order for number, order in orders.items() if number != 12_345}
    found = search(Shop(orders), ours, page_size=100)
    [part] = found.to_read
    assert part.start <= orders[12_345].placed_at < part.end
    assert part.orders <= 100
    assert found.requests < 150


def test_differences_everywhere_end_the_counting_early() -> None:
    ours = {number: order for number, order in day(4_000).items() if number % 10}
    found = search(Shop(day(4_000)), ours)
    assert found.requests <= 100
    assert sum(part.orders for part in found.to_read) > 3_000


def test_statuses_to_ignore_are_counted_on_neither_side() -> None:
    orders = day(300)
    ours = {number: order for number, order in orders.items() if order.status != "complete"}
    found = search(Shop(orders), ours, ignored=("complete",))
    assert (found.on_magento, found.to_read) == (200, [])


@settings(deadline=None, max_examples=80)
@given(
    orders=st.dictionaries(
        st.integers(1, 500),
        st.tuples(st.integers(START, END - 1), st.sampled_from(STATUSES), st.integers(0, 50_000)),
        max_size=60,
    ),
    plants=st.lists(
        st.tuples(st.integers(1, 500), st.sampled_from(["lost", "extra", "changed"]), st.integers(60_000, 90_000)),
        max_size=1,
    ),
    page_size=st.integers(1, 20),
)
def test_a_single_difference_lies_in_a_slice_that_is_read_and_agreement_reads_nothing(
    orders: dict[int, tuple[int, str, int]], plants: list[tuple[int, str, int]], page_size: int
) -> None:
    """`changed` without another status: only its time tells, and it is later than all that the OMS knows."""
    theirs = {number: Order(placed, status, placed + after) for number, (placed, status, after) in orders.items()}
    ours = {number: Order(order.placed_at, order.status, order.updated_at) for number, order in theirs.items()}
    planted: list[int] = []
    for number, kind, later in plants:
        if number not in theirs:
            continue
        planted.append(theirs[number].placed_at)
        if kind == "lost":
            del ours[number]
        elif kind == "extra":
            del theirs[number]
        else:
            newest = max(order.updated_at for order in ours.values())
            theirs[number].updated_at = newest + later
    found = search(Shop(theirs), ours, page_size)
    assert bool(found.to_read) == bool(planted)
    for moment in planted:
        assert any(part.start <= moment < part.end for part in found.to_read)
