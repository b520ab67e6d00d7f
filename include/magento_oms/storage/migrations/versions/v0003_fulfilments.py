"""fulfilments, routing, invoices and papers"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "api_token",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("instances", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="empty: all"),
        sa.Column("locations", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="empty: all"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_token_digest")),
        sa.UniqueConstraint("name", name=op.f("uq_api_token_name")),
    )
    op.create_table(
        "invoice_series",
        sa.Column("seller", sa.Text(), nullable=False, comment="GSTIN; location:<code> of an unregistered one"),
        sa.Column("document_type", sa.Text(), nullable=False),
        sa.Column("financial_year", sa.Text(), nullable=False, comment="in India, such as 2026-27"),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seller", "document_type", "financial_year", name=op.f("pk_invoice_series")),
    )
    op.create_table(
        "paper",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="invoice, label or manifest"),
        sa.Column("subject", sa.Text(), nullable=False, comment="fulfilment:<id>, parcel:<id> or manifest:<id>"),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False, comment="PDF; personal data"),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper")),
        sa.UniqueConstraint("kind", "subject", name=op.f("uq_paper_kind_subject")),
    )
    op.create_table(
        "manifest",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("courier", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="in India"),
        sa.Column("aggregator_reference", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("handed_over_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["location"], ["location.code"], name=op.f("fk_manifest_location")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manifest")),
        sa.UniqueConstraint("number", name=op.f("uq_manifest_number")),
    )
    op.create_index("ix_manifest_location", "manifest", ["location", "day"], unique=False)
    op.create_table(
        "routing_decision",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "seen",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="demand, locations and their stock; no personal data",
        ),
        sa.Column("outcome", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_routing_decision_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routing_decision")),
    )
    op.create_index("ix_routing_decision_decided_at", "routing_decision", ["decided_at"], unique=False)
    op.create_index("ix_routing_decision_order", "routing_decision", ["order_id", "id"], unique=False)
    op.create_table(
        "consignment_permit",
        sa.Column("fulfilment_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="eway_bill or irn"),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("signed_qr", sa.Text(), server_default="", nullable=False),
        sa.Column("given_by", sa.Text(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["fulfilment_id"], ["fulfilment.id"], name=op.f("fk_consignment_permit_fulfilment_id")),
        sa.PrimaryKeyConstraint("fulfilment_id", "kind", name=op.f("pk_consignment_permit")),
    )
    op.create_table(
        "invoice",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("fulfilment_id", sa.BigInteger(), nullable=False),
        sa.Column("seller", sa.Text(), nullable=False),
        sa.Column("document_type", sa.Text(), nullable=False),
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
        sa.Column(
            "magento_invoice",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="id of Magento's own; - where it had one",
        ),
        sa.ForeignKeyConstraint(["fulfilment_id"], ["fulfilment.id"], name=op.f("fk_invoice_fulfilment_id")),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_invoice_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice")),
        sa.UniqueConstraint("fulfilment_id", name=op.f("uq_invoice_fulfilment_id")),
        sa.UniqueConstraint(
            "seller",
            "document_type",
            "financial_year",
            "serial",
            name=op.f("uq_invoice_seller_document_type_financial_year_serial"),
        ),
        sa.UniqueConstraint("seller", "number", name=op.f("uq_invoice_seller_number")),
    )
    op.create_index("ix_invoice_order", "invoice", ["order_id"], unique=False)
    op.create_table(
        "magento_shipment",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("shipment_id", sa.Text(), nullable=False),
        sa.Column("fulfilment_id", sa.BigInteger(), nullable=True),
        sa.Column("items", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="item id → quantity"),
        sa.Column("tracks", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "differs", sa.Text(), server_default="", nullable=False, comment="in what it differs from ours, in words"
        ),
        sa.Column("fetched_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["fulfilment_id"], ["fulfilment.id"], name=op.f("fk_magento_shipment_fulfilment_id")),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_magento_shipment_order_id")),
        sa.PrimaryKeyConstraint("order_id", "shipment_id", name=op.f("pk_magento_shipment")),
    )
    op.create_table(
        "unfilled_line",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False, comment="waits_for_stock, person_decides or no_location"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id", "item_id"],
            ["order_line.order_id", "order_line.item_id"],
            name=op.f("fk_unfilled_line_order_id_item_id"),
        ),
        sa.PrimaryKeyConstraint("order_id", "item_id", name=op.f("pk_unfilled_line")),
    )
    op.create_index("ix_unfilled_line_sku", "unfilled_line", ["sku"], unique=False)
    op.create_table(
        "manifest_parcel",
        sa.Column("parcel_id", sa.BigInteger(), nullable=False),
        sa.Column("manifest_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["manifest_id"], ["manifest.id"], name=op.f("fk_manifest_parcel_manifest_id")),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcel.id"], name=op.f("fk_manifest_parcel_parcel_id")),
        sa.PrimaryKeyConstraint("parcel_id", name=op.f("pk_manifest_parcel")),
    )
    op.create_index("ix_manifest_parcel_manifest", "manifest_parcel", ["manifest_id"], unique=False)
    op.add_column(
        "fulfilment",
        sa.Column(
            "explanation",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="why here",
        ),
    )
    op.add_column(
        "fulfilment",
        sa.Column("shipment_id", sa.Text(), nullable=True, comment="the warehouse's own id of its packing"),
    )
    op.add_column(
        "fulfilment",
        sa.Column(
            "pack_digest",
            sa.LargeBinary(),
            nullable=True,
            comment="of what was packed: the same again answers the same",
        ),
    )
    op.add_column("fulfilment", sa.Column("packed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "fulfilment",
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True, comment="invoice, AWBs and labels are there"),
    )
    op.add_column("fulfilment", sa.Column("handed_over_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "fulfilment",
        sa.Column(
            "changed_xid",
            sa.BigInteger(),
            server_default=sa.text("(pg_current_xact_id()::text::bigint)"),
            nullable=False,
        ),
    )
    op.alter_column("fulfilment", "state", existing_type=sa.TEXT(), comment="derived", existing_nullable=False)
    op.create_index("ix_fulfilment_created", "fulfilment", ["location", "created_at"], unique=False)
    op.create_index("ix_fulfilment_feed", "fulfilment", ["location", "changed_xid", "id"], unique=False)
    op.create_index(
        "ix_fulfilment_open",
        "fulfilment",
        ["location", "state"],
        unique=False,
        postgresql_where=sa.text("state in ('routed', 'packed', 'ready')"),
    )
    op.create_unique_constraint(op.f("uq_fulfilment_shipment_id"), "fulfilment", ["shipment_id"])
    op.add_column("fulfilment_line", sa.Column("rejected", sa.Numeric(), server_default="0", nullable=False))
    op.add_column("fulfilment_line", sa.Column("packed", sa.Numeric(), server_default="0", nullable=False))
    op.add_column("fulfilment_line", sa.Column("shipped", sa.Numeric(), server_default="0", nullable=False))
    op.alter_column(
        "fulfilment_line",
        "quantity",
        existing_type=sa.NUMERIC(),
        comment="to be shipped from here; what was rejected or cancelled is off",
        existing_nullable=False,
    )
    op.create_index("ix_fulfilment_line_order", "fulfilment_line", ["order_id", "item_id"], unique=False)
    op.add_column(
        "order_line",
        sa.Column(
            "payable",
            sa.Numeric(),
            server_default="0",
            nullable=False,
            comment="for the line, after discount, GST included, before store credit",
        ),
    )
    op.add_column("product", sa.Column("hsn", sa.Text(), server_default="", nullable=False))
    op.add_column("product", sa.Column("gst_percent", sa.Numeric(), nullable=True))
    op.add_column("product", sa.Column("weight_g", sa.Numeric(), nullable=True))
    op.add_column(
        "sales_order",
        sa.Column(
            "to_collect",
            sa.Numeric(),
            server_default="0",
            nullable=False,
            comment="at the door: what was due before any invoice; an invoice on Magento marks it paid",
        ),
    )
    op.add_column(
        "sales_order",
        sa.Column(
            "route_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when routing looks at it next; null: nothing to route",
        ),
    )
    op.create_index(
        "ix_sales_order_route",
        "sales_order",
        ["route_at"],
        unique=False,
        postgresql_where=sa.text("route_at is not null"),
    )
    op.add_column(
        "stock",
        sa.Column(
            "reserved",
            sa.Numeric(),
            server_default="0",
            nullable=False,
            comment="of open fulfilments: Σ quantity - shipped of their lines; only stock.py writes it",
        ),
    )
    op.alter_column(
        "stock",
        "quantity",
        existing_type=sa.NUMERIC(),
        comment="on the shelf; what was handed over has left it",
        existing_nullable=False,
    )
    op.add_column(
        "store",
        sa.Column(
            "told",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="events that become comments on Magento, or go to its URL",
        ),
    )

    op.create_check_constraint(
        op.f("ck_fulfilment_state_known"),
        "fulfilment",
        "state in ('routed', 'packed', 'ready', 'handed_over', 'cancelled')",
    )
    op.create_check_constraint(
        op.f("ck_fulfilment_line_packed_as_routed"), "fulfilment_line", "packed in (0, quantity)"
    )
    op.create_check_constraint(op.f("ck_fulfilment_line_shipped_was_packed"), "fulfilment_line", "shipped <= packed")
    # Magento tells `row_total` of an item after its discount, or before it: the one that its price makes is meant.
    op.execute(
        "update order_line set payable = tax + row_total"
        " - case when abs(row_total - (price * ordered - discount)) <= abs(row_total - price * ordered)"
        " then 0 else discount end"
    )
    op.execute("update sales_order set to_collect = total_due where payment_kind = 'cod'")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_fulfilment_line_shipped_was_packed"), "fulfilment_line", type_="check")
    op.drop_constraint(op.f("ck_fulfilment_line_packed_as_routed"), "fulfilment_line", type_="check")
    op.drop_constraint(op.f("ck_fulfilment_state_known"), "fulfilment", type_="check")

    op.drop_column("store", "told")
    op.alter_column(
        "stock",
        "quantity",
        existing_type=sa.NUMERIC(),
        comment=None,
        existing_comment="on the shelf; what was handed over has left it",
        existing_nullable=False,
    )
    op.drop_column("stock", "reserved")
    op.drop_index("ix_sales_order_route", table_name="sales_order", postgresql_where=sa.text("route_at is not null"))
    op.drop_column("sales_order", "route_at")
    op.drop_column("sales_order", "to_collect")
    op.drop_column("product", "weight_g")
    op.drop_column("product", "gst_percent")
    op.drop_column("product", "hsn")
    op.drop_column("order_line", "payable")
    op.drop_index("ix_fulfilment_line_order", table_name="fulfilment_line")
    op.alter_column(
        "fulfilment_line",
        "quantity",
        existing_type=sa.NUMERIC(),
        comment=None,
        existing_comment="to be shipped from here; what was rejected or cancelled is off",
        existing_nullable=False,
    )
    op.drop_column("fulfilment_line", "shipped")
    op.drop_column("fulfilment_line", "packed")
    op.drop_column("fulfilment_line", "rejected")
    op.drop_constraint(op.f("uq_fulfilment_shipment_id"), "fulfilment", type_="unique")
    op.drop_index(
        "ix_fulfilment_open",
        table_name="fulfilment",
        postgresql_where=sa.text("state in ('routed', 'packed', 'ready')"),
    )
    op.drop_index("ix_fulfilment_feed", table_name="fulfilment")
    op.drop_index("ix_fulfilment_created", table_name="fulfilment")
    op.alter_column(
        "fulfilment",
        "state",
        existing_type=sa.TEXT(),
        comment=None,
        existing_comment="derived",
        existing_nullable=False,
    )
    op.drop_column("fulfilment", "changed_xid")
    op.drop_column("fulfilment", "handed_over_at")
    op.drop_column("fulfilment", "ready_at")
    op.drop_column("fulfilment", "packed_at")
    op.drop_column("fulfilment", "pack_digest")
    op.drop_column("fulfilment", "shipment_id")
    op.drop_column("fulfilment", "explanation")
    op.drop_index("ix_manifest_parcel_manifest", table_name="manifest_parcel")
    op.drop_table("manifest_parcel")
    op.drop_index("ix_unfilled_line_sku", table_name="unfilled_line")
    op.drop_table("unfilled_line")
    op.drop_table("magento_shipment")
    op.drop_index("ix_invoice_order", table_name="invoice")
    op.drop_table("invoice")
    op.drop_table("consignment_permit")
    op.drop_index("ix_routing_decision_order", table_name="routing_decision")
    op.drop_index("ix_routing_decision_decided_at", table_name="routing_decision")
    op.drop_table("routing_decision")
    op.drop_index("ix_manifest_location", table_name="manifest")
    op.drop_table("manifest")
    op.drop_table("paper")
    op.drop_table("invoice_series")
    op.drop_table("api_token")
