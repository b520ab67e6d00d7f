"""What the OMS knows of what came back, as its reconciliation compares it. No personal data."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from magento_oms.storage.database import text
from magento_oms.storage.reconciliation import Rows, units

_MEMOS = f"""
select m.memo_id, m.increment_id, o.entity_id, {units("m.grand_total")},
  coalesce((select {units("sum(value::numeric)")} from jsonb_each_text(m.items)), 0)
from credit_memo m join sales_order o on o.id = m.order_id
where m.instance = :instance and o.store_id = :store_id and m.created_at >= :start and m.created_at < :end
"""  # noqa: S608  (constants)

_OPEN = """
select o.entity_id, o.increment_id, r.return_code, r.kind = 'return_to_origin', r.state,
  coalesce((select b.status from courier_booking b where b.parcel_id = r.parcel_id
    order by b.generation desc limit 1), ''),
  coalesce(nullif(r.awb, ''), (select b.awb from courier_booking b where b.parcel_id = r.parcel_id
    order by b.generation desc limit 1), ''),
  floor(extract(epoch from (:at - r.placed_at)) / 86400)::bigint
from return_order r join sales_order o on o.id = r.order_id
where r.instance = :instance and o.store_id = :store_id and r.state not in ('received', 'processed', 'cancelled')
  and r.placed_at < :at
"""

_UNITS = f"""
with touched as (
  select order_id from credit_memo where instance = :instance and created_at >= :since and created_at < :at
  union select i.order_id from return_item i join return_order r on r.id = i.return_id
    where r.instance = :instance and i.received_at >= :since and i.received_at < :at)
select o.entity_id, o.increment_id, l.sku, {units("l.ordered")}, {units("l.shipped")}, {units("l.refunded")},
  (select count(*) * 10000 from return_item i where i.order_id = l.order_id and i.item_id = l.item_id
    and i.state in ('received', 'passed', 'failed')),
  coalesce((select floor(extract(epoch from (:at - max(m.created_at))) / 86400)::bigint from credit_memo m
    where m.order_id = l.order_id), -1)
from order_line l join sales_order o on o.id = l.order_id
where o.id in (select order_id from touched) and o.store_id = :store_id and l.kind = 'physical'
  and (l.refunded > 0 or l.returned > 0)
"""  # noqa: S608

_RTO = """
select o.entity_id, o.increment_id, b.awb, b.status from courier_booking b join parcel p on p.id = b.parcel_id
join sales_order o on o.id = p.order_id
where o.instance = :instance and o.store_id = :store_id and p.direction = 'forward'
  and b.status in ('rto_initiated', 'rto_in_transit', 'rto_delivered')
  and exists (select from fulfilment_line f where f.fulfilment_id = p.fulfilment_id and f.shipped > 0)
  and not exists (select from return_order r where r.parcel_id = p.id)
order by b.id
"""


def memos(connection: Connection, instance: str, store_id: int, start: datetime, end: datetime) -> Rows:
    """Credit memos made in `[start, end)`, as `compare_returns.MEMOS`."""
    return _rows(connection, _MEMOS, instance=instance, store_id=store_id, start=start, end=end)


def open_returns(connection: Connection, instance: str, store_id: int, at: datetime) -> Rows:
    """Returns that are on their way, as `compare_returns.OPEN_RETURNS`."""
    return _rows(connection, _OPEN, instance=instance, store_id=store_id, at=at)


def lines(connection: Connection, instance: str, store_id: int, since: datetime, at: datetime) -> Rows:
    """Lines refunded or received back in `[since, at)`, as `compare_returns.UNITS`."""
    return _rows(connection, _UNITS, instance=instance, store_id=store_id, since=since, at=at)


def parcels_without_return(connection: Connection, instance: str, store_id: int) -> Rows:
    """Entity id, order number, AWB and state of parcels that come back and have no return."""
    return _rows(connection, _RTO, instance=instance, store_id=store_id)


def _rows(connection: Connection, statement: str, **values: Any) -> Rows:
    return [tuple(row) for row in connection.execute(text(statement), values)]
