"""stock towards Magento: what changed, found by triggers, and what was told"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TELL = """
create function tell_stock_changed() returns trigger language plpgsql as $$
begin
  perform pg_notify('magento_oms', 'effects:stock:' || instance) from (select distinct instance from added) as of;
  return null;
end $$;
create trigger stock_change_told after insert on stock_change referencing new table as added
  for each statement execute function tell_stock_changed();
"""

# Whatever a location has more or less of, every instance that sells from it may have to be told.
_STOCK = """
create function note_stock_added() returns trigger language plpgsql as $$
begin
  insert into stock_change (instance, sku)
  select distinct s.instance, a.sku from added a join store_location s on s.location = a.location and s.counted;
  return null;
end $$;
create function note_stock_moved() returns trigger language plpgsql as $$
begin
  insert into stock_change (instance, sku)
  select distinct s.instance, a.sku from after a
  join before b on b.location = a.location and b.sku = a.sku
  join store_location s on s.location = a.location and s.counted
  where (a.quantity, a.reserved) is distinct from (b.quantity, b.reserved);
  return null;
end $$;
create trigger stock_added after insert on stock referencing new table as added
  for each statement execute function note_stock_added();
create trigger stock_moved after update on stock referencing old table as before new table as after
  for each statement execute function note_stock_moved();
"""

# An order that nothing is reserved for yet is kept by its own store's Magento alone: others that sell from the same
# locations must offer less. What Magento shipped or refunded by itself also changed its own quantities.
_LINES = """
create function note_line_added() returns trigger language plpgsql as $$
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
create function note_line_moved() returns trigger language plpgsql as $$
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
create trigger order_line_added after insert on order_line referencing new table as added
  for each statement execute function note_line_added();
create trigger order_line_moved after update on order_line referencing old table as before new table as after
  for each statement execute function note_line_moved();
"""

_SHIPPED = """
create function note_fulfilment_on_magento() returns trigger language plpgsql as $$
begin
  insert into stock_change (instance, sku, by_magento)
  select distinct o.instance, l.sku, true from fulfilment_line f
  join order_line l on l.order_id = f.order_id and l.item_id = f.item_id
  join sales_order o on o.id = f.order_id
  where f.fulfilment_id = new.id;
  return null;
end $$;
create trigger fulfilment_on_magento after update of on_magento_at on fulfilment
  for each row when (old.on_magento_at is null and new.on_magento_at is not null)
  execute function note_fulfilment_on_magento();
"""

_ENDED = """
create function note_order_ended_on_magento() returns trigger language plpgsql as $$
begin
  insert into stock_change (instance, sku, by_magento)
  select distinct new.instance, sku, true from order_line where order_id = new.id and kind = 'physical';
  return null;
end $$;
create trigger order_ended_on_magento after update of magento_state on sales_order
  for each row when (old.magento_state <> new.magento_state and new.magento_state in ('canceled', 'closed'))
  execute function note_order_ended_on_magento();
"""

# What Magento did not know, and now has, is told at once.
_KNOWN = """
create function note_product_added() returns trigger language plpgsql as $$
begin
  insert into stock_change (instance, sku)
  select distinct f.instance, f.sku from added a
  join stock_figure f on f.instance = a.instance and f.sku = a.sku and f.problem <> '';
  return null;
end $$;
create trigger product_added after insert on product referencing new table as added
  for each statement execute function note_product_added();
