"""Returns in the database. Whoever changes one locks its order first, then it; `derive` writes what follows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, RowMapping

from magento_oms.domain.returns import (
    BACK,
    ReturnKind,
    ReturnSource,
    ReturnState,
    UnitState,
    check_return_move,
    check_unit_move,
    return_state,
)
from magento_oms.storage import orders, return_tracking, too_late
from magento_oms.storage.database import text

COLUMNS = (
    "r.id, r.instance, r.order_id, r.return_code, r.kind, r.source, r.state, r.location, r.reason, r.asked_digest,"
    " r.parcel_id, coalesce(nullif(b.awb, ''), r.awb) as awb,"
    " coalesce(nullif(b.booked -> 'courier' ->> 'name', ''), nullif(r.courier, ''), b.aggregator, '') as courier,"
    " r.quality_check, r.expected_on, r.placed_at, r.created_by, r.received_at, r.processed_at,"
    " r.cancelled_at, o.store_id, o.entity_id, o.increment_id, o.shadow, o.state as order_state"
)
JOINED = (
    "return_order r join sales_order o on o.id = r.order_id left join lateral (select * from courier_booking b"
    " where b.parcel_id = r.parcel_id order by (b.given_up = '') desc, b.generation desc limit 1) b on true"
)


@dataclass(frozen=True, slots=True)
class StoredReturn:
    """A return as the OMS knows it.

    Attributes:
        awb, courier: of the booking that counts; else as they were told.
        asked_digest: of what was asked when it was placed; None: nobody asked, we saw it.
    """

    id: int
    instance: str
    order_id: int
    return_code: str
    kind: ReturnKind
    source: ReturnSource
    state: ReturnState
    location: str
    reason: str
    asked_digest: bytes | None
    parcel_id: int | None
    awb: str
    courier: str
    quality_check: bool
    expected_on: date | None
    placed_at: datetime
    created_by: str
    received_at: datetime | None
    processed_at: datetime | None
    cancelled_at: datetime | None
    store_id: int
    entity_id: int
    increment_id: str
    shadow: bool
    order_state: str


@dataclass(frozen=True, slots=True)
class StoredUnit:
    """One unit of a return, with what the order says of it."""

    id: int
    item_code: str
    item_id: int
    sku: str
    name: str
    reason: str
    state: UnitState
    cancelled_why: str
    qc_reason: str
    images: tuple[str, ...]
    refund: str
    credit_note_id: int | None


@dataclass(frozen=True, slots=True)
class NewUnit:
    """One unit that is to come back."""

    item_code: str
    item_id: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class NewReturn:
    """A return to be stored; its checks were made."""

    instance: str
    order_id: int
    return_code: str
    kind: ReturnKind
    source: ReturnSource
    location: str
    reason: str
    placed_at: datetime
    created_by: str
    asked_digest: bytes | None = None
    parcel_id: int | None = None
    awb: str = ""
    courier: str = ""
    quality_check: bool = False
    expected_on: date | None = None


def lock_order(connection: Connection, order_id: int) -> None:
    """Take the order, so that nobody else changes it or its returns until the transaction ends."""
    connection.execute(text("select 1 from sales_order where id = :id for update"), {"id": order_id})


def get(connection: Connection, return_id: int, *, lock: bool = False) -> StoredReturn | None:
    """One return; None: there is none. With `lock` its order, then it, are locked until the transaction ends."""
    if lock:
        connection.execute(
            text("select 1 from sales_order where id = (select order_id from return_order where id = :id) for update"),
            {"id": return_id},
        )
    ending = " for update of r" if lock else ""
    row = (
        connection.execute(
            text(f"select {COLUMNS} from {JOINED} where r.id = :id{ending}"),  # noqa: S608  (constants)
            {"id": return_id},
        )
        .mappings()
        .one_or_none()
    )
    return from_row(row) if row else None


def now(connection: Connection) -> datetime:
    """The database's clock, aware UTC."""
    moment: datetime = connection.execute(text("select now()")).scalar_one()
    return moment


