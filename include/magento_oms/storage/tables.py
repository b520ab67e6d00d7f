"""The tables of the OMS database. Postgres only.

Times are `timestamptz` (UTC inside), money and quantities `numeric`. A `state` column is derived: only the function
that derives it writes it. Personal data (addresses, names, e-mail, phone) is in `sales_order.buyer`, in the payloads of
`inbox` and `webhook`, in `ndr_decision`, in `invoice.content` and `credit_note.content`, and in what
`courier_document` and `paper` hold, nowhere else. The tables of fulfilments and their papers are in
`fulfilment_tables`, those of cancellations and credit notes in `cancellation_tables`, those of stock towards Magento
in `inventory_tables`, those of returns in `return_tables`.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from magento_oms.domain.effects import EffectState
from magento_oms.domain.states import LineState, OrderState
from magento_oms.ports import Direction, NdrAction, ParcelStatus

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """A check that `column` holds one of an enum's values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} in ({listed})", name=f"{column}_known")


class Base(DeclarativeBase):
    """Common ground of all tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy's own way)
        datetime: DateTime(timezone=True),
        Decimal: Numeric(),
        str: Text(),
        int: BigInteger(),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
        bytes: LargeBinary(),
    }


# --------------------------------------------------------------------------------------------------------------------
# What the configuration says (YAML is the truth; upserted when it changes)
# --------------------------------------------------------------------------------------------------------------------


class Instance(Base):
    """One Magento installation, and what was learnt about it."""

    __tablename__ = "instance"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    url: Mapped[str]
    config_digest: Mapped[str]
    acknowledgement_found: Mapped[str | None] = mapped_column(
        comment="strategy that the first live order proved; null until then"
    )
    configured_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Store(Base):
    """One store view of an instance."""

    __tablename__ = "store"
    __table_args__ = (PrimaryKeyConstraint("instance", "store_id"),)

    instance: Mapped[str] = mapped_column(ForeignKey("instance.code"))
    store_id: Mapped[int]
    code: Mapped[str]
    name: Mapped[str]
    live_from: Mapped[datetime]
    mode: Mapped[str]
    told: Mapped[dict[str, Any]] = mapped_column(
        server_default=text("'{}'"), comment="events that become comments on Magento, or go to its URL"
    )
    returns: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"), comment="what it says of returns")


class Location(Base):
    """A warehouse."""

    __tablename__ = "location"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    gstin: Mapped[str | None]
    address: Mapped[dict[str, Any]]
    fractions: Mapped[bool] = mapped_column(
        Boolean(), server_default=text("false"), comment="it counts fractions of a unit"
    )


class StoreLocation(Base):
    """Which warehouses serve a store, and as which MSI source."""

    __tablename__ = "store_location"
    __table_args__ = (
        PrimaryKeyConstraint("instance", "store_id", "location"),
        ForeignKeyConstraint(["instance", "store_id"], ["store.instance", "store.store_id"]),
    )

    instance: Mapped[str]
    store_id: Mapped[int]
    location: Mapped[str] = mapped_column(ForeignKey("location.code"))
    msi_source: Mapped[str | None]
    counted: Mapped[bool] = mapped_column(server_default=text("true"), comment="what it has is told to Magento")
    priority: Mapped[int] = mapped_column(server_default="0")


class Product(Base):
    """A product as Magento knows it. A SKU that Magento no longer has stays, with `gone_at`: orders still name it."""

    __tablename__ = "product"
    __table_args__ = (
        PrimaryKeyConstraint("instance", "sku"),
        Index("ix_product_product_id", "instance", "product_id"),
        Index("ix_product_barcode", "instance", "barcode", postgresql_where=text("barcode <> ''")),
    )

    instance: Mapped[str] = mapped_column(ForeignKey("instance.code"))
    sku: Mapped[str]
    product_id: Mapped[int] = mapped_column(comment="Magento's; 0 of one that a person let go on without it")
    type_id: Mapped[str]
    name: Mapped[str]
    updated_at: Mapped[datetime]
    hsn: Mapped[str] = mapped_column(server_default="")
    gst_percent: Mapped[Decimal | None]
    weight_g: Mapped[Decimal | None]
    enabled: Mapped[bool] = mapped_column(Boolean(), server_default=text("true"))
    price: Mapped[Decimal | None]
    tax_class: Mapped[str] = mapped_column(server_default="")
    length_cm: Mapped[Decimal | None]
    breadth_cm: Mapped[Decimal | None]
    height_cm: Mapped[Decimal | None]
    barcode: Mapped[str] = mapped_column(server_default="")
    images: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"), comment="paths below media/catalog/product")
    children: Mapped[list[Any]] = mapped_column(
        server_default=text("'[]'"), comment="choices of a configurable (product_id), parts of a bundle (sku, quantity)"
    )
    ships_apart: Mapped[bool] = mapped_column(
        Boolean(), server_default=text("false"), comment="a bundle whose parts Magento ships on their own"
    )
    notes: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"), comment="what was odd, in words")
    digest: Mapped[bytes | None] = mapped_column(comment="of payload and rules; the same means nothing changed")
    read_at: Mapped[datetime | None] = mapped_column(comment="the store's clock when it last changed here")
    gone_at: Mapped[datetime | None]


class AttributeLabel(Base):
    """What the options of a product attribute say, as they were last read. Products carry the options' numbers."""

    __tablename__ = "attribute_label"
    __table_args__ = (PrimaryKeyConstraint("instance", "attribute"),)

    instance: Mapped[str] = mapped_column(ForeignKey("instance.code"))
    attribute: Mapped[str] = mapped_column(comment="its code")
    labels: Mapped[dict[str, Any]] = mapped_column(comment="number of an option → its label; empty: it is no dropdown")
    read_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AwaitedSku(Base):
    """A SKU that orders wait for, because the catalogue does not have it. Asked for at the store again and again."""

    __tablename__ = "awaited_sku"
    __table_args__ = (PrimaryKeyConstraint("instance", "sku"),)

    instance: Mapped[str] = mapped_column(ForeignKey("instance.code"))
    sku: Mapped[str]
    product_id: Mapped[int | None]
    since: Mapped[datetime] = mapped_column(server_default=func.now())
    asked: Mapped[int] = mapped_column(server_default="0")
    ask_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Customer(Base):
    """A registered customer of an instance; guests live only inside their orders."""

    __tablename__ = "customer"
    __table_args__ = (PrimaryKeyConstraint("instance", "customer_id"),)

    instance: Mapped[str] = mapped_column(ForeignKey("instance.code"))
    customer_id: Mapped[int]
    updated_at: Mapped[datetime]
    created_at: Mapped[datetime | None]
    website_id: Mapped[int] = mapped_column(server_default="0")
    store_id: Mapped[int] = mapped_column(server_default="0")
    group_id: Mapped[int] = mapped_column(server_default="0")
    gstin: Mapped[str] = mapped_column(server_default="")
    personal: Mapped[bytes | None] = mapped_column(
        comment="personal data, encrypted: name, e-mail, addresses; null once erased"
    )
    digest: Mapped[bytes | None] = mapped_column(comment="keyed; the same means nothing changed")
    gone_at: Mapped[datetime | None]


