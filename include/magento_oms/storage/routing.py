"""What routing reads and writes, many orders at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from magento_oms.domain.quantities import Quantities
from magento_oms.storage.database import by_column, given_rows, text
from magento_oms.storage.orders import BUNDLE, QUANTITIES


@dataclass(frozen=True, slots=True)
class OpenLine:
    """A line of an order that is routed.

    Attributes:
        bundle: item id of the bundle with which it leaves; None: it may leave on its own.
    """

    item_id: int
    kind: str
    sku: str
    bundle: int | None
    quantities: Quantities

    @property
    def missing(self) -> Decimal:
        """Units that no location has promised."""
        line = self.quantities
        return (
            max(line.ordered - line.cancelled - line.allocated, Decimal(0)) if self.kind == "physical" else Decimal(0)
        )


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that is routed, locked by whoever routes it.

    Attributes:
        refused: location → SKUs of this order that it sent back.
        waiting: item id → reason, of the lines that are in a queue already.
    """

    id: int
    instance: str
    entity_id: int
    store_id: int
    state: str
    acknowledged: bool
    shadow: bool
    pincode: str
    holds: frozenset[str]
    lines: tuple[OpenLine, ...]
    refused: Mapping[str, frozenset[str]]
    waiting: Mapping[int, str]
    routed_before: bool


def wake_for_stock(connection: Connection) -> None:
    """Make orders due that wait for a SKU of which units became free (see `freed_stock`)."""
    connection.execute(
        text(
            "with freed as (delete from freed_stock returning sku)"
            " update sales_order set route_at = now() where id in (select order_id from unfilled_line"
            "  where queue = 'waits_for_stock' and sku in (select sku from freed))"
        )
    )


def claim(connection: Connection, limit: int) -> list[OpenOrder]:
    """Orders that are due for routing, the ones with the earliest required-by time first, locked."""
    rows = connection.execute(
        text(
            "select id, instance, entity_id, store_id, state, acknowledged_at is not null as acknowledged, shadow,"
            " coalesce(nullif(buyer -> 'shipping' ->> 'pincode', ''), buyer -> 'billing' ->> 'pincode', '') as pincode"
            " from sales_order where route_at <= now() and state <> 'held'"
            " order by required_by, id limit :limit for update skip locked"
        ),
        {"limit": limit},
    ).all()
    ids = [row.id for row in rows]
    lines = _lines(connection, ids)
    holds = _sets(connection, "select order_id, code from order_hold where released_at is null and", ids)
    refused: dict[int, dict[str, set[str]]] = {}
    before: set[int] = set()
    for row in connection.execute(
        text(
            "select f.order_id, f.location, l.sku, fl.rejected from fulfilment f"
            " join fulfilment_line fl on fl.fulfilment_id = f.id"
            " join order_line l on l.order_id = fl.order_id and l.item_id = fl.item_id where f.order_id = any(:ids)"
        ),
        {"ids": ids},
    ):
        before.add(row.order_id)
        if row.rejected > 0:
            refused.setdefault(row.order_id, {}).setdefault(row.location, set()).add(row.sku)
    waiting: dict[int, dict[int, str]] = {}
    for row in connection.execute(
        text("select order_id, item_id, reason from unfilled_line where order_id = any(:ids)"), {"ids": ids}
    ):
        waiting.setdefault(row.order_id, {})[row.item_id] = row.reason
    return [
        OpenOrder(
            row.id,
            row.instance,
            row.entity_id,
            row.store_id,
            row.state,
            row.acknowledged,
            row.shadow,
            row.pincode,
            frozenset(holds.get(row.id, ())),
            tuple(lines[row.id]),
            {location: frozenset(skus) for location, skus in refused.get(row.id, {}).items()},
            waiting.get(row.id, {}),
            row.id in before,
        )
        for row in rows
    ]


def _lines(connection: Connection, ids: Sequence[int]) -> dict[int, list[OpenLine]]:
    found: dict[int, list[OpenLine]] = {order_id: [] for order_id in ids}
    for row in connection.execute(
        text(
            f"select order_id, item_id, kind, l.sku, {BUNDLE} as bundle, {', '.join(QUANTITIES)}"  # noqa: S608
            " from order_line l where order_id = any(:ids) order by order_id, item_id"
        ),
        {"ids": list(ids)},
    ):
        found[row.order_id].append(OpenLine(row.item_id, row.kind, row.sku, row.bundle, Quantities(*row[5:])))
    return found


