"""Generated orders add up, look like recorded ones, and can be lived through by the rules."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from commerce_sandbox.generator import STORE_VIEWS, OrderGenerator, bulk, capture_late_payment
from commerce_sandbox.generator.orders import Shape
from commerce_sandbox.magento_rules.as_placed import as_placed
from commerce_sandbox.magento_rules.book import OrderBook, Refused
from commerce_sandbox.magento_rules.invoices import invoice
from commerce_sandbox.magento_rules.memory import MemoryContext
from commerce_sandbox.magento_rules.orders import cancel
from commerce_sandbox.magento_rules.refunds import refund_invoice, refund_order
from commerce_sandbox.magento_rules.shipments import ship
from commerce_sandbox.magento_rules.stock_book import SourceItem

RECORDED = Path(__file__).parents[2] / "recorded" / "magento" / "state" / "orders.json"


def dec(value: Any) -> Decimal:
    return Decimal(str(value or 0))


def adds_up(order: dict[str, Any]) -> bool:
    extension = order["extension_attributes"]
    parts = ("subtotal", "shipping_amount", "tax_amount", "discount_amount", "discount_tax_compensation_amount")
    whole = sum((dec(order[key]) for key in parts), dec(extension.get("cash_on_delivery_fee")))
    return whole - dec(extension.get("amstorecredit_amount")) == dec(order["grand_total"])


@pytest.fixture(scope="module")
def many() -> list[OrderBook]:
    return list(OrderGenerator(11).orders(600, MemoryContext(now=datetime(2026, 3, 1, 9, 30, tzinfo=UTC))))


@pytest.fixture
def generator() -> OrderGenerator:
    return OrderGenerator(5)


@pytest.fixture
def world(generator: OrderGenerator) -> MemoryContext:
    ctx = MemoryContext(now=datetime(2026, 3, 1, 9, 30, tzinfo=UTC))
    for article in generator.catalogue:
        ctx.stock.add_product(article.stock_product)
        if article.stock_product.has_source_items:
            ctx.stock.put_source_items([SourceItem(article.sku, "default", Decimal(100_000), 1)])
    return ctx


def test_every_order_adds_up_to_the_paisa(many: list[OrderBook]) -> None:
    assert [book.order["increment_id"] for book in many if not adds_up(book.order)] == []


def test_the_lines_make_the_order(many: list[OrderBook]) -> None:
    for book in many:
        own = [item for item in book.order["items"] if "discount_tax_compensation_amount" in item]
        order = book.order
        assert sum(dec(item["discount_amount"]) for item in own) == -dec(order["discount_amount"])
        assert sum(dec(item["tax_amount"]) for item in own) + dec(order["shipping_tax_amount"]) == dec(
            order["tax_amount"]
        )
        assert sum(dec(item["row_total"]) + dec(item["discount_amount"]) for item in own) == dec(order["subtotal"])
        assert len(own) == order["total_item_count"]


def test_prepaid_orders_are_invoiced_in_full(many: list[OrderBook]) -> None:
    paid = [book for book in many if book.invoices]
    assert len(paid) > 100
    for book in paid:
        assert dec(book.invoices[0]["grand_total"]) == dec(book.order["grand_total"]) == dec(book.order["total_paid"])
        assert book.order["total_due"] == 0


def test_the_mix_holds_everything_an_indian_store_has(many: list[OrderBook]) -> None:
    orders = [book.order for book in many]
    items = [item for order in orders for item in order["items"]]
    extensions = [order["extension_attributes"] for order in orders]

    assert {order["payment"]["method"] for order in orders} >= {"cashondelivery", "razorpay"}
    assert {item["product_type"] for item in items} == {"simple", "configurable", "bundle", "virtual"}
    assert {order["store_id"] for order in orders} == {1, 2, 3}
    assert {item.get("tax_percent") for item in items} >= {5, 12, 18}
    assert {order["customer_is_guest"] for order in orders} == {0, 1}
    assert any(extension.get("amstorecredit_amount") for extension in extensions)
    assert any(extension.get("cash_on_delivery_fee") for extension in extensions)
    assert any(order.get("coupon_code") for order in orders)
    assert any(order["discount_tax_compensation_amount"] for order in orders)
    assert any(order["customer_firstname"] >= "ऀ" for order in orders)
    assert len({order["billing_address"]["region_code"] for order in orders}) > 20
    assert {"A/B 1", "50%-OFF", "q?x#1"} <= {item["sku"] for item in items}
    assert max(order["total_item_count"] for order in orders) > 50
    assert Counter(order["is_virtual"] for order in orders)[1] > 5


def test_the_same_seed_makes_the_same_orders() -> None:
    first = [book.order for book in OrderGenerator(3).orders(20, MemoryContext())]
    second = [book.order for book in OrderGenerator(3).orders(20, MemoryContext())]
    assert first == second
    assert first != [book.order for book in OrderGenerator(4).orders(20, MemoryContext())]


@pytest.mark.parametrize(
    ("recorded_id", "shape", "coupon", "lines"),
    [
        (70, "simple", False, {0: 0}),
        (2500067, "configurable", True, {0: 0, 1: 1}),
        (2500067, "bundle", True, {0: 2, 1: 3}),
        (2500068, "virtual_only", False, {0: 0}),
    ],
)
def test_documents_have_the_recorded_fields(
    generator: OrderGenerator, recorded_id: int, shape: Shape, coupon: bool, lines: dict[int, int]
) -> None:
    recorded = {order["entity_id"]: as_placed(order) for order in json.loads(RECORDED.read_text())}[recorded_id]
    generator.catalogue.bundles = [bundle for bundle in generator.catalogue.bundles if not bundle.fixed_price]
    generator.customers = []
    order = generator.order(
        MemoryContext(), payment="late_paid", shape=shape, coupon=coupon, store=STORE_VIEWS[0]
    ).order
    masked = {"remote_ip", "protect_code"}  # taken out of the recorded state
    shown = {"amstorecredit_amount", "amstorecredit_base_amount"}

    assert set(order) - masked == set(recorded)
    assert set(order["billing_address"]) == set(recorded["billing_address"])
    assert set(order["payment"]) == set(recorded["payment"])
    assert set(order["extension_attributes"]) - shown == set(recorded["extension_attributes"])
    for ours, theirs in lines.items():
        assert set(order["items"][ours]) == set(recorded["items"][theirs])
        kinds = {
            key: type(value) for key, value in order["items"][ours].items() if isinstance(value, str | list | dict)
        }
        assert {key: type(recorded["items"][theirs][key]) for key in kinds} == kinds


def test_a_late_payment_moves_the_order_on_and_only_once(generator: OrderGenerator, world: MemoryContext) -> None:
    book = generator.order(world, payment="late_paid", shape="simple")
    assert (book.order["state"], book.invoices) == ("pending_payment", [])
    world.pass_time(600)

    capture_late_payment(book, world)
    capture_late_payment(book, world)

    assert (book.order["state"], book.order["status"]) == ("processing", "processing")
    assert len(book.invoices) == 1
    assert book.order["updated_at"] == "2026-03-01 09:40:00"
    assert book.order["created_at"] == "2026-03-01 09:30:00"


def test_a_payment_that_comes_after_the_cancellation_changes_nothing(
    generator: OrderGenerator, world: MemoryContext
) -> None:
    book = generator.order(world, payment="late_paid", shape="simple")
    cancel(book, world)
    capture_late_payment(book, world)
    assert (book.order["state"], book.invoices) == ("canceled", [])


@pytest.mark.parametrize("shape", ["simple", "odd", "configurable", "bundle", "virtual"])
@pytest.mark.parametrize("payment", ["cod", "prepaid"])
def test_orders_live_from_placing_to_refund_and_leave_no_reservation(
    generator: OrderGenerator, world: MemoryContext, shape: Shape, payment: Any
) -> None:
    for _ in range(12):
        book = generator.order(world, payment=payment, shape=shape, reserve=True)
        while book.order["state"] != "complete":
            _ship_one_piece(book, world)
            if payment == "cod" and not book.invoices:
                invoice(book, {"capture": False}, world)
        if payment == "cod":
            refund_order(book, {}, world)
        else:
            refund_invoice(book, book.invoices[0]["entity_id"], {"isOnline": True}, world)

        assert book.order["state"] == "closed"
        assert dec(book.order["total_refunded"]) == dec(book.order["grand_total"])
    assert {
        sku: world.stock.reserved(1, sku) for _, sku, _, _ in world.stock.reservations if world.stock.reserved(1, sku)
    } == {}


def _ship_one_piece(book: OrderBook, ctx: MemoryContext) -> None:
    """Ship one piece of the first line that lets it: parents and children of bundles take turns."""
    for item in book.order["items"]:
        with suppress(Refused):
            ship(book, {"items": [{"order_item_id": item["item_id"], "qty": 1}]}, ctx)
            return


def test_invoicing_piece_by_piece_adds_up(generator: OrderGenerator, world: MemoryContext) -> None:
    for _ in range(25):
        book = generator.order(world, payment="cod", shape="configurable", coupon=True)
        for _ in range(sum(item["qty_ordered"] for item in book.order["items"] if "price_incl_tax" in item)):
            line = next(
                i for i in book.order["items"] if "price_incl_tax" in i and i["qty_invoiced"] < i["qty_ordered"]
            )
            invoice(book, {"items": [{"order_item_id": line["item_id"], "qty": 1}]}, world)
        order = book.order
        assert order["total_due"] == 0
        for column in ("tax", "discount", "subtotal", "shipping"):
            whole = order[column if column == "subtotal" else f"{column}_amount"]
            assert (column, dec(order[f"{column}_invoiced"])) == (column, dec(whole))


def test_products_cover_every_sku_that_is_sold(many: list[OrderBook]) -> None:
    generator = OrderGenerator(11)
    products = {product["id"]: product for product in generator.products()}
    skus = {product["sku"] for product in products.values()}
    assert len(skus) == len(products)
    for book in many:
        for item in book.order["items"]:
            assert item["sku"] in skus
            assert item["product_id"] in products


def test_registered_shoppers_are_customers(many: list[OrderBook]) -> None:
    customers = {customer["id"]: customer for customer in OrderGenerator(11).customer_documents()}
    known = [book.order for book in many if not book.order["customer_is_guest"]]
    assert known
    assert all(customers[order["customer_id"]]["email"] == order["customer_email"] for order in known)


def test_bulk_orders_are_whole_orders_with_ids_of_their_own() -> None:
    made = list(bulk(500, seed=2, templates=40, first_ids={"order": 1000, "order_item": 5000}))
    orders = [json.loads(order.order) for order in made]

    assert [order["entity_id"] for order in orders] == list(range(1000, 1500))
    assert all(adds_up(order) for order in orders)
    item_ids = [item["item_id"] for order in orders for item in order["items"]]
    assert len(set(item_ids)) == len(item_ids)
    assert min(item_ids) == 5000
    numbers = [(order["store_id"], order["increment_id"]) for order in orders]
    assert len(set(numbers)) == len(numbers)
    for bulk_order, order in zip(made, orders, strict=True):
        shown = (order["increment_id"], order["state"], order["store_id"], order["created_at"])
        at = bulk_order.created_at.strftime("%Y-%m-%d %H:%M:%S")
        assert shown == (bulk_order.increment_id, bulk_order.state, bulk_order.store_id, at)
        assert all(item["order_id"] == order["entity_id"] for item in order["items"])
        for invoice_text in bulk_order.invoices:
            assert json.loads(invoice_text)["order_id"] == order["entity_id"]


def test_bulk_leaves_no_mark_of_its_templates() -> None:
    for order in islice(bulk(60, seed=9, templates=60), 60):
        assert "2999-12-31" not in order.order
        assert all(mark not in order.order for mark in ("70000000", "7000001"))
