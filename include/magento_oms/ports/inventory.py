"""What is asked of one Magento instance about stock."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from magento_oms.ports.errors import PermanentError

DEFAULT_SOURCE = "default"
"""The source that every Magento has; the only one that the legacy stock items write."""


@dataclass(frozen=True, slots=True)
class StockLine:
    """What one source has of a SKU, absolute. Above zero it is in stock."""

    sku: str
    source: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class StockLayout:
    """Which sources stores sell from.

    Attributes:
        stock_of: store id → id of the stock that its website sells from.
        sources_of: stock id → codes of its sources.
    """

    stock_of: Mapping[int, int]
    sources_of: Mapping[int, frozenset[str]]


class TooManyLines(PermanentError):
    """The store takes fewer lines in one call; nothing was written. `limit` is the most that it takes."""

    def __init__(self, what: str, *, limit: int, **more: Any) -> None:
        super().__init__(what, **more)
        self.limit = limit


class MagentoInventory(Protocol):
    """Stock of one Magento instance. Every method may raise any `OutsideError`; `UnknownOutcome` only the writes."""

    @property
    def instance(self) -> str:
        """The code of the instance."""
        ...

    def stock_layout(self) -> StockLayout | None:
        """Which sources stores sell from; None where the store has no multi-source inventory."""
        ...

    def product_types(self, skus: Collection[str]) -> Mapping[str, str]:
        """Product types (`simple`, `configurable`, …) of those of the SKUs that the store has, by the SKU as asked."""
        ...

    def set_source_items(self, lines: Sequence[StockLine]) -> None:
        """Set what sources have (`inventory/source-items`). Absolute, so that a repeat does no harm.

        The store takes SKUs that it does not know without a word. All lines are refused for one that is malformed.

        Raises:
            TooManyLines: send fewer at a time.
            RetryableError: also a database lock of the store's; a part may have been written.
        """
        ...

    def set_stock_item(self, sku: str, quantity: Decimal) -> None:
        """Set what the source `default` has (`stockItems`), the legacy way, one SKU a call.

        Raises:
            NotFound: there is no such SKU.
        """
        ...

    def source_quantities(self, lines: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], Decimal]:
        """(SKU, source) → what the source has now; those without a row are left out."""
        ...

    def stock_item_quantity(self, sku: str) -> Decimal:
        """What the legacy stock item says now. Raises NotFound."""
        ...

    def salable_quantity(self, sku: str, stock_id: int) -> Decimal:
        """What Magento itself would still sell from a stock. Raises NotFound."""
        ...
