"""What Magento tells of returns: a credit memo on shipped units places one, and so does an RMA of Adobe Commerce.

A credit memo refunds units that come back already, if there are any; only what is left of it places a new return. Units
that never left are none of this: their credit memo cancels them (`customer_cancellation_pull`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import structlog
from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig, StoreConfig
from magento_oms.domain.returns import CLAIMED, ReturnKind, ReturnSource, UnitState
from magento_oms.ports import Json, parse_magento_time
from magento_oms.storage import credit_memos, orders, return_claims, return_notices, return_tracking, returns
from magento_oms.storage.credit_memos import ReadMemo
from magento_oms.storage.database import text
from magento_oms.storage.returns import NewReturn, NewUnit, StoredUnit
from magento_oms.workflows.returns.cancel import call_off_units
from magento_oms.workflows.returns.refund import ASKED

log = structlog.get_logger(__name__)

OURS = "[oms-return-"
"""In the comment of a credit memo that we made for a return."""
ZERO = Decimal(0)
BY = "return_sync"

AUTHORIZED = frozenset(
    {"authorized", "partial_authorized", "received", "received_on_item", "approved", "approved_on_item"}
)
REFUSED = frozenset({"denied", "rejected", "rejected_on_item", "closed"})
"""Statuses of an RMA in which its units are to come back, and are not."""


@dataclass(frozen=True, slots=True)
class _Order:
    """The order that a document of Magento is about."""

    id: int
    increment_id: str
    store_id: int


def take_credit_memo(connection: Connection, config: InstanceConfig, order_id: int, memo: Json) -> str:
    """Keep a credit memo, and place a return of the shipped units that it refunds and that no return has.

    Returns what was made of it, in words; empty where it was read before.
    """
    order = _lock(connection, order_id)
    memo_id = int(memo["entity_id"])
    if credit_memos.known(connection, config.code, [memo_id]):
        return ""
    read = ReadMemo(
        config.code,
        memo_id,
        order_id,
        str(memo.get("increment_id") or memo_id),
        parse_magento_time(str(memo["created_at"])),
        Decimal(str(memo.get("grand_total") or 0)),
        _quantities(memo.get("items") or ()),
    )
    if credit_memos.reference_in(memo, OURS):
        credit_memos.insert(connection, read, return_id=_ours(connection, memo), ours=True, taken="made by us")
        return "made by us"
    return_id, taken = _take(connection, config, order, read)
    credit_memos.insert(connection, read, return_id=return_id, ours=False, taken=taken)
    orders.add_event(connection, order_id, "credit_memo", {"credit_memo": read.increment_id, "taken": taken})
    return taken


def _take(connection: Connection, config: InstanceConfig, order: _Order, memo: ReadMemo) -> tuple[int | None, str]:
    store = config.store(order.store_id)
    lines = _refunded_units(connection, order.id, memo)
    if not any(lines.values()):
        return None, "no shipped units: nothing comes back for it"
    joined, return_id = _join(connection, order.id, lines, memo)
    if not any(lines.values()):
        return return_id, f"refunds {joined} units that come back already"
    if store is None or not store.returns.from_credit_memos:
        return return_id, "the store places no returns from credit memos"
    if not store.locations:
        return return_id, "the store ships and takes back elsewhere: it has no location"
    called_back = connection.execute(
        text("select 1 from expected_rto where order_id = :id and ended_at is null limit 1"), {"id": order.id}
    ).scalar()
    if called_back is not None:
        return return_id, "its parcel is called back: it comes as an RTO"
    units = _new_units(connection, order.id, lines)
    if not units:
        return return_id, "other returns have all units that were shipped"
    placed = _place(
        connection,
        config,
        store,
        order,
        units,
        NewReturn(
            instance=config.code,
            order_id=order.id,
            return_code=f"CM-{memo.increment_id}",
            kind=ReturnKind.CUSTOMER_RETURN,
            source=ReturnSource.MAGENTO_CREDIT_MEMO,
            location="",
            reason=f"Refunded by credit memo {memo.increment_id}",
            placed_at=memo.created_at,
            created_by=BY,
        ),
    )
    ids = [unit.id for unit in returns.units(connection, [placed])[placed]]
    returns.note_refund(connection, ids, str(memo.memo_id))
    return placed, f"a return of {len(units)} units is placed"


def take_rma(connection: Connection, config: InstanceConfig, order_id: int, rma: Json) -> str:
    """Place the return of an RMA once it is authorised, follow its tracking, and call it off if it is refused.

    Returns what was made of it, in words; empty where nothing changed.
    """
    order = _lock(connection, order_id)
    store = config.store(order.store_id)
    code = f"RMA-{rma.get('increment_id') or rma['entity_id']}"
    status = str(rma.get("status") or "")
    known = returns.by_code(connection, config.code, code)
    if known is not None:
        return _follow_rma(connection, known, status, rma)
    if status not in AUTHORIZED or store is None or not store.locations:
        return ""
    wanted = _quantities(rma.get("items") or (), "qty_authorized", "qty_requested")
    units = _new_units(connection, order.id, dict(_by_line(connection, order.id, wanted)))
    if not units:
        return f"{code}: other returns have all units that were shipped"
    awb, courier = _track(rma)
    _place(
        connection,
        config,
        store,
        order,
        units,
        NewReturn(
            instance=config.code,
            order_id=order.id,
            return_code=code,
            kind=ReturnKind.CUSTOMER_RETURN,
            source=ReturnSource.MAGENTO_RMA,
            location="",
            reason="RMA of Magento",
            placed_at=parse_magento_time(str(rma["date_requested"])),
            created_by=BY,
            awb=awb,
            courier=courier,
        ),
    )
    return f"{code}: a return of {len(units)} units is placed"


def _follow_rma(connection: Connection, return_id: int, status: str, rma: Json) -> str:
    stored = returns.known(connection, return_id)
    if status in REFUSED:
        units = returns.units(connection, [return_id])[return_id]
        expected = [unit for unit in units if unit.state is UnitState.EXPECTED]
        call_off_units(connection, stored, expected, f"Magento's RMA is {status}", by=BY)
        return f"{stored.return_code}: called off" if expected else ""
    awb, courier = _track(rma)
    if awb and awb != stored.awb and stored.parcel_id is None:
        return_tracking.set_tracking(connection, return_id, awb=awb, courier=courier)
        return_notices.tell(connection, return_notices.AWB, return_id, mark=awb)
        return f"{stored.return_code}: its AWB is {awb}"
    return ""


def _lock(connection: Connection, order_id: int) -> _Order:
    returns.lock_order(connection, order_id)
    row = connection.execute(
        text("select id, increment_id, store_id from sales_order where id = :id"), {"id": order_id}
    ).one()
    return _Order(*row)


def _place(
    connection: Connection,
    config: InstanceConfig,
    store: StoreConfig,
    order: _Order,
    units: Sequence[NewUnit],
    new: NewReturn,
) -> int:
    location = return_claims.shipped_from(connection, order.id, {unit.item_id for unit in units})
    location = location or store.locations[0].code
    return_id = returns.insert(connection, replace(new, location=location), units)
    details = {"return": return_id, "code": new.return_code, "kind": str(new.kind), "units": len(units)}
    orders.add_event(connection, order.id, "return_placed", details | {"source": str(new.source)})
    return_notices.tell(connection, return_notices.PLACED, return_id)
    returns.derive(connection, return_id)
    return return_id


def _quantities(rows: Sequence[Any], *names: str) -> dict[int, Decimal]:
    """Order item id → units, by the first of the fields that tells some."""
    found: dict[int, Decimal] = {}
    for row in rows:
        told = (Decimal(str(row.get(name) or 0)) for name in names or ("qty",))
        item_id = int(row.get("order_item_id") or 0)
        found[item_id] = found.get(item_id, ZERO) + next((units for units in told if units), ZERO)
    return found


def _by_line(connection: Connection, order_id: int, items: dict[int, Decimal]) -> Iterator[tuple[int, int]]:
    """Units by the order's physical lines: Magento names the parts of a configurable or bundle, or only the whole."""
    for row in connection.execute(
        text(
            "select l.item_id, l.act_on_item_id, l.ordered from order_line l"
            " where l.order_id = :id and l.kind = 'physical' order by l.item_id"
        ),
        {"id": order_id},
    ):
        units = items.get(row.item_id) or items.get(row.act_on_item_id) or ZERO
        yield row.item_id, int(min(units, row.ordered))


