"""What the commands read of routing, fulfilments and papers. Personal data is on the papers alone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from magento_oms.cli.paper_files import Paper
from magento_oms.storage.database import text
from magento_oms.storage.parcels import live_bookings_sql

Row = dict[str, Any]


def unfilled(connection: Connection, instance: str | None, sku: str | None, limit: int) -> list[Row]:
    """Lines that no location can fill, the longest waiting first."""
    return _rows(
        connection,
        "select o.instance, o.increment_id, u.item_id, u.sku, u.quantity, u.queue, u.since, u.reason"
        " from unfilled_line u join sales_order o on o.id = u.order_id"
        " where (cast(:instance as text) is null or o.instance = :instance)"
        " and (cast(:sku as text) is null or u.sku = :sku) order by u.since, u.order_id, u.item_id limit :limit",
        instance=instance,
        sku=sku,
        limit=limit,
    )


def unfilled_of(connection: Connection, order_id: int) -> list[Row]:
    """Lines of an order that wait."""
    return _rows(
        connection,
        "select sku, quantity, queue, reason from unfilled_line where order_id = :id order by item_id",
        id=order_id,
    )


def explanations(connection: Connection, order_id: int) -> list[Row]:
    """Fulfilments of an order with why each is where it is."""
    return _rows(
        connection,
        "select id, number, location, state, explanation from fulfilment where order_id = :id order by number",
        id=order_id,
    )


def api_tokens(connection: Connection) -> list[Row]:
    """Who may call the OMS API."""
    return _rows(
        connection,
        "select name, scopes, instances as stores, locations, created_at, expires_at, revoked_at, used_at"
        " from api_token order by name",
    )


def work_list(connection: Connection, location: str, state: str) -> list[Row]:
    """Lines of a location's fulfilments in a state, the most urgent order first."""
    return _rows(
        connection,
        "select f.id as fulfilment, o.instance, o.increment_id as order_number, o.required_by, l.item_id, l.sku,"
        " l.name, fl.quantity from fulfilment f join sales_order o on o.id = f.order_id"
        " join fulfilment_line fl on fl.fulfilment_id = f.id"
        " join order_line l on l.order_id = fl.order_id and l.item_id = fl.item_id"
        " where f.location = :location and f.state = :state and fl.quantity > 0"
        " and o.state not in ('held', 'cancelled')"
        " order by o.required_by, f.id, l.item_id",
        location=location,
        state=state,
    )


def fulfilments_of(connection: Connection, order_id: int) -> list[Row]:
    """Fulfilments of an order with their parcels."""
    return _rows(
        connection,
        "select f.id, f.location, f.state, coalesce(i.number, '') as invoice, p.id as parcel, b.account, b.awb,"  # noqa: S608
        f" b.status, p.cod from fulfilment f left join invoice i on i.fulfilment_id = f.id"
        " left join parcel p on p.fulfilment_id = f.id and p.direction = 'forward'"
        f" left join ({live_bookings_sql()}) b on b.parcel_id = p.id"
        " where f.order_id = :id order by f.number, p.number",
        id=order_id,
    )


def papers_of(connection: Connection, order_id: int) -> list[Paper]:
    """The papers of an order: its invoices, the labels of its parcels, the manifests that these are on, and its credit
    notes.
    """
    rows = _rows(
        connection,
        "select 1 as rank, 'invoice' as kind, f.number as place, i.number, p.content from fulfilment f"  # noqa: S608
        " join invoice i on i.fulfilment_id = f.id"
        " join paper p on p.kind = 'invoice' and p.subject = 'fulfilment:' || f.id where f.order_id = :id"
        " union all select 4, 'credit-note', n.id, n.number, p.content from credit_note n"
        " join paper p on p.kind = 'credit_note' and p.subject = 'credit_note:' || n.id where n.order_id = :id"
        " union all select 2, 'label', p.id, b.awb, d.content from parcel p"
        f" join ({live_bookings_sql()}) b on b.parcel_id = p.id"
        " join courier_document d on d.booking_id = b.id and d.kind = 'label' where p.order_id = :id"
        " union all select 3, 'manifest', m.id, m.number, p.content from manifest m"
        " join paper p on p.kind = 'manifest' and p.subject = 'manifest:' || m.id where exists (select"
        "   from manifest_parcel mp join parcel q on q.id = mp.parcel_id"
        "   where mp.manifest_id = m.id and q.order_id = :id)"
        " order by rank, place",
        id=order_id,
    )
    return [Paper(row["kind"], row["number"], bytes(row["content"])) for row in rows]


def _rows(connection: Connection, sql: str, **values: Any) -> list[Row]:
    return [dict(row) for row in connection.execute(text(sql), values).mappings()]
