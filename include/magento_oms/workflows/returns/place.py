"""Placing a return: units of an order are to come back. Idempotent on its code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import blake2b

import orjson
from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.domain.return_outcomes import CREATE, Whereabouts
from magento_oms.domain.returns import ReturnKind, ReturnSource
from magento_oms.ports import ParcelSize
from magento_oms.storage import orders, return_claims, return_notices, returns
from magento_oms.storage.database import text
from magento_oms.storage.parcels import live_bookings_sql
from magento_oms.storage.returns import NewReturn, NewUnit
from magento_oms.workflows.returns import exchange, tracking
from magento_oms.workflows.returns.tracking import Brought
from magento_oms.workflows.warehouse.problems import Detail, Kind, WarehouseProblem

W = Whereabouts
MOST_UNITS = 500


@dataclass(frozen=True, slots=True)
class AskedUnit:
    """One unit that is to come back: its line by item id, or by SKU."""

    item_code: str
    item_id: int | None = None
    sku: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AskedReturn:
    """A return that somebody asks for.

    Attributes:
        return_code: the caller's own, unique for ever.
        location: where it is to come back to; empty: to where it was shipped from.
        brought: how it comes back.
        customer_email: whose the order must be; empty: not told.
        replacement: number of the order that replaces it; it waits until the return has passed its quality check if
            `hold_replacement`.
    """

    return_code: str
    kind: ReturnKind
    units: tuple[AskedUnit, ...]
    location: str = ""
    reason: str = ""
    placed_at: datetime | None = None
    expected_on: date | None = None
    brought: Brought = Brought()  # noqa: RUF009  (frozen)
    quality_check: bool = False
    size: ParcelSize | None = None
    customer_email: str = ""
    replacement: str = ""
    hold_replacement: bool = True


@dataclass(frozen=True, slots=True)
class Placed:
    """What came of it. `again`: it was placed so before, and nothing was done now."""

    return_id: int
    again: bool = False


def place(
    connection: Connection,
    config: InstanceConfig,
    order_id: int,
    asked: AskedReturn,
    *,
    source: ReturnSource,
    by: str,
) -> Placed:
    """Place a return. The same again, under the same code, answers the same.

    Raises:
        WarehouseProblem: it says what is allowed, and why; nothing was changed.
    """
    returns.lock_order(connection, order_id)
    digest = _digest(order_id, asked)
    if answer := _placed_before(connection, config, order_id, asked, digest):
        return answer
    order = connection.execute(
        text("select increment_id, store_id, buyer ->> 'email' as email from sales_order where id = :id"),
        {"id": order_id},
    ).one()
    if asked.customer_email and asked.customer_email.casefold() != (order.email or "").casefold():
        raise WarehouseProblem(
            Kind.REFUSED,
            f"Order {order.increment_id} is another customer's.",
            way_out="Correct the order, or leave customer_email out.",
        )
    units = chosen_units(connection, order_id, asked.kind, asked.units)
    location = asked.location or _shipped_from(connection, order_id, units)
    store = config.store(order.store_id)
    if location not in {known.code for known in (store.locations if store else ())}:
        raise WarehouseProblem(
            Kind.INVALID,
            f"{location!r} is no location of order {order.increment_id}'s store.",
            details=(Detail("/location", "Name one of the store's locations."),),
        )
    tracking.check(connection, store, order_id, asked.kind, asked.brought)
    return_id = returns.insert(
        connection,
        NewReturn(
            instance=config.code,
            order_id=order_id,
            return_code=asked.return_code,
            kind=asked.kind,
            source=source,
            location=location,
            reason=asked.reason,
            placed_at=asked.placed_at or datetime.now(UTC),
            created_by=by,
            asked_digest=digest,
            quality_check=asked.quality_check,
            expected_on=asked.expected_on,
        ),
        units,
    )
    details = {"return": return_id, "code": asked.return_code, "kind": str(asked.kind), "units": len(units), "by": by}
    orders.add_event(connection, order_id, "return_placed", details | {"source": str(source)})
    return_notices.tell(connection, return_notices.PLACED, return_id)
    tracking.bring(connection, store, return_id, asked.brought, size=asked.size)
    if asked.replacement:
        exchange.link(connection, config, return_id, asked.replacement, hold=asked.hold_replacement)
    return Placed(return_id)


def add(connection: Connection, return_id: int, asked: Sequence[AskedUnit], *, by: str) -> None:
    """Add units to a return, until it is received. A unit that is there already is left as it is.

    Raises:
        WarehouseProblem: nothing was changed.
    """
    stored = tracking.changeable(connection, return_id)
    there = {unit.item_code for unit in returns.units(connection, [return_id])[return_id]}
    new = [unit for unit in asked if unit.item_code not in there]
    if not new:
        return
    units = chosen_units(connection, stored.order_id, stored.kind, new)
    returns.add_units(connection, return_id, stored.order_id, units)
    details = {"return": return_id, "units": len(units), "by": by}
    orders.add_event(connection, stored.order_id, "return_units_added", details)
    returns.derive(connection, return_id)


def _placed_before(
    connection: Connection, config: InstanceConfig, order_id: int, asked: AskedReturn, digest: bytes
) -> Placed | None:
    known = returns.by_code(connection, config.code, asked.return_code)
    if known is None:
        return None
    stored = returns.get(connection, known)
    if stored is not None and stored.asked_digest == digest:
        return Placed(known, again=True)
    whose = "" if stored is None or stored.order_id == order_id else f" for order {stored.increment_id}"
    raise WarehouseProblem(
        Kind.CONFLICT,
        f"Return {asked.return_code} was placed already{whose}, with another body; nothing was changed.",
        way_out="Ask for it to see what is kept. Its tracking is changed, and units added or called off, by calls of"
        " their own; another return has another code.",
    )


@dataclass(slots=True)
class _Line:
    """A line with how many of its units are where."""

    item_id: int
    sku: str
    places: dict[Whereabouts, int]

    def free(self, kind: ReturnKind) -> int:
        """Units of which such a return may be made."""
        return sum(count for place, count in self.places.items() if CREATE[kind, place].done)

    def why_not(self, kind: ReturnKind) -> str:
        """What becomes of the units of which none may be made."""
        told = [
            f"{count} {place}: {CREATE[kind, place].words}"
            for place, count in self.places.items()
            if count and not CREATE[kind, place].done
        ]
        return "; ".join(told)


def chosen_units(connection: Connection, order_id: int, kind: ReturnKind, asked: Sequence[AskedUnit]) -> list[NewUnit]:
    """The lines of the units that are asked for.

    Raises:
        WarehouseProblem: a unit is no unit of the order, or it cannot come back; each is named.
    """
    lines = _lines(connection, order_id)
    details: list[Detail] = []
    if not asked:
        details.append(Detail("/items", "No unit is named."))
    if len(asked) > MOST_UNITS:
        details.append(Detail("/items", f"{len(asked)} units; a return has {MOST_UNITS} at the most."))
    codes: set[str] = set()
    taken = dict.fromkeys(lines, 0)
    chosen: list[NewUnit] = []
    for number, unit in enumerate(asked):
        where = f"/items/{number}"
        if unit.item_code in codes:
            details.append(Detail(where, f"The item code {unit.item_code!r} is there twice: it names one unit."))
        codes.add(unit.item_code)
        candidates = [line for line in lines.values() if _is_of(line, unit)]
        if not candidates:
            named = f"item {unit.item_id}" if unit.item_id is not None else f"SKU {unit.sku!r}"
            details.append(Detail(where, f"The order has no {named} that is shipped."))
            continue
        line = next((line for line in candidates if taken[line.item_id] < line.free(kind)), None)
        if line is None:
            free = sum(candidate.free(kind) for candidate in candidates)
            why = "; ".join(filter(None, (candidate.why_not(kind) for candidate in candidates)))
            details.append(Detail(where, f"Of {candidates[0].sku} {free} can come back. {why}".strip()))
            continue
        taken[line.item_id] += 1
        chosen.append(NewUnit(unit.item_code, line.item_id, unit.reason))
    if details:
        raise WarehouseProblem(
            Kind.REFUSED, "No return was placed.", details=tuple(details[:100]), way_out="Correct what is named."
        )
    return chosen


def _is_of(line: _Line, unit: AskedUnit) -> bool:
    if unit.item_id is not None:
        return line.item_id == unit.item_id and unit.sku in ("", line.sku)
    return line.sku == unit.sku


def _lines(connection: Connection, order_id: int) -> dict[int, _Line]:
    """The physical lines of an order, by item id, each with where its units are."""
    taken = return_claims.claimed(connection, order_id)
    delivered = _delivered(connection, order_id)
    found = {}
    for row in connection.execute(
        text(
            "select item_id, sku, ordered, shipped, cancelled from order_line"
            " where order_id = :id and kind = 'physical' order by item_id"
        ),
        {"id": order_id},
    ):
        coming, back = taken.get(row.item_id, (0, 0))
        left = max(int(row.shipped) - coming - back, 0)
        at_customer = min(int(delivered.get(row.item_id, Decimal(0))), left)
        found[row.item_id] = _Line(
            row.item_id,
            row.sku,
            {
                W.SHIPPED: left - at_customer,
                W.DELIVERED: at_customer,
                W.COMING_BACK: coming,
                W.BACK: back,
                W.NOT_SHIPPED: int(row.ordered - row.cancelled - row.shipped),
                W.CANCELLED: int(row.cancelled),
            },
        )
    return found


def _delivered(connection: Connection, order_id: int) -> dict[int, Decimal]:
    """Item id → units in fulfilments whose parcels are all at the customer."""
    rows = connection.execute(
        text(
            "select l.item_id, sum(l.shipped) as units from fulfilment_line l where l.order_id = :id"  # noqa: S608
            " and exists (select from parcel p where p.fulfilment_id = l.fulfilment_id and p.direction = 'forward')"
            " and not exists (select from parcel p where p.fulfilment_id = l.fulfilment_id and p.direction = 'forward'"
            f"  and not exists (select from ({live_bookings_sql()}) b"
            "   where b.parcel_id = p.id and b.status = 'delivered')) group by l.item_id"
        ),
        {"id": order_id},
    )
    return {row.item_id: row.units for row in rows}


def _shipped_from(connection: Connection, order_id: int, units: Iterable[NewUnit]) -> str:
    """The location that shipped most of it."""
    found = return_claims.shipped_from(connection, order_id, {unit.item_id for unit in units})
    if not found:
        raise WarehouseProblem(
            Kind.INVALID,
            "It must be said where it comes back to: the OMS did not ship it.",
            details=(Detail("/location", "Name one of the store's locations."),),
        )
    return found


def _digest(order_id: int, asked: AskedReturn) -> bytes:
    """Of all that was asked. The order of the units means nothing; sizes count by value."""
    plain = asdict(replace(asked, units=tuple(sorted(asked.units, key=lambda unit: unit.item_code))))
    told = orjson.dumps(
        {"order": order_id, **plain},
        default=lambda value: f"{value.normalize():f}",
        option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z,
    )
    return blake2b(told, digest_size=16).digest()