class Stock(Base):
    """What a location has of a SKU. Absolute figures; `version` grows with every change."""

    __tablename__ = "stock"
    __table_args__ = (PrimaryKeyConstraint("location", "sku"),)

    location: Mapped[str] = mapped_column(ForeignKey("location.code"))
    sku: Mapped[str]
    quantity: Mapped[Decimal] = mapped_column(comment="on the shelf; what was handed over has left it")
    reserved: Mapped[Decimal] = mapped_column(
        server_default="0", comment="of open fulfilments: Σ quantity - shipped of their lines; only stock.py writes it"
    )
    version: Mapped[int] = mapped_column(server_default="1")
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


# --------------------------------------------------------------------------------------------------------------------
# Orders
# --------------------------------------------------------------------------------------------------------------------


class SalesOrder(Base):
    """An order as Magento sold it, and how far it has come. Identity is (instance, entity_id)."""

    __tablename__ = "sales_order"
    __table_args__ = (
        UniqueConstraint("instance", "entity_id"),
        Index("ix_sales_order_state", "instance", "state"),
        Index("ix_sales_order_increment", "increment_id"),
        Index("ix_sales_order_placed", "instance", "placed_at"),
        Index("ix_sales_order_route", "route_at", postgresql_where=text("route_at is not null")),
        one_of("state", OrderState),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    instance: Mapped[str] = mapped_column(ForeignKey("instance.code"))
    entity_id: Mapped[int]
    increment_id: Mapped[str]
    store_id: Mapped[int]
    state: Mapped[str]
    # Magento's own words, as last read
    magento_state: Mapped[str]
    magento_status: Mapped[str]
    placed_at: Mapped[datetime] = mapped_column(comment="created_at on Magento")
    magento_updated_at: Mapped[datetime]
    read_at: Mapped[datetime] = mapped_column(comment="the store's clock when this payload was read")
    digest: Mapped[bytes] = mapped_column(comment="of the payload that the row was made from")
    # what it is
    history: Mapped[bool] = mapped_column(comment="older than its store's live_from: stored, never acted on")
    shadow: Mapped[bool] = mapped_column(comment="taken in while its store was in shadow mode")
    virtual: Mapped[bool]
    required_by: Mapped[datetime]
    payment_method: Mapped[str]
    payment_kind: Mapped[str]
    currency: Mapped[str]
    subtotal: Mapped[Decimal]
    shipping: Mapped[Decimal] = mapped_column(comment="shipping_incl_tax plus cash_on_delivery_fee")
    cod_fee: Mapped[Decimal]
    discount: Mapped[Decimal] = mapped_column(comment="positive; the coupon's and rules' share, without store credit")
    store_credit: Mapped[Decimal]
    tax: Mapped[Decimal]
    other_charges: Mapped[Decimal] = mapped_column(comment="what the grand total holds beyond all the above")
    grand_total: Mapped[Decimal]
    total_due: Mapped[Decimal]
    to_collect: Mapped[Decimal] = mapped_column(
        server_default="0", comment="at the door: what was due before any invoice; an invoice on Magento marks it paid"
    )
    relation: Mapped[dict[str, Any] | None] = mapped_column(comment="edited from or to which order")
    buyer: Mapped[dict[str, Any]] = mapped_column(comment="personal data: frozen once the order is created")
    stored_at: Mapped[datetime] = mapped_column(server_default=func.now())
    acknowledged_at: Mapped[datetime | None]
    route_at: Mapped[datetime | None] = mapped_column(comment="when routing looks at it next; null: nothing to route")


class OrderLine(Base):
    """One physical SKU of an order with its quantities; virtual lines and charges are lines that no one ships."""

    __tablename__ = "order_line"
    __table_args__ = (
        PrimaryKeyConstraint("order_id", "item_id"),
        Index("ix_order_line_sku", "sku"),
        # what no location has promised: small, however many orders there are
        Index("ix_order_line_unpromised", "sku", postgresql_where=text("ordered - cancelled - allocated > 0")),
        one_of("state", LineState),
        CheckConstraint("shipped + cancelled <= ordered", name="shipped_and_cancelled_fit"),
        CheckConstraint("packed <= allocated", name="packed_fits"),
    )

    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id"))
    item_id: Mapped[int]
    parent_item_id: Mapped[int | None]
    act_on_item_id: Mapped[int] = mapped_column(comment="the item id that Magento wants for invoice and shipment")
    kind: Mapped[str]
    sku: Mapped[str]
    name: Mapped[str]
    product_id: Mapped[int | None]
    state: Mapped[str]
    ordered: Mapped[Decimal]
    allocated: Mapped[Decimal]
    packed: Mapped[Decimal]
    invoiced: Mapped[Decimal]
    shipped: Mapped[Decimal]
    cancelled: Mapped[Decimal]
    returned: Mapped[Decimal]
    refunded: Mapped[Decimal] = mapped_column(comment="as Magento says")
    magento_shipped: Mapped[Decimal] = mapped_column(server_default="0", comment="as Magento says")
    price: Mapped[Decimal]
    row_total: Mapped[Decimal]
    row_total_incl_tax: Mapped[Decimal]
    tax: Mapped[Decimal]
    tax_percent: Mapped[Decimal]
    discount: Mapped[Decimal]
    payable: Mapped[Decimal] = mapped_column(
        server_default="0", comment="for the line, after discount, GST included, before store credit"
    )
    bundle_product_id: Mapped[int | None] = mapped_column(comment="of the bundle that it is a part of")


class OrderEvent(Base):
    """The time line of an order: what happened, in words and figures. Append only."""

    __tablename__ = "order_event"
    __table_args__ = (Index("ix_order_event_order", "order_id", "id"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id"))
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    kind: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class OrderHold(Base):
    """A reason why an order may not go on. Released, never deleted."""

    __tablename__ = "order_hold"
    __table_args__ = (
        Index("uq_order_hold_open", "order_id", "code", unique=True, postgresql_where=text("released_at is null")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id"))
    code: Mapped[str]
    reason: Mapped[str]
    placed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    released_at: Mapped[datetime | None]


# --------------------------------------------------------------------------------------------------------------------
# Effects: changes asked of outside systems
# --------------------------------------------------------------------------------------------------------------------


class Effect(Base):
    """One change asked of an outside system; happens once. Its moves are in `magento_oms.domain.effects`."""

    __tablename__ = "effect"
    __table_args__ = (
        UniqueConstraint("target", "kind", "subject", "generation"),
        Index(
            "ix_effect_due",
            "target",
            text("urgent desc"),
            "due_at",
            "id",
            postgresql_where=text("state in ('due', 'unknown')"),
        ),
        Index("ix_effect_sending", "target", "claimed_until", postgresql_where=text("state = 'sending'")),
        Index("ix_effect_lane_busy", "lane", postgresql_where=text("state in ('sending', 'unknown')")),
        # two workers that claim at the same moment cannot both have a request in flight for one Magento order
        Index("uq_effect_lane_sending", "lane", unique=True, postgresql_where=text("state = 'sending'")),
        Index("ix_effect_order", "order_id"),
        Index("ix_effect_failed", "target", postgresql_where=text("state = 'failed'")),
        one_of("state", EffectState),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    target: Mapped[str] = mapped_column(comment="magento:<instance>, courier:<account> or notification:<instance>")
    kind: Mapped[str]
    subject: Mapped[str] = mapped_column(comment="what it is about, e.g. order:<entity_id>")
    generation: Mapped[int] = mapped_column(SmallInteger(), server_default="1")
    lane: Mapped[str] = mapped_column(comment="one request in flight a lane: the Magento order")
    order_id: Mapped[int | None] = mapped_column(ForeignKey("sales_order.id"))
    state: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    attempts: Mapped[int] = mapped_column(Integer(), server_default="0")
    not_found: Mapped[int] = mapped_column(SmallInteger(), server_default="0", comment="looks that found nothing")
    even_if_stopped: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="wanted though the order is held or cancelled: a cancellation, a look"
    )
    urgent: Mapped[bool] = mapped_column(server_default=text("false"), comment="goes before all that waits already")
    claim: Mapped[str | None] = mapped_column(comment="token of the worker that has it; every result must carry it")
    claimed_until: Mapped[datetime | None]
    last_error: Mapped[str | None]
    way_out: Mapped[str | None]
    planned_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]


class EffectAfter(Base):
    """`effect_id` waits until `after_id` is done."""

    __tablename__ = "effect_after"
    __table_args__ = (PrimaryKeyConstraint("effect_id", "after_id"), Index("ix_effect_after_after", "after_id"))

    effect_id: Mapped[int] = mapped_column(ForeignKey("effect.id"))
    after_id: Mapped[int] = mapped_column(ForeignKey("effect.id"))


class EffectAttempt(Base):
    """One try, or one look, with request and response masked."""

    __tablename__ = "effect_attempt"
    __table_args__ = (PrimaryKeyConstraint("effect_id", "number"),)

    effect_id: Mapped[int] = mapped_column(ForeignKey("effect.id"))
    number: Mapped[int] = mapped_column(Integer())
    action: Mapped[str] = mapped_column(comment="send or find")
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    exchange: Mapped[dict[str, Any] | None]


# --------------------------------------------------------------------------------------------------------------------
# Parcels and couriers
# --------------------------------------------------------------------------------------------------------------------


class Parcel(Base):
    """One box that goes out, or one that comes back: what is in it, what it weighs and what it is worth."""

    __tablename__ = "parcel"
    __table_args__ = (
        UniqueConstraint("order_id", "direction", "number"),
        Index("ix_parcel_fulfilment", "fulfilment_id"),
        one_of("direction", Direction),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id"))
    fulfilment_id: Mapped[int | None] = mapped_column(ForeignKey("fulfilment.id"))
    direction: Mapped[str]
    number: Mapped[int] = mapped_column(SmallInteger(), comment="counts an order's parcels of one direction")
    location: Mapped[str] = mapped_column(ForeignKey("location.code"), comment="where it starts, or comes back to")
    contents: Mapped[dict[str, Any]] = mapped_column(comment="items, size, invoice; no personal data")
    value: Mapped[Decimal] = mapped_column(comment="of the goods, GST included")
    cod: Mapped[Decimal] = mapped_column(comment="to collect at the door; 0: prepaid")
    shipping: Mapped[Decimal] = mapped_column(server_default="0")
    return_reason: Mapped[str] = mapped_column(server_default="")
    quality_check: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CourierBooking(Base):
    """One try to ship a parcel with one account at an aggregator, and how far it has come. The newest one counts."""

    __tablename__ = "courier_booking"
    __table_args__ = (
        UniqueConstraint("account", "reference"),
        UniqueConstraint("parcel_id", "generation"),
        Index("ix_courier_booking_awb", "account", "awb", postgresql_where=text("awb <> ''")),
        Index("ix_courier_booking_order_ref", "account", "order_ref", postgresql_where=text("order_ref <> ''")),
        Index("ix_courier_booking_track", "account", "track_at", postgresql_where=text("track_at is not null")),
        Index("ix_courier_booking_ndr", "account", postgresql_where=text("status = 'delivery_failed'")),
        one_of("status", ParcelStatus),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    parcel_id: Mapped[int] = mapped_column(ForeignKey("parcel.id"))
    generation: Mapped[int] = mapped_column(SmallInteger(), server_default="1")
    account: Mapped[str]
    aggregator: Mapped[str]
    reference: Mapped[str] = mapped_column(comment="ours, towards the aggregator; never used again")
    status: Mapped[str] = mapped_column(comment="derived from the scans")
    status_at: Mapped[datetime | None] = mapped_column(comment="when it came to be so, by the courier's clock")
    order_ref: Mapped[str] = mapped_column(server_default="")
    awb: Mapped[str] = mapped_column(server_default="")
    booked: Mapped[dict[str, Any]] = mapped_column(
        server_default=text("'{}'"), comment="all that the aggregator said of it, see ports.Booked"
    )
    booked_at: Mapped[datetime | None]
    pickup_number: Mapped[str] = mapped_column(server_default="")
    pickup_on: Mapped[date | None] = mapped_column(comment="a day in India")
    expected_on: Mapped[date | None] = mapped_column(comment="the courier's estimate, a day in India")
    failed_attempts: Mapped[int] = mapped_column(SmallInteger(), server_default="0")
    tried: Mapped[list[Any]] = mapped_column(
        server_default=text("'[]'"), comment="couriers that would not take it, with their reasons"
    )
    given_up: Mapped[str] = mapped_column(server_default="", comment="why it is not wanted any more")
    track_at: Mapped[datetime | None] = mapped_column(comment="when its tracking is read next; null: never")
    tracked_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ParcelEvent(Base):
    """One scan of a booking's parcel, as it was told. Append only; the order in which they come means nothing."""

    __tablename__ = "parcel_event"
    __table_args__ = (
        UniqueConstraint("booking_id", "digest"),
        Index("ix_parcel_event_unknown", "code", postgresql_where=text("not known")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    booking_id: Mapped[int] = mapped_column(ForeignKey("courier_booking.id"))
    digest: Mapped[bytes] = mapped_column(comment="of code, time, place and remark: told twice, it is one scan")
    code: Mapped[str]
    label: Mapped[str]
    occurred_at: Mapped[datetime | None]
    location: Mapped[str]
    remark: Mapped[str]
    hints: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    status: Mapped[str | None] = mapped_column(comment="what it means; null: the state stays")
    again: Mapped[str | None] = mapped_column(comment="what it means from the second time on")
    known: Mapped[bool]
    alert: Mapped[str] = mapped_column(server_default="")
    reason: Mapped[str] = mapped_column(server_default="")
    read_back: Mapped[bool] = mapped_column(comment="read from the tracking API, not only told by a webhook")
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CourierDocument(Base):
    """A label or another paper, as it was fetched from an aggregator."""

    __tablename__ = "courier_document"
    __table_args__ = (UniqueConstraint("booking_id", "kind"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    booking_id: Mapped[int] = mapped_column(ForeignKey("courier_booking.id"))
    kind: Mapped[str]
    media_type: Mapped[str]
    content: Mapped[bytes]
    fetched_at: Mapped[datetime] = mapped_column(server_default=func.now())


class NdrDecision(Base):
    """What a person decided about a parcel that could not be delivered. Append only; personal data."""

    __tablename__ = "ndr_decision"
    __table_args__ = (Index("ix_ndr_decision_booking", "booking_id", "id"), one_of("action", NdrAction))

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    booking_id: Mapped[int] = mapped_column(ForeignKey("courier_booking.id"))
    action: Mapped[str]
    comment: Mapped[str]
    on_day: Mapped[date | None] = mapped_column(comment="a day in India")
    phone: Mapped[str] = mapped_column(server_default="")
    address_lines: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    decided_by: Mapped[str]
    decided_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Webhook(Base):
    """A webhook as it came, stored before it was answered. Worked on afterwards, again if need be."""

    __tablename__ = "webhook"
    __table_args__ = (
        UniqueConstraint("target", "digest"),
        Index("ix_webhook_new", "target", "id", postgresql_where=text("worked_at is null")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    target: Mapped[str] = mapped_column(comment="courier:<account> or magento:<instance>")
    digest: Mapped[bytes]
    body: Mapped[bytes] = mapped_column(comment="as it came; personal data")
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    repeats: Mapped[int] = mapped_column(server_default="0", comment="how often the same body came again")
    worked_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(server_default="", comment="what came of it, in words")


# --------------------------------------------------------------------------------------------------------------------
# Coming in: inbox, progress, quarantine
# --------------------------------------------------------------------------------------------------------------------


class Inbox(Base):
    """Raw payloads as they came, so that what could not be understood can be replayed."""

    __tablename__ = "inbox"
    __table_args__ = (Index("ix_inbox_entity", "instance", "source", "entity_id", "id"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    instance: Mapped[str]
    source: Mapped[str]
    entity_id: Mapped[int]
    digest: Mapped[bytes]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    read_at: Mapped[datetime]
    payload: Mapped[bytes] = mapped_column(comment="the JSON text, zlib")


class Watermark(Base):
    """How far live reading has come, per (instance, workflow).

    `safe_*` is the watermark proper: everything up to it is stored. `seen_*` is the newest row read; the watcher wakes
    for what is newer. They differ while rows are too fresh to be sure that none commits late.
    """

    __tablename__ = "watermark"
    __table_args__ = (PrimaryKeyConstraint("instance", "workflow"),)

    instance: Mapped[str]
    workflow: Mapped[str]
    safe_at: Mapped[datetime]
    safe_id: Mapped[int]
    seen_at: Mapped[datetime]
    seen_id: Mapped[int]
    swept_at: Mapped[datetime | None] = mapped_column(comment="when the 10 minute overlap was last read")
    version: Mapped[int] = mapped_column(server_default="1")
    moved_at: Mapped[datetime] = mapped_column(server_default=func.now())


class WindowLedger(Base):
    """Which windows a workflow has covered, per (instance, store). `store_id` 0 stands for all stores."""

    __tablename__ = "window_ledger"
    __table_args__ = (PrimaryKeyConstraint("instance", "workflow", "store_id", "start_at", "end_at"),)

    instance: Mapped[str]
    workflow: Mapped[str]
    store_id: Mapped[int] = mapped_column(server_default="0")
    start_at: Mapped[datetime]
    end_at: Mapped[datetime]
    rows_read: Mapped[int]
    rows_changed: Mapped[int]
    covered_at: Mapped[datetime] = mapped_column(server_default=func.now())
    run_id: Mapped[str]


class Quarantine(Base):
    """An order or effect that cannot go on by itself, with its reason and a way to send it on."""

    __tablename__ = "quarantine"
    __table_args__ = (
        Index(
            "uq_quarantine_open",
            "instance",
            "subject",
            "code",
            unique=True,
            postgresql_where=text("resolved_at is null"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    instance: Mapped[str]
    store_id: Mapped[int | None]
    subject: Mapped[str] = mapped_column(comment="order:<entity_id> or effect:<id>")
    code: Mapped[str]
    reason: Mapped[str]
    way_out: Mapped[str]
    inbox_id: Mapped[int | None] = mapped_column(ForeignKey("inbox.id"))
    effect_id: Mapped[int | None] = mapped_column(ForeignKey("effect.id"))
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_times: Mapped[int] = mapped_column(server_default="1")
    resolved_at: Mapped[datetime | None]
    resolution: Mapped[str | None]


# --------------------------------------------------------------------------------------------------------------------
# Shared by all processes that talk to one system
# --------------------------------------------------------------------------------------------------------------------


class Lease(Base):
    """Who does a thing that only one may do at a time. Expires by itself."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    expires_at: Mapped[datetime]


class HoldSwitch(Base):
    """The emergency brake: while a row exists, nothing is sent to `target` (`*` is everything)."""

    __tablename__ = "hold_switch"

    target: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    held_by: Mapped[str]
    held_at: Mapped[datetime] = mapped_column(server_default=func.now())


class StoredToken(Base):
    """An encrypted bearer token, and the cool-down after a refused login."""

    __tablename__ = "stored_token"

    scope: Mapped[str] = mapped_column(primary_key=True)
    ciphertext: Mapped[bytes | None]
    expires_at: Mapped[datetime | None]
    refused_until: Mapped[datetime | None]
    refusal: Mapped[str | None]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CircuitBreaker(Base):
    """Whether a system may be called."""

    __tablename__ = "circuit_breaker"

    scope: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int] = mapped_column(server_default="0")
    open_until: Mapped[datetime | None]
    probing_until: Mapped[datetime | None]
    opened_at: Mapped[datetime | None] = mapped_column(comment="start of the present outage")
    reason: Mapped[str | None]


class RequestBudget(Base):
    """A token bucket, and how the system that it protects is doing.

    `share` is the part of the configured rate that was allowed at `eased_at`; it grows back by itself.
    """

    __tablename__ = "request_budget"

    scope: Mapped[str] = mapped_column(primary_key=True)
    tokens: Mapped[float]
    filled_at: Mapped[datetime]
    paused_until: Mapped[datetime | None]
    per_second: Mapped[float | None] = mapped_column(comment="as configured, by whoever spent last")
    burst: Mapped[float | None]
    share: Mapped[float] = mapped_column(server_default="1")
    eased_at: Mapped[datetime | None]
    eased_why: Mapped[str] = mapped_column(server_default="")
    usual_ms: Mapped[dict[str, Any]] = mapped_column(
        server_default=text("'{}'"), comment="kind of request → how long it usually takes"
    )
    slowness: Mapped[float | None] = mapped_column(comment="times the usual, lately")
    measured_at: Mapped[datetime | None]


class Heartbeat(Base):
    """When a watcher was last alive."""

    __tablename__ = "heartbeat"

    name: Mapped[str] = mapped_column(primary_key=True)
    beat_at: Mapped[datetime]
    details: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class SentAlert(Base):
    """An alert group that is open: told once, counted, and told again when it ends."""

    __tablename__ = "sent_alert"

    group: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    first_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_at: Mapped[datetime] = mapped_column(server_default=func.now())
    told_at: Mapped[datetime | None]
    times: Mapped[int] = mapped_column(server_default="1")
    delivered: Mapped[bool] = mapped_column(Boolean(), server_default=text("false"))
