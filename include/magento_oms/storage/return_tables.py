"""The tables of returns: what comes back, unit by unit, and Magento's credit memos about it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    PrimaryKeyConstraint,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from magento_oms.domain.returns import ReturnKind, ReturnSource, ReturnState, UnitState
from magento_oms.storage.tables import Base, one_of


class ReturnOrder(Base):
    """Units of one order that come back together. Identity is (instance, return_code), which the caller chooses."""

    __tablename__ = "return_order"
    __table_args__ = (
        UniqueConstraint("instance", "return_code"),
        Index("ix_return_order_order", "order_id"),
        Index("ix_return_order_parcel", "parcel_id"),
        Index("ix_return_order_awb", "awb", postgresql_where=text("awb <> ''")),
        Index("ix_return_order_location", "location", "state"),
        Index("ix_return_order_created", "instance", "created_at"),
        # one open RTO a parcel, whoever tells of it first
        Index(
            "uq_return_order_rto",
            "parcel_id",
            unique=True,
            postgresql_where=text("kind = 'return_to_origin' and parcel_id is not null"),
        ),
        one_of("kind", ReturnKind),
        one_of("source", ReturnSource),
        one_of("state", ReturnState),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    instance: Mapped[str] = mapped_column(ForeignKey("instance.code"))
    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id"))
    return_code: Mapped[str]
    kind: Mapped[str]
    source: Mapped[str]
    state: Mapped[str] = mapped_column(comment="derived")
    location: Mapped[str] = mapped_column(ForeignKey("location.code"), comment="where it comes back to")
    reason: Mapped[str] = mapped_column(server_default="")
    asked_digest: Mapped[bytes | None] = mapped_column(comment="of what was asked: the same again answers the same")
    parcel_id: Mapped[int | None] = mapped_column(
        ForeignKey("parcel.id"), comment="the reverse parcel; of an RTO the forward one"
    )
    awb: Mapped[str] = mapped_column(server_default="", comment="as told; the booking's own counts where there is one")
    courier: Mapped[str] = mapped_column(server_default="")
    quality_check: Mapped[bool] = mapped_column(server_default=text("false"), comment="the courier checks at the door")
    expected_on: Mapped[date | None] = mapped_column(comment="a day in India")
    placed_at: Mapped[datetime] = mapped_column(comment="when the customer asked for it")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_by: Mapped[str]
    received_at: Mapped[datetime | None]
    processed_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]


class ReturnItem(Base):
    """One unit of a return."""

    __tablename__ = "return_item"
    __table_args__ = (
        UniqueConstraint("return_id", "item_code"),
        ForeignKeyConstraint(["order_id", "item_id"], ["order_line.order_id", "order_line.item_id"]),
        Index("ix_return_item_line", "order_id", "item_id"),
        one_of("state", UnitState),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    return_id: Mapped[int] = mapped_column(ForeignKey("return_order.id"))
    item_code: Mapped[str] = mapped_column(comment="the caller's own, unique in the return")
    order_id: Mapped[int]
    item_id: Mapped[int]
    reason: Mapped[str] = mapped_column(server_default="")
    state: Mapped[str]
    cancelled_why: Mapped[str] = mapped_column(server_default="")
    qc_reason: Mapped[str] = mapped_column(server_default="")
    images: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"), comment="links to pictures of what failed")
    received_at: Mapped[datetime | None]
    judged_at: Mapped[datetime | None]
    credit_note_id: Mapped[int | None] = mapped_column(ForeignKey("credit_note.id"))
    refund: Mapped[str] = mapped_column(
        server_default="", comment="asked: a credit memo is planned for it; else the id of Magento's credit memo"
    )


class ReturnExchange(Base):
    """The order that replaces what a return brings back. Magento knows of no link between the two."""

    __tablename__ = "return_exchange"
    __table_args__ = (
        PrimaryKeyConstraint("return_id"),
        UniqueConstraint("instance", "replacement"),
    )

    return_id: Mapped[int] = mapped_column(ForeignKey("return_order.id"))
    instance: Mapped[str]
    replacement: Mapped[str] = mapped_column(comment="increment id; it may not be in the OMS yet")
    order_id: Mapped[int | None] = mapped_column(ForeignKey("sales_order.id"))
    hold: Mapped[bool] = mapped_column(comment="it waits until the return has passed its quality check")
    outcome: Mapped[str] = mapped_column(server_default="", comment="released, cancelled or person_decides")


class CreditMemo(Base):
    """A credit memo as Magento has it."""

    __tablename__ = "credit_memo"
    __table_args__ = (
        PrimaryKeyConstraint("instance", "memo_id"),
        Index("ix_credit_memo_order", "order_id"),
    )

    instance: Mapped[str]
    memo_id: Mapped[int]
    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id"))
    increment_id: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(comment="on Magento")
    grand_total: Mapped[Decimal]
    items: Mapped[dict[str, Any]] = mapped_column(comment="order item id → quantity")
    return_id: Mapped[int | None] = mapped_column(ForeignKey("return_order.id"), comment="whose units it refunds")
    ours: Mapped[bool] = mapped_column(server_default=text("false"))
    taken: Mapped[str] = mapped_column(server_default="", comment="what was made of it, in words")
    read_at: Mapped[datetime] = mapped_column(server_default=func.now())
