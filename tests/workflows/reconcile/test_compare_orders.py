"""The comparison in itself: what is planted is found, all of it and nothing else, in whatever order rows come."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magento_oms.workflows.reconcile import compare
from magento_oms.workflows.reconcile.compare import ABSENT, LINES, MAGENTO_ORDERS, OMS_ORDERS, PARCELS
from magento_oms.workflows.reconcile.words import UNIT, Kind

Row = dict[str, Any]
AMOUNTS = {"grand_total": 500, "total_due": 500, "subtotal": 500, "shipping": 0, "discount": 0, "tax": 0}


def money() -> Row:
    return {name: value * UNIT for name, value in AMOUNTS.items()}


def magento(entity_id: int, **more: Any) -> Row:
    row = {"entity_id": entity_id, "increment_id": f"{entity_id:09}", "status": "processing", "expected": True}
    return row | {"ended": False, "updated_at": 1000, "told": 1} | money() | more


def oms(entity_id: int, **more: Any) -> Row:
    row = {"entity_id": entity_id, "increment_id": f"{entity_id:09}", "status": "processing", "updated_at": 1000}
    return row | {"quarantined": False, "on_its_way": False, "to_collect": 0} | money() | more


def line(entity_id: int, item_id: int, **more: int) -> Row:
    quantities = {"ordered": 2 * UNIT, "invoiced": 0, "shipped": 0, "cancelled": 0, "refunded": 0}
    return {"entity_id": entity_id, "item_id": item_id, "sku": f"SKU-{item_id}"} | quantities | more


def frame(rows: list[Row], columns: dict[str, str]) -> pd.DataFrame:
    return compare.frame([[row[name] for name in columns] for row in rows], columns)


def found(m: list[Row], ml: list[Row], o: list[Row], ol: list[Row]) -> set[tuple[int, str, str]]:
    """Entity id, kind and what of each difference."""
    table = compare.differences(frame(m, MAGENTO_ORDERS), frame(ml, LINES), frame(o, OMS_ORDERS), frame(ol, LINES))
    return set(zip(table["entity_id"], table["kind"], table["what"], strict=True))


PLANTS = {
    "missing": (Kind.MISSING, "order"),
    "extra": (Kind.EXTRA, "order"),
    "status": (Kind.STATE, "status"),
    "grand_total": (Kind.MONEY, "grand_total"),
    "tax": (Kind.MONEY, "tax"),
    "shipped_behind": (Kind.BEHIND, "shipped"),
    "refunded_behind": (Kind.BEHIND, "refunded"),
    "shipped_ahead": (Kind.AHEAD, "shipped"),
    "item": (Kind.LINES, "item"),
    "told_twice": (Kind.DOUBLED_NOTE, "acknowledgement"),
}


@settings(deadline=None, max_examples=60)
@given(
    orders=st.dictionaries(
        st.integers(1, 10**9),
        st.tuples(st.sets(st.sampled_from(sorted(PLANTS)), max_size=1), st.integers(1, 3)),
        max_size=12,
    ),
    dice=st.randoms(use_true_random=False),
)
def test_what_is_planted_is_found_and_nothing_else(orders: dict[int, tuple[set[str], int]], dice: Any) -> None:
    m, ml, o, ol = [], [], [], []
    planted: set[tuple[int, str, str]] = set()
    for entity_id, (plants, count) in orders.items():
        theirs, ours = magento(entity_id), oms(entity_id)
        their_lines = [line(entity_id, number) for number in range(count)]
        our_lines = [line(entity_id, number) for number in range(count)]
        for plant in plants:
            kind, what = PLANTS[plant]
            planted.add((entity_id, str(kind), what))
            match plant:
                case "status":
                    theirs["status"] = "holded"
                case "grand_total" | "tax":
                    ours[plant] += 1  # 1/10,000 of a rupee
                case "shipped_behind" | "refunded_behind":
                    their_lines[0][plant.partition("_")[0]] += 1
                case "shipped_ahead":
                    our_lines[-1]["shipped"] += UNIT
                case "item":
                    our_lines.pop()
                case "told_twice":
                    theirs["told"] = 2
        if "missing" not in plants:
            o.append(ours)
            ol += our_lines
        if "extra" not in plants:
            m.append(theirs)
            ml += their_lines
    for rows in (m, ml, o, ol):
        dice.shuffle(rows)
    assert found(m, ml, o, ol) == planted


def test_an_order_whose_status_is_ignored_is_not_missed() -> None:
    assert found([magento(1, expected=False)], [], [], []) == set()


def test_what_is_on_its_way_to_magento_is_no_difference() -> None:
    ahead = line(1, 1, shipped=2 * UNIT)
    assert found([magento(1)], [line(1, 1)], [oms(1, on_its_way=True)], [ahead]) == set()
    assert found([magento(1)], [line(1, 1)], [oms(1)], [ahead]) == {(1, "quantity_ahead", "shipped")}


def test_the_rest_of_a_cancelled_order_is_cancelled_whatever_its_rows_say() -> None:
    ours = line(1, 1, cancelled=2 * UNIT)
    assert found([magento(1, ended=True)], [line(1, 1)], [oms(1)], [ours]) == set()
    assert found([magento(1)], [line(1, 1)], [oms(1)], [ours]) == {(1, "quantity_ahead", "cancelled")}


def test_newer_news_in_the_oms_is_not_held_against_what_was_read_before() -> None:
    assert found([magento(1, status="pending")], [line(1, 1)], [oms(1, updated_at=1001)], []) == set()


def test_a_payload_that_is_not_understood_only_has_to_be_there() -> None:
    unread = magento(1, updated_at=-1, grand_total=0)
    assert found([unread], [], [oms(1)], [line(1, 1)]) == set()
    assert found([unread], [], [], []) == {(1, "missing", "order")}


def test_figures_are_told_exactly() -> None:
    table = compare.differences(
        frame([magento(1)], MAGENTO_ORDERS),
        frame([line(1, 1, shipped=12_345)], LINES),
        frame([oms(1, grand_total=9 * 10**17 + 1)], OMS_ORDERS),
        frame([line(1, 1)], LINES),
    )
    said = {row.what: (row.magento, row.oms) for row in table.itertuples()}
    assert said == {"shipped": ("1.2345", "0"), "grand_total": ("500", "90000000000000.0001")}


def test_order_numbers_that_are_there_twice() -> None:
    rows = pd.DataFrame({"entity_id": [1, 2, 3], "increment_id": ["a", "b", "a"]})
    table = compare.doubled_orders(rows)
    assert list(zip(table["entity_id"], table["oms"], strict=True)) == [(1, "2 times"), (3, "2 times")]


def parcel(parcel_id: int, **more: Any) -> Row:
    row = {"entity_id": 1, "increment_id": "000000001", "parcel": parcel_id, "generation": 1, "awb": f"AWB{parcel_id}"}
    state = {"oms": "in_transit", "courier": "", "given_up": False, "order_cancelled": False, "handed_over": True}
    return row | state | {"cod": 0, "due": -1} | more


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([parcel(1)], set()),
        ([parcel(1, courier="in_transit")], set()),
        ([parcel(1, courier="delivered")], {"courier_state"}),
        ([parcel(1, oms="created", courier="pickup_scheduled", handed_over=False)], set()),
        ([parcel(1, oms="cancelled", courier="created", given_up=True, order_cancelled=True)], set()),
        ([parcel(1, courier=ABSENT)], {"not_at_courier"}),
        ([parcel(1, courier=ABSENT, oms="created", given_up=True)], set()),
        ([parcel(1, handed_over=False)], {"travels_before_handover"}),
        ([parcel(1, handed_over=False, order_cancelled=True)], {"travels_though_cancelled"}),
        ([parcel(1, generation=1, awb="A", given_up=True), parcel(1, generation=2, awb="B")], {"doubled_parcel"}),
        ([parcel(1, generation=1, oms="cancelled", given_up=True), parcel(1, generation=2, awb="B")], set()),
        ([parcel(1, cod=40, due=100), parcel(2, cod=60, due=100)], set()),
        ([parcel(1, cod=40, due=100), parcel(2, cod=70, due=100)], {"cod"}),
        ([parcel(1, cod=100, due=100, given_up=True), parcel(1, generation=2, cod=100, due=100, oms="created")], set()),
    ],
)
def test_couriers(rows: list[Row], expected: set[str]) -> None:
    assert set(compare.courier_differences(frame(rows, PARCELS))["kind"]) == expected
