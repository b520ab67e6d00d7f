"""What actions answer and change beyond the recorded orders' ends: versions, statuses, stock and masked failures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from commerce_sandbox.magento_rules import inventory, invoices, orders, refunds, shipments
from commerce_sandbox.magento_rules.book import RULES_BY_VERSION, STATUSES, OrderBook, Refused
from commerce_sandbox.magento_rules.inventory_moves import reserve_placed
from commerce_sandbox.magento_rules.lifecycle import Order
from commerce_sandbox.magento_rules.memory import MemoryContext
from commerce_sandbox.magento_rules.stock_book import SourceItem, StockLink

Placed = Callable[..., OrderBook]
Exchange = Callable[[str], dict[str, Any]]


def quantity(world: MemoryContext, sku: str, source: str = "default") -> float:
    return next(float(item.quantity) for item in world.stock.source_items(sku) if item.source_code == source)


def reserved(world: MemoryContext, sku: str) -> float:
    return float(world.stock.reserved(1, sku))


def test_saving_an_entity_answers_what_was_sent(placed: Placed, world: MemoryContext, exchange: Exchange) -> None:
    recorded = exchange("287_orders_post_partial_entity")
    book = placed(80)
    book.order["updated_at"] = recorded["response"]["body"]["updated_at"]
    answer = orders.save_entity(book, recorded["request"]["body"], world).answer

    assert {**answer, "updated_at": ""} == {**recorded["response"]["body"], "updated_at": ""}
    assert (book.order["state"], book.order["grand_total"]) == ("processing", 204)


def test_comments_are_kept_as_the_database_keeps_them(placed: Placed, world: MemoryContext) -> None:
    book = placed(62)
    before = book.order["updated_at"]
    texts = ["नमस्ते \U0001f600 <b>x</b>", "L" * 70_000, "", "नमस्ते" * 10_000]
    for text in texts:
        done = orders.add_comment(book, {"statusHistory": {"comment": text, "is_customer_notified": 0}}, world)
        assert (done.answer, done.order_row_changed) == (True, False)

    kept = [row["comment"] for row in orders.comments(book)]
    assert kept[:3] == ["नमस्ते ???? <b>x</b>", "L" * 65_535, None]
    assert len(kept[3].encode()) <= 65_535
    assert [row["entity_id"] for row in book.order["status_histories"]] == [4, 3, 2, 1]
    assert book.order["updated_at"] == before


@pytest.mark.parametrize(
    ("version", "status", "taken"),
    [
        ("2.3", "anything_at_all", True),
        ("2.4.3", "processing", True),
        ("2.4.6", "processing", True),
        ("2.4.7", "picking", False),
        ("2.4.7", "pending", True),
        ("2.4.8", "picking", True),
        ("2.4.8", "processing", False),
    ],
)
def test_the_status_a_comment_may_carry_depends_on_the_version(
    version: str, status: str, taken: bool, placed: Placed, world: MemoryContext
) -> None:
    world.rules = RULES_BY_VERSION[version]
    world.statuses = replace(STATUSES, by_state={**STATUSES.by_state, "new": ("pending", "picking")})
    book = placed(62)
    body = {"statusHistory": {"comment": "x", "status": status}}

    if taken:
        orders.add_comment(book, body, world)
        assert book.order["status"] == status
        assert book.order["state"] == "new"
    else:
        with pytest.raises(Refused):
            orders.add_comment(book, body, world)


def test_an_invoice_resets_a_custom_status(placed: Placed, world: MemoryContext) -> None:
    book = placed(66, state="processing", status="picking")
    invoices.invoice(book, {"items": [{"order_item_id": 127, "qty": 1}]}, world)
    assert (book.order["state"], book.order["status"]) == ("processing", "processing")


def test_shipping_keeps_a_custom_status_until_the_order_is_complete(placed: Placed, world: MemoryContext) -> None:
    book = placed(66, state="processing", status="picking")
    done = shipments.ship(book, {"items": [{"order_item_id": 127, "qty": 1}]}, world)
    assert (book.order["status"], done.order_row_changed) == ("picking", False)
    invoices.invoice(book, {}, world)
    book.order["status"] = "picking"
    shipments.ship(book, {}, world)
    assert book.order["status"] == "complete"


def test_a_hold_is_remembered_in_the_order_and_taken_back(placed: Placed, world: MemoryContext) -> None:
    book = placed(73, state="processing", status="picking")
    orders.hold(book, world)
    assert (book.order["state"], book.order["hold_before_status"]) == ("holded", "picking")
    orders.unhold(book, world)
    assert (book.order["state"], book.order["status"]) == ("processing", "picking")
    assert "hold_before_state" not in book.order
    with pytest.raises(Refused, match="You cannot remove the hold"):
        orders.unhold(book, world)


def test_tracks_as_recorded(placed: Placed, world: MemoryContext, exchange: Exchange) -> None:
    book = placed(63)
    shipments.ship(book, {}, world)
    before = book.order["updated_at"]
    for name in ("126_track_add_ok", "127_track_add_duplicate", "131_track_add_missing_optional"):
        recorded = exchange(name)
        answer = shipments.add_track(book, recorded["request"]["body"], world).answer
        of_the_server = {"entity_id", "created_at", "updated_at"}
        expected = recorded["response"]["body"]
        assert set(answer) == set(expected)
        assert {key: answer[key] for key in answer if key not in of_the_server} == {
            key: expected[key] for key in expected if key not in of_the_server
        }
    tracks = book.shipments[0]["tracks"]
    assert [track["track_number"] for track in tracks] == ["AWB777", "AWB777", "X2"]
    shipments.delete_track(book, tracks[0]["entity_id"], world)
    assert shipments.delete_track(None, 999_999, world).answer is True
    assert [track["entity_id"] for track in book.shipments[0]["tracks"]] == [2, 3]
    assert book.order["updated_at"] == before


def test_placing_shipping_and_cancelling_move_stock(placed: Placed, world: MemoryContext) -> None:
    book = placed(66)
    salable = inventory.salable_quantity(world.stock, "SKU-002", 1)
    reserve_placed(Order(book, world))
    assert inventory.salable_quantity(world.stock, "SKU-002", 1) == salable - 3
    shipments.ship(book, {"items": [{"order_item_id": 128, "qty": 1}]}, world)
    assert (quantity(world, "SKU-002"), inventory.salable_quantity(world.stock, "SKU-002", 1)) == (999, salable - 3)
    assert inventory.get_stock_item(world.stock, "SKU-002")["qty"] == 999
    invoices.invoice(book, {"items": [{"order_item_id": 128, "qty": 1}]}, world)
    orders.cancel(book, world)
    assert inventory.salable_quantity(world.stock, "SKU-002", 1) == salable - 1
    assert reserved(world, "SKU-002") == 0


def test_cancelling_a_configurable_and_a_bundle_frees_their_parts(placed: Placed, world: MemoryContext) -> None:
    book = placed(2500067)
    reserve_placed(Order(book, world))
    assert reserved(world, "SKU-002") == -2
    orders.cancel(book, world)
    skus = ("TEE-Blue", "SKU-001", "SKU-002", "SKU-009", "VIRT-1")
    assert {sku: reserved(world, sku) for sku in skus} == dict.fromkeys(skus, 0)


def test_an_entity_may_bring_history_rows(placed: Placed, world: MemoryContext) -> None:
    book = placed(80)
    rows = [{"comment": "packed", "status": "picking", "is_customer_notified": 0}]
    body = {"entity": {"entity_id": 80, "status": "picking", "status_histories": rows}}
    assert orders.save_entity(book, body, world).order_row_changed
    (row,) = book.order["status_histories"]
    assert (row["comment"], row["status"], row["parent_id"]) == ("packed", "picking", 80)


def test_saving_what_is_already_so_moves_nothing(placed: Placed, world: MemoryContext) -> None:
    book = placed(80)
    before = book.order["updated_at"]
    done = orders.save_entity(book, {"entity": {"entity_id": 80, "state": "new", "status": "pending"}}, world)
    assert (done.order_row_changed, book.order["updated_at"]) == (False, before)


def test_a_closed_order_is_not_refunded_again(placed: Placed, world: MemoryContext) -> None:
    book = placed(75)
    invoices.invoice(book, {}, world)
    refunds.refund_order(book, {}, world)
    assert book.order["state"] == "closed"
    with pytest.raises(Refused) as caught:
        refunds.refund_order(book, {}, world)
    assert caught.value.message.splitlines() == [
        "Creditmemo Document Validation Error(s):",
        "A creditmemo can not be created when an order has a status of closed",
        "We can't create creditmemo for the order.",
        "The credit memo's total must be positive.",
    ]


def test_a_configurable_and_a_bundle_take_their_parts_from_stock(placed: Placed, world: MemoryContext) -> None:
    book = placed(2500067)
    reserve_placed(Order(book, world))
    shipments.ship(book, {}, world)
    invoices.invoice(book, {}, world)
    taken = {sku: 1000 - quantity(world, sku) for sku in ("TEE-Blue", "SKU-001", "SKU-002", "SKU-009", "VIRT-1", "BUN")}
    assert taken == {"TEE-Blue": 2, "SKU-001": 1, "SKU-002": 2, "SKU-009": 1, "VIRT-1": 1, "BUN": 0}
    assert [sku for _, sku, _, _ in world.stock.reservations if reserved(world, sku)] == []


@pytest.mark.parametrize(
    ("source", "held"), [("nowhere", 0), ("wh2", 0), ("wh2", 1)], ids=["unknown", "without the sku", "with too little"]
)
def test_a_stock_failure_is_masked_and_uses_up_an_id(
    source: str, held: int, placed: Placed, world: MemoryContext
) -> None:
    if held:
        world.stock.put_source_items([SourceItem("SKU-001", source, Decimal(held), 1)])
    arguments = {"extension_attributes": {"source_code": source}}
    with pytest.raises(Refused, match="Could not save a shipment, see error log for details") as caught:
        shipments.ship(placed(68), {"arguments": arguments}, world)
    assert (caught.value.status, caught.value.parameters) == (400, None)
    assert quantity(world, "SKU-001") == 1000
    assert shipments.ship(placed(68), {}, world).answer == "2"


def test_the_last_piece_can_be_shipped_and_the_next_cannot(placed: Placed, world: MemoryContext) -> None:
    world.stock.put_source_items([SourceItem("SKU-001", "default", Decimal(2), 1)])
    shipments.ship(placed(68), {"items": [{"order_item_id": 131, "qty": 2}]}, world)
    (item,) = world.stock.source_items("SKU-001")
    assert (float(item.quantity), item.status) == (0, 0)
    with pytest.raises(Refused, match="Could not save a shipment"):
        shipments.ship(placed(70), {"items": [{"order_item_id": 135, "qty": 1}]}, world)


def test_without_a_source_the_only_one_is_used_else_default(placed: Placed, world: MemoryContext) -> None:
    stock_id = inventory.post_stock(
        world.stock,
        {"stock": {"name": "IN", "extension_attributes": {"sales_channels": [{"type": "website", "code": "base"}]}}},
    )
    assert world.stock.stock(1)["extension_attributes"]["sales_channels"] == []  # type: ignore[index]
    world.stock.put_source_items([SourceItem(sku, "wh2", Decimal(50), 1) for sku in ("SKU-001", "SKU-002")])
    world.stock.save_link(StockLink(stock_id, "wh2", 2))
    only = placed(68)
    shipments.ship(only, {}, world)
    world.stock.save_link(StockLink(stock_id, "wh1", 1))
    several = placed(70)
    shipments.ship(several, {}, world)
    assert only.shipments[0]["extension_attributes"] == {"source_code": "wh2"}
    assert several.shipments[0]["extension_attributes"] == {"source_code": "default"}


def test_stock_items_follow_the_recorded_calls(world: MemoryContext, exchange: Exchange) -> None:
    stock = world.stock
    for name, sku in (
        ("203_stockitem_put_ok", "SKU-001"),
        ("204_stockitem_put_wrong_item_id", "SKU-001"),
        ("206_stockitem_put_item_id_1_for_other_sku", "SKU-002"),
        ("214_stockitem_put_negative", "SKU-003"),
        ("218_stockitem_put_numeric_string", "SKU-003"),
        ("219_stockitem_put_empty", "SKU-003"),
        ("231_odd_sku_stock_put_encoded", "A/B 1"),
    ):
        recorded = exchange(name)
        answer = inventory.put_stock_item(stock, sku, recorded["request"]["body"], world.now)
        assert (name, answer) == (name, recorded["response"]["body"])
    assert (quantity(world, "SKU-001"), quantity(world, "SKU-003")) == (56, 100)
    assert inventory.get_stock_item(stock, "SKU-001").keys() == exchange("201_stockitem_get")["response"]["body"].keys()


def test_source_items_and_the_stock_item_follow_each_other(world: MemoryContext, exchange: Exchange) -> None:
    stock = world.stock

    def post(sku: str, number: float, status: int) -> dict[str, Any]:
        rows = [{"sku": sku, "source_code": "default", "quantity": number, "status": status}]
        assert inventory.post_source_items(stock, {"sourceItems": rows}, world.rules) == []
        item = inventory.get_stock_item(stock, "SKU-007")
        return {"qty": item["qty"], "is_in_stock": item["is_in_stock"]}

    assert post("SKU-007", 0, 1) == exchange("254_stockitem_get_007")["response"]["body"]
    assert post("sku-007", 50, 0) == exchange("257_stockitem_get_007b")["response"]["body"]
    assert inventory.salable_quantity(stock, "SKU-007", 1) == exchange("258_salable_qty_007")["response"]["body"]
    assert [item.sku for item in stock.source_items("SKU-007")] == ["SKU-007"]


def test_an_unknown_sku_leaves_an_orphan_row(world: MemoryContext, exchange: Exchange) -> None:
    recorded = exchange("236_sourceitems_unknown_sku")
    assert inventory.post_source_items(world.stock, recorded["request"]["body"], world.rules) == []
    assert quantity(world, "NO-SUCH-SKU") == 1
    assert world.stock.product("NO-SUCH-SKU") is None


def test_sources_are_selected_by_priority(world: MemoryContext, exchange: Exchange) -> None:
    stock = world.stock
    stock.save_stock({"stock_id": 2, "name": "IN stock", "extension_attributes": {"sales_channels": []}})
    for source, held, priority in (("wh2", 40, 2), ("wh1", 3, 1)):
        stock.save_link(StockLink(2, source, priority))
        stock.put_source_items([SourceItem("SKU-015", source, Decimal(held), 1)])
    recorded = exchange("471_ms_ssa_result")
    assert inventory.select_sources(stock, recorded["request"]["body"]) == recorded["response"]["body"]
    assert inventory.salable_quantity(stock, "SKU-015", 2) == 43
    stock.unindexed.add(2)
    assert inventory.salable_quantity(stock, "SKU-015", 2) == 0


def test_refunds_are_bounded_by_what_was_paid(placed: Placed, world: MemoryContext) -> None:
    book = placed(75)
    with pytest.raises(Refused, match="We can't create creditmemo for the order"):
        refunds.refund_order(book, {}, world)
    invoices.invoice(book, {}, world)
    for arguments, text in (
        ({"shipping_amount": 26}, "Maximum shipping amount allowed to refund is: %1"),
        ({"adjustment_positive": 1}, "The most money available to refund is 1170."),
        ({"adjustment_negative": 2000}, "The credit memo's total must be positive."),
    ):
        with pytest.raises(Refused) as caught:
            refunds.refund_order(book, {"arguments": arguments}, world)
        assert text in caught.value.message
    with pytest.raises(Refused, match='unrefunded quantity for product SKU "SKU-001"'):
        refunds.refund_order(book, {"items": [{"order_item_id": 145, "qty": 3}]}, world)


def test_a_refund_gives_unshipped_pieces_back_to_sale_and_shipped_ones_to_the_source(
    placed: Placed, world: MemoryContext
) -> None:
    book = placed(75)
    reserve_placed(Order(book, world))
    invoices.invoice(book, {}, world)
    shipments.ship(book, {"items": [{"order_item_id": 146, "qty": 1}]}, world)
    back = {"extension_attributes": {"return_to_stock_items": [145, 146]}}
    refunds.refund_order(book, {"arguments": back}, world)
    assert (quantity(world, "SKU-001"), quantity(world, "SKU-002")) == (1000, 1000)
    assert (reserved(world, "SKU-001"), reserved(world, "SKU-002")) == (0, 0)
    assert book.order["state"] == "closed"


def test_a_part_refund_before_shipping_completes_with_the_rest(placed: Placed, world: MemoryContext) -> None:
    book = placed(75)
    invoices.invoice(book, {}, world)
    refunds.refund_order(
        book, {"items": [{"order_item_id": 145, "qty": 1}], "arguments": {"shipping_amount": 0}}, world
    )
    assert book.order["state"] == "processing"
    shipments.ship(book, {"items": [{"order_item_id": 145, "qty": 1}, {"order_item_id": 146, "qty": 3}]}, world)
    assert book.order["state"] == "complete"


def test_ids_may_be_numbers(placed: Placed, world: MemoryContext) -> None:
    world.rules = replace(world.rules, ids_as_strings=False)
    assert shipments.ship(placed(70), {}, world).answer == 1


def test_store_credit_is_used_up_invoice_by_invoice(placed: Placed, world: MemoryContext) -> None:
    book = placed(66)
    for prefix in ("", "base_"):
        book.order[f"{prefix}grand_total"] = 570  # 1,170 less 600 of store credit
    totals = []
    for item_id, pieces in ((127, 1), (127, 1), (128, 3)):
        invoices.invoice(book, {"items": [{"order_item_id": item_id, "qty": pieces}]}, world)
        totals.append(book.invoices[-1]["grand_total"])
    assert totals == [0, 0, 570]
    assert (book.order["total_paid"], book.order["total_due"]) == (570, 0)


def test_naming_a_bundle_invoices_its_parts(placed: Placed, world: MemoryContext) -> None:
    book = placed(2500067)
    invoices.invoice(book, {"items": [{"order_item_id": 2500126, "qty": 1}]}, world)
    assert [(row["sku"], row["qty"]) for row in book.invoices[0]["items"]] == [
        ("BUN", 1),
        ("SKU-001", 1),
        ("SKU-002", 2),
    ]
    assert book.invoices[0]["subtotal"] == 697


def test_a_configurable_that_is_invoiced_is_not_invoiced_again_by_its_child(
    placed: Placed, world: MemoryContext
) -> None:
    book = placed(2500067)
    rows = {"items": [{"order_item_id": 2500124, "qty": 2}]}
    invoices.invoice(book, rows, world)
    with pytest.raises(Refused, match="can't be created without products"):
        invoices.invoice(book, rows, world)
    assert [row["qty_invoiced"] for row in book.order["items"][:2]] == [2, 2]
