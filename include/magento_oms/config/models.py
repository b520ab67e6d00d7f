"""What a brand decides about its instances and stores: the shape of `instances/*.yaml`.

Secrets never live here; they live in the Airflow connections that are named.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, model_validator

from magento_oms.config.account_models import AggregatorAccountRef, Model
from magento_oms.config.catalogue_models import CatalogueConfig, CustomersConfig
from magento_oms.config.fields import (
    Code,
    ConnectionId,
    EventsUrl,
    Exact,
    Flag,
    Gstin,
    Mobile,
    Number,
    PointInTime,
    Status,
    StorefrontUrl,
    Text,
    Whole,
    WrongValueError,
    Zone,
)
from magento_oms.config.instance_parts import Acknowledgement, Frequency, ReconciliationConfig, RequestBudget
from magento_oms.config.store_models import (
    CancellationConfig,
    CommentConfig,
    InvoiceConfig,
    MagentoShipmentAt,
    NotificationConfig,
    ReturnsConfig,
    RoutingConfig,
    StockConfig,
)
from magento_oms.domain.gstin import is_registered_in, state_of

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
                    groups = " and ".join(self._said(name) for name in (seen[status], group.value))
                    raise WrongValueError(f"the status {status!r} is in two groups, {groups}.", "Keep it in one.")
                seen[status] = group.value
        return self

    def _said(self, group: str) -> str:
        """A group by name, for people: one that is left out is not to be seen in the file."""
        return group if group in self.model_fields_set else f"{group} (Magento's standard, because it is left out)"

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
        min_length=1, max_length=4, description="one to four", examples=[["Plot 7, Kalyan Road"]]
    )
    city: Text
    state: Annotated[str, StringConstraints(min_length=2)] = Field(examples=["Maharashtra"])
    pincode: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{5}$")] = Field(
        description="six digits, in quotes", examples=["411001"]
    )
    country: Literal["IN"] = "IN"


class LocationConfig(Model):
    """A warehouse that ships a store's orders. It is the seller on its invoices, so it has a GSTIN."""

    code: Code
    name: Text
    address: Address
    contact: str = Field(default="", description="whom couriers ask for; the location's name if not given")
    phone: Mobile | None = Field(default=None, description="mobile number that couriers call; needed to ship")
    email: str = Field(default="", description="for the courier's messages")
    gstin: Gstin | None = Field(default=None, description="the seller's on invoices, of the state of the address")
    msi_source: Text | None = Field(
        default=None, description="code of the Magento source that this location's stock is"
    )
    priority: Whole = Field(default=0, ge=0, description="of two that could ship, the one with the lower number does")
    stock: Literal["counted", "unlimited"] = Field(
        default="counted", description="counted: ships what its stock says; unlimited: whatever is asked of it"
    )
    fractions: Flag = Field(default=False, description="it counts fractions of a unit, such as metres of cloth")
    reserve: Exact = Field(default=Decimal(0), ge=0, description="units of each SKU that orders never get")
    capacity_per_day: Whole | None = Field(
        default=None, ge=1, description="fulfilments that it is given a day (store's zone); none: as many as come"
    )

    def is_the_same_place(self, other: LocationConfig) -> bool:
        """Whether both describe one warehouse alike; source, priority and stock rules are each store's own."""
        return self._place() == other._place()

    def _place(self) -> tuple[object, ...]:
        return (self.name, self.address, self.gstin, self.contact, self.phone, self.email, self.fractions)

    @model_validator(mode="after")
    def _gstin_is_of_its_state(self) -> LocationConfig:
        if self.gstin is not None and not is_registered_in(self.gstin, self.address.state):
            raise WrongValueError(
                f"the GSTIN is of {state_of(self.gstin)}, the address in {self.address.state}.",
                "A warehouse invoices with the registration of its own state: correct the one or the other.",
            )
        return self


