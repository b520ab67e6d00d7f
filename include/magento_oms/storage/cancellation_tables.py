"""The tables of cancellations: who cancelled what and why, parcels that are expected back, and credit notes."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from magento_oms.domain.cancellation import Cause
from magento_oms.storage.database import text
from magento_oms.storage.tables import Base, one_of


class Cancellation(Base):
    """Units of an order that were cancelled, or that it was too late to cancel. Append only."""

    __tablename__ = "cancellation"
    __table_args__ = (Index("ix_cancellation_order", "order_id", "id"), one_of("cause", Cause))

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id"))
    cause: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default="", comment="in words; no personal data")
    by: Mapped[str] = mapped_column(server_default="", comment="who asked; empty: read from Magento")
    units: Mapped[dict[str, Any]] = mapped_column(comment="item id → units that were cancelled now")
    too_late: Mapped[dict[str, Any]] = mapped_column(
        server_default=text("'{}'"), comment="item id → units that had left the warehouse"
    )
    outcomes: Mapped[list[Any]] = mapped_column(
        server_default=text("'[]'"), comment="what became of it, fulfilment by fulfilment"
    )
    noted_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ExpectedRto(Base):
    """A parcel that left although its order was cancelled: it is expected back, whatever the courier does."""

    __tablename__ = "expected_rto"
    __table_args__ = (
        Index("ix_expected_rto_order", "order_id"),
        Index("ix_expected_rto_open", "since", postgresql_where=text("ended_at is null")),
    )

    parcel_id: Mapped[int] = mapped_column(ForeignKey("parcel.id"), primary_key=True, autoincrement=False)
    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id"))
    cancellation_id: Mapped[int] = mapped_column(ForeignKey("cancellation.id"))
    asked: Mapped[bool] = mapped_column(comment="whether the courier is asked to return it; else it comes by itself")
    since: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]
    ended_as: Mapped[str] = mapped_column(server_default="", comment="the parcel's last state")


class CreditNote(Base):
    """One credit note of ours on an invoice, as it was issued. Never changed."""

    __tablename__ = "credit_note"
    __table_args__ = (
        UniqueConstraint("seller", "number"),
        UniqueConstraint("seller", "financial_year", "serial"),
        UniqueConstraint("subject"),
        Index("ix_credit_note_order", "order_id"),
        Index("ix_credit_note_invoice", "invoice_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id"))
    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id"))
    subject: Mapped[str] = mapped_column(comment="what it is for, once: fulfilment:<id> (called off), return:<id>")
    seller: Mapped[str]
    financial_year: Mapped[str]
    serial: Mapped[int]
    number: Mapped[str]
    issued_at: Mapped[datetime]
    content: Mapped[dict[str, Any]] = mapped_column(comment="all that is printed on it; personal data")
    total: Mapped[Decimal]