def known(connection: Connection, return_id: int) -> StoredReturn:
    """One return that is there."""
    stored = get(connection, return_id)
    if stored is None:
        raise LookupError(f"return {return_id} is gone")
    return stored


def by_code(connection: Connection, instance: str, return_code: str) -> int | None:
    """The return of that code."""
    return connection.execute(
        text("select id from return_order where instance = :instance and return_code = :code"),
        {"instance": instance, "code": return_code},
    ).scalar()


def of_order(connection: Connection, order_id: int) -> list[StoredReturn]:
    """All returns of an order."""
    rows = connection.execute(
        text(f"select {COLUMNS} from {JOINED} where r.order_id = :id order by r.id"),  # noqa: S608
        {"id": order_id},
    )
    return [from_row(row) for row in rows.mappings()]


def of_parcel(connection: Connection, parcel_id: int) -> list[int]:
    """Returns that a parcel brings back."""
    return list(
        connection.execute(
            text("select id from return_order where parcel_id = :id order by id"), {"id": parcel_id}
        ).scalars()
    )


def units(connection: Connection, return_ids: Iterable[int]) -> dict[int, list[StoredUnit]]:
    """Units of returns, by return."""
    ids = list(return_ids)
    found: dict[int, list[StoredUnit]] = {return_id: [] for return_id in ids}
    for row in connection.execute(
        text(
            "select i.return_id, i.id, i.item_code, i.item_id, l.sku, l.name, i.reason, i.state, i.cancelled_why,"
            " i.qc_reason, i.images, i.refund, i.credit_note_id"
            " from return_item i join order_line l using (order_id, item_id) where i.return_id = any(:ids)"
            " order by i.id"
        ),
        {"ids": ids},
    ):
        found[row.return_id].append(
            StoredUnit(
                row.id, row.item_code, row.item_id, row.sku, row.name, row.reason, UnitState(row.state),
                row.cancelled_why, row.qc_reason, tuple(row.images), row.refund, row.credit_note_id,
            )
        )  # fmt: skip
    return found


def insert(connection: Connection, new: NewReturn, items: Sequence[NewUnit]) -> int:
    """Store a return with its units, all of them expected; its id. The order is locked by the caller."""
    return_id: int = connection.execute(
        text(
            "insert into return_order (instance, order_id, return_code, kind, source, state, location, reason,"
            " asked_digest, parcel_id, awb, courier, quality_check, expected_on, placed_at,"
            " created_by) values (:instance, :order_id, :return_code, :kind, :source, 'placed', :location, :reason,"
            " :asked_digest, :parcel_id, :awb, :courier, :quality_check, :expected_on, :placed_at,"
            " :created_by) returning id"
        ),
        {name: getattr(new, name) for name in NewReturn.__dataclass_fields__}
        | {"kind": str(new.kind), "source": str(new.source)},
    ).scalar_one()
    add_units(connection, return_id, new.order_id, items)
    return return_id


def add_units(connection: Connection, return_id: int, order_id: int, items: Sequence[NewUnit]) -> None:
    """Store further units, all of them expected."""
    connection.execute(
        text(
            "insert into return_item (return_id, item_code, order_id, item_id, reason, state)"
            " values (:return_id, :item_code, :order_id, :item_id, :reason, 'expected')"
        ),
        [
            {
                "return_id": return_id,
                "item_code": unit.item_code,
                "order_id": order_id,
                "item_id": unit.item_id,
                "reason": unit.reason,
            }
            for unit in items
        ],
    )


