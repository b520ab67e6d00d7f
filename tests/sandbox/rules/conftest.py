"""The recorded server's start: its products, sources and orders as placed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from commerce_sandbox.magento_rules.as_placed import as_placed
from commerce_sandbox.magento_rules.book import OrderBook
from commerce_sandbox.magento_rules.inventory import new_stock_item
from commerce_sandbox.magento_rules.memory import MemoryContext
from commerce_sandbox.magento_rules.stock_book import SourceItem, StockProduct

RECORDED = Path(__file__).parents[2] / "recorded" / "magento"


@pytest.fixture(scope="session")
def recorded_orders() -> dict[int, dict[str, Any]]:
    return {order["entity_id"]: order for order in json.loads((RECORDED / "state" / "orders.json").read_text())}


@pytest.fixture
def world() -> MemoryContext:
    ctx = MemoryContext(now=datetime(2026, 11, 23, 15, 0, tzinfo=UTC))
    for document in json.loads((RECORDED / "state" / "products.json").read_text()):
        product = StockProduct(document["id"], document["sku"], document["type_id"])
        ctx.stock.add_product(product)
        ctx.stock.put_source_items([SourceItem(product.sku, "default", Decimal(1000), 1)])
        ctx.stock.put_stock_item(product.sku, new_stock_item(product, Decimal(1000)))
    for source in json.loads((RECORDED / "state" / "set_up.json").read_text())["sources"]:
        ctx.stock.save_source(source)
    ctx.stock.put_source_items([SourceItem("SKU-015", "wh2", Decimal(40), 1)])
    return ctx


@pytest.fixture
def placed(recorded_orders: dict[int, dict[str, Any]]) -> Callable[..., OrderBook]:
    def make(order_id: int, state: str = "new", status: str = "pending") -> OrderBook:
        return OrderBook(as_placed(recorded_orders[order_id], state=state, status=status))

    return make


@pytest.fixture(scope="session")
def exchange() -> Callable[[str], dict[str, Any]]:
    def read(name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text())
        return found

    return read
