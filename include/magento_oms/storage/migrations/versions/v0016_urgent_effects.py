"""urgent effects: acknowledgements and cancellations go before a backlog"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "effect",
        sa.Column(
            "urgent",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="goes before all that waits already",
        ),
    )
    op.execute(
        "update effect set urgent = true where state in ('planned', 'due', 'sending', 'unknown')"
        " and kind in ('acknowledge_order', 'cancel_order', 'cancel_units', 'cancel_booking')"
    )
    op.drop_index("ix_effect_due", table_name="effect")
    op.create_index(
        "ix_effect_due",
        "effect",
        ["target", sa.text("urgent desc"), "due_at", "id"],
        postgresql_where=sa.text("state in ('due', 'unknown')"),
    )


def downgrade() -> None:
    op.drop_index("ix_effect_due", table_name="effect")
    op.create_index(
        "ix_effect_due",
        "effect",
        ["target", "due_at"],
        postgresql_where=sa.text("state in ('planned', 'due', 'unknown')"),
    )
    op.drop_column("effect", "urgent")
