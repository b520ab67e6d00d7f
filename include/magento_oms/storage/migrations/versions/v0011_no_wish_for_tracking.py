"""returns: that tracking is wanted is said by the effect that fetches it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("return_order", "tracking_wanted")


def downgrade() -> None:
    op.add_column(
        "return_order",
        sa.Column(
            "tracking_wanted",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="its AWB is to be fetched from the aggregator",
        ),
    )
