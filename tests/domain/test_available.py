"""What Magento is told makes it sell what may be sold."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magento_oms.domain.available import Deductions, Shelf, SourceFacts, available

D = Decimal
UNITS = st.integers(0, 20).map(D)


@st.composite
def shelves(draw: st.DrawFn) -> Shelf:
    return Shelf(draw(st.sampled_from(("pune", "delhi"))), draw(UNITS), draw(UNITS), draw(st.integers(0, 3).map(D)))


@st.composite
def facts(draw: st.DrawFn, name: str) -> SourceFacts:
    """Magento keeps no more for orders that are reserved here than is reserved here, and left the shelf lately."""
    behind = tuple(draw(st.lists(shelves(), min_size=1, max_size=3)))
    most = int(sum(shelf.reserved for shelf in behind))
    return SourceFacts(name, behind, D(draw(st.integers(0, most))))


@given(
    st.integers(1, 3).flatmap(lambda count: st.tuples(*(facts(f"s{number}") for number in range(count)))),
    UNITS,
    UNITS,
    st.integers(0, 3).map(D),
)
def test_magento_sells_what_may_be_sold_and_never_more(
    sources: tuple[SourceFacts, ...], buffer: Decimal, promised: Decimal, min_qty: Decimal
) -> None:
    found = available(sources, Deductions(buffer, promised, min_qty))
    kept = sum((source.still_kept for source in sources), D(0))
    salable = sum((figure.quantity for figure in found.figures), D(0)) - kept - min_qty
    free = sum((source.free for source in sources), D(0)) - promised
    assert all(figure.quantity >= 0 for figure in found.figures)
    assert found.to_sell == max(free - buffer, 0)
    if free >= buffer:
        assert salable == found.to_sell
    else:
        assert salable <= 0


def test_the_worked_example_of_the_documentation() -> None:
    pune = Shelf("pune", quantity=D(10), reserved=D(3))
    found = available([SourceFacts("default", (pune,), still_kept=D(3))], Deductions(buffer=D(2)))
    assert found.to_sell == 5
    assert found.figures[0].quantity == 8


def test_the_last_unit_stays_at_its_source_until_magento_has_shipped_it() -> None:
    before = available([SourceFacts("default", (Shelf("pune", D(1), D(1)),), D(1))], Deductions())
    after = available([SourceFacts("default", (Shelf("pune", D(0), D(0)),), D(0))], Deductions())
    assert (before.to_sell, before.figures[0].quantity) == (D(0), D(1))
    assert (after.to_sell, after.figures[0].quantity) == (D(0), D(0))


def test_the_buffer_comes_off_the_sources_that_ship_last() -> None:
    sources = [SourceFacts("first", (Shelf("a", D(5), D(0)),)), SourceFacts("last", (Shelf("b", D(2), D(0)),))]
    found = available(sources, Deductions(buffer=D(3)))
    assert [(figure.source, figure.quantity) for figure in found.figures] == [("first", D(4)), ("last", D(0))]


def test_what_a_source_lacks_another_one_makes_up_for() -> None:
    short = SourceFacts("short", (Shelf("a", D(0), D(2)),))
    found = available([short, SourceFacts("rich", (Shelf("b", D(5), D(0)),))], Deductions())
    assert [figure.quantity for figure in found.figures] == [D(0), D(3)]


@pytest.mark.parametrize(("quantity", "reserved", "kept_back", "free"), [(10, 3, 2, 5), (2, 0, 5, 0), (1, 4, 2, -3)])
def test_units_that_orders_never_get(quantity: int, reserved: int, kept_back: int, free: int) -> None:
    assert Shelf("pune", D(quantity), D(reserved), D(kept_back)).free == free
