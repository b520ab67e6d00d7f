"""freed stock: orders that wait for a SKU are found by routing, whoever set it free"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# An order that is being routed needs the SKU already, though it is not written yet that it waits.
_FREED = """
create function note_stock_freed() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into freed_stock (sku) select distinct a.sku from after a
    where a.quantity > a.reserved
      and exists (select from order_line l where l.sku = a.sku and l.ordered - l.cancelled - l.allocated > 0);
  else
    insert into freed_stock (sku) select distinct a.sku from after a
    join before b on b.location = a.location and b.sku = a.sku
    where a.quantity > a.reserved and a.quantity - a.reserved > b.quantity - b.reserved
      and exists (select from order_line l where l.sku = a.sku and l.ordered - l.cancelled - l.allocated > 0);
  end if;
  if found then
    perform pg_notify('magento_oms', 'effects:routing');
  end if;
  return null;
end $$;
create trigger stock_freed_by_insert after insert on stock referencing new table as after
  for each statement execute function note_stock_freed();
create trigger stock_freed_by_update after update on stock referencing old table as before new table as after
  for each statement execute function note_stock_freed();
"""


def upgrade() -> None:
    op.create_table(
        "freed_stock",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_freed_stock")),
    )
    op.execute(_FREED)


def downgrade() -> None:
    op.execute("drop trigger stock_freed_by_insert on stock; drop trigger stock_freed_by_update on stock")
    op.execute("drop function note_stock_freed()")
    op.drop_table("freed_stock")
