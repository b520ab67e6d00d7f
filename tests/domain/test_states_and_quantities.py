"""Quantities that fit, states that follow from them, and the tables of moves."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magento_oms.domain import effects
from magento_oms.domain.effects import EffectState
from magento_oms.domain.quantities import Quantities, QuantitiesDoNotFit
from magento_oms.domain.states import (
    IllegalMove,
    LineState,
    OrderFacts,
    OrderState,
    check_line_move,
    check_order_move,
    line_state,
    order_state,
)

D = Decimal
FORWARD = list(LineState)[:5]
ORDER_FORWARD = [OrderState(name) for name in ("open", "allocated", "acknowledged", "packed", "shipped", "returned")]


def q(ordered: int = 2, **more: int) -> Quantities:
    return Quantities(D(ordered), **{name: D(value) for name, value in more.items()})


@pytest.mark.parametrize(
    ("line", "state"),
    [
        (q(), "open"),
        (q(allocated=1), "open"),
        (q(allocated=2), "allocated"),
        (q(allocated=2, packed=1), "allocated"),
        (q(allocated=2, packed=2), "packed"),
        (q(allocated=2, packed=1, shipped=1), "allocated"),
        (q(allocated=2, packed=2, shipped=1), "packed"),
        (q(allocated=2, packed=2, shipped=2), "shipped"),
        (q(allocated=2, packed=1, shipped=1, cancelled=1), "shipped"),
        (q(allocated=2, packed=2, shipped=2, returned=1), "shipped"),
        (q(allocated=2, packed=2, shipped=2, returned=2), "returned"),
        (q(cancelled=2), "cancelled"),
        (q(allocated=2, cancelled=1), "allocated"),
    ],
)
def test_state_of_a_line(line: Quantities, state: str) -> None:
    assert line_state(line) == state


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"shipped": 3}, "more than 2 ordered"),
        ({"shipped": 1, "cancelled": 2}, "more than 2 ordered"),
        ({"returned": 1}, "more than 0 shipped"),
        ({"invoiced": -1}, "below zero"),
    ],
)
def test_quantities_that_cannot_be_are_refused(figures: dict[str, int], words: str) -> None:
    with pytest.raises(QuantitiesDoNotFit, match=words):
        q(2, **figures)


units = st.integers(0, 5)


@st.composite
def growing(draw: st.DrawFn) -> tuple[Quantities, Quantities]:
    """A line, and the same later: every figure as it was, or more."""
    ordered = draw(st.integers(1, 5))

    def figures(low: Quantities) -> Quantities:
        cancelled = draw(st.integers(int(low.cancelled), max(int(low.cancelled), ordered - int(low.allocated))))
        allocated = draw(st.integers(int(low.allocated), max(int(low.allocated), ordered - cancelled)))
        packed = draw(st.integers(int(low.packed), max(int(low.packed), allocated)))
        shipped = draw(st.integers(int(low.shipped), max(int(low.shipped), packed)))
        returned = draw(st.integers(int(low.returned), max(int(low.returned), shipped)))
        return q(ordered, cancelled=cancelled, allocated=allocated, packed=packed, shipped=shipped, returned=returned)

    first = figures(q(ordered))
    return first, figures(first)


@given(growing())
def test_state_of_a_line_only_goes_forward_as_figures_grow(lines: tuple[Quantities, Quantities]) -> None:
    before, after = map(line_state, lines)
    if after is not LineState.CANCELLED:
        assert before is not LineState.CANCELLED
        assert FORWARD.index(after) >= FORWARD.index(before)


@given(st.lists(growing(), min_size=1, max_size=4), st.booleans())
def test_state_of_an_order_only_goes_forward_as_figures_grow(
    lines: list[tuple[Quantities, Quantities]], acknowledged: bool
) -> None:
    before, after = (
        order_state(OrderFacts(tuple(line[i] for line in lines), (), False, frozenset(), acknowledged)) for i in (0, 1)
    )
    if after is not OrderState.CANCELLED:
        assert ORDER_FORWARD.index(after) >= ORDER_FORWARD.index(before)


def test_order_is_as_far_as_its_least_advanced_line() -> None:
    done, waiting, gone = q(allocated=2, packed=2, shipped=2), q(allocated=2), q(cancelled=2)
    facts = OrderFacts((done, waiting, gone), (), False, frozenset(), True)
    assert order_state(facts) is OrderState.ACKNOWLEDGED
    assert order_state(replace(facts, acknowledged=False)) is OrderState.ALLOCATED
    assert order_state(replace(facts, holds=frozenset({"fraud"}))) is OrderState.HELD
    assert order_state(replace(facts, history=True)) is OrderState.HISTORY
    assert order_state(replace(facts, lines=(done, gone), holds=frozenset({"x"}))) is OrderState.SHIPPED
    assert order_state(replace(facts, lines=(gone,), holds=frozenset({"x"}))) is OrderState.CANCELLED


def test_order_that_no_one_ships_is_done_when_it_is_invoiced() -> None:
    facts = OrderFacts((), (q(1),), False, frozenset(), False)
    assert order_state(facts) is OrderState.ALLOCATED
    assert order_state(replace(facts, other_lines=(q(1, invoiced=1),))) is OrderState.SHIPPED
    assert order_state(replace(facts, other_lines=(q(1, cancelled=1),))) is OrderState.CANCELLED


ALLOWED_ORDER = {
    "history": "",
    "held": "open allocated acknowledged packed shipped returned cancelled",
    "open": "held allocated acknowledged packed shipped returned cancelled",
    "allocated": "held open acknowledged packed shipped returned cancelled",
    "acknowledged": "held open packed shipped returned cancelled",
    "packed": "held allocated acknowledged shipped cancelled",
    "shipped": "returned",
    "returned": "",
    "cancelled": "",
}
ALLOWED_LINE = {
    "open": "allocated packed shipped cancelled",
    "allocated": "open packed shipped cancelled",
    "packed": "allocated shipped cancelled",
    "shipped": "returned",
    "returned": "",
    "cancelled": "",
}
ALLOWED_EFFECT = {
    "planned": "due cancelled withheld",
    "due": "sending cancelled",
    "sending": "done due failed unknown",
    "unknown": "done due failed",
    "failed": "due cancelled",
    "done": "",
    "cancelled": "",
    "withheld": "",
}


@pytest.mark.parametrize(("before", "after"), list(product(OrderState, OrderState)))
def test_every_move_of_an_order(before: OrderState, after: OrderState) -> None:
    if before is after or after in ALLOWED_ORDER[before].split():
        check_order_move(before, after)
    else:
        with pytest.raises(IllegalMove, match=f"from {before} to {after}"):
            check_order_move(before, after)


@pytest.mark.parametrize(("before", "after"), list(product(LineState, LineState)))
def test_every_move_of_a_line(before: LineState, after: LineState) -> None:
    if before is after or after in ALLOWED_LINE[before].split():
        check_line_move(before, after)
    else:
        with pytest.raises(IllegalMove, match=f"from {before} to {after}"):
            check_line_move(before, after)


@pytest.mark.parametrize(("before", "after"), list(product(EffectState, EffectState)))
def test_every_move_of_an_effect(before: EffectState, after: EffectState) -> None:
    if after in ALLOWED_EFFECT[before].split():
        effects.check_move(before, after)
    else:
        with pytest.raises(effects.IllegalMove, match=f"from {before} to {after}"):
            effects.check_move(before, after)
    assert (before in effects.FINAL) == (not ALLOWED_EFFECT[before])


@given(st.integers(1, 5), st.lists(st.tuples(units, units, units), max_size=4))
def test_magento_s_totals_only_move_a_line_forward_and_always_fit(
    ordered: int, told: list[tuple[int, int, int]]
) -> None:
    line = q(ordered)
    for invoiced, shipped, cancelled in told:
        after = line.advanced(invoiced=D(invoiced), shipped=D(shipped), cancelled=D(cancelled))
        assert after.shipped >= line.shipped
        assert after.cancelled >= line.cancelled
        assert after.shipped + after.cancelled <= ordered
        line = after


def test_the_rest_is_allocated_and_nothing_is_taken_back() -> None:
    assert q(3, cancelled=1).allocate_rest().allocated == 2
    assert q(3, allocated=3, cancelled=1).allocate_rest().allocated == 3
