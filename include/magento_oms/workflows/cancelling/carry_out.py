"""Carrying a cancellation out: every unit that is not wanted any more is stopped where it is, by the table of
`domain.cancellation`, in the transaction that notes it, under the lock of the order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.domain.cancellation import Outcome, Stage, Wish, outcome, stage_of_fulfilment
from magento_oms.domain.fulfilments import FulfilmentState
from magento_oms.storage import cancellation_notices, cancellations, fulfilments, orders, return_claims, routing, stock
from magento_oms.storage.database import notify, text
from magento_oms.storage.fulfilments import CarriedLine, StoredFulfilment
from magento_oms.workflows.cancelling import call_off, too_late
from magento_oms.workflows.crediting import ToCredit, issue_all

ZERO = Decimal(0)
_STILL_HERE = (FulfilmentState.ROUTED, FulfilmentState.PACKED, FulfilmentState.READY)


@dataclass(slots=True)
class Freed:
    """Stock that cancellations set free, and invoices that they credit, over many orders: written at once, stock before
    credit notes and each in one order, so that nobody waits for each other in a circle.
    """

    to_credit: list[ToCredit] = field(default_factory=list)
    reserved: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    gone: dict[tuple[str, str], Decimal] = field(default_factory=dict)

    def free(self, location: str, sku: str, units: Decimal) -> None:
        """Units are promised no longer."""
        self.reserved[location, sku] = self.reserved.get((location, sku), ZERO) - units

    def leave(self, location: str, sku: str, units: Decimal) -> None:
        """Units are with a courier: neither promised any more, nor on the shelf."""
        self.gone[location, sku] = self.gone.get((location, sku), ZERO) + units

    def write(self, connection: Connection, config: InstanceConfig) -> None:
        """Write it down."""
        stock.reserve(connection, self.reserved)
        stock.gone(connection, self.gone)
        issue_all(connection, config, self.to_credit)


def carry_out(connection: Connection, order_id: int, wish: Wish, freed: Freed) -> int | None:
    """Carry a wish out, and note it; the id of the cancellation. None: all of it was known and done before.

    What it sets free and credits is in `freed`, to be written at the end.

    The order is locked, and its lines have what was cancelled already. What had left the warehouse is not among that.
    """
    outcomes: list[dict[str, Any]] = []
    never_left = _shipped_on_paper(connection, order_id) if wish.whole else {}
    units = _joined(wish.units, never_left)
    known = cancellations.noted_too_late(connection, order_id)
    if not wish.whole:
        # Units that a return has are on their way back already.
        coming = return_claims.claimed(connection, order_id)
        known = _joined(known, {item: Decimal(sum(both)) for item, both in coming.items()})
    left = {item: quantity - known.get(item, ZERO) for item, quantity in _less(wish.left, never_left).items()}
    left = {item: quantity for item, quantity in left.items() if quantity > 0}
    if not units and not left:
        return None
    for stored, lines, taken in _to_stop(connection, order_id, whole=wish.whole):
        stage = stage_of_fulfilment(stored.state)
        what = outcome(stage, wish.ask)
        outcomes.append({"fulfilment": stored.id, "stage": str(stage), "outcome": what.name.lower()})
        if what is Outcome.TAKE_OFF:
            for line in lines:
                if units_off := taken.get(line.item_id):
                    fulfilments.take_off(connection, stored.id, line.item_id, units_off, rejected=False)
                    freed.free(stored.location, line.sku, units_off)
            fulfilments.derive_state(connection, stored.id)
        else:
            called = call_off.call_off(connection, stored, lines, taken, wish)
            for sku, units_off in called.back_on_the_shelf.items():
                freed.free(stored.location, sku, units_off)
            for sku, units_off in called.with_the_courier.items():
                freed.leave(stored.location, sku, units_off)
            if called.to_credit is not None:
                freed.to_credit.append(called.to_credit)
            if called.instead is not None:
                outcomes[-1]["instead"] = called.instead
    _settle_lines(connection, order_id)
    if not outcomes and units:
        outcomes.append({"stage": str(Stage.WAITING), "outcome": Outcome.DROP.name.lower()})
    if left:
        outcomes += too_late.look(connection, order_id, wish)
    if not units and all(each["outcome"] == Outcome.NOTHING.name.lower() for each in outcomes):
        return None
    told = Wish(wish.cause, wish.whole, units, wish.left, wish.reason, wish.by)
    cancellation_id = cancellations.add(connection, order_id, told, left, outcomes)
    cancellation_notices.tell(connection, cancellation_id)
    if left:
        too_late.act(connection, order_id, wish, cancellation_id)
    details = {"cause": str(wish.cause), "reason": wish.reason, "by": wish.by, "outcomes": outcomes}
    orders.add_event(connection, order_id, "cancelled_units", {**details, "items": _told(units), "left": _told(left)})
    return cancellation_id


def _to_stop(
    connection: Connection, order_id: int, *, whole: bool
) -> Iterable[tuple[StoredFulfilment, Sequence[CarriedLine], dict[int, Decimal]]]:
    """The fulfilments of which units are taken, with how many: those on a list before those in boxes, the latest
    first, so that as few boxes as possible are opened.
    """
    everything = fulfilments.of_order(connection, order_id)
    carried = fulfilments.lines(connection, [stored.id for stored in everything])
    wanted: dict[int, Decimal] = {
        row.item_id: row.wanted
        for row in connection.execute(
            text("select item_id, ordered - cancelled as wanted from order_line where order_id = :id"), {"id": order_id}
        )
    }
    surplus: dict[int, Decimal] = {}
    for line in (line for lines in carried.values() for line in lines):
        surplus[line.item_id] = surplus.get(line.item_id, ZERO) + line.quantity
    surplus = {item_id: units - wanted[item_id] for item_id, units in surplus.items()}
    here = [stored for stored in everything if stored.state in _STILL_HERE]
    for stored in sorted(here, key=lambda each: (each.state is not FulfilmentState.ROUTED, -each.number)):
        taken: dict[int, Decimal] = {}
        for line in carried[stored.id]:
            units = line.quantity if whole else min(line.quantity, surplus[line.item_id])
            if units > 0:
                taken[line.item_id] = units
                surplus[line.item_id] -= units
        if taken:
            yield stored, carried[stored.id], taken


def _shipped_on_paper(connection: Connection, order_id: int) -> dict[int, Decimal]:
    """Units that Magento shows as shipped and that are still here (`magento_shipment_at: packed`): they are cancelled,
    not shipped. Item id → units.
    """
    rows = connection.execute(
        text(
            "update order_line l set shipped = l.shipped - x.units, cancelled = l.cancelled + x.units from ("
            " select l.item_id, least(l.shipped - coalesce(sum(f.shipped), 0), coalesce(sum(f.quantity)"
            "   filter (where s.handed_over_at is null), 0)) as units from order_line l"
            "  join fulfilment_line f on f.order_id = l.order_id and f.item_id = l.item_id"
            "  join fulfilment s on s.id = f.fulfilment_id where l.order_id = :id group by l.item_id, l.shipped) x"
            " where l.order_id = :id and l.item_id = x.item_id and x.units > 0 returning l.item_id, x.units"
        ),
        {"id": order_id},
    )
    return {row.item_id: row.units for row in rows}


def _settle_lines(connection: Connection, order_id: int) -> None:
    """What is cancelled is promised by nobody, and waits for nothing; the states that follow."""
    connection.execute(
        text(
            "update order_line set allocated = greatest(least(allocated, ordered - cancelled), packed, shipped)"
            " where order_id = :id"
        ),
        {"id": order_id},
    )
    connection.execute(
        text(
            "delete from unfilled_line u using order_line l where u.order_id = :id and l.order_id = u.order_id"
            " and l.item_id = u.item_id and l.ordered - l.cancelled <= l.allocated"
        ),
        {"id": order_id},
    )
    orders.derive_lines(connection, order_id)
    orders.derive_state(connection, order_id)
    waits = connection.execute(text("select 1 from unfilled_line where order_id = :id limit 1"), {"id": order_id})
    if waits.scalar() is not None:
        # Without what was cancelled, the rest may be there.
        routing.look_again(connection, order_id)
        notify(connection, orders.ROUTING)


def _joined(one: Mapping[int, Decimal], other: Mapping[int, Decimal]) -> dict[int, Decimal]:
    both = {item: one.get(item, ZERO) + other.get(item, ZERO) for item in one.keys() | other.keys()}
    return {item: units for item, units in sorted(both.items()) if units > 0}


def _less(one: Mapping[int, Decimal], other: Mapping[int, Decimal]) -> dict[int, Decimal]:
    return {item: units - other.get(item, ZERO) for item, units in one.items()}


def _told(units: Mapping[int, Decimal]) -> dict[str, str]:
    return {str(item): f"{quantity.normalize():f}" for item, quantity in units.items()}
