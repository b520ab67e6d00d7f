"""Magento's payloads in our words: the recorded real orders, every shape, and what cannot be understood."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # the tests' own modules are imported as `tests.…`

from tests.workflows.payloads import Row, item, order, over_the_wire

from magento_oms.domain.orders import LineKind, MagentoOrder, NotUnderstood
from magento_oms.mapping.magento_orders import magento_order

RECORDED = Path(__file__).parents[1] / "recorded" / "magento" / "state" / "orders.json"
ORDERS: list[Row] = json.loads(RECORDED.read_text(), parse_float=Decimal)
AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
D = Decimal


def mapped(payload: Row) -> MagentoOrder:
    return magento_order(over_the_wire(payload)[0])


@pytest.mark.parametrize("payload", ORDERS, ids=lambda payload: str(payload["entity_id"]))
def test_recorded_order_is_understood_to_the_paisa(payload: Row) -> None:
    found = magento_order(payload)

    assert found.entity_id == payload["entity_id"]
    assert found.grand_total == payload["grand_total"]
    assert abs(found.other_charges) <= D("0.05")
    named = found.subtotal + found.shipping + found.tax - found.discount - found.store_credit + found.other_charges
    assert abs(named - found.grand_total) <= D("0.05") + (found.shipping - D(payload["shipping_amount"]))
    shipped_rows = [row for row in payload["items"] if row["product_type"] not in ("configurable", "bundle")]
    assert {line.item_id for line in found.lines} == {row["item_id"] for row in shipped_rows}
    # The one recorded bundle has a dynamic price: its parts carry the money, the parent repeats it before discount.
    total = sum(row["row_total"] for row in payload["items"] if row["product_type"] != "bundle")
    assert sum(line.row_total for line in found.lines) == total
    assert "@" in found.buyer["email"]
    assert (found.buyer["shipping"] is None) == bool(payload["is_virtual"])


def test_recorded_order_of_every_type() -> None:
    [payload] = [row for row in ORDERS if row["entity_id"] == 2500067]
    found = magento_order(payload)

    kinds = {row["item_id"]: row["product_type"] for row in payload["items"]}
    parents = {kinds.get(line.parent_item_id or 0): line for line in found.lines}
    assert parents["configurable"].act_on_item_id == parents["configurable"].parent_item_id
    assert parents["configurable"].shipped == parents["configurable"].ordered
    assert parents["bundle"].row_total > 0
    assert [line.kind for line in found.lines].count(LineKind.VIRTUAL) == 1


def test_configurable_is_its_child_with_the_parent_s_figures() -> None:
    parent = item(
        1, "SHIRT-M", 3, 400, "configurable", qty_invoiced=2, qty_shipped=1, tax_percent=5, discount_amount=10
    )
    child = item(2, "SHIRT-M", 3, 0, parent_item_id=1, name="Shirt, M")
    [line] = mapped(order(1, at=AT, items=[parent, child])).lines

    assert (line.item_id, line.parent_item_id, line.act_on_item_id) == (2, 1, 1)
    assert (line.name, line.price, line.row_total, line.discount) == ("Shirt, M", D(400), D(1200), D(10))
    assert (line.ordered, line.invoiced, line.shipped) == (D(3), D(2), D(1))


def test_configurable_whose_child_was_deleted_is_still_shipped() -> None:
    [line] = mapped(order(1, at=AT, items=[item(1, "SHIRT-M", 1, 400, "configurable")])).lines
    assert (line.item_id, line.sku) == (1, "SHIRT-M")


def test_bundle_with_a_dynamic_price_is_its_parts() -> None:
    rows = [
        item(1, "KIT", 1, 300, "bundle"),
        item(2, "A", 2, 100, parent_item_id=1),
        item(3, "B", 1, 100, parent_item_id=1),
    ]
    lines = mapped(order(1, at=AT, items=rows)).lines
    assert [(line.sku, line.row_total, line.act_on_item_id) for line in lines] == [("A", D(200), 2), ("B", D(100), 3)]


def test_bundle_with_a_fixed_price_allots_it_over_its_parts() -> None:
    rows = [
        item(
            1, "KIT", 2, 100, "bundle", tax_amount=10, discount_amount=0.05, tax_percent=5, qty_shipped=1, row_total=200
        ),
        item(2, "A", 4, 0, parent_item_id=1),
        item(3, "B", 2, 0, parent_item_id=1),
    ]
    lines = mapped(order(1, at=AT, items=rows)).lines

    assert [line.row_total for line in lines] == [D("133.33"), D("66.67")]
    assert sum(line.discount for line in lines) == D("0.05")
    assert sum(line.tax for line in lines) == 10
    assert [line.shipped for line in lines] == [2, 1]
    assert {line.act_on_item_id for line in lines} == {1}


def test_parts_of_a_fixed_bundle_that_are_shipped_apart_count_as_shipped() -> None:
    rows = [
        item(1, "KIT", 1, 100, "bundle"),
        item(2, "A", 1, 0, parent_item_id=1, qty_shipped=1),
        item(3, "B", 1, 0, parent_item_id=1),
    ]
    assert [line.shipped for line in mapped(order(1, at=AT, items=rows)).lines] == [1, 0]


def test_virtual_order_has_no_shipping_address() -> None:
    payload = order(1, at=AT, items=[item(1, "EBOOK", 1, 50, "downloadable")])
    payload["extension_attributes"] = []
    found = mapped(payload)
    assert found.virtual
    assert found.buyer["shipping"] is None
    assert found.lines[0].kind is LineKind.VIRTUAL


def test_coupon_store_credit_and_cod_fee() -> None:
    payload = order(
        1,
        at=AT,
        items=[item(1, "SAREE", 1, 1000, discount_amount=100)],
        discount_amount=-100,
        shipping_amount=60,
        extension={"cash_on_delivery_fee": 30, "amstorecredit_amount": 200},
    )
    found = mapped(payload)
    assert (found.discount, found.store_credit, found.cod_fee, found.shipping) == (D(100), D(200), D(30), D(90))
    assert found.other_charges == 0
    assert found.grand_total == 790


def test_charge_of_an_unknown_module_is_kept_as_other_charges() -> None:
    payload = order(1, at=AT)
    payload["grand_total"] += 25
    assert mapped(payload).other_charges == 25


def test_guest_s_name_comes_from_the_billing_address() -> None:
    payload = order(1, at=AT) | {"customer_firstname": None, "customer_lastname": None, "customer_email": None}
    buyer = mapped(payload).buyer
    assert (buyer["name"], buyer["email"], buyer["customer_id"]) == ("आशा Rao", "asha@example.com", None)
    assert buyer["shipping"]["pincode"] == "411001"


def test_php_s_ways_of_writing() -> None:
    """Empty objects as [], ids and flags as strings, nulls left away."""
    payload = order(7, at=AT)
    [row] = payload["items"]
    payload |= {
        "entity_id": "7",
        "store_id": "1",
        "is_virtual": "0",
        "extension_attributes": [],
        "billing_address": [],
        "subtotal": "500.0000",
        "items": [
            row | {"item_id": "70", "is_virtual": "0", "qty_ordered": "2.0000", "tax_amount": None, "product_id": "12"}
        ],
    }
    del payload["total_due"]
    found = mapped(payload)
    assert (found.entity_id, found.store_id, found.virtual, found.total_due) == (7, 1, False, D(0))
    assert (found.lines[0].item_id, found.lines[0].ordered, found.lines[0].kind) == (70, D(2), LineKind.PHYSICAL)


def test_edited_order_tells_what_it_replaces() -> None:
    assert mapped(order(1, at=AT, relation_parent_real_id="000000009")).relation == {"replaces": "000000009"}
    assert mapped(order(1, at=AT)).relation is None


def without(name: str) -> Row:
    return {key: value for key, value in order(1, at=AT).items() if key != name}


BUNDLE = item(1, "KIT", 1, 100, "bundle")
ODD: list[tuple[str, Any]] = [
    ("missing_items", without("items")),
    ("missing_items", order(1, at=AT) | {"items": "none"}),
    ("missing_items", order(1, at=AT, items=[BUNDLE])),
    ("missing_items", order(1, at=AT, items=[item(1, "A"), item(2, "B", parent_item_id=9)])),
    ("missing_field", without("grand_total")),
    ("missing_field", without("store_id")),
    ("missing_field", order(1, at=AT, order_currency_code=None)),
    ("missing_field", order(1, at=AT, items=[item(1, "")])),
    ("bad_amount", order(1, at=AT) | {"grand_total": -1}),
    ("bad_amount", order(1, at=AT) | {"subtotal": "1,000.00"}),
    ("bad_amount", order(1, at=AT) | {"subtotal": True}),
    ("bad_amount", order(1, at=AT) | {"subtotal": "NaN"}),
    ("bad_amount", order(1, at=AT) | {"subtotal": "1e400000"}),
    ("bad_amount", order(1, at=AT) | {"subtotal": {"amount": 1}}),
    ("totals_do_not_add_up", order(1, at=AT) | {"grand_total": 400}),
    ("totals_do_not_add_up", order(1, at=AT) | {"subtotal": 700, "grand_total": 700}),
    ("unknown_product_type", order(1, at=AT, items=[item(1, "X", kind="hologram")])),
    ("bad_quantity", order(1, at=AT, items=[item(1, "X", 0)])),
    ("bad_time", order(1, at=AT) | {"updated_at": "2026-11-20T12:00:00Z"}),
    ("unexpected_shape", order(1, at=AT) | {"items": [7]}),
    (
        "unexpected_shape",
        order(1, at=AT) | {"items": [[]]},
    ),
]


@pytest.mark.parametrize(("code", "payload"), ODD, ids=[f"{i}-{code}" for i, (code, _) in enumerate(ODD)])
def test_what_cannot_be_understood_says_why(code: str, payload: Row) -> None:
    with pytest.raises(NotUnderstood) as caught:
        mapped(payload)
    assert caught.value.code == code
    assert caught.value.reason
    assert "quarantine retry" in caught.value.way_out
    assert "asha" not in caught.value.reason
