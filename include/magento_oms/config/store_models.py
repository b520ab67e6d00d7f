"""How a store's orders are split, invoiced and told of: parts of `instances/*.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from magento_oms.config.account_models import Model
from magento_oms.config.fields import Exact, Flag, Whole, WrongValueError
from magento_oms.domain.routing.words import Policy, Rules, Strategy


class RoutingConfig(Model):
    """How orders are split over the store's locations."""

    strategies: tuple[Strategy, ...] = Field(
        default=(Strategy.FEWEST_PARCELS, Strategy.NEAREST, Strategy.PRIORITY),
        min_length=1,
        description="in order: the second decides between what the first finds equal. nearest: kilometres between the"
        " centres of the pincodes; nearest_prefix: digits that the pincodes share",
    )
    policy: Policy = Field(
        default=Policy.COMPLETE,
        description="complete: nothing goes out until all of it can; single_partial: what is there goes out once, a"
        " person decides about the rest; many_partial: the rest follows whenever stock comes",
    )
    max_parcels: Whole | None = Field(default=None, ge=1, description="an order is split over no more locations")

    @field_validator("strategies")
    @classmethod
    def _each_once(cls, value: tuple[Strategy, ...]) -> tuple[Strategy, ...]:
        if len(set(value)) < len(value):
            raise WrongValueError("names a strategy twice.", "Name each once.")
        return value

    @property
    def rules(self) -> Rules:
        """The same, as routing wants it."""
        return Rules(self.strategies, self.policy, self.max_parcels)


class MagentoShipmentAt(StrEnum):
    """When the shipment is made on Magento."""

    PACKED = "packed"
    HANDOVER = "handover"


class InvoiceConfig(Model):
    """What is printed on invoices and labels, and how invoice numbers begin."""

    logo: str | None = Field(default=None, description="path of a PNG, relative to the instances folder")
    prefix: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9/-]{0,6}$")] = Field(
        default="",
        description="capitals, digits, / and -, six at the most: an invoice number has 16 characters (GST rule 46)",
        examples=["MB"],
    )
    credit_note_prefix: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9/-]{1,6}$")] = Field(
        default="CN", description="how the numbers of credit notes begin; another one than that of invoices"
    )
    hsn: Annotated[str, StringConstraints(pattern=r"^([0-9]{4}|[0-9]{6}|[0-9]{8})?$")] = Field(
        default="", description="HSN code of goods whose own is not known", examples=["6109"]
    )
    gst_percent: Exact = Field(
        default=Decimal(0),
        ge=0,
        le=100,
        description="GST in prices on which Magento charges no tax of its own",
    )
    e_invoicing: Flag = Field(
        default=False, description="the seller's turnover wants an IRN on invoices to registered buyers"
    )
    eway_bill_above: Exact | None = Field(
        default=Decimal(50000), ge=0, description="rupees a consignment; above it an e-way bill travels along"
    )
    language: Literal["en", "hi"] = Field(default="en", description="of the words on our own labels")

    @model_validator(mode="after")
    def _numbers_differ(self) -> InvoiceConfig:
        if self.prefix == self.credit_note_prefix:
            raise WrongValueError(
                f"invoices and credit notes both begin with {self.prefix!r}.", "Give one of them another prefix."
            )
        return self


class CancellationConfig(Model):
    """What is done on Magento when the seller cancels."""

    credit_memos: Literal["offline", "person"] = Field(
        default="offline",
        description="invoiced units cannot be cancelled there: they go on an offline credit memo, which moves no money"
        " (it is paid back by hand), or a person makes the credit memo",
    )


class StockConfig(Model):
    """How stock is told to Magento."""

    mode: Literal["reservations", "none"] = "reservations"
    buffer: Exact = Field(default=Decimal(0), ge=0, description="units that are never offered")
    buffers: Mapping[str, Annotated[Exact, Field(ge=0)]] = Field(
        default_factory=dict, description="SKU → buffer, where it differs"
    )
    min_qty: Exact = Field(
        default=Decimal(0),
        ge=0,
        description="Magento's out-of-stock threshold, which it takes off what can be sold",
    )

    def buffer_of(self, sku: str) -> Decimal:
        """Units of a SKU that are never offered."""
        return self.buffers.get(sku, self.buffer)


class ReturnsConfig(Model):
    """What becomes of units that come back."""

    credit_memo: Literal["never", "customer_returns", "all"] = Field(
        default="never",
        description="whether units that passed their check are refunded on Magento by an offline credit memo, which"
        " moves no money: never (Magento's admin does it), for customers' returns, or for RTO too",
    )
    refund_shipping: Flag = Field(
        default=False, description="whether such a credit memo refunds the shipping once all of an order has come back"
    )
    from_credit_memos: Flag = Field(
        default=True, description="whether a credit memo on shipped units places a return of them"
    )
    rto_after_attempts: Whole | None = Field(
        default=3,
        ge=1,
        description="failed deliveries after which the courier is asked to bring a parcel back, unless a person decided"
        " otherwise; none: the courier decides",
    )


class CommentConfig(Model):
    """Who sees the comments that we leave on orders."""

    notify: Flag = Field(default=False, description="Magento sends the customer an e-mail for each")
    visible_on_front: Flag = Field(default=False, description="the customer sees them in the account")


EVENTS = (
    "packed",
    "dispatched",
    "picked_up",
    "in_transit",
    "out_for_delivery",
    "delivery_failed",
    "delivered",
    "rto",
    "lost",
    "cancelled",
    "return_placed",
    "return_awb",
    "return_out_for_pickup",
    "return_picked_up",
    "return_in_transit",
    "return_delivered",
    "return_qc_failed",
    "return_cancelled",
    "return_received",
    "return_processed",
)
"""What a store may be told of a parcel, a cancellation, or a return."""


class NotificationConfig(Model):
    """Which events of its parcels, cancellations and returns a store is told of, and where."""

    magento_comment: tuple[str, ...] = Field(
        default=(
            "dispatched",
            "delivered",
            "rto",
            "return_placed",
            "return_cancelled",
            "return_qc_failed",
            "return_received",
            "return_processed",
        ),
        description="events that become a comment of the Magento order",
    )
    store_url: tuple[str, ...] = Field(default=EVENTS, description="events that are sent to notification_url")
    signing_connection: str = Field(
        default="", description="Airflow connection whose password signs the events; notify_<instance> if not given"
    )

    @field_validator("magento_comment", "store_url")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in value if name not in EVENTS]:
            raise WrongValueError(f"{unknown[0]!r} is no event.", f"The events are {', '.join(EVENTS)}.")
        return value
