"""locations that count fractions of a unit"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "location",
        sa.Column(
            "fractions",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="it counts fractions of a unit",
        ),
    )


def downgrade() -> None:
    op.drop_column("location", "fractions")