class StoreConfig(Model):
    """One store view."""

    store_id: Whole = Field(ge=0, description="the store view's id in Magento", examples=[1])
    code: Code = Field(description="the store view's code in Magento")
    name: Text
    live_from: PointInTime = Field(description="orders placed before are stored, and never acted on")
    mode: Mode = Field(default=Mode.LIVE, description="shadow: everything is planned, nothing is sent")
    timezone: Zone = "Asia/Kolkata"
    statuses: StatusRules = Field(default_factory=StatusRules)
    payment: PaymentMethods = Field(default_factory=PaymentMethods)
    invoice: InvoiceConfig = Field(default_factory=InvoiceConfig)
    locations: tuple[LocationConfig, ...] = Field(
        default=(), description="warehouses that ship its orders; none: they are acknowledged, and shipped elsewhere"
    )
    routing: RoutingConfig = Field(default_factory=RoutingConfig)
    magento_shipment_at: MagentoShipmentAt = Field(
        default=MagentoShipmentAt.HANDOVER,
        description="when the shipment is made on Magento; after it the order can no longer be cancelled there",
    )
    cancellation: CancellationConfig = Field(default_factory=CancellationConfig)
    stock: StockConfig = Field(default_factory=StockConfig)
    returns: ReturnsConfig = Field(default_factory=ReturnsConfig)
    aggregators: tuple[AggregatorAccountRef, ...] = Field(default=(), description="courier accounts that it ships with")
    notification_url: EventsUrl | None = Field(default=None, description="where shipment and return events are sent")
    return_ack_url: EventsUrl | None = Field(default=None, description="where received returns are acknowledged")
    comments: CommentConfig = Field(default_factory=CommentConfig)
    notifications: NotificationConfig = Field(default_factory=NotificationConfig)
    sla_days: Whole = Field(default=2, ge=0, le=60, description="days from the order's time to its required-by time")

    @model_validator(mode="after")
    def _locations_differ(self) -> StoreConfig:
        codes = [location.code for location in self.locations]
        if twice := sorted({code for code in codes if codes.count(code) > 1}):
            raise WrongValueError(f"two locations have the code {twice[0]!r}.", "Give one of them another.")
        return self

    @model_validator(mode="after")
    def _accounts_are_named_once(self) -> StoreConfig:
        codes = [account.account for account in self.aggregators]
        if twice := sorted({code for code in codes if codes.count(code) > 1}):
            raise WrongValueError(f"the courier account {twice[0]!r} is listed twice.", "List it once.")
        locations = {location.code for location in self.locations}
        for account in self.aggregators:
            if unknown := sorted(account.pickup_locations.keys() - locations):
                raise WrongValueError(
                    f"the account {account.account!r} names a pickup location for {unknown[0]!r}, which is no location"
                    " of this store.",
                    "Correct the code, or add the location.",
                )
        return self

    def location(self, code: str) -> LocationConfig | None:
        """The location of that code, if it is one of the store's."""
        return next((location for location in self.locations if location.code == code), None)

    @property
    def zone(self) -> ZoneInfo:
        """The store's time zone."""
        return ZoneInfo(self.timezone)

    def required_by(self, placed_at: datetime) -> datetime:
        """When the order should be with the courier, aware UTC."""
        return (placed_at + timedelta(days=self.sla_days)).astimezone(UTC)


class InstanceConfig(Model):
    """One Magento installation."""

    code: Code
    name: Text
    url: StorefrontUrl = Field(description="the storefront's URL, under which /rest/V1 answers; not the admin's")
    connection_id: ConnectionId = Field(
        default="", description="Airflow connection with the secrets; magento_<code> if not given"
    )
    acknowledgement: Acknowledgement = Field(default_factory=Acknowledgement)
    live_poll_seconds: Number = Field(
        default=5.0, ge=2, le=3600, description="how often one row is polled for something new"
    )
    frequency: Frequency = Field(default_factory=Frequency)
    page_size: Whole = Field(default=100, ge=1, le=300, description="orders a request")
    request_budget: RequestBudget = Field(default_factory=RequestBudget)
    catalogue: CatalogueConfig = Field(default_factory=CatalogueConfig)
    customers: CustomersConfig = Field(default_factory=CustomersConfig)
    reconciliation: ReconciliationConfig = Field(default_factory=ReconciliationConfig)
    settle_delay_seconds: Number = Field(
        default=90.0,
        ge=0,
        le=3600,
        description="longest time that Magento may be at work on a request we lost sight of",
    )
    stores: tuple[StoreConfig, ...] = Field(min_length=1, description="one entry a store view")

    @model_validator(mode="after")
    def _stores_differ(self) -> InstanceConfig:
        for name in ("store_id", "code"):
            values = [getattr(store, name) for store in self.stores]
            if twice := {value for value in values if values.count(value) > 1}:
                raise WrongValueError(f"two stores have the {name} {min(twice)!r}.", "A store view is listed once.")
        return self

    @model_validator(mode="after")
    def _locations_are_described_once(self) -> InstanceConfig:
        known: dict[str, LocationConfig] = {}
        for location in (location for store in self.stores for location in store.locations):
            first = known.setdefault(location.code, location)
            if not first.is_the_same_place(location):
                raise WrongValueError(
                    f"the location {location.code!r} differs between two stores in name, address, contact,"
                    " GSTIN or fractions.",
                    "Say the same in both, or give one of them another code.",
                )
        return self

    @model_validator(mode="after")
    def _accounts_are_described_once(self) -> InstanceConfig:
        known: dict[str, AggregatorAccountRef] = {}
        for account in (account for store in self.stores for account in store.aggregators):
            if difference := known.setdefault(account.account, account).difference(account):
                raise WrongValueError(
                    f"the courier account {account.account!r} differs between two stores in {difference}.",
                    "Say the same in both, or give one of them another code.",
                )
        return self

    @model_validator(mode="before")
    @classmethod
    def _default_connection(cls, values: object) -> object:
        if isinstance(values, dict) and "connection_id" not in values and isinstance(values.get("code"), str):
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
        """Changes when anything in the configuration does; the order in which names are written is nothing."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.blake2b(content.encode(), digest_size=12).hexdigest()
