"""The words that the rules and the server share: one order's documents, the world around them, and a refusal.

Documents are plain JSON (`dict`, `list`, `str`, `int`, `float`, `bool`, `None`), exactly as Magento's REST shows them:
whole amounts are `int`, others `float` with at most four places, times are UTC text `YYYY-MM-DD HH:MM:SS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from commerce_sandbox.magento_rules.stock_book import StockBook

Document = dict[str, Any]

CommentRule = Literal["any", "current_state", "frozen"]


class Refused(Exception):
    """Magento answers with an error. Whoever catches it keeps nothing of what the action did.

    Args:
        status: HTTP status.
        message: as Magento sends it, place-holders (`%1`, `%name`) not filled in.
        parameters: a list for `%1`, an object for `%name`, None where Magento leaves the key out.
        errors: further messages, each `{"message": ..., "parameters": ...}`; None where the key is left out.
        raw: a body that is not JSON (text/plain), instead of all of the above.
    """

    def __init__(
        self,
        status: int,
        message: str = "",
        parameters: Document | list[Any] | None = None,
        *,
        errors: list[Document] | None = None,
        raw: str | None = None,
    ) -> None:
        super().__init__(f"{status} {message or raw}")
        self.status = status
        self.message = message
        self.parameters = parameters
        self.errors = errors
        self.raw = raw

    @property
    def body(self) -> Document:
        """The JSON body, with its keys in Magento's order."""
        body: Document = {"message": self.message}
        if self.errors is not None:
            body["errors"] = self.errors
        if self.parameters is not None:
            body["parameters"] = self.parameters
        return body

    @property
    def text(self) -> str:
        """The message with its parameters filled in, as logs and bulk operations show it."""
        text = self.message
        pairs = enumerate(self.parameters, 1) if isinstance(self.parameters, list) else (self.parameters or {}).items()
        for name, value in sorted(pairs, key=lambda pair: -len(str(pair[0]))):
            text = text.replace(f"%{name}", str(value))
        return text


def no_such_entity() -> Refused:
    """The 404 for an order, invoice, shipment or credit memo that does not exist."""
    return Refused(404, "The entity that was requested doesn't exist. Verify the entity and try again.")


def wrongly_typed() -> Refused:
    """The 500 for a body whose types PHP cannot take (`"items": "all"`)."""
    return Refused(500, raw="An error has happened during application run. See exception log for details.\n")


