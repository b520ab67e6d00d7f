"""What the OMS API shows of the OMS: no personal data but on the papers themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from magento_oms.gateway.api.models import FulfilmentShown, LineShown, OrderShown, ParcelShown
from magento_oms.gateway.api.problems import ApiProblem
from magento_oms.storage import fulfilments
from magento_oms.storage.api_tokens import Caller, of_stores_sql
from magento_oms.storage.database import text
from magento_oms.storage.fulfilments import StoredFulfilment
from magento_oms.storage.parcels import live_bookings_sql

_PARCELS = text(
    "select p.fulfilment_id, p.id, p.number, b.account, b.awb, b.status, p.cod,"  # noqa: S608  (constants)
    " coalesce(b.booked -> 'courier' ->> 'name', '') as courier,"
    " exists (select from courier_document d where d.booking_id = b.id and d.kind = 'label') as label"
    f" from parcel p join ({live_bookings_sql()}) b on b.parcel_id = p.id"
    " where p.fulfilment_id = any(:ids) and p.direction = 'forward' order by p.number"
)


def the_fulfilment(connection: Connection, caller: Caller, fulfilment_id: int) -> StoredFulfilment:
    """One fulfilment that is the caller's business; of others it is not even told that they exist.

    Raises:
        ApiProblem: there is none.
    """
    stored = fulfilments.get(connection, fulfilment_id) if 0 < fulfilment_id < 2**63 else None
    if stored is None or not caller.may_see(stored.instance, stored.store_id, stored.location):
        raise ApiProblem(404, f"There is no fulfilment {fulfilment_id}.")
    return stored


def shown(connection: Connection, stored: Sequence[StoredFulfilment]) -> list[FulfilmentShown]:
    """Fulfilments as the API shows them."""
    ids = [each.id for each in stored]
    lines = fulfilments.lines(connection, ids)
    parcels: dict[int, list[ParcelShown]] = {fulfilment_id: [] for fulfilment_id in ids}
    for row in connection.execute(_PARCELS, {"ids": ids}).mappings():
        values = {name: row[name] for name in ParcelShown.model_fields}
        parcels[row["fulfilment_id"]].append(ParcelShown(**values))
    more = {
        row.id: row
        for row in connection.execute(
            text(
                "select f.id, coalesce(f.explanation ->> 'why', '') as why, coalesce(i.number, '') as invoice"
                " from fulfilment f left join invoice i on i.fulfilment_id = f.id where f.id = any(:ids)"
            ),
            {"ids": ids},
        )
    }
    return [
        FulfilmentShown(
            id=each.id,
            state=str(each.state),
            location=each.location,
            instance=each.instance,
            order_entity_id=each.entity_id,
            order_number=each.increment_id,
            order_state=each.order_state,
            payment_kind=each.payment_kind,
            required_by=each.required_by,
            shipment_id=each.shipment_id,
            packed_at=each.packed_at,
            handed_over_at=each.handed_over_at,
            lines=[
                LineShown(
                    item_id=line.item_id,
                    sku=line.sku,
                    name=line.name,
                    quantity=line.quantity,
                    packed=line.packed,
                    shipped=line.shipped,
                    rejected=line.rejected,
                )
                for line in lines[each.id]
            ],
            parcels=parcels[each.id],
            invoice_number=more[each.id].invoice,
            why_here=more[each.id].why,
        )
        for each in stored
    ]


_ORDER = (
    "select id, instance, entity_id, increment_id, store_id, state, placed_at, required_by, payment_kind, grand_total,"
    " currency from sales_order o"
)


# Who is limited to locations sees the orders that one of them ships a part of.
_SEEN = (
    f"{of_stores_sql('o')} and (cardinality(cast(:locations as text[])) = 0"
    " or exists (select from fulfilment f where f.order_id = o.id and f.location = any(:locations)))"
)


def orders(
    connection: Connection, caller: Caller, state: str | None, before: int | None, limit: int
) -> list[tuple[int, OrderShown]]:
    """Orders that are a caller's business, the newest first, each with its id here."""
    rows = connection.execute(
        text(
            f"{_ORDER} where {_SEEN}"
            " and (cast(:state as text) is null or state = :state)"
            " and (cast(:before as bigint) is null or id < :before) order by id desc limit :limit"
        ),
        _limits(caller) | {"state": state, "before": before, "limit": limit},
    ).mappings()
    return [(row["id"], _order(row)) for row in rows]


def order(connection: Connection, caller: Caller, instance: str, entity_id: int) -> tuple[int, OrderShown] | None:
    """One order, with its id here; None: there is none, or it is not the caller's business."""
    row = (
        connection.execute(
            text(f"{_ORDER} where instance = :i and entity_id = :e and {_SEEN}"),
            _limits(caller) | {"i": instance, "e": entity_id},
        )
        .mappings()
        .one_or_none()
    )
    return (row["id"], _order(row)) if row else None


def order_lines(connection: Connection, order_id: int) -> list[dict[str, Any]]:
    """The lines of an order, with their quantities."""
    rows = connection.execute(
        text(
            "select item_id, kind, sku, name, state, ordered, allocated, packed, invoiced, shipped, cancelled, returned"
            " from order_line where order_id = :id order by item_id"
        ),
        {"id": order_id},
    ).mappings()
    return [dict(row) for row in rows]


def _limits(caller: Caller) -> dict[str, Any]:
    return {"stores": list(caller.stores), "locations": list(caller.locations)}


def _order(row: Any) -> OrderShown:
    return OrderShown(**{name: row[name] for name in OrderShown.model_fields})
