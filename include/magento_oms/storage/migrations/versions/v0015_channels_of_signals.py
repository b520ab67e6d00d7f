"""channels of signals: what the database tells wakes only those who wait for it"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# The same as storage/database.notify.
_TELL = """
create function tell(signal text) returns void language sql as $$
  select pg_notify('magento_oms', signal), pg_notify('magento_oms_' || left(md5(signal), 16), '')
$$;
"""

_STOCK_CHANGED = """
create or replace function tell_stock_changed() returns trigger language plpgsql as $$
begin
  perform {tell}('effects:stock:' || instance) from (select distinct instance from added) as of;
  return null;
end $$;
"""

_FREED = """
create or replace function note_stock_freed() returns trigger language plpgsql as $$
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
    perform {tell}('effects:routing');
  end if;
  return null;
end $$;
"""


def upgrade() -> None:
    op.execute(_TELL)
    for function in (_STOCK_CHANGED, _FREED):
        op.execute(function.replace("{tell}(", "tell("))


def downgrade() -> None:
    for function in (_STOCK_CHANGED, _FREED):
        op.execute(function.replace("{tell}(", "pg_notify('magento_oms', "))
    op.execute("drop function tell(text)")
