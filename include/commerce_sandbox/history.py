"""The recorded server's state as a store's history: its orders, documents, products and stock, as package data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from commerce_sandbox import documents
from commerce_sandbox.database import Database
from commerce_sandbox.magento_rules.book import Document, OrderBook
from commerce_sandbox.magento_rules.inventory import new_stock_item
from commerce_sandbox.magento_rules.stock_book import SourceItem, StockLink, StockProduct
from commerce_sandbox.placing import ids_in, put_products, raise_counters
from commerce_sandbox.recorded_files import recorded
from commerce_sandbox.store import Store, Stores

BULK_PRODUCTS = 1000


def recorded_orders() -> list[Document]:
    """Every recorded order in its last state. What the recording keeps to itself (`protect_code`) is made up."""
    orders = []
    for order in recorded("orders"):
        whole: Document = {}
        for name, value in order.items():
            if name == "quote_id":
                code = hashlib.md5(f"order {order['entity_id']}".encode(), usedforsecurity=False).hexdigest()
                whole["protect_code"] = code
            if name == "shipping_amount":
                whole["remote_ip"] = "127.0.0.1"
            whole[name] = value
        orders.append(whole)
    return orders


def recorded_books() -> list[OrderBook]:
    """Every recorded order with its documents, in its last state."""
    books = {order["entity_id"]: OrderBook(order) for order in recorded_orders()}
    for kind, rows in recorded("documents").items():
        for row in rows:
            getattr(books[row["order_id"]], kind).append(row)
    return list(books.values())


def recorded_products() -> list[Document]:
    """Every product of the recorded server; those it has a thousand alike of are made from the first of them."""
    products: list[Document] = recorded("products")
    known = {int(product["id"]): product for product in products}
    pattern = json.dumps(next(product for product in products if product["sku"] == "BULK-0001"))
    first = next(int(product["id"]) for product in products if product["sku"] == "BULK-0001")
    for number in range(1, BULK_PRODUCTS + 1):
        text = pattern.replace("BULK-0001", f"BULK-{number:04d}").replace("product 1", f"product {number}")
        product = json.loads(text.replace("bulk-product-1", f"bulk-product-{number}"))
        product |= {"id": first + number - 1, "price": 100 + number}
        if not any(each["sku"] == product["sku"] for each in products) and product["id"] not in known:
            known[product["id"]] = product
    return [known[key] for key in sorted(known)]


def load_recorded(database: Database, stores: Stores, store: Store) -> dict[str, int]:
    """Give a store the recorded server's orders, documents, products and stock, in their last recorded state.

    What the store had under the same ids is replaced.
    """
    books, products = recorded_books(), recorded_products()
    with database.transaction() as connection:
        connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 7))", (store.code,))
        context = stores.context(store, connection)
        put_products(connection, context, products, Decimal(100))
        _load_stock(context.stock, products)
        documents.save_books(connection, store.code, books)
        raise_counters(connection, store.code, ids_in(books))
    return {"orders": len(books), "products": len(products)}


def _load_stock(stock: Any, products: Sequence[Document]) -> None:
    set_up = recorded("set_up")
    for source in set_up["sources"]:
        stock.save_source(source)
    for each in set_up["stocks"]:
        stock.save_stock(each)
    by_sku = {str(product["sku"]): product for product in products}
    for row in recorded("source_items"):
        stock.put_source_items(
            [SourceItem(row["sku"], row["source_code"], Decimal(str(row["quantity"])), row["status"])]
        )
        if row["source_code"] == "default":
            product = by_sku[row["sku"]]
            known = StockProduct(int(product["id"]), str(product["sku"]), str(product["type_id"]))
            stock.put_stock_item(
                known.sku, new_stock_item(known, Decimal(str(row["quantity"])), in_stock=bool(row["status"]))
            )
    for position, source in enumerate(("wh1", "wh2"), 1):
        if stock.stock(2) is not None and stock.source(source) is not None:
            stock.save_link(StockLink(2, source, position))
    stock.index()
