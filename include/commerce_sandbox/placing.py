"""Orders, products and customers put into a store by hand: generated ones, or documents as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg.types.json import Jsonb

from commerce_sandbox import documents
from commerce_sandbox.database import Connection
from commerce_sandbox.http_types import Effect
from commerce_sandbox.magento_rules.book import Document, OrderBook
from commerce_sandbox.magento_rules.inventory import new_stock_item
from commerce_sandbox.magento_rules.inventory_moves import reserve_placed
from commerce_sandbox.magento_rules.lifecycle import Order
from commerce_sandbox.magento_rules.stock_book import DEFAULT_SOURCE, SourceItem, StockLink, StockProduct, fold
from commerce_sandbox.settings import InstanceSettings
from commerce_sandbox.sql_stock import SqlStockBook
from commerce_sandbox.store import ActionContext

_BLOCKS_FROM = 50
"""From how many orders on ids are taken in blocks; what is left of a block is never used, as in a database."""


class BulkStockBook(SqlStockBook):
    """A stock book for many placements in one transaction: reads each thing once, writes reservations at the end."""

    def __init__(self, connection: Connection, instance: str, settings: InstanceSettings) -> None:
        super().__init__(connection, instance, settings)
        self._products: dict[str, StockProduct | None] = {}
        self._stocks: Sequence[dict[str, Any]] | None = None
        self._links: dict[int, Sequence[StockLink]] = {}
        self._items: dict[str, dict[str, Any] | None] = {}
        self._reservations: list[tuple[Any, ...]] = []

    def product(self, sku: str) -> StockProduct | None:
        """See `StockBook`."""
        key = fold(sku)
        if key not in self._products:
            self._products[key] = super().product(sku)
        return self._products[key]

    def stocks(self) -> Sequence[dict[str, Any]]:
        """See `StockBook`."""
        if self._stocks is None:
            self._stocks = super().stocks()
        return self._stocks

    def links(self, stock_id: int) -> Sequence[StockLink]:
        """See `StockBook`."""
        if stock_id not in self._links:
            self._links[stock_id] = super().links(stock_id)
        return self._links[stock_id]

    def stock_item(self, sku: str) -> dict[str, Any] | None:
        """See `StockBook`."""
        key = fold(sku)
        if key not in self._items:
            self._items[key] = super().stock_item(sku)
        return self._items[key]

    def reserve(self, stock_id: int, sku: str, quantity: Decimal, metadata: dict[str, Any]) -> None:
        """See `StockBook`; written by `flush`."""
        self._reservations.append((self._instance, stock_id, fold(sku), sku, quantity, Jsonb(metadata)))

    def flush(self) -> None:
        """Write the reservations."""
        with self._connection.cursor() as cursor:
            cursor.executemany(
                "insert into sandbox_reservation (instance, stock_id, folded, sku, quantity, metadata)"
                " values (%s, %s, %s, %s, %s, %s)",
                self._reservations,
            )
        self._reservations.clear()


class BulkContext(ActionContext):
    """A context for making many orders: ids are taken in blocks, stock is read once and written at the end."""

    def __init__(self, context: ActionContext, stock: BulkStockBook, orders: int) -> None:
        super().__init__(context.now, context.rules, context.statuses, stock, context.database, context.instance)
        self.bulk_stock = stock
        self._block = 1 if orders < _BLOCKS_FROM else orders
        self._ids: dict[str, Iterator[int]] = {}

    def at(self, now: datetime) -> None:
        """Set the clock: the next order is placed then (aware UTC)."""
        self.now = now.replace(microsecond=0)

    def _next(self, name: str) -> int:
        found = next(self._ids.get(name, iter(())), None)
        if found is None:
            first = self.database.next_value(self.instance, name, self._block)
            self._ids[name] = iter(range(first + 1, first + self._block))
            found = first
        return found

    def next_id(self, kind: str) -> int:
        """See `Context`."""
        return self._next(kind)

    def next_increment(self, kind: str, store_id: int) -> str:
        """See `Context`."""
        return f"{store_id if store_id > 1 else ''}{self._next(f'{kind} increment {store_id}'):09d}"


def bulk_context(
    connection: Connection, context: ActionContext, settings: InstanceSettings, orders: int
) -> BulkContext:
    """A context for making so many orders in this transaction; `bulk_stock.flush()` ends it."""
    return BulkContext(context, BulkStockBook(connection, context.instance, settings), orders)


def reserve(context: BulkContext, books: Sequence[OrderBook]) -> None:
    """Take what orders sell out of what can be sold."""
    if context.rules.msi:
        for book in books:
            if book.order.get("state") != "canceled":
                reserve_placed(Order(book, context))
        context.bulk_stock.flush()


def place(connection: Connection, instance: str, books: Sequence[OrderBook]) -> list[Effect]:
    """Write orders as just placed; the effects for the ledger."""
    documents.save_books(connection, instance, books)
    return [
        Effect(
            "order",
            int(book.order["entity_id"]),
            {"increment_id": book.order["increment_id"], "status": book.order.get("status")},
        )
        for book in books
    ]


def raise_counters(connection: Connection, instance: str, values: dict[str, int]) -> None:
    """Move counters up to values that documents brought along, so that new ids do not collide."""
    for name, value in values.items():
        connection.execute(
            "insert into sandbox_counter values (%s, %s, %s) on conflict (instance, name)"
            " do update set value = greatest(sandbox_counter.value, excluded.value)",
            (instance, name, value),
        )


def ids_in(books: Iterable[OrderBook]) -> dict[str, int]:
    """The highest id of each counter that these documents hold."""
    highest: dict[str, int] = {}

    def seen(name: str, value: Any) -> None:
        if value is not None and str(value).isdigit():
            highest[name] = max(highest.get(name, 0), int(value))

    def increment(kind: str, document: Document) -> None:
        store_id = int(document.get("store_id") or 1)
        number = str(document.get("increment_id") or "")
        prefix = str(store_id) if store_id > 1 else ""
        seen(f"{kind} increment {store_id}", number.removeprefix(prefix))

    for book in books:
        order = book.order
        seen("order", order["entity_id"])
        increment("order", order)
        seen("order_address", (order.get("billing_address") or {}).get("entity_id"))
        seen("order_payment", (order.get("payment") or {}).get("entity_id"))
        for item in order.get("items") or ():
            seen("order_item", item["item_id"])
        for history in order.get("status_histories") or ():
            seen("history", history["entity_id"])
        for kind, rows in (("invoice", book.invoices), ("shipment", book.shipments), ("creditmemo", book.creditmemos)):
            for document in rows:
                seen(kind, document["entity_id"])
                increment(kind, document)
                for item in document.get("items") or ():
                    seen(f"{kind}_item", item["entity_id"])
                for comment in document.get("comments") or ():
                    seen(f"{kind}_comment", comment["entity_id"])
                for track in document.get("tracks") or ():
                    seen("shipment_track", track["entity_id"])
    return highest


def put_products(
    connection: Connection, context: ActionContext, products: Sequence[Document], quantity: Decimal | None
) -> None:
    """Put products into the catalogue, each with so many pieces in source `default` (None: no stock at all)."""
    documents.save(connection, context.instance, "product", products)
    rows = []
    for product in products:
        known = StockProduct(int(product["id"]), str(product["sku"]), str(product.get("type_id") or "simple"))
        pieces = quantity if quantity is not None and known.has_source_items else Decimal(0)
        context.stock.put_stock_item(known.sku, new_stock_item(known, pieces))
        if quantity is not None and known.has_source_items:
            rows.append(SourceItem(known.sku, DEFAULT_SOURCE, quantity, 1))
    context.stock.put_source_items(rows)
    raise_counters(connection, context.instance, {"product": max((int(p["id"]) for p in products), default=0)})
