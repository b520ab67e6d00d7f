"""The tables of the forward life: routing, fulfilments, invoices, papers, manifests, and who may call the OMS API."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from magento_oms.domain.fulfilments import FulfilmentState
from magento_oms.storage.tables import Base, one_of


class Fulfilment(Base):
    """The part of one order that one location ships.

    `changed_xid` is the transaction that changed it last: who reads all changes before the oldest transaction that is
    still open misses none (`storage/fulfilments.py`, `feed`).
    """

    __tablename__ = "fulfilment"
    __table_args__ = (
        UniqueConstraint("order_id", "number"),
        UniqueConstraint("shipment_id"),
        Index("ix_fulfilment_feed", "location", "changed_xid", "id"),
        Index(
            "ix_fulfilment_open", "location", "state", postgresql_where=text("state in ('routed', 'packed', 'ready')")
        ),
        Index("ix_fulfilment_created", "location", "created_at"),
        # of these Magento still keeps units, unless it has cancelled them
        Index("ix_fulfilment_not_on_magento", "order_id", postgresql_where=text("on_magento_at is null")),
        one_of("state", FulfilmentState),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id"))
    number: Mapped[int] = mapped_column(SmallInteger())
    location: Mapped[str] = mapped_column(ForeignKey("location.code"))
    state: Mapped[str] = mapped_column(comment="derived")
    explanation: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"), comment="why here")
    shipment_id: Mapped[str | None] = mapped_column(comment="the warehouse's own id of its packing")
    pack_digest: Mapped[bytes | None] = mapped_column(comment="of what was packed: the same again answers the same")
    packed_at: Mapped[datetime | None]
    ready_at: Mapped[datetime | None] = mapped_column(comment="invoice, AWBs and labels are there")
    handed_over_at: Mapped[datetime | None]
    on_magento_at: Mapped[datetime | None] = mapped_column(comment="when Magento was seen to have its shipment")
    changed_xid: Mapped[int] = mapped_column(server_default=text("(pg_current_xact_id()::text::bigint)"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class FulfilmentLine(Base):
    """How much of an order line a fulfilment carries."""

    __tablename__ = "fulfilment_line"
    __table_args__ = (
        PrimaryKeyConstraint("fulfilment_id", "item_id"),
        ForeignKeyConstraint(["order_id", "item_id"], ["order_line.order_id", "order_line.item_id"]),
        Index("ix_fulfilment_line_order", "order_id", "item_id"),
        CheckConstraint("packed in (0, quantity)", name="packed_as_routed"),
        CheckConstraint("shipped <= packed", name="shipped_was_packed"),
    )

    fulfilment_id: Mapped[int] = mapped_column(ForeignKey("fulfilment.id"))
    order_id: Mapped[int]
    item_id: Mapped[int]
    quantity: Mapped[Decimal] = mapped_column(comment="to be shipped from here; what was rejected or cancelled is off")
    rejected: Mapped[Decimal] = mapped_column(server_default="0")
    packed: Mapped[Decimal] = mapped_column(server_default="0")
    shipped: Mapped[Decimal] = mapped_column(server_default="0")


class RoutingDecision(Base):
    """What routing saw and decided, so that it is explained, and replayed with other strategies. Append only."""

    __tablename__ = "routing_decision"
    __table_args__ = (
        Index("ix_routing_decision_order", "order_id", "id"),
        Index("ix_routing_decision_decided_at", "decided_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id"))
    decided_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen: Mapped[dict[str, Any]] = mapped_column(comment="demand, locations and their stock; no personal data")
    outcome: Mapped[dict[str, Any]]


class UnfilledLine(Base):
    """What no location can fill now: the queues that people look at."""

    __tablename__ = "unfilled_line"
    __table_args__ = (
        PrimaryKeyConstraint("order_id", "item_id"),
        ForeignKeyConstraint(["order_id", "item_id"], ["order_line.order_id", "order_line.item_id"]),
        Index("ix_unfilled_line_sku", "sku"),
    )

    order_id: Mapped[int]
    item_id: Mapped[int]
    sku: Mapped[str]
    quantity: Mapped[Decimal]
    queue: Mapped[str] = mapped_column(comment="waits_for_stock, person_decides or no_location")
    reason: Mapped[str]
    since: Mapped[datetime] = mapped_column(server_default=func.now())


class InvoiceSeries(Base):
    """The last number of a series. A series has no gaps: the number is taken in the invoice's own transaction."""

    __tablename__ = "invoice_series"
    __table_args__ = (PrimaryKeyConstraint("seller", "document_type", "financial_year"),)

    seller: Mapped[str] = mapped_column(comment="GSTIN; location:<code> of an unregistered one")
    document_type: Mapped[str]
    financial_year: Mapped[str] = mapped_column(comment="in India, such as 2026-27")
    last: Mapped[int]


