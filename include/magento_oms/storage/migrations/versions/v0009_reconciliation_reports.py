"""reconciliation reports"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reconciliation_report",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="orders, returns or inventory"),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=False),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False, comment="the line that stands on it"),
        sa.Column("differing", sa.BigInteger(), nullable=False, comment="orders, returns or SKUs that still differ"),
        sa.Column("counts", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("csv_path", sa.Text(), nullable=False, comment="below MAGENTO_OMS_REPORTS_DIR"),
        sa.Column("html_path", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_report")),
        sa.UniqueConstraint("csv_path", name=op.f("uq_reconciliation_report_csv_path")),
    )
    op.create_index(
        "ix_reconciliation_report_made", "reconciliation_report", ["instance", "kind", "made_at"], unique=False
    )


def downgrade() -> None:
    op.drop_table("reconciliation_report")
