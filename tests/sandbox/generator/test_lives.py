"""Whatever is done to an order in whatever order: quantities and money stay within bounds, refusals are Magento's."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from commerce_sandbox.generator import OrderGenerator, capture_late_payment
from commerce_sandbox.magento_rules import invoices, orders, refunds, shipments
from commerce_sandbox.magento_rules.book import OrderBook, Refused
from commerce_sandbox.magento_rules.memory import MemoryContext
from commerce_sandbox.magento_rules.stock_book import SourceItem

Act = Callable[[OrderBook, Random, MemoryContext], Any]
STATES = {"new", "pending_payment", "processing", "holded", "complete", "closed", "canceled"}


def some_items(book: OrderBook, random: Random) -> list[dict[str, Any]]:
    lines = random.sample(book.order["items"], min(2, len(book.order["items"])))
    return [{"order_item_id": line["item_id"], "qty": random.randrange(0, 4)} for line in lines]


def ship(book: OrderBook, random: Random, ctx: MemoryContext) -> Any:
    track = {"track_number": "T1", "title": "T", "carrier_code": "custom"}
    return shipments.ship(book, {"items": some_items(book, random), "tracks": [track]}, ctx)


def invoice(book: OrderBook, random: Random, ctx: MemoryContext) -> Any:
    return invoices.invoice(book, {"items": some_items(book, random), "capture": random.random() < 0.5}, ctx)


def refund(book: OrderBook, random: Random, ctx: MemoryContext) -> Any:
    items = some_items(book, random) if random.random() < 0.8 else []
    back = {"return_to_stock_items": [line["item_id"] for line in book.order["items"]]}
    arguments: dict[str, Any] = {"extension_attributes": back}
    if random.random() < 0.5:
        arguments["shipping_amount"] = 0
    return refunds.refund_order(book, {"items": items, "arguments": arguments}, ctx)


ACTS: tuple[Act, ...] = (
    ship,
    ship,
    invoice,
    invoice,
    refund,
    lambda book, random, ctx: shipments.ship(book, {}, ctx),
    lambda book, random, ctx: invoices.invoice(book, {}, ctx),
    lambda book, random, ctx: orders.cancel(book, ctx),
    lambda book, random, ctx: orders.hold(book, ctx),
    lambda book, random, ctx: orders.unhold(book, ctx),
    lambda book, random, ctx: orders.add_comment(book, {"statusHistory": {"comment": "x"}}, ctx),
    lambda book, random, ctx: capture_late_payment(book, ctx),
)


def dec(value: Any) -> Decimal:
    return Decimal(str(value or 0))


def check(book: OrderBook) -> None:
    order = book.order
    assert order["state"] in STATES
    assert dec(order["total_due"]) == dec(order["grand_total"]) - dec(order.get("total_paid"))
    assert 0 <= dec(order.get("total_paid")) <= dec(order["grand_total"])
    assert dec(order.get("total_refunded")) <= dec(order.get("total_paid"))
    assert dec(order.get("total_paid")) == sum(dec(row["grand_total"]) for row in book.invoices)
    assert dec(order.get("total_refunded")) == sum(dec(row["grand_total"]) for row in book.creditmemos)
    for item in order["items"]:
        done = {key: dec(item[f"qty_{key}"]) for key in ("invoiced", "shipped", "refunded", "canceled")}
        assert min(done.values()) >= 0
        assert done["refunded"] <= done["invoiced"] <= dec(item["qty_ordered"])
        assert done["shipped"] + done["canceled"] <= dec(item["qty_ordered"])
        assert dec(item["discount_invoiced"]) <= dec(item["discount_amount"])
    assert order["extension_attributes"]["shipping_assignments"][0]["items"] == order["items"]


@pytest.mark.parametrize("seed", range(8))
def test_an_order_survives_any_life(seed: int) -> None:
    random = Random(seed)
    generator = OrderGenerator(seed)
    ctx = MemoryContext()
    for article in generator.catalogue:
        ctx.stock.add_product(article.stock_product)
        ctx.stock.put_source_items([SourceItem(article.sku, "default", Decimal(60), 1)])
    refusals: list[tuple[int, bool]] = []
    for _ in range(40):
        book = generator.order(ctx, lines=random.randrange(1, 4), reserve=True)
        for _ in range(12):
            ctx.pass_time()
            try:
                random.choice(ACTS)(book, random, ctx)
            except Refused as refused:
                refusals.append((refused.status, bool(refused.message)))
            check(book)
    assert set(refusals) == {(400, True)}