@dataclass(slots=True)
class OrderBook:
    """Everything the store keeps of one order; lists are in the order of creation (ascending ids).

    The actions change these documents in place. On `Refused` they are to be thrown away unsaved.

    Attributes:
        hidden: what Magento knows of the order and REST does not show. Kept and handed back with the rest. Known key:
            `ships_separately`, the item ids (int) of bundles whose children ship on their own.
    """

    order: Document
    invoices: list[Document] = field(default_factory=list)
    shipments: list[Document] = field(default_factory=list)
    creditmemos: list[Document] = field(default_factory=list)
    hidden: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an action did.

    Attributes:
        answer: the JSON body of the 200.
        order_row_changed: whether the order's own row was written, so that `updated_at` moved (it has been moved in the
            document already). Documents under the order may have changed either way.
    """

    answer: Any
    order_row_changed: bool = False


@dataclass(frozen=True, slots=True)
class RuleSwitches:
    """Behaviour that differs between Magento's versions or settings. The defaults are the recorded 2.4.7-p7.

    Attributes:
        comment_status: what status a comment may carry: `any` (to 2.4.6, any text at all; left out sets NULL only in
            versions we do not stand in for), `frozen` (2.4.7: only the current one), `current_state` (from 2.4.8: any
            that belongs to the order's state).
        mutex: whether actions on one order wait for each other (an order lock). Of use to the server only.
        msi: whether Multi-Source Inventory is on. Off: no reservations, stock is deducted from the stock item when the
            order is placed.
        ids_as_strings: whether invoice, ship and refund answer their id as a JSON string.
        validation_errors_inline: source-items: newer versions join the first error to `Validation Failed: `; older send
            `Validation Failed` alone.
        refunds_overlap_shipments: left to ship is ordered less the greater of shipped and refunded (2.4), or less both.
    """

    comment_status: CommentRule = "frozen"
    mutex: bool = True
    msi: bool = True
    ids_as_strings: bool = True
    validation_errors_inline: bool = True
    refunds_overlap_shipments: bool = True


RULES_BY_VERSION: Mapping[str, RuleSwitches] = {
    "2.3": RuleSwitches(
        comment_status="any", mutex=False, validation_errors_inline=False, refunds_overlap_shipments=False
    ),
    "2.4.3": RuleSwitches(comment_status="any", mutex=False),
    "2.4.6": RuleSwitches(comment_status="any"),
    "2.4.7": RuleSwitches(),
    "2.4.8": RuleSwitches(comment_status="current_state"),
}
"""2.4.7 is recorded; the others are taken from comparing source versions."""


@dataclass(frozen=True, slots=True)
class Statuses:
    """Which statuses belong to which state (`sales_order_status_state`); the first of each is the state's default."""

    by_state: Mapping[str, tuple[str, ...]]
    labels: Mapping[str, str] = field(default_factory=dict)

    def default(self, state: str) -> str:
        """The default status of a state; a state that has none keeps its own name."""
        return (self.by_state.get(state) or (state,))[0]

    def of(self, state: str) -> tuple[str, ...]:
        """Every status that belongs to a state."""
        return self.by_state.get(state, ())


STATUSES = Statuses(
    {
        "new": ("pending",),
        "pending_payment": ("pending_payment",),
        "payment_review": ("payment_review", "fraud"),
        "processing": ("processing", "fraud"),
        "holded": ("holded",),
        "complete": ("complete",),
        "closed": ("closed",),
        "canceled": ("canceled",),
    }
)
"""A standard installation's statuses."""


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """What a payment method can do (`can_*` of its `MethodInterface`)."""

    code: str
    title: str
    online: bool = False
    can_capture: bool = False
    can_refund: bool = False
    can_refund_partial: bool = False


PAYMENT_METHODS: Mapping[str, PaymentMethod] = {
    method.code: method
    for method in (
        PaymentMethod("checkmo", "Check / Money order"),
        PaymentMethod("cashondelivery", "Cash On Delivery"),
        PaymentMethod("banktransfer", "Bank Transfer Payment"),
        PaymentMethod("purchaseorder", "Purchase Order"),
        PaymentMethod("free", "No Payment Information Required"),
        PaymentMethod("razorpay", "Razorpay", True, True, True, True),
        PaymentMethod("payu", "PayU", True, True, True, True),
        PaymentMethod("paytm", "Paytm", True, True, True, False),
    )
}


class Context(Protocol):
    """The world around one order while one action runs."""

    @property
    def now(self) -> datetime:
        """The store's clock, aware UTC; Magento keeps whole seconds of it."""

    @property
    def rules(self) -> RuleSwitches:
        """Behaviour of the version that the store stands in for."""

    @property
    def statuses(self) -> Statuses:
        """The store's statuses by state."""

    @property
    def payment_methods(self) -> Mapping[str, PaymentMethod]:
        """The store's payment methods by code; a code that is missing is an offline method."""

    @property
    def stock(self) -> StockBook:
        """Sources, stocks, source items, reservations and legacy stock items."""

    def next_id(self, kind: str) -> int:
        """The next id of a table.

        Kinds: order, order_item, order_address, order_payment, invoice, invoice_item, shipment, shipment_item,
        shipment_track, shipment_comment, creditmemo, creditmemo_item, invoice_comment, creditmemo_comment, history.
        """

    def next_increment(self, kind: str, store_id: int) -> str:
        """The next increment id (`000000042`) of order, invoice, shipment or creditmemo in a store view."""
