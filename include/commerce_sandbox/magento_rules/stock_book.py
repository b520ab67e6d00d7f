"""What the stock rules need to know and write: sources, stocks, source items, reservations and legacy stock items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

DEFAULT_SOURCE = "default"
DEFAULT_STOCK = 1


def fold(sku: str) -> str:
    """A SKU as the database compares it: without case and trailing blanks (MySQL's general collation)."""
    return sku.rstrip(" ").casefold()


@dataclass(frozen=True, slots=True)
class StockProduct:
    """What the stock rules know of a product. `type_id` is simple, virtual, configurable, bundle, grouped, …"""

    product_id: int
    sku: str
    type_id: str = "simple"

    @property
    def has_source_items(self) -> bool:
        """Whether the product type keeps stock of its own (composite types do not)."""
        return self.type_id not in {"configurable", "bundle", "grouped"}


@dataclass(frozen=True, slots=True)
class SourceItem:
    """One row of `inventory_source_item`; `status` 1 is in stock, 0 is not."""

    sku: str
    source_code: str
    quantity: Decimal
    status: int

    def as_document(self) -> dict[str, Any]:
        """The row as REST shows it."""
        whole = self.quantity == self.quantity.to_integral_value()
        quantity: int | float = int(self.quantity) if whole else float(self.quantity)
        return {"sku": self.sku, "source_code": self.source_code, "quantity": quantity, "status": self.status}


@dataclass(frozen=True, slots=True)
class StockLink:
    """One row of `inventory_source_stock_link`; a lower priority is used first."""

    stock_id: int
    source_code: str
    priority: int


class StockBook(Protocol):
    """Storage of stock. SKUs are compared as `fold` says. Sources and stocks are documents as REST shows them."""

    def product(self, sku: str) -> StockProduct | None:
        """The product of a SKU, None if the catalogue has none."""

    def website_code(self, store_id: int) -> str:
        """The code of the website that a store view belongs to."""

    def source(self, source_code: str) -> dict[str, Any] | None:
        """A source as `GET /V1/inventory/sources/{code}` shows it."""

    def save_source(self, source: dict[str, Any]) -> None:
        """Insert or replace a source by its `source_code`."""

    def stock(self, stock_id: int) -> dict[str, Any] | None:
        """A stock as `GET /V1/inventory/stocks/{id}` shows it."""

    def stocks(self) -> Sequence[dict[str, Any]]:
        """Every stock, by id."""

    def save_stock(self, stock: dict[str, Any]) -> int:
        """Insert (no `stock_id`) or replace a stock; its id."""

    def links(self, stock_id: int) -> Sequence[StockLink]:
        """The sources of a stock, by priority."""

    def save_link(self, link: StockLink) -> None:
        """Insert or replace a link."""

    def delete_link(self, stock_id: int, source_code: str) -> None:
        """Delete a link if there is one."""

    def index_ready(self, stock_id: int) -> bool:
        """Whether the stock's index has been built since its links changed; until then nothing of it sells."""

    def source_items(self, sku: str) -> Sequence[SourceItem]:
        """Every source item of a SKU, in the order of insertion."""

    def put_source_items(self, items: Iterable[SourceItem]) -> None:
        """Insert or replace source items by (SKU, source); an existing row keeps its own spelling of the SKU."""

    def delete_source_item(self, sku: str, source_code: str) -> None:
        """Delete a source item if there is one."""

    def reserved(self, stock_id: int, sku: str) -> Decimal:
        """The sum of a stock's reservations for a SKU (negative while orders are open)."""

    def reserve(self, stock_id: int, sku: str, quantity: Decimal, metadata: dict[str, Any]) -> None:
        """Append a reservation: negative takes, positive gives back."""

    def stock_item(self, sku: str) -> dict[str, Any] | None:
        """The legacy stock item as `GET /V1/stockItems/{sku}` shows it."""

    def put_stock_item(self, sku: str, stock_item: dict[str, Any]) -> None:
        """Replace the legacy stock item of a SKU."""

    def products_of(self, skus: Sequence[str]) -> Mapping[str, StockProduct]:
        """The products of SKUs, by the folded SKU."""

    def stock_items_of(self, skus: Sequence[str]) -> Mapping[str, dict[str, Any]]:
        """The legacy stock items of SKUs, by the folded SKU."""

    def put_stock_items(self, stock_items: Mapping[str, dict[str, Any]]) -> None:
        """Replace the legacy stock items of SKUs."""


@dataclass(slots=True)
class MemoryStockBook:
    """A `StockBook` in memory, with Magento's start: source `default`, stock 1, website `base`."""

    products: dict[str, StockProduct] = field(default_factory=dict)
    websites: dict[int, str] = field(default_factory=dict)
    source_documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    stock_documents: dict[int, dict[str, Any]] = field(default_factory=dict)
    link_rows: dict[tuple[int, str], StockLink] = field(default_factory=dict)
    item_rows: dict[tuple[str, str], SourceItem] = field(default_factory=dict)
    reservations: list[tuple[int, str, Decimal, dict[str, Any]]] = field(default_factory=list)
    stock_items: dict[str, dict[str, Any]] = field(default_factory=dict)
    unindexed: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Install what every Magento has."""
        self.source_documents.setdefault(
            DEFAULT_SOURCE,
            {
                "source_code": DEFAULT_SOURCE,
                "name": "Default Source",
                "enabled": True,
                "description": "Default Source",
                "latitude": 0,
                "longitude": 0,
                "country_id": "US",
                "postcode": "00000",
                "use_default_carrier_config": True,
                "carrier_links": [],
                "extension_attributes": {"is_pickup_location_active": False, "frontend_name": ""},
            },
        )
        self.stock_documents.setdefault(
            DEFAULT_STOCK,
            {
                "stock_id": DEFAULT_STOCK,
                "name": "Default Stock",
                "extension_attributes": {"sales_channels": [{"type": "website", "code": "base"}]},
            },
        )
        self.link_rows.setdefault((DEFAULT_STOCK, DEFAULT_SOURCE), StockLink(DEFAULT_STOCK, DEFAULT_SOURCE, 1))

    def add_product(self, product: StockProduct) -> None:
        """Put a product into the catalogue."""
        self.products[fold(product.sku)] = product

    def product(self, sku: str) -> StockProduct | None:
        """See `StockBook`."""
        return self.products.get(fold(sku))

    def website_code(self, store_id: int) -> str:
        """See `StockBook`."""
        return self.websites.get(store_id, "base")

    def source(self, source_code: str) -> dict[str, Any] | None:
        """See `StockBook`."""
        return self.source_documents.get(source_code)

    def save_source(self, source: dict[str, Any]) -> None:
        """See `StockBook`."""
        self.source_documents[source["source_code"]] = source

    def stock(self, stock_id: int) -> dict[str, Any] | None:
        """See `StockBook`."""
        return self.stock_documents.get(stock_id)

    def stocks(self) -> Sequence[dict[str, Any]]:
        """See `StockBook`."""
        return [self.stock_documents[stock_id] for stock_id in sorted(self.stock_documents)]

    def save_stock(self, stock: dict[str, Any]) -> int:
        """See `StockBook`."""
        stock_id = int(stock.get("stock_id") or max(self.stock_documents) + 1)
        self.stock_documents[stock_id] = {**stock, "stock_id": stock_id}
        return stock_id

    def links(self, stock_id: int) -> Sequence[StockLink]:
        """See `StockBook`."""
        return sorted(
            (row for row in self.link_rows.values() if row.stock_id == stock_id), key=lambda row: row.priority
        )

    def save_link(self, link: StockLink) -> None:
        """See `StockBook`."""
        self.link_rows[link.stock_id, link.source_code] = link

    def delete_link(self, stock_id: int, source_code: str) -> None:
        """See `StockBook`."""
        self.link_rows.pop((stock_id, source_code), None)

    def index_ready(self, stock_id: int) -> bool:
        """See `StockBook`; here the index waits while `unindexed` holds the stock."""
        return stock_id not in self.unindexed

    def source_items(self, sku: str) -> Sequence[SourceItem]:
        """See `StockBook`."""
        return [row for (folded, _), row in self.item_rows.items() if folded == fold(sku)]

    def put_source_items(self, items: Iterable[SourceItem]) -> None:
        """See `StockBook`."""
        for item in items:
            key = fold(item.sku), item.source_code
            spelling = self.item_rows[key].sku if key in self.item_rows else item.sku
            self.item_rows[key] = SourceItem(spelling, item.source_code, item.quantity, item.status)

    def delete_source_item(self, sku: str, source_code: str) -> None:
        """See `StockBook`."""
        self.item_rows.pop((fold(sku), source_code), None)

    def reserved(self, stock_id: int, sku: str) -> Decimal:
        """See `StockBook`."""
        rows = (quantity for stock, of, quantity, _ in self.reservations if stock == stock_id and fold(of) == fold(sku))
        return sum(rows, Decimal(0))

    def reserve(self, stock_id: int, sku: str, quantity: Decimal, metadata: dict[str, Any]) -> None:
        """See `StockBook`."""
        self.reservations.append((stock_id, sku, quantity, metadata))

    def stock_item(self, sku: str) -> dict[str, Any] | None:
        """See `StockBook`."""
        return self.stock_items.get(fold(sku))

    def put_stock_item(self, sku: str, stock_item: dict[str, Any]) -> None:
        """See `StockBook`."""
        self.stock_items[fold(sku)] = stock_item

    def products_of(self, skus: Sequence[str]) -> Mapping[str, StockProduct]:
        """See `StockBook`."""
        return {key: self.products[key] for key in map(fold, skus) if key in self.products}

    def stock_items_of(self, skus: Sequence[str]) -> Mapping[str, dict[str, Any]]:
        """See `StockBook`."""
        return {key: self.stock_items[key] for key in map(fold, skus) if key in self.stock_items}

    def put_stock_items(self, stock_items: Mapping[str, dict[str, Any]]) -> None:
        """See `StockBook`."""
        for sku, stock_item in stock_items.items():
            self.put_stock_item(sku, stock_item)
