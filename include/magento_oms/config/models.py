"""What a brand decides about its instances and stores: the shape of `instances/*.yaml`.

Secrets never live here; they live in the Airflow connections that are named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    StringConstraints,
    field_validator,
    model_validator,
)
from stdnum.exceptions import ValidationError as StdnumError
from stdnum.in_ import gstin as gstin_number

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,30}$")]
Status = Annotated[str, StringConstraints(min_length=1, max_length=32)]
Meanings = Mapping[Status, str]

STANDARD_STATUSES: dict[str, dict[str, str]] = {
    "pull": {
        "pending": "placed, to be paid on delivery or offline",
        "processing": "paid and captured, or being worked on",
    },
    "hold": {
        "pending_payment": "waits for its payment",
        "payment_review": "the payment is being reviewed",
        "fraud": "suspected fraud",
        "holded": "put on hold in Magento",
    },
    "ignore": {},
    "cancelled": {"canceled": "cancelled"},
    "finished": {"complete": "invoiced and shipped", "closed": "refunded in full"},
}
"""Magento's own statuses; a store's configuration replaces a whole group at a time."""


class Model(BaseModel):
    """Common ground: nothing unknown is let in, nothing is changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StatusMeaning(StrEnum):
    """What a Magento status means to us."""

    PULL = "pull"
    HOLD = "hold"
    IGNORE = "ignore"
    CANCELLED = "cancelled"
    FINISHED = "finished"


class Mode(StrEnum):
    """`shadow` plans everything and sends nothing."""

    LIVE = "live"
    SHADOW = "shadow"


class StatusRules(Model):
    """Magento's statuses of a store, each with its meaning in words, in five groups. A status is in one group only."""

    pull: Meanings = Field(default_factory=lambda: STANDARD_STATUSES["pull"], description="orders to work on")
    hold: Meanings = Field(default_factory=lambda: STANDARD_STATUSES["hold"], description="orders that must wait")
    ignore: Meanings = Field(default_factory=lambda: STANDARD_STATUSES["ignore"], description="never read")
    cancelled: Meanings = Field(
        default_factory=lambda: STANDARD_STATUSES["cancelled"], description="not wanted any more"
    )
    finished: Meanings = Field(default_factory=lambda: STANDARD_STATUSES["finished"], description="nothing more to do")

    @model_validator(mode="after")
    def _in_one_group_only(self) -> StatusRules:
        seen: dict[str, str] = {}
        for group in StatusMeaning:
            for status in getattr(self, group.value):
                if status in seen:
                    raise ValueError(
                        f"status {status!r} is in two groups, {seen[status]} and {group.value}; keep it in one"
                    )
                seen[status] = group.value
        return self

    def meaning(self, status: str) -> StatusMeaning | None:
        """What a status means; None: it is not configured."""
        for group in StatusMeaning:
            if status in getattr(self, group.value):
                return group
        return None


class PaymentMethods(Model):
    """Which of Magento's payment methods are cash on delivery, and which are paid in advance (`*`: all others)."""

    cod: tuple[str, ...] = ("cashondelivery",)
    prepaid: tuple[str, ...] = ("*",)

    def payment_kind(self, method: str) -> Literal["cod", "prepaid"] | None:
        """`cod` or `prepaid`; None: the method is not configured."""
        if method in self.cod:
            return "cod"
        if method in self.prepaid or ("*" in self.prepaid and method):
            return "prepaid"
        return None


class Address(Model):
    """A postal address in India."""

    lines: tuple[Annotated[str, StringConstraints(min_length=1, max_length=120)], ...] = Field(
        min_length=1, max_length=4
    )
    city: Annotated[str, StringConstraints(min_length=1)]
    state: Annotated[str, StringConstraints(min_length=2)]
    pincode: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{5}$")]
    country: Literal["IN"] = "IN"


