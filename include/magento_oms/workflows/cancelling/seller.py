"""What the seller asks: not to ship an order, or some of its units. Possible until they are packed."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import Connection, Row

from magento_oms.config.models import InstanceConfig
from magento_oms.domain.cancellation import Ask, Cause, Outcome, Wish, outcome, stage_of_fulfilment
from magento_oms.domain.fulfilments import FulfilmentState
from magento_oms.domain.intake import PlannedEffect
from magento_oms.storage import effects, fulfilments, orders
from magento_oms.storage.database import text
from magento_oms.workflows.cancel_rules import SELLER_HOLD
from magento_oms.workflows.cancelling.carry_out import Freed, carry_out
from magento_oms.workflows.replay import kept_pages
from magento_oms.workflows.warehouse.problems import Detail, Kind, WarehouseProblem

CANCEL_ORDER = "cancel_order"
CANCEL_UNITS = "cancel_units"
ZERO = Decimal(0)
COMES_BACK = "Let it go out and come back; the customer may still cancel it on Magento."

_ORDER = text("select id, instance, entity_id, increment_id, state, shadow from sales_order where id = :id for update")
_LINES = text(
    "select item_id, act_on_item_id, kind, sku, ordered, cancelled, packed from order_line"
    " where order_id = :id order by item_id"
)


def ask_to_cancel(connection: Connection, config: InstanceConfig, order_id: int, reason: str, *, by: str) -> bool:
    """Have an order cancelled on Magento; whether that was not asked before. Until it is, nothing of it goes on.

    Raises:
        WarehouseProblem: it is packed, or has left, or has ended.
    """
    order = connection.execute(_ORDER, {"id": order_id}).one()
    if order.state == "cancelled":
        return False
    for stored in fulfilments.of_order(connection, order_id):
        live = stored.state is not FulfilmentState.CANCELLED
        if live and outcome(stage_of_fulfilment(stored.state), Ask.SELLER_ORDER) is Outcome.REFUSE:
            raise _too_late(order, str(stored.state))
    if order.state in ("shipped", "returned", "history"):
        raise _too_late(order, order.state)
    subject = f"order:{order.entity_id}"
    if effects.plan(connection, _effect(config, order, CANCEL_ORDER, subject, {"reason": reason}), order_id) is None:
        return False
    orders.place_hold(connection, order_id, SELLER_HOLD, f"The seller cancels it: {reason}")
    orders.add_event(connection, order_id, "cancellation_asked", {"by": by, "reason": reason})
    orders.derive_state(connection, order_id)
    return True


def ask_to_cancel_units(
    connection: Connection,
    config: InstanceConfig,
    order_id: int,
    totals: Mapping[int, Decimal],
    reason: str,
    *,
    by: str,
) -> bool:
    """Cancel units of an order's lines at once, and plan to tell Magento; whether anything is new.

    Where nothing of the order would be left, it is cancelled as a whole.

    Args:
        totals: item id → units of the line that shall be cancelled in all, so that asking twice is asking once.

    Raises:
        WarehouseProblem: no such line, not so many units, or some of them are packed; nothing was changed.
    """
    order = connection.execute(_ORDER, {"id": order_id}).one()
    lines = {row.item_id: row for row in connection.execute(_LINES, {"id": order_id})}
    if wrong := (*_wrong(lines, totals), *_cut_bundles(connection, order, lines, totals)):
        raise WarehouseProblem(Kind.INVALID, f"Nothing of order {order.increment_id} was cancelled.", details=wrong)
    units = {item: total - lines[item].cancelled for item, total in totals.items() if total > lines[item].cancelled}
    if not units:
        return False
    if order.state == "history":
        raise _too_late(order, order.state)
    if packed := tuple(_packed(lines, units)):
        raise WarehouseProblem(
            Kind.CONFLICT,
            f"Order {order.increment_id}: the seller cancels until packing only.",
            details=packed,
            way_out=COMES_BACK,
        )
    if all(row.ordered - row.cancelled <= units.get(item, ZERO) for item, row in lines.items()):
        return ask_to_cancel(connection, config, order_id, reason, by=by)
    connection.execute(
        text("update order_line set cancelled = cancelled + :units where order_id = :id and item_id = :item_id"),
        [{"id": order_id, "item_id": item, "units": quantity} for item, quantity in sorted(units.items())],
    )
    freed = Freed()
    wish = Wish(Cause.SELLER, whole=False, units=units, reason=reason, by=by)
    cancellation_id = carry_out(connection, order_id, wish, freed)
    freed.write(connection, config)
    details: dict[str, object] = {"cancellation": cancellation_id, "reason": reason}
    effects.plan(connection, _effect(config, order, CANCEL_UNITS, f"cancellation:{cancellation_id}", details), order_id)
    return True


def _wrong(lines: Mapping[int, Row[tuple[object, ...]]], totals: Mapping[int, Decimal]) -> list[Detail]:
    details = [] if totals else [Detail("/lines", "No line is named.")]
    for item_id, total in totals.items():
        where, line = f"/lines/{item_id}", lines.get(item_id)
        if line is None:
            details.append(Detail(where, "The order has no such line."))
        elif line.kind != "physical":
            details.append(Detail(where, f"{line.sku} is not shipped: only a whole order is cancelled with it."))
        elif not total.is_finite() or not ZERO <= total <= line.ordered:
            details.append(Detail(where, f"{total} of {line.sku} are to be cancelled, {line.ordered} were ordered."))
        elif total < line.cancelled:
            details.append(
                Detail(where, f"{line.cancelled} of {line.sku} are cancelled already; the total never becomes less.")
            )
    return details


def _cut_bundles(
    connection: Connection,
    order: Row[tuple[object, ...]],
    lines: Mapping[int, Row[tuple[object, ...]]],
    totals: Mapping[int, Decimal],
) -> list[Detail]:
    """Which parts of bundles with one price cannot be cancelled so: Magento knows whole bundles only."""
    parts: dict[int, list[Row[tuple[object, ...]]]] = {}
    for line in lines.values():
        parts.setdefault(line.act_on_item_id, []).append(line)
    asked = {lines[item].act_on_item_id for item in totals if item in lines}
    details = []
    for bundle in sorted(item for item in asked if len(parts[item]) > 1):
        names = ", ".join(part.sku for part in parts[bundle])
        shares = {Fraction(totals.get(part.item_id, part.cancelled)) / Fraction(part.ordered) for part in parts[bundle]}
        reason = f"it is part of a bundle with one price: cancel as much of each of {names}."
        if len(shares) == 1:
            ordered = _bundles_ordered(connection, order, bundle)
            wanted = min(shares) * ordered
            if wanted.denominator == 1:
                continue
            reason = f"Of {names} {ordered} bundles were ordered: cancel whole ones, not {float(wanted):g}."
        details += [Detail(f"/lines/{part.item_id}", reason) for part in parts[bundle] if part.item_id in totals]
    return details


def _bundles_ordered(connection: Connection, order: Row[tuple[object, ...]], item_id: int) -> int:
    """How many there are of a bundle, by the order's payload; 1, so that only all are cancelled, if it is not kept."""
    for page in kept_pages(connection, str(order.instance), [int(str(order.entity_id))]):
        for row in page.orders[0].get("items") or ():
            if int(row.get("item_id") or 0) == item_id:
                return int(row["qty_ordered"])
    return 1


def _packed(lines: Mapping[int, Row[tuple[object, ...]]], units: Mapping[int, Decimal]) -> list[Detail]:
    details = []
    for item_id, quantity in units.items():
        line = lines[item_id]
        free = line.ordered - line.cancelled - line.packed
        if quantity > free:
            details.append(
                Detail(f"/lines/{item_id}", f"{line.packed} of {line.sku} are packed; {max(free, ZERO)} more can be.")
            )
    return details


def _too_late(order: Row[tuple[object, ...]], state: str) -> WarehouseProblem:
    return WarehouseProblem(
        Kind.CONFLICT,
        f"Order {order.increment_id} is {state}: the seller cancels until packing only.",
        way_out=COMES_BACK,
    )


def _effect(
    config: InstanceConfig, order: Row[tuple[object, ...]], kind: str, subject: str, details: dict[str, object]
) -> PlannedEffect:
    return PlannedEffect(
        f"magento:{config.code}",
        kind,
        subject,
        lane=f"magento:{config.code}:order:{order.entity_id}",
        withheld=order.shadow,
        even_if_stopped=True,
        urgent=True,
        details=details,
    )