class Invoice(Base):
    """One invoice of ours, of one fulfilment, as it was issued. Never changed but for what others answer about it."""

    __tablename__ = "invoice"
    __table_args__ = (
        UniqueConstraint("seller", "number"),
        UniqueConstraint("fulfilment_id"),
        UniqueConstraint("seller", "document_type", "financial_year", "serial"),
        Index("ix_invoice_order", "order_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id"))
    fulfilment_id: Mapped[int] = mapped_column(ForeignKey("fulfilment.id"))
    seller: Mapped[str]
    document_type: Mapped[str]
    financial_year: Mapped[str]
    serial: Mapped[int]
    number: Mapped[str]
    issued_at: Mapped[datetime]
    content: Mapped[dict[str, Any]] = mapped_column(comment="all that is printed on it; personal data")
    total: Mapped[Decimal]
    magento_invoice: Mapped[str] = mapped_column(server_default="", comment="id of Magento's own; - where it had one")


class Paper(Base):
    """A document of ours that was read back and released. A reprint gives the same bytes."""

    __tablename__ = "paper"
    __table_args__ = (UniqueConstraint("kind", "subject"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str] = mapped_column(comment="invoice, label or manifest")
    subject: Mapped[str] = mapped_column(comment="fulfilment:<id>, parcel:<id> or manifest:<id>")
    digest: Mapped[bytes]
    content: Mapped[bytes] = mapped_column(comment="PDF; personal data")
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ConsignmentPermit(Base):
    """What the law wants before goods move: an e-way bill's number, or an IRN with its signed QR."""

    __tablename__ = "consignment_permit"
    __table_args__ = (PrimaryKeyConstraint("fulfilment_id", "kind"),)

    fulfilment_id: Mapped[int] = mapped_column(ForeignKey("fulfilment.id"))
    kind: Mapped[str] = mapped_column(comment="eway_bill or irn")
    number: Mapped[str]
    signed_qr: Mapped[str] = mapped_column(server_default="")
    given_by: Mapped[str]
    given_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Manifest(Base):
    """The list of parcels that one courier takes from one location on one day."""

    __tablename__ = "manifest"
    __table_args__ = (UniqueConstraint("number"), Index("ix_manifest_location", "location", "day"))

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    number: Mapped[str]
    location: Mapped[str] = mapped_column(ForeignKey("location.code"))
    account: Mapped[str]
    courier: Mapped[str]
    day: Mapped[date] = mapped_column(comment="in India")
    aggregator_reference: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    handed_over_at: Mapped[datetime | None]


class ManifestParcel(Base):
    """A parcel of a manifest; it is on one only."""

    __tablename__ = "manifest_parcel"
    __table_args__ = (PrimaryKeyConstraint("parcel_id"), Index("ix_manifest_parcel_manifest", "manifest_id"))

    parcel_id: Mapped[int] = mapped_column(ForeignKey("parcel.id"))
    manifest_id: Mapped[int] = mapped_column(ForeignKey("manifest.id"))


class MagentoShipment(Base):
    """A shipment as Magento has it, read back."""

    __tablename__ = "magento_shipment"
    __table_args__ = (PrimaryKeyConstraint("order_id", "shipment_id"),)

    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id"))
    shipment_id: Mapped[str]
    fulfilment_id: Mapped[int | None] = mapped_column(ForeignKey("fulfilment.id"))
    items: Mapped[dict[str, Any]] = mapped_column(comment="item id → quantity")
    tracks: Mapped[list[Any]]
    differs: Mapped[str] = mapped_column(server_default="", comment="in what it differs from ours, in words")
    fetched_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ApiToken(Base):
    """Who may call the OMS API, and for what. The token itself is kept nowhere."""

    __tablename__ = "api_token"
    __table_args__ = (UniqueConstraint("digest"), UniqueConstraint("name"))

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str]
    digest: Mapped[bytes]
    scopes: Mapped[list[Any]]
    instances: Mapped[list[Any]] = mapped_column(comment="empty: all")  # or single stores, as `instance/store_id`
    locations: Mapped[list[Any]] = mapped_column(comment="empty: all")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
