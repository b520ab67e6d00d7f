"""The tables of stock towards Magento: what changed, what Magento was told, and which way it takes it.

Rows of `stock_change` and `freed_stock` are written by triggers of the tables that a figure is made from (see the
migrations), so that who changes stock need not know who must be told.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Identity, Index, PrimaryKeyConstraint, SmallInteger, func
from sqlalchemy.orm import Mapped, mapped_column

from magento_oms.storage.database import text
from magento_oms.storage.tables import Base


class StockChange(Base):
    """Something changed that the figure of a SKU at an instance is made from. Append only; taken by the push.

    It has no key but its number: rows of one SKU never make two transactions wait for each other.
    """

    __tablename__ = "stock_change"
    __table_args__ = (Index("ix_stock_change_instance", "instance", "id"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    instance: Mapped[str] = mapped_column(ForeignKey("instance.code"))
    sku: Mapped[str]
    by_magento: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="Magento may have changed its own quantity: what it was told is void"
    )
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    later: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="Magento may still be changing it: it is told once more afterwards"
    )


class FreedStock(Base):
    """A SKU of which a location can promise more than before, while some order still needs it. Append only; taken by
    routing.
    """

    __tablename__ = "freed_stock"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    sku: Mapped[str]


class StockFigure(Base):
    """What one source of an instance was told of a SKU: a latest value, not a history."""

    __tablename__ = "stock_figure"
    __table_args__ = (
        PrimaryKeyConstraint("instance", "sku", "source"),
        Index("ix_stock_figure_due", "instance", "due_at", postgresql_where=text("due_at is not null")),
        Index("ix_stock_figure_problem", "instance", "sku", postgresql_where=text("problem <> ''")),
    )

    instance: Mapped[str] = mapped_column(ForeignKey("instance.code"))
    sku: Mapped[str]
    source: Mapped[str]
    told: Mapped[Decimal | None] = mapped_column(comment="what Magento has, as far as we know; null: not known")
    told_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default="0", comment="how often it was told")
    due_at: Mapped[datetime | None] = mapped_column(comment="when it is looked at next; null: Magento has it")
    sending_until: Mapped[datetime | None] = mapped_column(comment="somebody tells Magento, or was killed doing so")
    unsettled_until: Mapped[datetime | None] = mapped_column(
        comment="until then Magento may still write what it was told before: it is told once more afterwards"
    )
    tries: Mapped[int] = mapped_column(SmallInteger(), server_default="0", comment="failed ones in a row")
    seen_at: Mapped[datetime | None] = mapped_column(comment="when Magento was seen to have the product")
    problem: Mapped[str] = mapped_column(server_default="", comment="why it cannot be told; empty: it can")
    again_at: Mapped[datetime | None] = mapped_column(
        comment="when it is told once more, because Magento may have changed it after it was told"
    )


class StockWay(Base):
    """How an instance takes stock, as far as it was learnt."""

    __tablename__ = "stock_way"

    instance: Mapped[str] = mapped_column(ForeignKey("instance.code"), primary_key=True)
    way: Mapped[str] = mapped_column(comment="source_items or stock_items")
    why: Mapped[str]
    lines: Mapped[int] = mapped_column(comment="a call; learnt from how long calls take")
    limit: Mapped[int | None] = mapped_column(comment="lines that the store allows in a call; null: none is known")
    config_digest: Mapped[str]
    learnt_at: Mapped[datetime] = mapped_column(server_default=func.now())
