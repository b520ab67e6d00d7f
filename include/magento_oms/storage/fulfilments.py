"""Fulfilments: the parts of orders that locations ship."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, RowMapping

from magento_oms.domain.fulfilments import Carried, FulfilmentState, check_fulfilment_move, fulfilment_state
from magento_oms.domain.parcel_states import AT_HOME
from magento_oms.storage.api_tokens import of_stores_sql
from magento_oms.storage.database import by_column, given_rows, text
from magento_oms.storage.parcels import live_bookings_sql

_COLUMNS = (
    "f.id, f.order_id, f.number, f.location, f.state, f.shipment_id, f.pack_digest, f.packed_at, f.handed_over_at,"
    " o.instance, o.store_id, o.entity_id, o.increment_id, o.state as order_state, o.shadow, o.required_by,"
    " o.payment_kind"
)
_JOINED = "fulfilment f join sales_order o on o.id = f.order_id"


@dataclass(frozen=True, slots=True)
class StoredFulfilment:
    """A fulfilment as the OMS knows it."""

    id: int
    order_id: int
    number: int
    location: str
    state: FulfilmentState
    shipment_id: str | None
    pack_digest: bytes | None
    packed_at: datetime | None
    handed_over_at: datetime | None
    instance: str
    store_id: int
    entity_id: int
    increment_id: str
    order_state: str
    shadow: bool
    required_by: datetime
    payment_kind: str


@dataclass(frozen=True, slots=True)
class CarriedLine:
    """A line of a fulfilment with what the order says of it."""

    item_id: int
    act_on_item_id: int
    sku: str
    name: str
    ordered: Decimal
    quantity: Decimal
    packed: Decimal
    shipped: Decimal
    rejected: Decimal


def get(connection: Connection, fulfilment_id: int, *, lock: bool = False) -> StoredFulfilment | None:
    """One fulfilment; None: there is none. With `lock` its order, then it, are locked until the transaction ends."""
    if lock:
        connection.execute(
            text("select 1 from sales_order where id = (select order_id from fulfilment where id = :id) for update"),
            {"id": fulfilment_id},
        )
    ending = " for update of f" if lock else ""
    row = (
        connection.execute(
            text(f"select {_COLUMNS} from {_JOINED} where f.id = :id{ending}"),  # noqa: S608  (constants)
            {"id": fulfilment_id},
        )
        .mappings()
        .one_or_none()
    )
    return _stored(row) if row else None


def by_shipment(connection: Connection, shipment_id: str) -> int | None:
    """The fulfilment that a warehouse packed under this id of its own."""
    return connection.execute(text("select id from fulfilment where shipment_id = :id"), {"id": shipment_id}).scalar()


def of_order(connection: Connection, order_id: int) -> list[StoredFulfilment]:
    """All fulfilments of an order."""
    rows = connection.execute(
        text(f"select {_COLUMNS} from {_JOINED} where f.order_id = :id order by f.number"),  # noqa: S608
        {"id": order_id},
    )
    return [_stored(row) for row in rows.mappings()]


def lines(connection: Connection, fulfilment_ids: Iterable[int]) -> dict[int, list[CarriedLine]]:
    """Lines of fulfilments, by fulfilment."""
    ids = list(fulfilment_ids)
    found: dict[int, list[CarriedLine]] = {fulfilment_id: [] for fulfilment_id in ids}
    for row in connection.execute(
        text(
            "select f.fulfilment_id, f.item_id, l.act_on_item_id, l.sku, l.name, l.ordered, f.quantity, f.packed,"
            " f.shipped, f.rejected from fulfilment_line f join order_line l using (order_id, item_id)"
            " where f.fulfilment_id = any(:ids) order by f.fulfilment_id, f.item_id"
        ),
        {"ids": ids},
    ):
        found[row.fulfilment_id].append(CarriedLine(*row[1:]))
    return found


@dataclass(frozen=True, slots=True)
class NewFulfilment:
    """What routing gives a location."""

    id: int
    order_id: int
    location: str
    quantities: Mapping[int, Decimal]
    explanation: Mapping[str, Any]


def insert(connection: Connection, new: Sequence[NewFulfilment]) -> None:
    """Write new fulfilments; the orders are locked by the caller."""
    if not new:
        return
    connection.execute(
        text(
            "insert into fulfilment (id, order_id, number, location, state, explanation)"
            " select :id, :order_id, coalesce(max(number), 0) + 1, :location, 'routed', :explanation"
            " from fulfilment where order_id = :order_id"
        ),
        [
            {
                "id": each.id,
                "order_id": each.order_id,
                "location": each.location,
                "explanation": Jsonb(dict(each.explanation), dumps=orjson.dumps),
            }
            for each in new
        ],
    )
    columns = {"fulfilment_id": "bigint", "order_id": "bigint", "item_id": "bigint", "quantity": "numeric"}
    connection.execute(
        text(
            "insert into fulfilment_line (fulfilment_id, order_id, item_id, quantity)"  # noqa: S608  (constants)
            f" select given.* from {given_rows(columns)}"
        ),
        by_column(columns, [(each.id, each.order_id, *line) for each in new for line in each.quantities.items()]),
    )


def take_off(connection: Connection, fulfilment_id: int, item_id: int, units: Decimal, *, rejected: bool) -> None:
    """Ship fewer units of a line from here: the location sent them back, or they are not wanted any more."""
    connection.execute(
        text(
            "update fulfilment_line set quantity = quantity - :units,"
            " packed = case when packed > 0 then quantity - :units else 0 end,"
            " rejected = rejected + case when :rejected then :units else 0 end"
            " where fulfilment_id = :id and item_id = :item_id"
        ),
        {"id": fulfilment_id, "item_id": item_id, "units": units, "rejected": rejected},
    )


def note_packed(connection: Connection, fulfilment_id: int, shipment_id: str, digest: bytes) -> None:
    """All its units are in boxes."""
    connection.execute(
        text("update fulfilment_line set packed = quantity where fulfilment_id = :id"), {"id": fulfilment_id}
    )
    connection.execute(
        text(
            "update fulfilment set shipment_id = :shipment_id, pack_digest = :digest, packed_at = now() where id = :id"
        ),
        {"id": fulfilment_id, "shipment_id": shipment_id, "digest": digest},
    )


def note_handed_over(connection: Connection, fulfilment_id: int) -> None:
    """The courier took it."""
    connection.execute(
        text("update fulfilment_line set shipped = packed where fulfilment_id = :id"), {"id": fulfilment_id}
    )
    connection.execute(
        text("update fulfilment set handed_over_at = coalesce(handed_over_at, now()) where id = :id"),
        {"id": fulfilment_id},
    )


def note_on_magento(connection: Connection, fulfilment_id: int) -> None:
    """Magento has its shipment: it has deducted the units, and keeps them no more."""
    connection.execute(
        text("update fulfilment set on_magento_at = coalesce(on_magento_at, now()) where id = :id"),
        {"id": fulfilment_id},
    )


_PAPERS = f"""
select exists (select from paper where kind = 'invoice' and subject = 'fulfilment:' || :id)
  and exists (select from parcel where fulfilment_id = :id and direction = 'forward')
  and not exists (
    select from parcel p where p.fulfilment_id = :id and p.direction = 'forward' and not exists (
      select from ({live_bookings_sql()}) b where b.parcel_id = p.id and b.awb <> '' and (
        exists (select from courier_document d where d.booking_id = b.id and d.kind = 'label')
        or b.status <> all(:at_home))))
