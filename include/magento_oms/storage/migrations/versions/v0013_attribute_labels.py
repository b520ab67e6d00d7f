"""labels of dropdown attributes"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attribute_label",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("attribute", sa.Text(), nullable=False, comment="its code"),
        sa.Column(
            "labels",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="number of an option → its label; empty: it is no dropdown",
        ),
        sa.Column("read_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["instance"], ["instance.code"], name=op.f("fk_attribute_label_instance")),
        sa.PrimaryKeyConstraint("instance", "attribute", name=op.f("pk_attribute_label")),
    )


def downgrade() -> None:
    op.drop_table("attribute_label")
