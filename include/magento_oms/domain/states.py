"""States of lines and orders: derived from quantities and holds by one function each, with one table of moves each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from magento_oms.domain.quantities import Quantities


class LineState(StrEnum):
    """How far a line has come. Lines that no one ships (virtual, charges) go from open to done by invoicing."""

    OPEN = "open"
    ALLOCATED = "allocated"
    PACKED = "packed"
    SHIPPED = "shipped"
    RETURNED = "returned"
    CANCELLED = "cancelled"


class OrderState(StrEnum):
    """How far an order has come: as far as its least advanced line that is not cancelled."""

    HISTORY = "history"
    HELD = "held"
    OPEN = "open"
    ALLOCATED = "allocated"
    ACKNOWLEDGED = "acknowledged"
    PACKED = "packed"
    SHIPPED = "shipped"
    RETURNED = "returned"
    CANCELLED = "cancelled"


class IllegalMove(Exception):
    """The facts would take a line or an order backwards."""


LINE_MOVES: dict[LineState, frozenset[LineState]] = {
    LineState.OPEN: frozenset({LineState.ALLOCATED, LineState.PACKED, LineState.SHIPPED, LineState.CANCELLED}),
    # back to open: the location refused, the line is routed anew
    LineState.ALLOCATED: frozenset({LineState.OPEN, LineState.PACKED, LineState.SHIPPED, LineState.CANCELLED}),
    # back to allocated: units of its fulfilment were cancelled, and the rest is packed anew
    LineState.PACKED: frozenset({LineState.ALLOCATED, LineState.SHIPPED, LineState.CANCELLED}),
    LineState.SHIPPED: frozenset({LineState.RETURNED}),
    LineState.RETURNED: frozenset(),
    LineState.CANCELLED: frozenset(),
}

_FORWARD = (
    OrderState.OPEN,
    OrderState.ALLOCATED,
    OrderState.ACKNOWLEDGED,
    OrderState.PACKED,
    OrderState.SHIPPED,
    OrderState.RETURNED,
)
_ENDED = frozenset({OrderState.SHIPPED, OrderState.RETURNED, OrderState.CANCELLED})

ORDER_MOVES: dict[OrderState, frozenset[OrderState]] = {
    OrderState.HISTORY: frozenset(),
    # a hold may be placed on and taken off at any time before the goods have left
    OrderState.HELD: frozenset({*_FORWARD, OrderState.CANCELLED}),
    OrderState.OPEN: frozenset({OrderState.HELD, *_FORWARD, OrderState.CANCELLED}) - {OrderState.OPEN},
    OrderState.ALLOCATED: frozenset({OrderState.HELD, OrderState.OPEN, *_FORWARD[2:], OrderState.CANCELLED}),
    OrderState.ACKNOWLEDGED: frozenset({OrderState.HELD, OrderState.OPEN, *_FORWARD[3:], OrderState.CANCELLED}),
    OrderState.PACKED: frozenset(
        {OrderState.HELD, OrderState.ALLOCATED, OrderState.ACKNOWLEDGED, OrderState.SHIPPED, OrderState.CANCELLED}
    ),
    OrderState.SHIPPED: frozenset({OrderState.RETURNED}),
    OrderState.RETURNED: frozenset(),
    OrderState.CANCELLED: frozenset(),
}


def line_state(line: Quantities) -> LineState:
    """The state of a line, from its quantities alone."""
    live = line.ordered - line.cancelled
    if live <= 0:
        return LineState.CANCELLED
    if line.returned >= live and line.shipped > 0:
        return LineState.RETURNED
    if line.shipped >= live:
        return LineState.SHIPPED
    if line.packed >= live:
        return LineState.PACKED
    if line.allocated >= live:
        return LineState.ALLOCATED
    return LineState.OPEN


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What the state of an order is derived from.

    Attributes:
        lines: quantities of the lines that someone ships.
        other_lines: quantities of the lines that no one ships (virtual lines, charges).
        history: older than the store's `live_from`.
        holds: codes of the holds that are open.
        acknowledged: whether Magento was told.
    """

    lines: tuple[Quantities, ...]
    other_lines: tuple[Quantities, ...]
    history: bool
    holds: frozenset[str]
    acknowledged: bool


_LINE_TO_ORDER = {
    LineState.OPEN: OrderState.OPEN,
    LineState.ALLOCATED: OrderState.ALLOCATED,
    LineState.PACKED: OrderState.PACKED,
    LineState.SHIPPED: OrderState.SHIPPED,
    LineState.RETURNED: OrderState.RETURNED,
}


def order_state(facts: OrderFacts) -> OrderState:
    """The state of an order. A cancelled or shipped order stays so whatever holds are open."""
    if facts.history:
        return OrderState.HISTORY
    reached = _reached(facts)
    if reached in _ENDED:
        return reached
    if facts.holds:
        return OrderState.HELD
    if reached is OrderState.ALLOCATED and facts.acknowledged:
        return OrderState.ACKNOWLEDGED
    return reached


def _reached(facts: OrderFacts) -> OrderState:
    shipped_ones = _live_states(facts.lines)
    if shipped_ones:
        return min((_LINE_TO_ORDER[state] for state in shipped_ones), key=_FORWARD.index)
    # Nothing to ship: all cancelled, or a virtual order, which is done once it is invoiced.
    others = [line for line in facts.other_lines if line.ordered > line.cancelled]
    if not others:
        return OrderState.CANCELLED
    if all(line.invoiced >= line.ordered - line.cancelled for line in others):
        return OrderState.SHIPPED
    return OrderState.ALLOCATED


def _live_states(lines: Iterable[Quantities]) -> list[LineState]:
    return [state for state in map(line_state, lines) if state is not LineState.CANCELLED]


def check_order_move(before: OrderState, after: OrderState) -> None:
    """Raises IllegalMove unless the table allows it (staying where one is, is allowed)."""
    if before is not after and after not in ORDER_MOVES[before]:
        raise IllegalMove(f"an order does not go from {before} to {after}")


def check_line_move(before: LineState, after: LineState) -> None:
    """Raises IllegalMove unless the table allows it (staying where one is, is allowed)."""
    if before is not after and after not in LINE_MOVES[before]:
        raise IllegalMove(f"a line does not go from {before} to {after}")
