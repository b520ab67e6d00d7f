"""returns, unit by unit, exchanges, and credit memos as Magento has them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "return_order",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("return_code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="derived"),
        sa.Column("location", sa.Text(), nullable=False, comment="where it comes back to"),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "asked_digest",
            sa.LargeBinary(),
            nullable=True,
            comment="of what was asked: the same again answers the same",
        ),
        sa.Column("parcel_id", sa.BigInteger(), nullable=True, comment="the reverse parcel; of an RTO the forward one"),
        sa.Column(
            "awb",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="as told; the booking's own counts where there is one",
        ),
        sa.Column("courier", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "tracking_wanted",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="its AWB is to be fetched from the aggregator",
        ),
        sa.Column(
            "quality_check",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="the courier checks at the door",
        ),
        sa.Column("expected_on", sa.Date(), nullable=True, comment="a day in India"),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False, comment="when the customer asked for it"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind in ('customer_return', 'self_ship', 'return_to_origin')", name=op.f("ck_return_order_kind_known")
        ),
        sa.CheckConstraint(
            "source in ('api', 'csv', 'magento_credit_memo', 'magento_rma', 'courier')",
            name=op.f("ck_return_order_source_known"),
        ),
        sa.CheckConstraint(
            "state in ('placed', 'out_for_pickup', 'picked_up', 'in_transit', 'delivered', 'lost', 'received', 'processed', 'cancelled')",
            name=op.f("ck_return_order_state_known"),
        ),
        sa.ForeignKeyConstraint(["instance"], ["instance.code"], name=op.f("fk_return_order_instance")),
        sa.ForeignKeyConstraint(["location"], ["location.code"], name=op.f("fk_return_order_location")),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_return_order_order_id")),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcel.id"], name=op.f("fk_return_order_parcel_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_return_order")),
        sa.UniqueConstraint("instance", "return_code", name=op.f("uq_return_order_instance_return_code")),
    )
    op.create_index("ix_return_order_awb", "return_order", ["awb"], unique=False, postgresql_where=sa.text("awb <> ''"))
    op.create_index("ix_return_order_created", "return_order", ["instance", "created_at"], unique=False)
    op.create_index("ix_return_order_location", "return_order", ["location", "state"], unique=False)
    op.create_index("ix_return_order_order", "return_order", ["order_id"], unique=False)
    op.create_index("ix_return_order_parcel", "return_order", ["parcel_id"], unique=False)
    op.create_index(
        "uq_return_order_rto",
        "return_order",
        ["parcel_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'return_to_origin' and parcel_id is not null"),
    )
    op.create_table(
        "credit_memo",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("memo_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("increment_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, comment="on Magento"),
        sa.Column("grand_total", sa.Numeric(), nullable=False),
        sa.Column("items", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="order item id → quantity"),
        sa.Column("return_id", sa.BigInteger(), nullable=True, comment="whose units it refunds"),
        sa.Column("ours", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("taken", sa.Text(), server_default="", nullable=False, comment="what was made of it, in words"),
        sa.Column("read_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_credit_memo_order_id")),
        sa.ForeignKeyConstraint(["return_id"], ["return_order.id"], name=op.f("fk_credit_memo_return_id")),
        sa.PrimaryKeyConstraint("instance", "memo_id", name=op.f("pk_credit_memo")),
    )
    op.create_index("ix_credit_memo_order", "credit_memo", ["order_id"], unique=False)
    op.create_table(
        "return_exchange",
        sa.Column("return_id", sa.BigInteger(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("replacement", sa.Text(), nullable=False, comment="increment id; it may not be in the OMS yet"),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "hold", sa.Boolean(), nullable=False, comment="it waits until the return has passed its quality check"
        ),
        sa.Column(
            "outcome", sa.Text(), server_default="", nullable=False, comment="released, cancelled or person_decides"
        ),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_return_exchange_order_id")),
        sa.ForeignKeyConstraint(["return_id"], ["return_order.id"], name=op.f("fk_return_exchange_return_id")),
        sa.PrimaryKeyConstraint("return_id", name=op.f("pk_return_exchange")),
        sa.UniqueConstraint("instance", "replacement", name=op.f("uq_return_exchange_instance_replacement")),
    )
    op.create_table(
        "return_item",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("return_id", sa.BigInteger(), nullable=False),
        sa.Column("item_code", sa.Text(), nullable=False, comment="the caller's own, unique in the return"),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cancelled_why", sa.Text(), server_default="", nullable=False),
        sa.Column("qc_reason", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "images",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment="links to pictures of what failed",
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("credit_note_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "refund",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="asked: a credit memo is planned for it; else the id of Magento's credit memo",
        ),
        sa.CheckConstraint(
            "state in ('expected', 'received', 'passed', 'failed', 'missing', 'cancelled')",
            name=op.f("ck_return_item_state_known"),
        ),
        sa.ForeignKeyConstraint(["credit_note_id"], ["credit_note.id"], name=op.f("fk_return_item_credit_note_id")),
        sa.ForeignKeyConstraint(
            ["order_id", "item_id"],
            ["order_line.order_id", "order_line.item_id"],
            name=op.f("fk_return_item_order_id_item_id"),
        ),
        sa.ForeignKeyConstraint(["return_id"], ["return_order.id"], name=op.f("fk_return_item_return_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_return_item")),
        sa.UniqueConstraint("return_id", "item_code", name=op.f("uq_return_item_return_id_item_code")),
    )
    op.create_index("ix_return_item_line", "return_item", ["order_id", "item_id"], unique=False)
    op.add_column(
        "store",
        sa.Column(
            "returns",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="what it says of returns",
        ),
    )


def downgrade() -> None:
    op.drop_column("store", "returns")
    op.drop_index("ix_return_item_line", table_name="return_item")
    op.drop_table("return_item")
    op.drop_table("return_exchange")
    op.drop_index("ix_credit_memo_order", table_name="credit_memo")
    op.drop_table("credit_memo")
    op.drop_index(
        "uq_return_order_rto",
        table_name="return_order",
        postgresql_where=sa.text("kind = 'return_to_origin' and parcel_id is not null"),
    )
    op.drop_index("ix_return_order_parcel", table_name="return_order")
    op.drop_index("ix_return_order_order", table_name="return_order")
    op.drop_index("ix_return_order_location", table_name="return_order")
    op.drop_index("ix_return_order_created", table_name="return_order")
    op.drop_index("ix_return_order_awb", table_name="return_order", postgresql_where=sa.text("awb <> ''"))
    op.drop_table("return_order")
