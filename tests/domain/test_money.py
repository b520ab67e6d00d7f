"""Parts of an amount add up to it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magento_oms.domain.money import PAISA, allot, to_paisa

amounts = st.decimals("-10000000", "10000000", places=2)
fine_amounts = st.decimals("-100000", "100000", places=4)
weights = st.lists(st.decimals("0", "100000", places=4), min_size=1, max_size=12)


@given(total=st.one_of(amounts, fine_amounts), weights=weights)
def test_parts_add_up_and_each_is_within_a_paisa_of_its_share(total: Decimal, weights: list[Decimal]) -> None:
    parts = allot(total, weights)

    assert sum(parts) == total
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        share = total * weight / whole if whole else total / len(weights)
        assert abs(part - share) <= PAISA


@given(total=amounts, weights=weights)
def test_amounts_to_the_paisa_have_parts_to_the_paisa(total: Decimal, weights: list[Decimal]) -> None:
    assert all(part == to_paisa(part) for part in allot(total, weights))


def test_the_paise_left_over_go_to_those_that_lost_most() -> None:
    assert allot(Decimal("100.00"), [Decimal(1)] * 3) == [Decimal("33.34"), Decimal("33.33"), Decimal("33.33")]
    assert allot(Decimal("-0.05"), [Decimal(1), Decimal(1)]) == [Decimal("-0.03"), Decimal("-0.02")]
    assert allot(Decimal("0.10"), [Decimal(0), Decimal(0)]) == [Decimal("0.05"), Decimal("0.05")]


@pytest.mark.parametrize("weights", [[], [Decimal(1), Decimal(-1)]])
def test_nonsense_weights_are_refused(weights: list[Decimal]) -> None:
    with pytest.raises(ValueError, match="at least one part"):
        allot(Decimal(1), weights)


def test_half_a_paisa_is_rounded_up() -> None:
    assert to_paisa(Decimal("0.005")) == Decimal("0.01")
    assert to_paisa(Decimal("-0.005")) == Decimal("-0.01")