def _refunded_units(connection: Connection, order_id: int, memo: ReadMemo) -> dict[int, int]:
    """Of each line the units of a credit memo that had left: what was refunded beyond what never shipped."""
    before: dict[int, int] = {}
    for told in connection.execute(
        text("select items from credit_memo where order_id = :id"), {"id": order_id}
    ).scalars():
        earlier = {int(item): Decimal(units) for item, units in told.items()}
        for item_id, units in _by_line(connection, order_id, earlier):
            before[item_id] = before.get(item_id, 0) + units
    now = dict(_by_line(connection, order_id, dict(memo.items)))
    never_left = {
        row.item_id: int(row.ordered - row.shipped)
        for row in connection.execute(
            text("select item_id, ordered, shipped from order_line where order_id = :id"), {"id": order_id}
        )
    }
    return {
        item_id: max(min(units, before.get(item_id, 0) + units - never_left[item_id]), 0)
        for item_id, units in now.items()
    }


def _join(connection: Connection, order_id: int, lines: dict[int, int], memo: ReadMemo) -> tuple[int, int | None]:
    """Note the credit memo on units that come back, or are back, and have none; they are taken off `lines`."""
    joined, return_id = 0, None
    for stored in returns.of_order(connection, order_id):
        mine: list[StoredUnit] = []
        for unit in returns.units(connection, [stored.id])[stored.id]:
            if unit.state in CLAIMED and unit.refund in ("", ASKED) and lines.get(unit.item_id, 0) > 0:
                lines[unit.item_id] -= 1
                mine.append(unit)
        if mine:
            returns.note_refund(connection, [unit.id for unit in mine], str(memo.memo_id))
            joined, return_id = joined + len(mine), stored.id
    return joined, return_id