"""


def upgrade() -> None:
    op.create_table(
        "stock_change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column(
            "by_magento",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="Magento may have changed its own quantity: what it was told is void",
        ),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["instance"], ["instance.code"], name=op.f("fk_stock_change_instance")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_change")),
    )
    op.create_index("ix_stock_change_instance", "stock_change", ["instance", "id"])
    op.create_table(
        "stock_figure",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("told", sa.Numeric(), nullable=True, comment="what Magento has, as far as we know; null: not known"),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "version", sa.BigInteger(), server_default=sa.text("0"), nullable=False, comment="how often it was told"
        ),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it is looked at next; null: Magento has it",
        ),
        sa.Column(
            "sending_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="somebody tells Magento, or was killed doing so",
        ),
        sa.Column(
            "unsettled_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="until then Magento may still write what it was told before: it is told once more afterwards",
        ),
        sa.Column(
            "tries", sa.SmallInteger(), server_default=sa.text("0"), nullable=False, comment="failed ones in a row"
        ),
        sa.Column(
            "seen_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when Magento was seen to have the product",
        ),
        sa.Column(
            "problem",
            sa.Text(),
            server_default=sa.text("''"),
            nullable=False,
            comment="why it cannot be told; empty: it can",
        ),
        sa.ForeignKeyConstraint(["instance"], ["instance.code"], name=op.f("fk_stock_figure_instance")),
        sa.PrimaryKeyConstraint("instance", "sku", "source", name=op.f("pk_stock_figure")),
    )
    op.create_index(
        "ix_stock_figure_due", "stock_figure", ["instance", "due_at"], postgresql_where=sa.text("due_at is not null")
    )
    op.create_index(
        "ix_stock_figure_problem", "stock_figure", ["instance", "sku"], postgresql_where=sa.text("problem <> ''")
    )
    op.create_table(
        "stock_way",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False, comment="source_items or stock_items"),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False, comment="a call; learnt from how long calls take"),
        sa.Column(
            "limit",
            sa.BigInteger(),
            nullable=True,
            comment="lines that the store allows in a call; null: none is known",
        ),
        sa.Column("config_digest", sa.Text(), nullable=False),
        sa.Column("learnt_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["instance"], ["instance.code"], name=op.f("fk_stock_way_instance")),
        sa.PrimaryKeyConstraint("instance", name=op.f("pk_stock_way")),
    )
    op.add_column(
        "store_location",
        sa.Column(
            "counted",
            sa.Boolean(),
            server_default=sa.text("true"),
            nullable=False,
            comment="what it has is told to Magento",
        ),
    )
    op.add_column(
        "fulfilment",
        sa.Column(
            "on_magento_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when Magento was seen to have its shipment",
        ),
    )
    op.add_column(
        "order_line",
        sa.Column(
            "magento_shipped", sa.Numeric(), server_default=sa.text("0"), nullable=False, comment="as Magento says"
        ),
    )
    op.execute(
        "update fulfilment f set on_magento_at = coalesce(e.finished_at, now()) from effect e"
        " where e.kind = 'create_shipment' and e.state = 'done' and e.subject = 'fulfilment:' || f.id"
    )
    op.create_index(
        "ix_fulfilment_not_on_magento",
        "fulfilment",
        ["order_id"],
        postgresql_where=sa.text("on_magento_at is null"),
    )
    op.create_index(
        "ix_order_line_unpromised",
        "order_line",
        ["sku"],
        postgresql_where=sa.text("ordered - cancelled - allocated > 0"),
    )
    for statements in (_TELL, _STOCK, _LINES, _SHIPPED, _ENDED, _KNOWN):
        op.execute(statements)


def downgrade() -> None:
    for trigger, table, function in (
        ("product_added", "product", "note_product_added"),
        ("order_ended_on_magento", "sales_order", "note_order_ended_on_magento"),
        ("fulfilment_on_magento", "fulfilment", "note_fulfilment_on_magento"),
        ("order_line_moved", "order_line", "note_line_moved"),
        ("order_line_added", "order_line", "note_line_added"),
        ("stock_moved", "stock", "note_stock_moved"),
        ("stock_added", "stock", "note_stock_added"),
        ("stock_change_told", "stock_change", "tell_stock_changed"),
    ):
        op.execute(f"drop trigger {trigger} on {table}")
        op.execute(f"drop function {function}()")
    op.drop_index("ix_order_line_unpromised", table_name="order_line")
    op.drop_index("ix_fulfilment_not_on_magento", table_name="fulfilment")
    op.drop_column("order_line", "magento_shipped")
    op.drop_column("fulfilment", "on_magento_at")
    op.drop_column("store_location", "counted")
    op.drop_table("stock_way")
    op.drop_table("stock_figure")
    op.drop_table("stock_change")
