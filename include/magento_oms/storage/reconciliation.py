"""What the OMS knows of orders, as reconciliations compare it: rows of whole numbers and words, no personal data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from magento_oms.domain.parcel_states import ENDS
from magento_oms.ports import Direction
from magento_oms.storage.database import text
from magento_oms.storage.inbox import unpacked

Rows = list[tuple[Any, ...]]

SUBJECT = "reconciliation:"
"""Before the entity id, in quarantine: not `order:`, whose entries are resolved when the order is read again."""

ONLY_TOLD = ("acknowledge_order", "tell_magento", "fetch_shipment")
"""Kinds of effects that change no quantity."""

MOST = 9 * 10**14
"""No figure is compared beyond this: as 1/10,000 it still is a whole number of 64 bits."""


def units(column: str) -> str:
    """SQL of a figure as a whole number of 1/10,000."""
    return f"round(least(greatest({column}, -{MOST}), {MOST}) * 10000)::bigint"


def seconds(column: str) -> str:
    """SQL of a time as whole seconds since 1970."""
    return f"floor(extract(epoch from {column}))::bigint"


_AMOUNTS = ("grand_total", "total_due", "subtotal", "shipping", "discount", "tax", "to_collect")
_QUANTITIES = ("ordered", "invoiced", "shipped", "cancelled", "refunded")

_KNOWN = f"""
select entity_id, {seconds("placed_at")}, magento_status, {seconds("magento_updated_at")} from sales_order
where instance = :instance and store_id = :store_id and placed_at >= :start and placed_at < :end
  and not magento_status = any(:ignored)
"""  # noqa: S608  (constants)

_ORDERS = f"""
select o.entity_id, o.increment_id, o.magento_status, {seconds("o.magento_updated_at")}, false,
  exists (select from effect e where e.order_id = o.id and e.target = :target and e.kind <> all(:only_told)
    and e.state in ('planned', 'due', 'sending', 'unknown', 'withheld')),
  {", ".join(units(f"o.{name}") for name in _AMOUNTS)}
from sales_order o where o.instance = :instance and o.entity_id = any(:ids)
"""  # noqa: S608

_LINES = f"""
select o.entity_id, l.item_id, l.sku, {", ".join(units(f"l.{name}") for name in _QUANTITIES)}
from order_line l join sales_order o on o.id = l.order_id where o.instance = :instance and o.entity_id = any(:ids)
"""  # noqa: S608

# What is due says something where the whole order has left as it was ordered, and was to be paid at the door.
_PARCELS = f"""
select o.entity_id, o.increment_id, p.id, b.generation, b.awb, b.status, '', b.given_up <> '', o.state = 'cancelled',
  p.fulfilment_id is null or f.handed_over_at is not null, {units("p.cod")},
  case when o.payment_kind = 'cod' and not exists (
      select from order_line l where l.order_id = o.id and l.kind = 'physical'
        and (l.cancelled > 0 or l.refunded > 0 or l.packed < l.ordered))
    then {units("o.to_collect")} else -1 end,
  b.id, b.account, b.status = any(:ends), b.tracked_at,
  exists (select from parcel_event e where e.booking_id = b.id and e.read_back and e.code not like 'oms:%'), b.booked_at
from courier_booking b join parcel p on p.id = b.parcel_id join sales_order o on o.id = p.order_id
  left join fulfilment f on f.id = p.fulfilment_id
where o.instance = :instance and o.store_id = :store_id and b.awb <> '' and p.direction = :direction
  and case when p.direction = 'forward' then o.placed_at else p.created_at end >= :start
  and case when p.direction = 'forward' then o.placed_at else p.created_at end < :end
order by b.id
"""  # noqa: S608

_ONLY_KEPT = """
select distinct on (q.subject) i.entity_id, i.payload
from quarantine q join inbox i on i.instance = q.instance and i.source = 'orders'
  and i.entity_id = substring(q.subject from 7)::bigint
where q.instance = :instance and q.resolved_at is null and q.subject like 'order:%'
  and not exists (select from sales_order o where o.instance = q.instance and o.entity_id = i.entity_id)
order by q.subject, i.read_at desc, i.id desc
"""

# What was handed over, packed or accepted, and nobody ever asked Magento to note: the effects that are planned anew.
_NEVER_ASKED = """
select o.id as order_id, o.entity_id, f.id as fulfilment_id, f.state,
  not exists (select from effect e where e.target = :target and e.kind = 'create_invoice'
    and e.subject = 'fulfilment:' || f.id and e.state <> 'cancelled')
    and exists (select from invoice i where i.fulfilment_id = f.id) as invoice,
  f.handed_over_at is not null and not exists (select from effect e where e.target = :target
    and e.kind = 'create_shipment' and e.subject = 'fulfilment:' || f.id and e.state <> 'cancelled') as shipment
from fulfilment f join sales_order o on o.id = f.order_id
where o.instance = :instance and o.entity_id = any(:ids) and not o.history and f.state <> 'cancelled'
"""


def known_orders(
    connection: Connection, instance: str, store_id: int, start: datetime, end: datetime, ignored: Sequence[str]
) -> Rows:
    """Entity id, time placed, Magento's status and time of the last change, of the orders placed in `[start, end)`."""
    values = {
        "instance": instance,
        "store_id": store_id,
        "start": start,
        "end": end,
        "ignored": list(ignored),
    }
    return _rows(connection, _KNOWN, values)


