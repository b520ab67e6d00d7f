"""Which units of an order are not wanted any more, by the store's latest word about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from magento_oms.config.models import StatusMeaning
from magento_oms.domain.cancellation import Cause, Wish
from magento_oms.domain.intake import LineChange, StoredOrder
from magento_oms.domain.orders import LineKind, MagentoLine, MagentoOrder
from magento_oms.domain.quantities import ZERO, Quantities
from magento_oms.domain.states import OrderState

ENDED = frozenset({"canceled", "closed"})
"""Magento's states in which nothing more is shipped."""

SELLER_HOLD = "seller_cancellation"
"""Code of the hold that an order is under while the seller has it cancelled on Magento."""


def ended(order: MagentoOrder, meaning: StatusMeaning | None) -> bool:
    """Whether nothing more of the order is to be shipped, whatever its rows say."""
    return meaning is StatusMeaning.CANCELLED or order.state in ENDED


def not_wanted(line: MagentoLine, before: Quantities) -> Decimal:
    """Units of a line that are cancelled, or on credit memos and did not come back: those are taken first from what
    has not left (Magento up to 2.3 counts so, too; later versions leave it open).
    """
    return line.cancelled + max(line.refunded - before.returned, ZERO)


def cancelled_as_a_whole(
    line: MagentoLine, order: MagentoOrder, before: Quantities, stored: StoredOrder | None
) -> Decimal:
    """Of an order that has ended everything that has not left is cancelled; a virtual order that was done stays so."""
    if order.virtual and stored is not None and stored.state is OrderState.SHIPPED:
        return before.cancelled
    return before.ordered - max(before.shipped, line.shipped)


def wish(
    order: MagentoOrder,
    stored: StoredOrder,
    lines: Iterable[LineChange],
    meaning: StatusMeaning | None,
    payment_kind: str | None,
) -> Wish | None:
    """What is not wanted any more of a stored order; None where all of it is."""
    whole = ended(order, meaning)
    units: dict[int, Decimal] = {}
    left: dict[int, Decimal] = {}
    for change in lines:
        line, after, before = change.line, change.quantities, stored.quantities[change.line.item_id]
        if after.cancelled > before.cancelled:
            units[line.item_id] = after.cancelled - before.cancelled
        if line.kind is LineKind.PHYSICAL:
            unwanted = after.shipped if whole else not_wanted(line, before) - after.cancelled
            out = min(unwanted, after.shipped) - after.returned
            if out > 0:
                left[line.item_id] = out
    if not units and not left:
        return None
    cause = _cause(order, stored, payment_kind, whole=whole)
    reason = f"Magento's state is {order.state}, its status {order.status}"
    if cause is Cause.EDITED:
        reason = f"replaced by order {(order.relation or {})['replaced_by']}"
    return Wish(cause, whole, units, left, reason)


def _cause(order: MagentoOrder, stored: StoredOrder, payment_kind: str | None, *, whole: bool) -> Cause:
    if not whole:
        return Cause.REFUND if any(line.refunded for line in order.lines) else Cause.CUSTOMER
    if SELLER_HOLD in stored.holds:
        return Cause.SELLER
    if (order.relation or {}).get("replaced_by"):
        return Cause.EDITED
    if order.state == "closed":
        return Cause.REFUND
    nothing_paid = order.grand_total > 0 and order.total_due >= order.grand_total
    return Cause.PAYMENT if payment_kind == "prepaid" and nothing_paid else Cause.CUSTOMER