def _sets(connection: Connection, select: str, ids: Sequence[int]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for row in connection.execute(text(f"{select} order_id = any(:ids)"), {"ids": list(ids)}):
        found.setdefault(row[0], set()).add(row[1])
    return found


def given_since(connection: Connection, since: Mapping[str, datetime]) -> dict[str, int]:
    """How many fulfilments locations were given since a time (their day's beginning), without cancelled ones."""
    rows = connection.execute(
        text(
            "select d.location, count(f.id) as given"
            " from unnest(cast(:locations as text[]), cast(:since as timestamptz[])) as d (location, since)"
            " left join fulfilment f on f.location = d.location and f.created_at >= d.since and f.state <> 'cancelled'"
            " group by d.location"
        ),
        {"locations": list(since), "since": list(since.values())},
    )
    return {row.location: row.given for row in rows}


@dataclass(slots=True)
class Routed:
    """What routing comes to, for many orders; written at once.

    Attributes:
        allocated: (order id, item id, units promised now, state of the line).
        states: (order id, state, next look).
        unfilled: (order id, item id, SKU, units, queue, reason).
    """

    allocated: list[tuple[int, int, Decimal, str]] = field(default_factory=list)
    states: list[tuple[int, str, datetime | None]] = field(default_factory=list)
    unfilled: list[tuple[int, int, str, Decimal, str, str]] = field(default_factory=list)
    decisions: list[tuple[int, dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    events: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)


def save(connection: Connection, routed: Routed) -> None:
    """Write it."""
    _many(
        connection,
        "update order_line l set allocated = l.allocated + given.units, state = given.state from {given}"
        " where l.order_id = given.order_id and l.item_id = given.item_id",
        {"order_id": "bigint", "item_id": "bigint", "units": "numeric", "state": "text"},
        routed.allocated,
    )
    connection.execute(
        text("delete from unfilled_line where order_id = any(:ids)"), {"ids": [row[0] for row in routed.states]}
    )
    _many(
        connection,
        "insert into unfilled_line (order_id, item_id, sku, quantity, queue, reason) select given.* from {given}",
        {
            "order_id": "bigint",
            "item_id": "bigint",
            "sku": "text",
            "quantity": "numeric",
            "queue": "text",
            "reason": "text",
        },
        routed.unfilled,
    )
    _many(
        connection,
        "insert into routing_decision (order_id, seen, outcome) select given.* from {given}",
        {"order_id": "bigint", "seen": "jsonb", "outcome": "jsonb"},
        [(order_id, _json(seen), _json(outcome)) for order_id, seen, outcome in routed.decisions],
    )
    _many(
        connection,
        "insert into order_event (order_id, kind, details) select given.* from {given}",
        {"order_id": "bigint", "kind": "text", "details": "jsonb"},
        [(order_id, kind, _json(details)) for order_id, kind, details in routed.events],
    )
    _many(
        connection,
        "update sales_order o set state = given.state, route_at = given.route_at from {given}"
        " where o.id = given.order_id",
        {"order_id": "bigint", "state": "text", "route_at": "timestamptz"},
        routed.states,
    )


def look_again(connection: Connection, order_id: int) -> None:
    """Route what no location has promised of this order."""
    connection.execute(text("update sales_order set route_at = now() where id = :id"), {"id": order_id})


def put_aside(connection: Connection, order_id: int) -> None:
    """Do not route this order by itself any more."""
    connection.execute(text("update sales_order set route_at = null where id = :id"), {"id": order_id})


_DECISIONS = (
    " from routing_decision d join sales_order o on o.id = d.order_id where o.instance = :instance"
    " and (cast(:store_id as bigint) is null or o.store_id = :store_id)"
    " and d.decided_at >= :since and d.decided_at < :until"
)


@dataclass(frozen=True, slots=True)
class Span:
    """Decisions about the orders of an instance (or one of its stores) in a time."""

    instance: str
    store_id: int | None
    since: datetime
    until: datetime


def count_decisions(connection: Connection, span: Span) -> int:
    """How many decisions there are."""
    count: int = connection.execute(text(f"select count(*) {_DECISIONS}"), asdict(span)).scalar_one()
    return count


def decisions(
    connection: Connection, span: Span, after: int = 0
) -> Iterable[tuple[int, int, dict[str, Any], dict[str, Any]]]:
    """Decisions: id, order id, what was seen, and what came of it; in order, from the next id on."""
    rows = connection.execute(
        text(f"select d.id, d.order_id, d.seen, d.outcome {_DECISIONS} and d.id > :after order by d.id limit 1000"),
        asdict(span) | {"after": after},
    )
    return [(row.id, row.order_id, row.seen, row.outcome) for row in rows]


def _many(connection: Connection, sql: str, columns: Mapping[str, str], rows: Sequence[tuple[object, ...]]) -> None:
    """One statement for all rows; no two of them are about the same row of a table that is updated."""
    if rows:
        connection.execute(text(sql.format(given=given_rows(columns))), by_column(columns, rows))


def _json(value: dict[str, Any]) -> Jsonb:
    return Jsonb(value, dumps=orjson.dumps)