def _new_units(connection: Connection, order_id: int, lines: dict[int, int]) -> list[NewUnit]:
    free = return_claims.unclaimed(connection, order_id)
    units = []
    for item_id, wanted in sorted(lines.items()):
        for number in range(min(wanted, free.get(item_id, 0))):
            units.append(NewUnit(f"{item_id}-{number + 1}", item_id))
    return units


def _ours(connection: Connection, memo: Json) -> int | None:
    """The return whose id our reference names."""
    for row in memo.get("comments") or ():
        _, found, rest = str(row.get("comment") or "").partition(OURS)
        number = rest.partition("-")[0]
        if found and number.isdigit():
            return connection.execute(text("select id from return_order where id = :id"), {"id": int(number)}).scalar()
    return None


def _track(rma: Json) -> tuple[str, str]:
    """AWB and courier of the last track of an RMA."""
    tracks = [row for row in rma.get("tracks") or () if row.get("track_number")]
    if not tracks:
        return "", ""
    last = tracks[-1]
    return str(last["track_number"]).strip(), str(last.get("carrier_title") or last.get("carrier_code") or "")


def order_named(connection: Connection, instance: str, entity_id: int) -> int | None:
    """The order that a document names, if it is in the OMS."""
    return connection.execute(
        text("select id from sales_order where instance = :i and entity_id = :e"), {"i": instance, "e": entity_id}
    ).scalar()