def move_unit(
    connection: Connection,
    unit: StoredUnit,
    state: UnitState,
    *,
    cancelled_why: str = "",
    qc_reason: str = "",
    images: Sequence[str] = (),
) -> None:
    """Bring a unit to another state.

    Raises:
        IllegalMove: the table does not allow it.
    """
    check_unit_move(unit.state, state)
    connection.execute(
        text(
            "update return_item set state = :state, cancelled_why = :why, qc_reason = :reason, images = :images,"
            " received_at = case when :back then coalesce(received_at, now()) else received_at end,"
            " judged_at = case when :judged then now() else judged_at end where id = :id"
        ),
        {
            "id": unit.id,
            "state": str(state),
            "why": cancelled_why,
            "reason": qc_reason,
            "images": Jsonb(list(images), dumps=orjson.dumps),
            "back": state in BACK,
            "judged": state in (UnitState.PASSED, UnitState.FAILED, UnitState.MISSING),
        },
    )


def note_refund(connection: Connection, unit_ids: Iterable[int], refund: str, *, only: str | None = None) -> None:
    """Note that a credit memo is planned for units (`asked`), or which one refunds them.

    Args:
        only: those of which this is noted; None: all.
    """
    connection.execute(
        text(
            "update return_item set refund = :refund where id = any(:ids)"
            " and (cast(:only as text) is null or refund = :only)"
        ),
        {"ids": list(unit_ids), "refund": refund, "only": only},
    )


def note_credited(connection: Connection, unit_ids: Iterable[int], credit_note_id: int) -> None:
    """Note which credit note of ours credits units."""
    connection.execute(
        text("update return_item set credit_note_id = :note where id = any(:ids)"),
        {"ids": list(unit_ids), "note": credit_note_id},
    )


def derive(connection: Connection, return_id: int) -> ReturnState:
    """Write the state that follows from units and parcel, and what follows for the order: how much of it is back."""
    row = connection.execute(
        text("select order_id, state, parcel_id from return_order where id = :id for update"), {"id": return_id}
    ).one()
    states = [
        UnitState(state)
        for state in connection.execute(
            text("select state from return_item where return_id = :id"), {"id": return_id}
        ).scalars()
    ]
    parcel = return_tracking.parcel_status(connection, row.parcel_id) if row.parcel_id is not None else None
    before, state = ReturnState(row.state), return_state(states, parcel)
    check_return_move(before, state)
    connection.execute(
        text(
            "update return_order set state = :state,"
            " received_at = case when :state in ('received', 'processed') then coalesce(received_at, now())"
            "  else received_at end,"
            " processed_at = case when :state = 'processed' then coalesce(processed_at, now()) end,"
            " cancelled_at = case when :state = 'cancelled' then coalesce(cancelled_at, now()) end where id = :id"
        ),
        {"id": return_id, "state": str(state)},
    )
    if state is not before:
        details = {"return": return_id, "from": str(before), "to": str(state)}
        orders.add_event(connection, row.order_id, "return_state", details)
    _note_on_lines(connection, row.order_id)
    too_late.look_again(connection, row.order_id)
    return state


def _note_on_lines(connection: Connection, order_id: int) -> None:
    """Bring the lines' returned quantities, and the order's state, to what its returns say."""
    changed = connection.execute(
        text(
            "update order_line l set returned = least(l.shipped, coalesce(i.back, 0)) from order_line x"
            " left join (select item_id, count(*) as back from return_item"
            "  where order_id = :id and state = any(:back) group by item_id) i on i.item_id = x.item_id"
            " where x.order_id = :id and l.order_id = x.order_id and l.item_id = x.item_id"
            " and l.returned <> least(l.shipped, coalesce(i.back, 0))"
        ),
        {"id": order_id, "back": [str(state) for state in BACK]},
    ).rowcount
    if changed:
        orders.derive_lines(connection, order_id)
        orders.derive_state(connection, order_id)


def from_row(row: RowMapping) -> StoredReturn:
    values: dict[str, Any] = {name: row[name] for name in StoredReturn.__dataclass_fields__}
    digest = values["asked_digest"]
    return StoredReturn(
        **values
        | {
            "kind": ReturnKind(row["kind"]),
            "source": ReturnSource(row["source"]),
            "state": ReturnState(row["state"]),
            "asked_digest": bytes(digest) if digest is not None else None,
        }
    )
