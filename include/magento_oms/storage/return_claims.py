"""Which shipped units returns have claimed, and what no return has yet."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from magento_oms.domain.returns import (
    BACK,
)
from magento_oms.storage.database import text


def claimed(connection: Connection, order_id: int) -> dict[int, tuple[int, int]]:
    """Item id → how many of its units come back, and how many are back."""
    rows = connection.execute(
        text(
            "select item_id, count(*) filter (where state = 'expected') as coming,"
            " count(*) filter (where state = any(:back)) as back from return_item where order_id = :id group by item_id"
        ),
        {"id": order_id, "back": [str(state) for state in BACK]},
    )
    return {row.item_id: (row.coming, row.back) for row in rows}


def unclaimed(connection: Connection, order_id: int) -> dict[int, int]:
    """Item id → shipped units that no return has."""
    taken = claimed(connection, order_id)
    rows = connection.execute(text("select item_id, shipped from order_line where order_id = :id"), {"id": order_id})
    return {row.item_id: int(row.shipped) - sum(taken.get(row.item_id, (0, 0))) for row in rows}


def shipped_from(connection: Connection, order_id: int, item_ids: Iterable[int]) -> str:
    """The location that shipped most of these lines; empty: the OMS shipped none of it."""
    found = connection.execute(
        text(
            "select f.location from fulfilment_line l join fulfilment f on f.id = l.fulfilment_id"
            " where l.order_id = :id and l.item_id = any(:items) and l.shipped > 0"
            " group by f.location order by sum(l.shipped) desc, f.location limit 1"
        ),
        {"id": order_id, "items": sorted(item_ids)},
    ).scalar()
    return str(found or "")


def rto_without_return(connection: Connection, instance: str) -> list[tuple[int, int]]:
    """Bookings of forward parcels that come back and have no return, each with its failed attempts."""
    rows = connection.execute(
        text(
            "select b.id, b.failed_attempts from courier_booking b join parcel p on p.id = b.parcel_id"
            " join sales_order o on o.id = p.order_id"
            " where o.instance = :instance and p.direction = 'forward'"
            " and b.status in ('rto_initiated', 'rto_in_transit', 'rto_delivered')"
            " and not exists (select from return_order r where r.parcel_id = p.id) order by b.id"
        ),
        {"instance": instance},
    )
    return [(row.id, row.failed_attempts) for row in rows]


def unsettled(connection: Connection, instance: str) -> list[int]:
    """Returns that are judged or called off, and of which units are not credited, or a replacement is not decided."""
    rows = connection.execute(
        text(
            "select r.id from return_order r where r.instance = :instance and r.state in ('processed', 'cancelled')"
            " and (exists (select from return_exchange e where e.return_id = r.id and e.outcome = ''"
            "   and e.order_id is not null)"
            "  or r.state = 'processed' and exists (select from return_item i join invoice v on v.order_id = i.order_id"
            "   where i.return_id = r.id and i.credit_note_id is null and (i.state = 'passed'"
            "   or r.kind = 'return_to_origin' and i.state in ('received', 'failed')))) order by r.id"
        ),
        {"instance": instance},
    )
    return list(rows.scalars())
