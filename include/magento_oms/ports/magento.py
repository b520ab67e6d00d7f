"""What is asked of one Magento instance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol, runtime_checkable

from magento_oms.ports.catalogue import MagentoCatalogue
from magento_oms.ports.errors import Json
from magento_oms.ports.inventory import MagentoInventory
from magento_oms.ports.returns import MagentoReturns


@dataclass(frozen=True, order=True, slots=True)
class Cursor:
    """A place in the orders of an instance, sorted by (`updated_at`, `entity_id`).

    `at` is an aware UTC time on a whole second (Magento has no finer grain); `entity_id` 0 means before every order of
    that second.
    """

    at: datetime
    entity_id: int = 0


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders to read. Empty tuples and None do not restrict. All times are aware UTC, whole seconds.

    The fields are ANDed. There is deliberately no general search here: everything that can be said is something Magento
    reads the way it is meant.
    """

    statuses: tuple[str, ...] = ()
    not_statuses: tuple[str, ...] = ()
    store_ids: tuple[int, ...] = ()
    created_from: datetime | None = None  # inclusive
    created_before: datetime | None = None  # exclusive
    updated_from: datetime | None = None  # inclusive
    entity_ids: tuple[int, ...] = ()
    entity_id_from: int | None = None  # inclusive
    entity_id_before: int | None = None  # exclusive


@dataclass(frozen=True, slots=True)
class OrderPage:
    """One page of orders as Magento sent them, oldest change first.

    Attributes:
        orders: whole order payloads.
        raw: the same orders as the JSON text that they came as, in the same order (kept in the inbox).
        server_time: the store's own clock (`Date` header), aware UTC.
        last: whether this was the last page: a short one.
    """

    orders: Sequence[Json]
    raw: Sequence[bytes]
    server_time: datetime
    last: bool

    @property
    def end(self) -> Cursor | None:
        """Where the next page starts; None if the page is empty."""
        if not self.orders:
            return None
        newest = self.orders[-1]
        return Cursor(parse_magento_time(newest["updated_at"]), int(newest["entity_id"]))


def parse_magento_time(text: str) -> datetime:
    """Magento's `YYYY-MM-DD HH:MM:SS`, which is UTC whatever the store's zone, as an aware time.

    Raises:
        ValueError: the text is not such a time.
    """
    if len(text) != len("2026-11-23 13:34:18") or text[10] != " ":
        raise ValueError(f"{text!r} is not a time like 2026-11-23 13:34:18")
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@runtime_checkable
class MagentoOrders(Protocol):
    """Reading the orders of one Magento instance. Every method may raise any `OutsideError` but `UnknownOutcome`."""

    @property
    def instance(self) -> str:
        """The code of the instance."""
        ...

    def page_after(
        self, cursor: Cursor | None, where: OrderFilter, *, page_size: int, by: str = "updated_at"
    ) -> OrderPage:
        """The next orders after `cursor`, sorted by (`by`, `entity_id`), keyset paged.

        `by` is `updated_at` or `entity_id`; with `entity_id` only the cursor's id counts.
        A page size above what the store allows is lowered, and stays so for the life of this object.
        """
        ...

    def newest_after(self, cursor: Cursor, where: OrderFilter) -> Cursor | None:
        """The newest order changed after `cursor`, or None. Costs the store one row, whatever is waiting."""
        ...

    def count(self, where: OrderFilter) -> int:
        """How many orders there are. Costs the store one row."""
        ...

    def order(self, entity_id: int) -> Json:
        """One order as it is now. Raises NotFound."""
        ...

    def page_of(self, entity_id: int) -> OrderPage:
        """One order as it is now, as a page with its raw text. Raises NotFound."""
        ...

    def orders_reduced_since(self, since: datetime) -> Sequence[int]:
        """Ids of the orders with a credit memo made since, or a line of which units were cancelled or refunded since.

        `since` is aware UTC, on a whole second. Costs the store three requests and a row an order.
        """
        ...

    def server_time(self) -> datetime:
        """The store's own clock by the last answer's `Date` header, aware UTC."""
        ...


