"""stock that Magento gives back after a credit memo, or moved before an order was first read, is told once more"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# The REST call that refunds saves the order first and returns to stock in a transaction of its own afterwards.
_MOVED = """
create or replace function note_line_moved() returns trigger language plpgsql as $$
begin
  insert into stock_change (instance, sku, by_magento, later)
  select other.instance, a.sku,
    bool_or(other.instance = o.instance and
      (a.refunded, a.magento_shipped) is distinct from (b.refunded, b.magento_shipped)),
    bool_or(other.instance = o.instance and a.refunded is distinct from b.refunded)
  from after a
  join before b on b.order_id = a.order_id and b.item_id = a.item_id
  join sales_order o on o.id = a.order_id
  join store_location own on own.instance = o.instance and own.store_id = o.store_id
  join store_location other on other.location = own.location and other.counted
  where a.kind = 'physical'
    and (a.cancelled, a.refunded, a.magento_shipped) is distinct from (b.cancelled, b.refunded, b.magento_shipped)
  group by other.instance, a.sku;
  return null;
end $$;
"""
# An order that is first read when Magento has shipped or refunded of it already, such as one from before `live_from`.
# Older ones were moved before anything was told, or are seen by the nightly compare.
_ADDED = """
create or replace function note_line_added() returns trigger language plpgsql as $$
begin
  insert into stock_change (instance, sku)
  select distinct other.instance, a.sku from added a
  join sales_order o on o.id = a.order_id
  join store_location own on own.instance = o.instance and own.store_id = o.store_id
  join store_location other on other.location = own.location and other.counted
  where a.kind = 'physical' and a.ordered - a.cancelled - a.allocated > 0 and not o.history
    and (other.instance, other.store_id) <> (own.instance, own.store_id);
  insert into stock_change (instance, sku, by_magento, later)
  select o.instance, a.sku, true, bool_or(a.refunded > 0) from added a
  join sales_order o on o.id = a.order_id and o.magento_updated_at > now() - interval '1 day'
  join store_location own on own.instance = o.instance and own.store_id = o.store_id and own.counted
  where a.kind = 'physical' and (a.refunded > 0 or a.magento_shipped > 0)
  group by o.instance, a.sku;
  return null;
end $$;
"""
_MOVED_BEFORE = """
create or replace function note_line_moved() returns trigger language plpgsql as $$
begin
  insert into stock_change (instance, sku, by_magento)
  select other.instance, a.sku, bool_or(other.instance = o.instance and
    (a.refunded, a.magento_shipped) is distinct from (b.refunded, b.magento_shipped))
  from after a
  join before b on b.order_id = a.order_id and b.item_id = a.item_id
  join sales_order o on o.id = a.order_id
  join store_location own on own.instance = o.instance and own.store_id = o.store_id
  join store_location other on other.location = own.location and other.counted
  where a.kind = 'physical'
    and (a.cancelled, a.refunded, a.magento_shipped) is distinct from (b.cancelled, b.refunded, b.magento_shipped)
  group by other.instance, a.sku;
  return null;
end $$;
"""
_ADDED_BEFORE = """
create or replace function note_line_added() returns trigger language plpgsql as $$
begin
  insert into stock_change (instance, sku)
  select distinct other.instance, a.sku from added a
  join sales_order o on o.id = a.order_id
  join store_location own on own.instance = o.instance and own.store_id = o.store_id
  join store_location other on other.location = own.location and other.counted
  where a.kind = 'physical' and a.ordered - a.cancelled - a.allocated > 0 and not o.history
    and (other.instance, other.store_id) <> (own.instance, own.store_id);
  return null;
end $$;
"""


def upgrade() -> None:
    op.add_column(
        "stock_change",
        sa.Column(
            "later",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="Magento may still be changing it: it is told once more afterwards",
        ),
    )
    op.add_column(
        "stock_figure",
        sa.Column(
            "again_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it is told once more, because Magento may have changed it after it was told",
        ),
    )
    op.execute(_MOVED)
    op.execute(_ADDED)


def downgrade() -> None:
    op.execute(_MOVED_BEFORE)
    op.execute(_ADDED_BEFORE)
    op.drop_column("stock_figure", "again_at")
    op.drop_column("stock_change", "later")
