"""catalogue, customers, and request budgets that adapt"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_JSONB = postgresql.JSONB(astext_type=sa.Text())
_TIME = sa.DateTime(timezone=True)


def _added() -> dict[str, list[sa.Column[Any]]]:
    return {
        "product": [
            sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
            sa.Column("price", sa.Numeric(), nullable=True),
            sa.Column("tax_class", sa.Text(), server_default="", nullable=False),
            sa.Column("length_cm", sa.Numeric(), nullable=True),
            sa.Column("breadth_cm", sa.Numeric(), nullable=True),
            sa.Column("height_cm", sa.Numeric(), nullable=True),
            sa.Column("barcode", sa.Text(), server_default="", nullable=False),
            sa.Column(
                "images",
                _JSONB,
                server_default=sa.text("'[]'"),
                nullable=False,
                comment="paths below media/catalog/product",
            ),
            sa.Column(
                "children",
                _JSONB,
                server_default=sa.text("'[]'"),
                nullable=False,
                comment="choices of a configurable (product_id), parts of a bundle (sku, quantity)",
            ),
            sa.Column(
                "notes", _JSONB, server_default=sa.text("'[]'"), nullable=False, comment="what was odd, in words"
            ),
            sa.Column(
                "digest",
                sa.LargeBinary(),
                nullable=True,
                comment="of payload and rules; the same means nothing changed",
            ),
            sa.Column("read_at", _TIME, nullable=True, comment="the store's clock when it last changed here"),
            sa.Column("gone_at", _TIME, nullable=True),
        ],
        "customer": [
            sa.Column("created_at", _TIME, nullable=True),
            sa.Column("website_id", sa.BigInteger(), server_default="0", nullable=False),
            sa.Column("store_id", sa.BigInteger(), server_default="0", nullable=False),
            sa.Column("group_id", sa.BigInteger(), server_default="0", nullable=False),
            sa.Column("gstin", sa.Text(), server_default="", nullable=False),
            sa.Column(
                "personal",
                sa.LargeBinary(),
                nullable=True,
                comment="personal data, encrypted: name, e-mail, addresses; null once erased",
            ),
            sa.Column("digest", sa.LargeBinary(), nullable=True, comment="keyed; the same means nothing changed"),
            sa.Column("gone_at", _TIME, nullable=True),
        ],
        "request_budget": [
            sa.Column("per_second", sa.Float(), nullable=True, comment="as configured, by whoever spent last"),
            sa.Column("burst", sa.Float(), nullable=True),
            sa.Column("share", sa.Float(), server_default="1", nullable=False),
            sa.Column("eased_at", _TIME, nullable=True),
            sa.Column("eased_why", sa.Text(), server_default="", nullable=False),
            sa.Column(
                "usual_ms",
                _JSONB,
                server_default=sa.text("'{}'"),
                nullable=False,
                comment="kind of request → how long it usually takes",
            ),
            sa.Column("slowness", sa.Float(), nullable=True, comment="times the usual, lately"),
            sa.Column("measured_at", _TIME, nullable=True),
        ],
    }


def upgrade() -> None:
    for table, columns in _added().items():
        for column in columns:
            op.add_column(table, column)
    op.alter_column(
        "product", "product_id", existing_type=sa.BigInteger(), existing_nullable=False,
        comment="Magento's; 0 of one that a person let go on without it",
    )  # fmt: skip
    op.create_index("ix_product_product_id", "product", ["instance", "product_id"])
    op.create_index("ix_product_barcode", "product", ["instance", "barcode"], postgresql_where=sa.text("barcode <> ''"))
    op.create_table(
        "awaited_sku",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=True),
        sa.Column("since", _TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("asked", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("ask_at", _TIME, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["instance"], ["instance.code"], name=op.f("fk_awaited_sku_instance")),
        sa.PrimaryKeyConstraint("instance", "sku", name=op.f("pk_awaited_sku")),
    )


def downgrade() -> None:
    op.drop_table("awaited_sku")
    op.drop_index("ix_product_barcode", table_name="product")
    op.drop_index("ix_product_product_id", table_name="product")
    op.alter_column("product", "product_id", existing_type=sa.BigInteger(), existing_nullable=False, comment=None)
    for table, columns in _added().items():
        for column in reversed(columns):
            op.drop_column(table, column.name)
