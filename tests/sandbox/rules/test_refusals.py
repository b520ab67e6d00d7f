"""What the recorded server refuses is refused with its status, its text and its parameters, and changes nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from commerce_sandbox.magento_rules import inventory, invoices, orders, refunds, shipments
from commerce_sandbox.magento_rules.book import OrderBook, Refused
from commerce_sandbox.magento_rules.memory import MemoryContext

Placed = Callable[..., OrderBook]
Exchange = Callable[[str], dict[str, Any]]
Prepare = Callable[[OrderBook, MemoryContext], Any]


def invoice_all(book: OrderBook, ctx: MemoryContext) -> None:
    invoices.invoice(book, {"capture": True}, ctx)


def ship_all(book: OrderBook, ctx: MemoryContext) -> None:
    shipments.ship(book, {}, ctx)


def both(book: OrderBook, ctx: MemoryContext) -> None:
    invoice_all(book, ctx)
    ship_all(book, ctx)


def nothing(book: OrderBook, ctx: MemoryContext) -> None:
    """The order stays as placed."""


def part_done(book: OrderBook, ctx: MemoryContext) -> None:
    invoices.invoice(book, {"items": [{"order_item_id": 127, "qty": 1}]}, ctx)
    shipments.ship(book, {"items": [{"order_item_id": 127, "qty": 2}]}, ctx)


def comment(book: OrderBook, body: Any, ctx: MemoryContext) -> Any:
    return orders.add_comment(book, body, ctx)


def hold(book: OrderBook, body: Any, ctx: MemoryContext) -> Any:
    return orders.hold(book, ctx)


def refund_first_invoice(book: OrderBook, body: Any, ctx: MemoryContext) -> Any:
    return refunds.refund_invoice(book, book.invoices[0]["entity_id"], body, ctx)


def capture_first_invoice(book: OrderBook, body: Any, ctx: MemoryContext) -> Any:
    return invoices.capture_invoice(book, book.invoices[0]["entity_id"], ctx)


CASES: list[tuple[str, int, Prepare, Callable[..., Any]]] = [
    ("101_comment_pending_to_processing", 62, nothing, comment),
    ("104_comment_status_complete", 62, nothing, comment),
    ("109_comment_wrong_root_key", 62, nothing, comment),
    ("114_invoice_again", 63, invoice_all, invoices.invoice),
    ("118_invoice_capture_already_paid", 63, invoice_all, capture_first_invoice),
    ("120_ship_again", 63, both, shipments.ship),
    ("128_track_add_bad_shipment", 63, ship_all, shipments.add_track),
    ("130_track_add_missing_fields", 63, ship_all, shipments.add_track),
    ("132_track_add_empty_number", 63, ship_all, shipments.add_track),
    ("146_invoice_over_qty", 66, part_done, invoices.invoice),
    ("147_ship_zero_qty", 66, part_done, shipments.ship),
    ("148_ship_negative_qty", 66, part_done, shipments.ship),
    ("149_ship_foreign_item", 66, part_done, shipments.ship),
    ("160_ship_track_missing_number", 70, nothing, shipments.ship),
    ("166_ship_wrong_type", 62, nothing, shipments.ship),
    ("170_hold_again", 73, orders.hold, hold),
    ("171_ship_held", 73, orders.hold, shipments.ship),
    ("178_ship_canceled", 73, orders.cancel, shipments.ship),
    ("179_invoice_canceled", 73, orders.cancel, invoices.invoice),
    ("188_invoice_refund_online_checkmo", 75, invoice_all, refund_first_invoice),
    ("189_invoice_refund_rest", 75, invoice_all, refund_first_invoice),
    ("283_invoice_refund_ok", 79, invoice_all, refund_first_invoice),
    ("513_shipment_post_raw", 2500066, nothing, shipments.post_shipment),
    ("516_mixed_ship_child_id_only", 2500067, nothing, shipments.ship),
    ("517_mixed_ship_virtual_only", 2500067, nothing, shipments.ship),
    ("526_ship_virtual_order", 2500068, nothing, shipments.ship),
]
REVIEWED = [
    ("505_state_payment_review_ship", 2500064, "payment_review", shipments.ship),
    ("506_state_payment_review_invoice", 2500064, "payment_review", invoices.invoice),
    ("509_state_fraud_ship", 2500065, "fraud", shipments.ship),
]


def refusal(action: Callable[..., Any], *arguments: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        action(*arguments)
    return caught.value


def assert_as_recorded(refused: Refused, response: dict[str, Any]) -> None:
    assert refused.status == response["status"]
    if response["body"] is None:
        assert refused.raw == response["raw"]
    else:
        assert refused.body == response["body"]


@pytest.mark.parametrize(("name", "order_id", "prepare", "action"), CASES, ids=[case[0] for case in CASES])
def test_refused_as_recorded(
    name: str,
    order_id: int,
    prepare: Prepare,
    action: Callable[..., Any],
    placed: Placed,
    world: MemoryContext,
    exchange: Exchange,
) -> None:
    book = placed(order_id)
    prepare(book, world)
    before = copy.deepcopy(book)
    recorded = exchange(name)

    assert_as_recorded(refusal(action, book, recorded["request"]["body"], world), recorded["response"])
    assert book == before


@pytest.mark.parametrize(("name", "order_id", "status", "action"), REVIEWED, ids=[case[0] for case in REVIEWED])
def test_payments_under_review_stop_everything(
    name: str,
    order_id: int,
    status: str,
    action: Callable[..., Any],
    placed: Placed,
    world: MemoryContext,
    exchange: Exchange,
) -> None:
    book = placed(order_id, state="payment_review", status=status)
    recorded = exchange(name)
    assert_as_recorded(refusal(action, book, recorded["request"]["body"], world), recorded["response"])
    assert orders.cancel(book, world).answer is False


STOCK: list[tuple[str, str]] = [
    ("238_sourceitems_mixed_unknown_source", "POST"),
    ("242_sourceitems_missing_status", "POST"),
    ("244_sourceitems_bad_status", "POST"),
    ("245_sourceitems_empty_list", "POST"),
    ("246_sourceitems_no_body", "POST"),
    ("247_sourceitems_blank_sku", "POST"),
    ("248_sourceitems_sku_spaces_around", "POST"),
]


@pytest.mark.parametrize("name", [name for name, _ in STOCK])
def test_source_items_refused_as_recorded_write_nothing(name: str, world: MemoryContext, exchange: Exchange) -> None:
    before = dict(world.stock.item_rows)
    recorded = exchange(name)
    refused = refusal(inventory.post_source_items, world.stock, recorded["request"]["body"], world.rules)
    assert_as_recorded(refused, recorded["response"])
    assert world.stock.item_rows == before


@pytest.mark.parametrize("name", ["202_stockitem_get_missing_sku", "209_stockitem_put_missing_sku"])
def test_unknown_skus_have_no_stock_item(name: str, world: MemoryContext, exchange: Exchange) -> None:
    recorded = exchange(name)
    if recorded["request"]["method"] == "GET":
        refused = refusal(inventory.get_stock_item, world.stock, "NOPE")
    else:
        body = recorded["request"]["body"]
        refused = refusal(inventory.put_stock_item, world.stock, "NOPE", body, world.now)
    assert_as_recorded(refused, recorded["response"])


def test_an_unknown_nested_key_is_refused_by_its_name(placed: Placed, world: MemoryContext) -> None:
    refused = refusal(shipments.ship, placed(70), {"items": [{"order_item_id": 135, "quantity": 1}]}, world)
    assert (refused.status, refused.body["parameters"]) == (400, {"fieldName": "Quantity"})


def test_text_where_a_number_belongs_is_refused(placed: Placed, world: MemoryContext) -> None:
    refused = refusal(invoices.invoice, placed(70), {"items": [{"order_item_id": 135, "qty": "two"}]}, world)
    assert refused.status == 400
    assert 'The "two" value\'s type is invalid. The "float" type was expected.' in refused.message


def test_numbers_may_come_as_text(placed: Placed, world: MemoryContext) -> None:
    book = placed(70)
    shipments.ship(book, {"items": [{"order_item_id": "135", "qty": "1.0"}]}, world)
    assert book.order["items"][0]["qty_shipped"] == 1
