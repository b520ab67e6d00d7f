"""A location sends back what it cannot ship, and what is not wanted any more is taken off its list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from sqlalchemy import Connection, text

from magento_oms.domain.fulfilments import FulfilmentState
from magento_oms.storage import fulfilments, orders, parcels, routing, stock
from magento_oms.storage.database import notify
from magento_oms.storage.fulfilments import CarriedLine, StoredFulfilment
from magento_oms.workflows.couriers import plans
from magento_oms.workflows.warehouse.problems import Detail, Kind, WarehouseProblem

ZERO = Decimal(0)


def reject(
    connection: Connection, fulfilment_id: int, units: Mapping[int, Decimal] | None, reason: str, by: str
) -> None:
    """A location sends back units of a fulfilment; they are routed anew, elsewhere.

    Args:
        units: item id → how many; None: all of it.

    Raises:
        WarehouseProblem: it is packed already, or more is sent back than is there.
    """
    stored = fulfilments.get(connection, fulfilment_id, lock=True)
    if stored is None:
        raise WarehouseProblem(Kind.MISSING, f"There is no fulfilment {fulfilment_id}.")
    if stored.state is not FulfilmentState.ROUTED:
        raise WarehouseProblem(
            Kind.CONFLICT,
            f"Fulfilment {fulfilment_id} is {stored.state}: only what is not packed yet can be sent back.",
        )
    lines = {line.item_id: line for line in fulfilments.lines(connection, [fulfilment_id])[fulfilment_id]}
    wanted = {item: line.quantity for item, line in lines.items() if line.quantity} if units is None else dict(units)
    if wrong := tuple(_wrong(lines, wanted)):
        raise WarehouseProblem(Kind.INVALID, "Nothing was sent back.", details=wrong)
    _take_off(connection, stored, lines, wanted, rejected=True)
    details = {
        "fulfilment": fulfilment_id,
        "location": stored.location,
        "items": {str(item): str(quantity) for item, quantity in wanted.items()},
        "reason": reason,
        "by": by,
    }
    orders.add_event(connection, stored.order_id, "rejected", details)
    orders.derive_lines(connection, stored.order_id)
    orders.derive_state(connection, stored.order_id)
    routing.look_again(connection, stored.order_id)
    notify(connection, orders.ROUTING)


def _wrong(lines: Mapping[int, CarriedLine], wanted: Mapping[int, Decimal]) -> list[Detail]:
    details = []
    if not wanted:
        details.append(Detail("/lines", "No line is named."))
    for item_id, units in wanted.items():
        line = lines.get(item_id)
        if line is None:
            details.append(Detail(f"/lines/{item_id}", "The fulfilment has no such line."))
        elif not ZERO < units <= line.quantity:
            details.append(Detail(f"/lines/{item_id}", f"{units} is sent back, {line.quantity} is to be shipped."))
    return details


def let_go(connection: Connection, order_ids: Sequence[int]) -> None:
    """Take off warehouses' lists what was cancelled since it was routed, in the transaction that notes it.

    Units in boxes stay on the list unless the whole order is cancelled: then the boxes are opened again, and what was
    booked with couriers is taken back.
    """
    freed: dict[tuple[str, str], Decimal] = {}
    for order_id in order_ids:
        cancelled = (
            connection.execute(text("select state from sales_order where id = :id"), {"id": order_id}).scalar()
            == "cancelled"
        )
        promised: dict[int, Decimal] = {
            row.item_id: row.allocated
            for row in connection.execute(
                text("select item_id, allocated from order_line where order_id = :id"), {"id": order_id}
            )
        }
        open_ones = [
            stored
            for stored in reversed(fulfilments.of_order(connection, order_id))
            if stored.state not in (FulfilmentState.HANDED_OVER, FulfilmentState.CANCELLED)
        ]
        carried = fulfilments.lines(connection, [stored.id for stored in open_ones])
        surplus = _carried(connection, order_id)
        for stored in open_ones:
            changed = False
            for line in carried[stored.id]:
                too_many = (
                    line.quantity if cancelled else min(line.quantity, surplus[line.item_id] - promised[line.item_id])
                )
                if too_many <= 0 or (line.packed and not cancelled):
                    continue
                fulfilments.take_off(connection, stored.id, line.item_id, too_many, rejected=False)
                surplus[line.item_id] -= too_many
                key = (stored.location, line.sku)
                freed[key] = freed.get(key, ZERO) - too_many
                changed = True
            if changed:
                fulfilments.derive_state(connection, stored.id)
        if cancelled:
            _call_off(connection, order_id)
        connection.execute(
            text("delete from unfilled_line where order_id = :id and :all"), {"id": order_id, "all": cancelled}
        )
    stock.reserve(connection, freed)


def _carried(connection: Connection, order_id: int) -> dict[int, Decimal]:
    rows = connection.execute(
        text("select item_id, sum(quantity) as units from fulfilment_line where order_id = :id group by item_id"),
        {"id": order_id},
    )
    return {row.item_id: row.units for row in rows}


def _call_off(connection: Connection, order_id: int) -> None:
    """Nothing of the order goes out any more: its boxes are opened, its bookings taken back."""
    connection.execute(
        text("update order_line set packed = shipped, allocated = shipped where order_id = :id and packed > shipped"),
        {"id": order_id},
    )
    for booking_id in parcels.open_bookings_of(connection, order_id):
        plans.plan_cancellation(connection, booking_id, "the order was cancelled")


def _take_off(
    connection: Connection,
    stored: StoredFulfilment,
    lines: Mapping[int, CarriedLine],
    units: Mapping[int, Decimal],
    *,
    rejected: bool,
) -> None:
    freed: dict[tuple[str, str], Decimal] = {}
    for item_id, quantity in units.items():
        fulfilments.take_off(connection, stored.id, item_id, quantity, rejected=rejected)
        key = (stored.location, lines[item_id].sku)
        freed[key] = freed.get(key, ZERO) - quantity
        connection.execute(
            text("update order_line set allocated = allocated - :units where order_id = :id and item_id = :item"),
            {"id": stored.order_id, "item": item_id, "units": quantity},
        )
    stock.reserve(connection, freed)
    fulfilments.derive_state(connection, stored.id)
