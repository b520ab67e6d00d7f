"""What a bundle is invoiced as follows from its price, what it is shipped as from its product alone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from magento_oms.ports import PermanentError
from magento_oms.storage.fulfilments import CarriedLine
from magento_oms.workflows.fulfilling.items import acted_on, bundles, shipped_on, short_of

D = Decimal
NONE: frozenset[int] = frozenset()


def bundle_order() -> dict[str, Any]:
    """Two bundles of product 90, each of two KURTA and a SAREE; and a BELT."""
    rows = [(1, None, "bundle", 2, 90), (2, 1, "simple", 4, 11), (3, 1, "simple", 2, 12), (4, None, "simple", 1, 13)]
    names = ("item_id", "parent_item_id", "product_type", "qty_ordered", "product_id")
    return {"items": [dict(zip(names, row, strict=True)) for row in rows]}


def line(item_id: int, act_on: int, ordered: int, quantity: int) -> CarriedLine:
    return CarriedLine(item_id, act_on, "SKU", "Name", D(ordered), D(quantity), D(0), D(0), D(0))


DYNAMIC = [line(2, 2, 4, 4), line(3, 3, 2, 2), line(4, 4, 1, 1)]
FIXED = [line(2, 1, 4, 4), line(3, 1, 2, 2), line(4, 4, 1, 1)]


@pytest.mark.parametrize("priced", [DYNAMIC, FIXED])
def test_a_bundle_that_ships_as_a_whole_is_shipped_by_its_own_item(priced: list[CarriedLine]) -> None:
    assert shipped_on(bundle_order(), priced, NONE) == {1: 2, 4: 1}


@pytest.mark.parametrize("priced", [DYNAMIC, FIXED])
def test_a_bundle_whose_parts_ship_on_their_own_is_shipped_by_them(priced: list[CarriedLine]) -> None:
    assert shipped_on(bundle_order(), priced, frozenset({90})) == {2: 4, 3: 2, 4: 1}


def test_invoicing_goes_by_the_price() -> None:
    assert acted_on(bundle_order(), DYNAMIC) == {2: 4, 3: 2, 4: 1}
    assert acted_on(bundle_order(), FIXED) == {1: 2, 4: 1}


def test_only_orders_with_bundles_ask_for_products() -> None:
    assert bundles(bundle_order(), DYNAMIC) == {90}
    assert bundles(bundle_order(), [line(4, 4, 1, 1)]) == NONE


def test_a_whole_bundle_goes_out_from_each_place_or_a_person_decides() -> None:
    half = [line(2, 2, 4, 2), line(3, 3, 2, 1)]
    assert shipped_on(bundle_order(), half, NONE) == {1: 1}
    with pytest.raises(PermanentError, match="takes as a whole"):
        shipped_on(bundle_order(), [line(2, 2, 4, 1)], NONE)


@pytest.mark.parametrize(
    ("shipped", "refunded", "cancelled", "asked", "short"),
    [
        (1, 1, 0, 2, ""),  # one of three came back and was refunded: the other two may go out
        (1, 2, 0, 2, "item 4: 1 left, 2 handed over"),
        (0, 2, 0, 2, "item 4: 1 left, 2 handed over"),
        (1, 1, 1, 2, "item 4: 1 left, 2 handed over"),
        (3, 0, 0, 1, "item 4: 0 left, 1 handed over"),
    ],
)
def test_a_unit_that_was_shipped_and_refunded_counts_once(
    shipped: int, refunded: int, cancelled: int, asked: int, short: str
) -> None:
    row = {"item_id": 4, "qty_ordered": 3, "qty_shipped": shipped, "qty_refunded": refunded, "qty_canceled": cancelled}
    assert short_of({"items": [row]}, {4: D(asked)}) == short
