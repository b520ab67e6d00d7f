"""cancellations, expected RTO, credit notes"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cancellation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False, comment="in words; no personal data"),
        sa.Column("by", sa.Text(), server_default="", nullable=False, comment="who asked; empty: read from Magento"),
        sa.Column(
            "units",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="item id → units that were cancelled now",
        ),
        sa.Column(
            "too_late",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="item id → units that had left the warehouse",
        ),
        sa.Column(
            "outcomes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment="what became of it, fulfilment by fulfilment",
        ),
        sa.Column("noted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "cause in ('customer', 'payment', 'edited', 'refund', 'seller')", name=op.f("ck_cancellation_cause")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_cancellation_order_id_sales_order")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cancellation")),
    )
    op.create_index("ix_cancellation_order", "cancellation", ["order_id", "id"], unique=False)
    op.create_table(
        "credit_note",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "subject",
            sa.Text(),
            nullable=False,
            comment="what it is for, once: fulfilment:<id> (called off), return:<id>",
        ),
        sa.Column("seller", sa.Text(), nullable=False),
        sa.Column("financial_year", sa.Text(), nullable=False),
        sa.Column("serial", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "content",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="all that is printed on it; personal data",
        ),
        sa.Column("total", sa.Numeric(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_credit_note_invoice_id_invoice")),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_credit_note_order_id_sales_order")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_note")),
        sa.UniqueConstraint(
            "seller", "financial_year", "serial", name=op.f("uq_credit_note_seller_financial_year_serial")
        ),
        sa.UniqueConstraint("seller", "number", name=op.f("uq_credit_note_seller_number")),
        sa.UniqueConstraint("subject", name=op.f("uq_credit_note_subject")),
    )
    op.create_index("ix_credit_note_invoice", "credit_note", ["invoice_id"], unique=False)
    op.create_index("ix_credit_note_order", "credit_note", ["order_id"], unique=False)
    op.create_table(
        "expected_rto",
        sa.Column("parcel_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("cancellation_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "asked",
            sa.Boolean(),
            nullable=False,
            comment="whether the courier is asked to return it; else it comes by itself",
        ),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_as", sa.Text(), server_default="", nullable=False, comment="the parcel's last state"),
        sa.ForeignKeyConstraint(
            ["cancellation_id"], ["cancellation.id"], name=op.f("fk_expected_rto_cancellation_id_cancellation")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_expected_rto_order_id_sales_order")),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcel.id"], name=op.f("fk_expected_rto_parcel_id_parcel")),
        sa.PrimaryKeyConstraint("parcel_id", name=op.f("pk_expected_rto")),
    )
    op.create_index(
        "ix_expected_rto_open",
        "expected_rto",
        ["since"],
        unique=False,
        postgresql_where=sa.text("ended_at is null"),
    )
    op.create_index("ix_expected_rto_order", "expected_rto", ["order_id"], unique=False)


def downgrade() -> None:
    op.drop_table("expected_rto")
    op.drop_table("credit_note")
    op.drop_table("cancellation")
