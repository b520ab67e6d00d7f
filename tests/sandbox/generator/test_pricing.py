"""Prices come out as the recorded server's, and never lose a paisa."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from commerce_sandbox.generator.catalogue import Article, Part
from commerce_sandbox.generator.pricing import Discount, Row, price

RECORDED = Path(__file__).parents[2] / "recorded" / "magento"


@pytest.fixture(scope="module")
def mixed() -> dict[str, Any]:
    """Configurable, bundle priced by its parts, virtual and simple; coupon of 10 %, tax of 18 %."""
    name = "515_order_mixed_config_bundle_virtual_coupon_tax.json"
    body: dict[str, Any] = json.loads((RECORDED / name).read_text())["response"]["body"]
    return body


def rows_of_the_mixed_order() -> list[Row]:
    tee_blue = Article(1041, "TEE-Blue", "Tee Blue", paise=30_000)
    tee = Row(Article(1043, "TEE", "Tee", "configurable", 30_000, parts=(Part(tee_blue),)), 2)
    kurta, saree = (
        Article(1, "SKU-001", "Cotton Kurta", paise=19_900),
        Article(2, "SKU-002", "Silk Saree", paise=24_900),
    )
    bundle = Row(Article(1044, "BUN", "Bundle", "bundle", parts=(Part(kurta), Part(saree, 2))), 1, priced=False)
    tee.children = [Row(tee_blue, 2, parent=tee, priced=False)]
    bundle.children = [Row(kurta, 1, parent=bundle), Row(saree, 2, parent=bundle)]
    virtual = Row(Article(1040, "VIRT-1", "Virtual", "virtual", 5_000), 1)
    organiser = Row(Article(9, "SKU-009", "Desk Organiser", paise=59_900), 1)
    return [tee, *tee.children, bundle, *bundle.children, virtual, organiser]


def paise(rupees: float) -> int:
    return round(100 * rupees)


def test_the_recorded_mixed_order_is_priced_alike(mixed: dict[str, Any]) -> None:
    rows = rows_of_the_mixed_order()
    bill = price(rows, discount=Discount("TEN", percent=10), shipping=2_000)

    assert bill.grand_total == paise(mixed["grand_total"])
    assert bill.tax == paise(mixed["tax_amount"])
    assert -bill.discount == paise(mixed["discount_amount"])
    assert (bill.subtotal, bill.subtotal_incl_tax) == (paise(mixed["subtotal"]), paise(mixed["subtotal_incl_tax"]))
    assert sum(row.priced for row in rows) == mixed["total_item_count"]
    for row, item in zip(rows, mixed["items"], strict=True):
        assert row.tax == paise(item["tax_amount"])
        assert row.discount == paise(item["discount_amount"])
        assert row.price == paise(item["price"])
        assert row.total - row.discount == paise(item["row_total"])
        assert row.total - row.discount + row.tax == paise(item["row_total_incl_tax"])


@pytest.mark.parametrize("prices_include_tax", [False, True])
def test_discounts_and_taxes_are_shared_out_without_a_rest(prices_include_tax: bool) -> None:
    random = Random(4)
    for _ in range(300):
        rows = [
            Row(
                Article(
                    number, str(number), "x", paise=random.randrange(1, 99_999), tax_percent=random.choice((5, 12))
                ),
                3,
            )
            for number in range(random.randrange(1, 9))
        ]
        whole = Discount("FIX", paise=random.randrange(1, 50_000))
        bill = price(rows, prices_include_tax=prices_include_tax, discount=whole, shipping=4_900, shipping_taxed=True)
        worth = bill.subtotal_incl_tax if prices_include_tax else bill.subtotal
        assert bill.discount == min(whole.paise, worth)
        assert (
            bill.grand_total
            == sum(row.total + row.tax + row.compensation - row.discount for row in rows)
            + bill.shipping
            + bill.shipping_tax
        )
        assert all(row.discount >= 0 and row.tax >= 0 for row in rows)
        if prices_include_tax:
            assert bill.grand_total == worth - bill.discount + bill.shipping + bill.shipping_tax


def test_an_empty_discount_leaves_prices_alone() -> None:
    rows = [Row(Article(1, "a", "a", paise=33_333, tax_percent=5), 3)]
    bill = price(rows)
    assert (bill.discount, bill.tax, bill.grand_total) == (0, 5_000, 104_999)
