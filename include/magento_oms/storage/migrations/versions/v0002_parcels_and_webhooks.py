"""parcels and webhooks"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("target", sa.Text(), nullable=False, comment="courier:<account> or magento:<instance>"),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False, comment="as it came; personal data"),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "repeats", sa.BigInteger(), server_default="0", nullable=False, comment="how often the same body came again"
        ),
        sa.Column("worked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False, comment="what came of it, in words"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
        sa.UniqueConstraint("target", "digest", name=op.f("uq_webhook_target_digest")),
    )
    op.create_index(
        "ix_webhook_new", "webhook", ["target", "id"], unique=False, postgresql_where=sa.text("worked_at is null")
    )
    op.create_table(
        "parcel",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("fulfilment_id", sa.BigInteger(), nullable=True),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False, comment="counts an order's parcels of one direction"),
        sa.Column("location", sa.Text(), nullable=False, comment="where it starts, or comes back to"),
        sa.Column(
            "contents",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="items, size, invoice; no personal data",
        ),
        sa.Column("value", sa.Numeric(), nullable=False, comment="of the goods, GST included"),
        sa.Column("cod", sa.Numeric(), nullable=False, comment="to collect at the door; 0: prepaid"),
        sa.Column("shipping", sa.Numeric(), server_default="0", nullable=False),
        sa.Column("return_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("quality_check", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("direction in ('forward', 'reverse')", name=op.f("ck_parcel_direction_known")),
        sa.ForeignKeyConstraint(["fulfilment_id"], ["fulfilment.id"], name=op.f("fk_parcel_fulfilment_id")),
        sa.ForeignKeyConstraint(["location"], ["location.code"], name=op.f("fk_parcel_location")),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_parcel_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcel")),
        sa.UniqueConstraint("order_id", "direction", "number", name=op.f("uq_parcel_order_id_direction_number")),
    )
    op.create_index("ix_parcel_fulfilment", "parcel", ["fulfilment_id"], unique=False)
    op.create_table(
        "courier_booking",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("parcel_id", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("aggregator", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False, comment="ours, towards the aggregator; never used again"),
        sa.Column("status", sa.Text(), nullable=False, comment="derived from the scans"),
        sa.Column(
            "status_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it came to be so, by the courier's clock",
        ),
        sa.Column("order_ref", sa.Text(), server_default="", nullable=False),
        sa.Column("awb", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "booked",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="all that the aggregator said of it, see ports.Booked",
        ),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pickup_number", sa.Text(), server_default="", nullable=False),
        sa.Column("pickup_on", sa.Date(), nullable=True, comment="a day in India"),
        sa.Column("expected_on", sa.Date(), nullable=True, comment="the courier's estimate, a day in India"),
        sa.Column("failed_attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column(
            "tried",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment="couriers that would not take it, with their reasons",
        ),
        sa.Column("given_up", sa.Text(), server_default="", nullable=False, comment="why it is not wanted any more"),
        sa.Column(
            "track_at", sa.DateTime(timezone=True), nullable=True, comment="when its tracking is read next; null: never"
        ),
        sa.Column("tracked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "status in ('created', 'pickup_scheduled', 'picked_up', 'in_transit', 'out_for_delivery', 'delivery_failed', 'delivered', 'cancelled', 'lost', 'rto_initiated', 'rto_in_transit', 'rto_delivered', 'return_placed', 'return_out_for_pickup', 'return_picked_up', 'return_in_transit', 'return_delivered', 'return_qc_failed', 'return_cancelled')",
            name=op.f("ck_courier_booking_status_known"),
        ),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcel.id"], name=op.f("fk_courier_booking_parcel_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_courier_booking")),
        sa.UniqueConstraint("account", "reference", name=op.f("uq_courier_booking_account_reference")),
        sa.UniqueConstraint("parcel_id", "generation", name=op.f("uq_courier_booking_parcel_id_generation")),
    )
    op.create_index(
        "ix_courier_booking_awb",
        "courier_booking",
        ["account", "awb"],
        unique=False,
        postgresql_where=sa.text("awb <> ''"),
    )
    op.create_index(
        "ix_courier_booking_ndr",
        "courier_booking",
        ["account"],
        unique=False,
        postgresql_where=sa.text("status = 'delivery_failed'"),
    )
    op.create_index(
        "ix_courier_booking_order_ref",
        "courier_booking",
        ["account", "order_ref"],
        unique=False,
        postgresql_where=sa.text("order_ref <> ''"),
    )
    op.create_index(
        "ix_courier_booking_track",
        "courier_booking",
        ["account", "track_at"],
        unique=False,
        postgresql_where=sa.text("track_at is not null"),
    )
    op.create_table(
        "courier_document",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("booking_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["courier_booking.id"], name=op.f("fk_courier_document_booking_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_courier_document")),
        sa.UniqueConstraint("booking_id", "kind", name=op.f("uq_courier_document_booking_id_kind")),
    )
    op.create_table(
        "ndr_decision",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("booking_id", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("on_day", sa.Date(), nullable=True, comment="a day in India"),
        sa.Column("phone", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "address_lines", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False
        ),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("action in ('reattempt', 'return_to_origin')", name=op.f("ck_ndr_decision_action_known")),
        sa.ForeignKeyConstraint(["booking_id"], ["courier_booking.id"], name=op.f("fk_ndr_decision_booking_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ndr_decision")),
    )
    op.create_index("ix_ndr_decision_booking", "ndr_decision", ["booking_id", "id"], unique=False)
    op.create_table(
        "parcel_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("booking_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "digest",
            sa.LargeBinary(),
            nullable=False,
            comment="of code, time, place and remark: told twice, it is one scan",
        ),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("remark", sa.Text(), nullable=False),
        sa.Column("hints", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("status", sa.Text(), nullable=True, comment="what it means; null: the state stays"),
        sa.Column("again", sa.Text(), nullable=True, comment="what it means from the second time on"),
        sa.Column("known", sa.Boolean(), nullable=False),
        sa.Column("alert", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "read_back", sa.Boolean(), nullable=False, comment="read from the tracking API, not only told by a webhook"
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["courier_booking.id"], name=op.f("fk_parcel_event_booking_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcel_event")),
        sa.UniqueConstraint("booking_id", "digest", name=op.f("uq_parcel_event_booking_id_digest")),
    )
    op.create_index(
        "ix_parcel_event_unknown", "parcel_event", ["code"], unique=False, postgresql_where=sa.text("not known")
    )
    op.add_column(
        "effect",
        sa.Column(
            "even_if_stopped",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="wanted though the order is held or cancelled: a cancellation, a look",
        ),
    )


def downgrade() -> None:
    op.drop_column("effect", "even_if_stopped")
    op.drop_index("ix_parcel_event_unknown", table_name="parcel_event", postgresql_where=sa.text("not known"))
    op.drop_table("parcel_event")
    op.drop_index("ix_ndr_decision_booking", table_name="ndr_decision")
    op.drop_table("ndr_decision")
    op.drop_table("courier_document")
    op.drop_index(
        "ix_courier_booking_track", table_name="courier_booking", postgresql_where=sa.text("track_at is not null")
    )
    op.drop_index(
        "ix_courier_booking_order_ref", table_name="courier_booking", postgresql_where=sa.text("order_ref <> ''")
    )
    op.drop_index(
        "ix_courier_booking_ndr", table_name="courier_booking", postgresql_where=sa.text("status = 'delivery_failed'")
    )
    op.drop_index("ix_courier_booking_awb", table_name="courier_booking", postgresql_where=sa.text("awb <> ''"))
    op.drop_table("courier_booking")
    op.drop_index("ix_parcel_fulfilment", table_name="parcel")
    op.drop_table("parcel")
    op.drop_index("ix_webhook_new", table_name="webhook", postgresql_where=sa.text("worked_at is null"))
    op.drop_table("webhook")
