"""What is asked of one Magento instance about its products and customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from magento_oms.ports.errors import Json


@dataclass(frozen=True, slots=True)
class ChangedIn:
    """Which products or customers to read: those changed in `[start, end)`; None does not restrict.

    Aware UTC times on whole seconds. Magento's `updated_at` of a product moves neither with its stock nor with price
    rules, that of a customer not with every change of an address.
    """

    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class MasterPage:
    """One page of products or customers as Magento sent them, the lowest id first.

    Attributes:
        rows: whole payloads; their id is `id`.
        raw: the same rows as the JSON text that they came as.
        server_time: the store's own clock (`Date` header), aware UTC.
        last: whether this was the last page: a short one.
    """

    rows: Sequence[Json]
    raw: Sequence[bytes]
    server_time: datetime
    last: bool

    @property
    def end(self) -> int | None:
        """The id after which the next page starts; None if the page is empty."""
        return int(self.rows[-1]["id"]) if self.rows else None


@runtime_checkable
class MagentoCatalogue(Protocol):
    """Reading products and customers of one Magento instance. Every method may raise any `OutsideError` but
    `UnknownOutcome`.

    Rows are read by id, which never changes, so none is missed while others move; a page size above what the store
    allows is lowered.
    """

    @property
    def instance(self) -> str:
        """The code of the instance."""
        ...

    def products_after(self, after: int, where: ChangedIn, *, page_size: int) -> MasterPage:
        """The next products with a higher id, of every type and status."""
        ...

    def products_of(self, product_ids: Sequence[int], skus: Sequence[str]) -> MasterPage:
        """The products of these ids and those of these SKUs, as far as there are any: one page, some tens at most."""
        ...

    def customers_after(self, after: int, where: ChangedIn, *, page_size: int) -> MasterPage:
        """The next registered customers with a higher id, with their addresses. Personal data."""
        ...

    def attribute_labels(self, attribute: str) -> Mapping[str, str]:
        """What the options of a dropdown attribute say, by their numbers; empty: it is none, or there is none such."""
        ...

    def count_products(self, where: ChangedIn) -> int:
        """How many products there are. Costs the store one row."""
        ...

    def count_customers(self, where: ChangedIn) -> int:
        """How many customers there are. Costs the store one row."""
        ...
