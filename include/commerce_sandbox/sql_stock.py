"""The stock book of one store in Postgres, as the rules read and write it within a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from psycopg.types.json import Jsonb

from commerce_sandbox import documents
from commerce_sandbox.database import Connection
from commerce_sandbox.magento_rules.stock_book import MemoryStockBook, SourceItem, StockLink, StockProduct, fold
from commerce_sandbox.settings import InstanceSettings


class SqlStockBook:
    """A `StockBook` over one connection; see there for what each method means."""

    def __init__(self, connection: Connection, instance: str, settings: InstanceSettings) -> None:
        self._connection = connection
        self._instance = instance
        self._settings = settings

    def _one(self, sql: str, *parameters: Any) -> Any:
        row = self._connection.execute(sql, (self._instance, *parameters)).fetchone()
        return None if row is None else row[0]

    def product(self, sku: str) -> StockProduct | None:
        """See `StockBook`."""
        row = self._connection.execute(
            "select id, flat->>'sku', flat->>'type_id' from sandbox_document"
            " where instance = %s and kind = 'product' and sku = %s",
            (self._instance, fold(sku)),
        ).fetchone()
        return None if row is None else StockProduct(int(row[0]), str(row[1]), str(row[2]))

    def website_code(self, store_id: int) -> str:
        """See `StockBook`."""
        return self._settings.website_code(store_id)

    def source(self, source_code: str) -> dict[str, Any] | None:
        """See `StockBook`."""
        text = self._one("select document from sandbox_source where instance = %s and source_code = %s", source_code)
        return None if text is None else documents.load(text)

    def save_source(self, source: dict[str, Any]) -> None:
        """See `StockBook`."""
        self._connection.execute(
            "insert into sandbox_source (instance, source_code, document) values (%s, %s, %s)"
            " on conflict (instance, source_code) do update set document = excluded.document",
            (self._instance, source["source_code"], documents.dump(source)),
        )

    def stock(self, stock_id: int) -> dict[str, Any] | None:
        """See `StockBook`."""
        text = self._one("select document from sandbox_stock where instance = %s and stock_id = %s", stock_id)
        return None if text is None else documents.load(text)

    def stocks(self) -> Sequence[dict[str, Any]]:
        """See `StockBook`."""
        rows = self._connection.execute(
            "select document from sandbox_stock where instance = %s order by stock_id", (self._instance,)
        )
        return [documents.load(row[0]) for row in rows]

    def save_stock(self, stock: dict[str, Any]) -> int:
        """See `StockBook`."""
        stock_id = stock.get("stock_id") or self._one(
            "select coalesce(max(stock_id), 0) + 1 from sandbox_stock where instance = %s"
        )
        self._connection.execute(
            "insert into sandbox_stock (instance, stock_id, document) values (%s, %s, %s)"
            " on conflict (instance, stock_id) do update set document = excluded.document",
            (self._instance, stock_id, documents.dump({"stock_id": int(stock_id)} | stock)),
        )
        return int(stock_id)

    def links(self, stock_id: int) -> Sequence[StockLink]:
        """See `StockBook`."""
        rows = self._connection.execute(
            "select stock_id, source_code, priority from sandbox_stock_link where instance = %s and stock_id = %s"
            " order by priority, source_code",
            (self._instance, stock_id),
        )
        return [StockLink(int(row[0]), str(row[1]), int(row[2])) for row in rows]

    def save_link(self, link: StockLink) -> None:
        """See `StockBook`."""
        self._connection.execute(
            "insert into sandbox_stock_link values (%s, %s, %s, %s)"
            " on conflict (instance, stock_id, source_code) do update set priority = excluded.priority",
            (self._instance, link.stock_id, link.source_code, link.priority),
        )
        self._links_changed(link.stock_id)

    def delete_link(self, stock_id: int, source_code: str) -> None:
        """See `StockBook`."""
        self._connection.execute(
            "delete from sandbox_stock_link where instance = %s and stock_id = %s and source_code = %s",
            (self._instance, stock_id, source_code),
        )
        self._links_changed(stock_id)

    def _links_changed(self, stock_id: int) -> None:
        self._connection.execute(
            "update sandbox_stock set indexed = %s where instance = %s and stock_id = %s",
            (self._settings.index_on_save, self._instance, stock_id),
        )

    def index_ready(self, stock_id: int) -> bool:
        """See `StockBook`."""
        return bool(self._one("select indexed from sandbox_stock where instance = %s and stock_id = %s", stock_id))

    def source_items(self, sku: str) -> Sequence[SourceItem]:
        """See `StockBook`."""
        rows = self._connection.execute(
            "select sku, source_code, quantity, status from sandbox_source_item"
            " where instance = %s and folded = %s order by id",
            (self._instance, fold(sku)),
        )
        return [SourceItem(str(row[0]), str(row[1]), row[2], int(row[3])) for row in rows]

    def put_source_items(self, items: Iterable[SourceItem]) -> None:
        """See `StockBook`."""
        with self._connection.cursor() as cursor:
            cursor.executemany(
                "insert into sandbox_source_item (instance, folded, sku, source_code, quantity, status)"
                " values (%s, %s, %s, %s, %s, %s) on conflict (instance, folded, source_code)"
                " do update set quantity = excluded.quantity, status = excluded.status",
                [
                    (self._instance, fold(item.sku), item.sku, item.source_code, item.quantity, item.status)
                    for item in items
                ],
            )

    def delete_source_item(self, sku: str, source_code: str) -> None:
        """See `StockBook`."""
        self._connection.execute(
            "delete from sandbox_source_item where instance = %s and folded = %s and source_code = %s",
            (self._instance, fold(sku), source_code),
        )

    def reserved(self, stock_id: int, sku: str) -> Decimal:
        """See `StockBook`."""
        total = self._one(
            "select sum(quantity) from sandbox_reservation where instance = %s and stock_id = %s and folded = %s",
            stock_id,
            fold(sku),
        )
        return Decimal(total or 0)

    def reserve(self, stock_id: int, sku: str, quantity: Decimal, metadata: dict[str, Any]) -> None:
        """See `StockBook`."""
        self._connection.execute(
            "insert into sandbox_reservation (instance, stock_id, folded, sku, quantity, metadata)"
            " values (%s, %s, %s, %s, %s, %s)",
            (self._instance, stock_id, fold(sku), sku, quantity, Jsonb(metadata)),
        )

    def stock_item(self, sku: str) -> dict[str, Any] | None:
        """See `StockBook`."""
        text = self._one("select document from sandbox_stock_item where instance = %s and folded = %s", fold(sku))
        return None if text is None else documents.load(text)

    def put_stock_item(self, sku: str, stock_item: dict[str, Any]) -> None:
        """See `StockBook`."""
        self._connection.execute(
            "insert into sandbox_stock_item values (%s, %s, %s)"
            " on conflict (instance, folded) do update set document = excluded.document",
            (self._instance, fold(sku), documents.dump(stock_item)),
        )

    def products_of(self, skus: Sequence[str]) -> Mapping[str, StockProduct]:
        """See `StockBook`."""
        rows = self._connection.execute(
            "select sku, id, flat->>'sku', flat->>'type_id' from sandbox_document"
            " where instance = %s and kind = 'product' and sku = any(%s)",
            (self._instance, [fold(sku) for sku in skus]),
        )
        return {str(row[0]): StockProduct(int(row[1]), str(row[2]), str(row[3])) for row in rows}

    def stock_items_of(self, skus: Sequence[str]) -> Mapping[str, dict[str, Any]]:
        """See `StockBook`."""
        rows = self._connection.execute(
            "select folded, document from sandbox_stock_item where instance = %s and folded = any(%s)",
            (self._instance, [fold(sku) for sku in skus]),
        )
        return {str(row[0]): documents.load(row[1]) for row in rows}

    def put_stock_items(self, stock_items: Mapping[str, dict[str, Any]]) -> None:
        """See `StockBook`."""
        with self._connection.cursor() as cursor:
            cursor.executemany(
                "insert into sandbox_stock_item values (%s, %s, %s)"
                " on conflict (instance, folded) do update set document = excluded.document",
                [(self._instance, fold(sku), documents.dump(item)) for sku, item in stock_items.items()],
            )

    def install(self) -> None:
        """Put in what every fresh Magento has: source `default`, stock 1 and the link of both."""
        fresh = MemoryStockBook()
        for source in fresh.source_documents.values():
            self.save_source(source)
        for stock in fresh.stock_documents.values():
            self.save_stock(stock)
        for link in fresh.link_rows.values():
            self.save_link(link)
        self.index()

    def index(self) -> None:
        """Index every stock, as the cron job does."""
        self._connection.execute("update sandbox_stock set indexed = true where instance = %s", (self._instance,))
