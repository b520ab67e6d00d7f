"""The stock half of the Magento in memory: sources, reservations, and writes that arrive late or in part."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import TYPE_CHECKING

from magento_oms.ports import NotFound, PermanentError, RetryableError, UnknownOutcome
from magento_oms.ports.inventory import DEFAULT_SOURCE, StockLayout, StockLine, TooManyLines

if TYPE_CHECKING:
    from tests.workflows.payloads import Row

ZERO = Decimal(0)


class FakeInventory:
    """Implements `ports.MagentoInventory`.

    Magento keeps units for every open order; what it would still sell is what its sources have less these.

    Attributes:
        products: SKU → type. Orders of other SKUs touch no stock.
        has: (SKU, source) → quantity.
        limit: lines that a call may have.
        come_late: so many of the next writes lose their answer and arrive only when `arrive` is called.
        late_error: what the caller of such a write meets.
        write_parts: so many of the next writes write half of their lines and are refused as locked.
    """

    orders: dict[int, Row]

    def __init__(self) -> None:
        self.products: dict[str, str] = {}
        self.has: dict[tuple[str, str], Decimal] = {}
        self.layout: StockLayout | None = StockLayout({1: 1}, {1: frozenset({DEFAULT_SOURCE})})
        self.limit = 10_000
        self.come_late = 0
        self.late_error: BaseException = UnknownOutcome("No answer came.")
        self.write_parts = 0
        self.on_their_way: list[Sequence[StockLine]] = []
        self.batches: list[list[StockLine]] = []

    def _call(self, method: str, entity_id: int | None = None) -> AbstractContextManager[None]:
        raise NotImplementedError

    def sells(self, *skus: str, sources: Iterable[str] = (DEFAULT_SOURCE,), stock_id: int = 1) -> None:
        """The store has these products, and sells them from these sources."""
        self.products |= dict.fromkeys(skus, "simple")
        self.layout = StockLayout({1: stock_id}, {stock_id: frozenset(sources)})

    def salable(self, sku: str) -> Decimal:
        """What Magento would still sell: what all sources have, less what is kept for open orders."""
        return sum((quantity for (of, _), quantity in self.has.items() if of == sku), ZERO) - self.kept(sku)

    def kept(self, sku: str) -> Decimal:
        """Units of open orders."""
        return sum(
            (
                Decimal(str(row["qty_ordered"] - row["qty_shipped"] - row["qty_canceled"]))
                for order in self.orders.values()
                for row in order["items"]
                if row["sku"] == sku
            ),
            ZERO,
        )

    def deduct(self, source: str | None, units: Iterable[tuple[str, float]]) -> None:
        """A shipment takes units from a source.

        Raises:
            RetryableError: the source has too few, as Magento says it: 400, could not save.
        """
        code = source or DEFAULT_SOURCE
        kept = [(sku, Decimal(str(quantity))) for sku, quantity in units if sku in self.products]
        for sku, quantity in kept:
            if self.has.get((sku, code), ZERO) < quantity:
                raise RetryableError(f"Could not save a shipment: {code} has too little of {sku}.", status=400)
        for sku, quantity in kept:
            self.has[sku, code] -= quantity

    def arrive(self) -> None:
        """Writes whose answers were lost are carried out at last."""
        for lines in self.on_their_way:
            self._write(lines)
        self.on_their_way = []

    # ports.MagentoInventory -------------------------------------------------------------------------------------------

    def stock_layout(self) -> StockLayout | None:
        with self._call("stock_layout"):
            return self.layout

    def product_types(self, skus: Collection[str]) -> Mapping[str, str]:
        with self._call("product_types"):
            return {sku: self.products[sku] for sku in skus if sku in self.products}

    def set_source_items(self, lines: Sequence[StockLine]) -> None:
        with self._call("set_source_items"):
            if len(lines) > self.limit:
                raise TooManyLines("Maximum items of that type is exceeded.", limit=self.limit, status=400)
            if any(line.sku != line.sku.strip() for line in lines):
                raise PermanentError("Validation Failed: a SKU has spaces around it.", status=400)
            if self.come_late:
                self.come_late -= 1
                self.on_their_way.append(list(lines))
                raise self.late_error
            if self.write_parts:
                self.write_parts -= 1
                self._write(lines[: len(lines) // 2])
                raise RetryableError("Could not save Source Item: deadlock found.", status=400)
            self.batches.append(list(lines))
            self._write(lines)

    def set_stock_item(self, sku: str, quantity: Decimal) -> None:
        with self._call("set_stock_item"):
            if sku not in self.products:
                raise NotFound(f"The product with the {sku} SKU doesn't exist.", status=404)
            self._write([StockLine(sku, DEFAULT_SOURCE, quantity)])

    def source_quantities(self, lines: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], Decimal]:
        with self._call("source_quantities"):
            return {key: self.has[key] for key in lines if key in self.has}

    def stock_item_quantity(self, sku: str) -> Decimal:
        with self._call("stock_item_quantity"):
            return self.has.get((sku, DEFAULT_SOURCE), ZERO)

    def salable_quantity(self, sku: str, stock_id: int) -> Decimal:
        with self._call("salable_quantity"):
            return self.salable(sku)

    def _write(self, lines: Iterable[StockLine]) -> None:
        for line in lines:
            self.has[line.sku, line.source] = line.quantity
