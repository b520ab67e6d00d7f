"""bundles"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "order_line",
        sa.Column("bundle_product_id", sa.BigInteger(), nullable=True, comment="of the bundle that it is a part of"),
    )
    op.add_column(
        "product",
        sa.Column(
            "ships_apart",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="a bundle whose parts Magento ships on their own",
        ),
    )
    # What is known of bundles is written anew when they are read next, though Magento did not change them.
    op.execute("update product set digest = null where type_id = 'bundle'")


def downgrade() -> None:
    op.drop_column("product", "ships_apart")
    op.drop_column("order_line", "bundle_product_id")