class LocationConfig(Model):
    """A warehouse that ships a store's orders. It is the seller on its invoices, so it has a GSTIN."""

    code: Code
    name: str
    address: Address
    gstin: str | None = None
    msi_source: str | None = Field(default=None, description="code of the Magento source that this location's stock is")
    priority: int = 0

    @field_validator("gstin")
    @classmethod
    def _is_a_gstin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            return str(gstin_number.validate(value))
        except StdnumError:
            raise ValueError(f"{value} is no GSTIN: 15 characters, the last of which is a check digit") from None


class InvoiceConfig(Model):
    """What is printed on invoices and how their numbers begin."""

    logo: str | None = Field(default=None, description="path of a PNG, relative to the instances folder")
    prefix: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9/-]{0,6}$")] = Field(
        default="", description="short: an invoice number has 16 characters at the most (GST rule 46)"
    )


class StockConfig(Model):
    """How stock is told to Magento."""

    mode: Literal["reservations", "none"] = "reservations"
    buffer: Decimal = Field(default=Decimal(0), ge=0)
    buffers: Mapping[str, Decimal] = Field(default_factory=dict, description="SKU → buffer, where it differs")


class Dimensions(Model):
    """A parcel's size and weight where nothing was scanned."""

    length_cm: Decimal = Field(gt=0)
    breadth_cm: Decimal = Field(gt=0)
    height_cm: Decimal = Field(gt=0)
    weight_g: Decimal = Field(gt=0)


Aggregator = Literal["shiprocket", "clickpost", "shipway", "eshipz"]

DEFAULT_DIMENSIONS: dict[str, Dimensions] = {
    "shiprocket": Dimensions(length_cm=Decimal(1), breadth_cm=Decimal(1), height_cm=Decimal(1), weight_g=Decimal(500)),
}
OTHER_DIMENSIONS = Dimensions(
    length_cm=Decimal(18), breadth_cm=Decimal(12), height_cm=Decimal(10), weight_g=Decimal(500)
)


class AggregatorAccountRef(Model):
    """An account at a courier aggregator that ships a store's parcels."""

    aggregator: Aggregator
    account: Code
    connection_id: str
    default_dimensions: Dimensions | None = None

    @property
    def dimensions(self) -> Dimensions:
        """The parcel's size where nothing was scanned."""
        return self.default_dimensions or DEFAULT_DIMENSIONS.get(self.aggregator, OTHER_DIMENSIONS)


class CommentConfig(Model):
    """Who sees the comments that we leave on orders."""

    notify: bool = Field(default=False, description="Magento sends the customer an e-mail for each")
    visible_on_front: bool = Field(default=False, description="the customer sees them in the account")


class StoreConfig(Model):
    """One store view."""

    store_id: int = Field(ge=0)
    code: Code
    name: str
    live_from: AwareDatetime = Field(description="orders placed before are stored, and never acted on")
    mode: Mode = Mode.LIVE
    timezone: str = "Asia/Kolkata"
    statuses: StatusRules = Field(default_factory=StatusRules)
    payment: PaymentMethods = Field(default_factory=PaymentMethods)
    invoice: InvoiceConfig = Field(default_factory=InvoiceConfig)
    locations: tuple[LocationConfig, ...] = ()
    stock: StockConfig = Field(default_factory=StockConfig)
    aggregators: tuple[AggregatorAccountRef, ...] = ()
    notification_url: HttpUrl | None = None
    return_ack_url: HttpUrl | None = None
    comments: CommentConfig = Field(default_factory=CommentConfig)
    sla_days: int = Field(default=2, ge=0, le=60, description="days from the order's time to its required-by time")

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is no time zone; India is Asia/Kolkata")
        return value

    @field_validator("notification_url", "return_ack_url")
    @classmethod
    def _is_https(cls, value: HttpUrl | None) -> HttpUrl | None:
        if value is not None and value.scheme != "https" and value.host not in ("127.0.0.1", "localhost"):
            raise ValueError("must begin with https://: it carries what happens to customers' orders")
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The store's time zone."""
        return ZoneInfo(self.timezone)

    def required_by(self, placed_at: datetime) -> datetime:
        """When the order should be with the courier, aware UTC."""
        return (placed_at + timedelta(days=self.sla_days)).astimezone(UTC)