@dataclass(frozen=True, slots=True)
class CommentOptions:
    """Who sees a comment."""

    visible_on_front: bool = False
    notify: bool = False


@dataclass(frozen=True, slots=True)
class Track:
    """A parcel of a shipment, as Magento shows it to the customer."""

    number: str
    title: str
    carrier_code: str = "custom"


@runtime_checkable
class MagentoOrderActions(Protocol):
    """Changing orders of one Magento instance. Every write may raise any `OutsideError`."""

    @property
    def instance(self) -> str: ...

    def order(self, entity_id: int) -> Json:
        """One order as it is now. Raises NotFound."""
        ...

    def comments(self, entity_id: int) -> Sequence[Json]:
        """The comments of an order, newest first."""
        ...

    def add_comment(
        self, entity_id: int, comment: str, *, status: str | None = None, options: CommentOptions | None = None
    ) -> None:
        """Add a comment; with `status` also ask for that status (many versions refuse). A repeat adds a second one."""
        ...

    def set_status(self, entity_id: int, *, state: str, status: str) -> None:
        """Set state and status through the order entity (`POST /V1/orders`), touching no other field."""
        ...

    def invoice(
        self, entity_id: int, *, items: Mapping[int, Any], comment: str, capture: bool = False, notify: bool = False
    ) -> str:
        """Invoice exactly `items` (order item id → quantity) and return the invoice's id."""
        ...

    def ship(
        self,
        entity_id: int,
        *,
        items: Mapping[int, Any],
        tracks: Sequence[Track],
        comment: str,
        source_code: str | None = None,
        notify: bool = False,
    ) -> str:
        """Ship exactly `items` (order item id → quantity) from an MSI source and return the shipment's id."""
        ...

    def shipped_apart(self, product_ids: Sequence[int]) -> frozenset[int]:
        """Those of the bundles whose parts are shipped on their own; one that is not sold any more counts as whole."""
        ...

    def cancel(self, entity_id: int) -> bool:
        """Cancel what is left of an order; whether Magento says that it did. Read it back: it may say so wrongly."""
        ...

    def refund(
        self,
        entity_id: int,
        *,
        items: Mapping[int, Any],
        comment: str,
        shipping: Decimal | None = Decimal(0),
        restock: Sequence[int] = (),
        notify: bool = False,
    ) -> str:
        """Refund exactly `items` (order item id → quantity) offline, which moves no money; the credit memo's id.

        Args:
            shipping: to refund, without tax; None: all that is left of it.
            restock: item ids whose units are for sale again.
        """
        ...

    def credit_memos_of(self, entity_id: int) -> Sequence[Json]:
        """The credit memos of an order, with items and comments."""
        ...

    def invoices_of(self, entity_id: int) -> Sequence[Json]:
        """The invoices of an order, with items and comments."""
        ...

    def shipments_of(self, entity_id: int) -> Sequence[Json]:
        """The shipments of an order, with items, tracks and comments."""
        ...


class Magento(MagentoOrders, MagentoOrderActions, MagentoCatalogue, MagentoInventory, MagentoReturns, Protocol):
    """All that the product asks of one Magento instance."""


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What a live check finds out about an instance.

    Attributes:
        version: as far as the store tells it (`modules`, `storeConfigs`), else empty.
        store_views: store id → code.
        statuses: seen in its newest orders.
        server_time: aware UTC.
        missing_permissions: ACL resources that the credentials lack, in Magento's words.
        clock_ahead: seconds by which the store's clock is ahead of ours; negative where it is behind. About a second of
            it may be the way that the answer took.
    """

    version: str
    store_views: Mapping[int, str]
    statuses: frozenset[str]
    server_time: datetime
    missing_permissions: Sequence[str] = field(default_factory=tuple)
    clock_ahead: float = 0.0