def only_kept(connection: Connection, instance: str) -> list[tuple[int, bytes]]:
    """Orders in quarantine that are not stored: id and newest payload, as the JSON text that came."""
    rows = connection.execute(text(_ONLY_KEPT), {"instance": instance})
    return [(int(row.entity_id), unpacked(bytes(row.payload))) for row in rows]


def orders(connection: Connection, instance: str, entity_ids: Iterable[int]) -> Rows:
    """Orders as `workflows.reconcile.compare.OMS_ORDERS` wants them."""
    values = {
        "instance": instance,
        "ids": list(entity_ids),
        "target": f"magento:{instance}",
        "only_told": list(ONLY_TOLD),
    }
    return _rows(connection, _ORDERS, values)


def lines(connection: Connection, instance: str, entity_ids: Iterable[int]) -> Rows:
    """Their lines, as `compare.LINES`."""
    return _rows(connection, _LINES, {"instance": instance, "ids": list(entity_ids)})


def parcels(
    connection: Connection,
    instance: str,
    store_id: int,
    start: datetime,
    end: datetime,
    direction: Direction = Direction.FORWARD,
) -> Rows:
    """Bookings with an AWB of orders placed (reverse: of parcels made) in `[start, end)`, as `compare.PARCELS`.

    Then: booking id, account, whether it has ended, when its tracking was read last, whether any scan came from it,
    when it was booked. What we noted ourselves (`oms:` codes) is not the courier's word.
    """
    values = {
        "instance": instance,
        "store_id": store_id,
        "start": start,
        "end": end,
        "direction": str(direction),
        "ends": sorted(map(str, ENDS)),
    }
    return _rows(connection, _PARCELS, values)


def increment_ids(connection: Connection, instance: str, store_id: int, start: datetime, end: datetime) -> Rows:
    """Orders in the window whose order number the store has more than once: entity id and number, all of them."""
    statement = (
        "select o.entity_id, o.increment_id from sales_order o where o.instance = :instance and o.store_id = :store_id"
        " and o.increment_id in (select s.increment_id from sales_order s join sales_order other"
        "   on other.instance = s.instance and other.store_id = s.store_id and other.increment_id = s.increment_id"
        "   and other.id <> s.id"
        "   where s.instance = :instance and s.store_id = :store_id and s.placed_at >= :start and s.placed_at < :end)"
    )
    return _rows(connection, statement, {"instance": instance, "store_id": store_id, "start": start, "end": end})


def subject(entity_id: int) -> str:
    """What an order's differences are under in quarantine."""
    return f"{SUBJECT}{entity_id}"


def differed(connection: Connection, instance: str, store_id: int, start: datetime, end: datetime) -> list[int]:
    """Orders placed in `[start, end)` that an earlier reconciliation put into quarantine."""
    rows = connection.execute(
        text(
            "select distinct o.entity_id from quarantine q join sales_order o on o.instance = q.instance"
            " and o.entity_id = substring(q.subject from :after)::bigint"
            " where q.instance = :instance and q.resolved_at is null and q.subject like :subjects"
            " and o.store_id = :store_id and o.placed_at >= :start and o.placed_at < :end order by 1"
        ),
        {
            "instance": instance,
            "store_id": store_id,
            "start": start,
            "end": end,
            "subjects": f"{SUBJECT}%",
            "after": len(SUBJECT) + 1,
        },
    )
    return [int(entity_id) for entity_id in rows.scalars()]


def differing_orders(connection: Connection, instance: str, store_id: int) -> list[int]:
    """Orders of a store that have any open entry about differences."""
    rows = connection.execute(
        text(
            "select distinct substring(subject from :after)::bigint from quarantine where instance = :instance"
            " and store_id = :store_id and resolved_at is null and subject like :subjects"
        ),
        {"instance": instance, "store_id": store_id, "subjects": f"{SUBJECT}%", "after": len(SUBJECT) + 1},
    )
    return [int(entity_id) for entity_id in rows.scalars()]


def open_entries(connection: Connection, instance: str, entity_ids: Iterable[int]) -> set[tuple[int, str]]:
    """Open entries about differences of these orders: entity id and code."""
    rows = connection.execute(
        text(
            "select subject, code from quarantine where instance = :instance and resolved_at is null"
            " and subject = any(:subjects)"
        ),
        {"instance": instance, "subjects": [subject(entity_id) for entity_id in entity_ids]},
    )
    return {(int(row.subject.removeprefix(SUBJECT)), row.code) for row in rows}


def never_asked(connection: Connection, instance: str, entity_ids: Iterable[int]) -> list[dict[str, Any]]:
    """Fulfilments of these orders whose invoice or shipment nobody ever asked Magento for."""
    values = {"instance": instance, "ids": list(entity_ids), "target": f"magento:{instance}"}
    return [dict(row) for row in connection.execute(text(_NEVER_ASKED), values).mappings()]


def _rows(connection: Connection, statement: str, values: dict[str, Any]) -> Rows:
    return [tuple(row) for row in connection.execute(text(statement), values)]