"""  # noqa: S608  (constants)
"""A courier that has the parcel asks for no label any more: it may never have given one."""


def derive_state(connection: Connection, fulfilment_id: int) -> FulfilmentState:
    """Write the state that follows from quantities and papers. Every call counts as a change for the feed."""
    row = connection.execute(
        text("select state, handed_over_at from fulfilment where id = :id for update"), {"id": fulfilment_id}
    ).one()
    carried = [
        Carried(line.quantity, line.packed)
        for line in connection.execute(
            text("select quantity, packed from fulfilment_line where fulfilment_id = :id"), {"id": fulfilment_id}
        )
    ]
    before = FulfilmentState(row.state)
    packed = fulfilment_state(carried, papers=False, handed_over=False) is FulfilmentState.PACKED
    known = {"id": fulfilment_id, "at_home": [str(status) for status in AT_HOME]}
    papers = packed and bool(connection.execute(text(_PAPERS), known).scalar())
    state = fulfilment_state(carried, papers=papers, handed_over=row.handed_over_at is not None)
    check_fulfilment_move(before, state)
    connection.execute(
        text(
            "update fulfilment set state = :state, changed_xid = pg_current_xact_id()::text::bigint,"
            " ready_at = case when :state = 'ready' then coalesce(ready_at, now()) else ready_at end where id = :id"
        ),
        {"id": fulfilment_id, "state": str(state)},
    )
    return state


class FeedWentBack(Exception):
    """The place in the feed is younger than the database: a backup was restored since."""


def feed_anew(connection: Connection) -> int:
    """After a restored backup: what it says was changed later than now counts as changed now; how many."""
    return connection.execute(
        text(
            "update fulfilment set changed_xid = pg_current_xact_id()::text::bigint"
            " where changed_xid > pg_current_xact_id()::text::bigint"
        )
    ).rowcount


def feed(
    connection: Connection, *, locations: Sequence[str], stores: Sequence[str], after: tuple[int, int], limit: int
) -> list[tuple[tuple[int, int], StoredFulfilment]]:
    """Fulfilments that changed since a place in the feed, oldest change first, each with its place.

    What a transaction that is still open changed comes once it has ended, and so does all that is younger: who goes on
    from the last place misses nothing.

    Args:
        locations, stores: see `api_tokens.Caller`.

    Raises:
        FeedWentBack: the place is of a time that the database does not know (any more).
    """
    if (
        after[0]
        >= connection.execute(text("select pg_snapshot_xmax(pg_current_snapshot())::text::bigint")).scalar_one()
    ):
        raise FeedWentBack
    rows = connection.execute(
        text(
            f"select f.changed_xid, {_COLUMNS} from {_JOINED}"  # noqa: S608  (constants)
            " where (f.changed_xid, f.id) > (:xid, :id)"
            " and f.changed_xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
            " and (cardinality(cast(:locations as text[])) = 0 or f.location = any(:locations))"
            f" and {of_stores_sql('o')}"
            " order by f.changed_xid, f.id limit :limit"
        ),
        {
            "xid": after[0],
            "id": after[1],
            "locations": list(locations),
            "stores": list(stores),
            "limit": limit,
        },
    ).mappings()
    return [((row["changed_xid"], row["id"]), _stored(row)) for row in rows]


def _stored(row: RowMapping) -> StoredFulfilment:
    values = {name: row[name] for name in StoredFulfilment.__dataclass_fields__}
    digest = values["pack_digest"]
    return StoredFulfilment(
        **values
        | {"state": FulfilmentState(row["state"]), "pack_digest": bytes(digest) if digest is not None else None}
    )