class AcknowledgementStrategy(StrEnum):
    """How Magento is told that an order is being worked on; it depends on Magento's version."""

    AUTO = "auto"
    COMMENT = "comment"
    ENTITY = "entity"
    INVOICE = "invoice"
    STATUS_IN_STATE = "status_in_state"


class Acknowledgement(Model):
    """How orders are acknowledged on Magento."""

    strategy: AcknowledgementStrategy = AcknowledgementStrategy.AUTO
    status: Status = "processing"
    comment: Annotated[str, StringConstraints(min_length=1, max_length=200)] = "Accepted for fulfilment."


class Frequency(Model):
    """When timed workflows run, as cron expressions in UTC. A window reaches from one time to the next."""

    order_pull: str = "0 * * * *"
    pending_order_sync: str = "30 * * * *"
    customer_cancellation_pull: str = "*/5 * * * *"
    return_sync: str = "15 * * * *"
    master_data_pull: str = "45 * * * *"

    @field_validator("*")
    @classmethod
    def _is_cron(cls, value: str) -> str:
        if len(value.split()) != 5:
            raise ValueError(f"{value!r} is no cron expression; every hour is '0 * * * *'")
        return value


class RequestBudget(Model):
    """A bound on requests towards one Magento, over all processes."""

    per_second: float = Field(default=20.0, gt=0, le=1000)
    burst: float = Field(default=40.0, ge=1, le=5000)


class InstanceConfig(Model):
    """One Magento installation."""

    code: Code
    name: str
    url: HttpUrl = Field(description="the storefront's URL, under which /rest/V1 answers; not the admin's")
    connection_id: str = Field(
        default="", description="Airflow connection with the secrets; magento_<code> if not given"
    )
    acknowledgement: Acknowledgement = Field(default_factory=Acknowledgement)
    live_poll_seconds: float = Field(default=5.0, ge=2, le=3600)
    frequency: Frequency = Field(default_factory=Frequency)
    page_size: int = Field(default=100, ge=1, le=300)
    request_budget: RequestBudget = Field(default_factory=RequestBudget)
    settle_delay_seconds: float = Field(
        default=90.0,
        ge=0,
        le=3600,
        description="longest time that Magento may be at work on a request we lost sight of",
    )
    stores: tuple[StoreConfig, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _stores_differ(self) -> InstanceConfig:
        for name in ("store_id", "code"):
            values = [getattr(store, name) for store in self.stores]
            if twice := {value for value in values if values.count(value) > 1}:
                raise ValueError(f"two stores have the {name} {min(twice)!r}")
        return self

    @model_validator(mode="before")
    @classmethod
    def _default_connection(cls, values: object) -> object:
        if isinstance(values, dict) and not values.get("connection_id") and isinstance(values.get("code"), str):
            return values | {"connection_id": f"magento_{values['code']}"}
        return values

    def store(self, store_id: int) -> StoreConfig | None:
        """The store view of that id, if it is configured."""
        return next((store for store in self.stores if store.store_id == store_id), None)

    @property
    def store_ids(self) -> tuple[int, ...]:
        """Ids of the configured store views."""
        return tuple(sorted(store.store_id for store in self.stores))

    @property
    def live_from(self) -> datetime:
        """The earliest of the stores'."""
        return min(store.live_from for store in self.stores)

    @property
    def ignored_statuses(self) -> tuple[str, ...]:
        """Statuses that every store ignores."""
        ignored = [set(store.statuses.ignore) for store in self.stores]
        return tuple(sorted(set.intersection(*ignored)))

    @property
    def pending_statuses(self) -> tuple[str, ...]:
        """Statuses that some store pulls or holds."""
        return tuple(
            sorted({status for store in self.stores for status in (*store.statuses.pull, *store.statuses.hold)})
        )

    @cached_property
    def digest(self) -> str:
        """Changes when anything in the configuration does."""
        return hashlib.blake2b(self.model_dump_json().encode(), digest_size=12).hexdigest()
