"""What the product asks of the outside world, and the errors that the outside world may raise.

Hooks implement these protocols and raise these errors; workflows know nothing else of Magento, couriers or HTTP. So
this module imports nothing but the standard library, and everyone may import it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, runtime_checkable

Json = Mapping[str, Any]
"""A JSON object as it came over the wire. Numbers with a fraction are `Decimal`, never `float`."""


# --------------------------------------------------------------------------------------------------------------------
# Errors, told apart by what the caller does about them
# --------------------------------------------------------------------------------------------------------------------


class OutsideError(Exception):
    """Something outside went wrong. `str()` of it is one clear sentence that a person may be shown.

    It never holds a secret or personal data.

    Args:
        what: what happened, with the outside system's own message filled in.
        way_out: what a person can do about it; empty where nothing need be done.
        status: the HTTP status, where there was an answer.
        exchange: request and response in a masked, shortened form, kept with the effect that made the call.
    """

    def __init__(
        self, what: str, *, way_out: str = "", status: int | None = None, exchange: Json | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.way_out = way_out
        self.status = status
        self.exchange = dict(exchange or {})

    def __str__(self) -> str:
        return f"{self.what} {self.way_out}".strip()


class ConfigurationError(OutsideError):
    """A person must change a setting: wrong URL, missing permission, missing connection."""


class AuthenticationError(OutsideError):
    """The credentials are refused, or a cool-down after a refusal is still running. Never repeated by a program."""


class RetryableError(OutsideError):
    """Known not to have happened, and worth trying again later: refused connection, circuit open, maintenance."""


class RateLimited(RetryableError):
    """Known not to have happened: the other side, or our own budget, asks us to wait.

    Args:
        retry_after: seconds to wait before the next try.
    """

    def __init__(self, what: str, *, retry_after: float, **more: Any) -> None:
        super().__init__(what, **more)
        self.retry_after = retry_after


class PermanentError(OutsideError):
    """Refused for good: this one order or effect goes to quarantine, the others go on."""


class NotFound(PermanentError):
    """The order, shipment or SKU asked for does not exist there."""


class AlreadyDone(OutsideError):
    """Refused because it has been done before. Counts as done."""


class UnknownOutcome(OutsideError):
    """It may have happened or not: time-out, lost connection or 5xx after the request was sent.

    Settled by looking at the other side, never by sending again blindly.
    """


# --------------------------------------------------------------------------------------------------------------------
# Reading orders
# --------------------------------------------------------------------------------------------------------------------


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

    def server_time(self) -> datetime:
        """The store's own clock by the last answer's `Date` header, aware UTC."""
        ...


@dataclass(frozen=True, slots=True)
class CommentOptions:
    """Who sees a comment."""

    visible_on_front: bool = False
    notify: bool = False


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


class Magento(MagentoOrders, MagentoOrderActions, Protocol):
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


# --------------------------------------------------------------------------------------------------------------------
# What hooks are lent by the product. All of them are shared by every process that talks to the same system.
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token. `expires_at` is aware UTC, or None where it lives until revoked."""

    value: str = field(repr=False)
    expires_at: datetime | None = None


class TokenStore(Protocol):
    """Keeps one token a scope, encrypted, for all processes; one login at a time."""

    def get(self, scope: str) -> Token | None:
        """The stored token that has not expired, or None."""
        ...

    def login(self, scope: str) -> AbstractContextManager[LoginTurn]:
        """Wait for the one login turn of this scope. Raises AuthenticationError while a cool-down is running."""
        ...

    def forget(self, scope: str, token: Token) -> None:
        """Drop `token` (the store refused it), unless it has been replaced meanwhile."""
        ...


class LoginTurn(Protocol):
    """The right to log in, held by one process at a time."""

    @property
    def token(self) -> Token | None:
        """A token that somebody else stored while we waited for our turn."""
        ...

    def succeeded(self, token: Token) -> None:
        """Store the new token for everyone."""
        ...

    def refused(self, reason: str) -> None:
        """Start the cool-down: nobody logs in until it has passed."""
        ...


class Breaker(Protocol):
    """Stops calling a system that is down: open after repeated failures, then one slow probe at a time."""

    def before_call(self) -> None:
        """Raises RetryableError while the circuit is open."""
        ...

    def succeeded(self) -> None: ...

    def failed(self, reason: str) -> None:
        """The system as a whole is in trouble (not: it refused this one request)."""
        ...


class Budget(Protocol):
    """A bound on requests per second towards one system, shared by all processes."""

    def spend(self, requests: float = 1.0, *, wait: float = 30.0) -> None:
        """Take from the budget, waiting up to `wait` seconds. Raises RateLimited if it would take longer."""
        ...

    def slow_down(self, seconds: float) -> None:
        """The other side asked for a pause: nobody calls until it has passed."""
        ...


# --------------------------------------------------------------------------------------------------------------------
# Alerts
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person should know.

    Attributes:
        group: alerts with the same group are one story (an outage of an instance) and are sent once until it ends.
        title: one line.
        text: what happened, what was kept, what to do. No personal data, no secrets.
        link: where to look.
    """

    group: str
    title: str
    text: str
    link: str = ""


class Notifier(Protocol):
    """One way to tell people: a log, Slack, e-mail or a webhook."""

    def notify(self, alert: Alert) -> None:
        """Raises OutsideError if it could not be told."""
        ...
