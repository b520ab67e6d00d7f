"""The states of returns follow from units and parcel alone, and their tables leave nothing out."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magento_oms.domain.parcel_states import PHASES
from magento_oms.domain.return_outcomes import CREATE, ON_RETURN, Ask, Whereabouts, as_markdown
from magento_oms.domain.returns import (
    LEG,
    RETURN_MOVES,
    UNIT_MOVES,
    IllegalMove,
    ReturnKind,
    ReturnState,
    RtoReason,
    UnitState,
    check_return_move,
    check_unit_move,
    return_state,
    rto_reason,
)
from magento_oms.ports import Direction, ParcelStatus

R, U = ReturnState, UnitState
REVERSE = sorted(set().union(*PHASES[Direction.REVERSE]))
LEGS: st.SearchStrategy[ParcelStatus | None] = st.sampled_from([None, *REVERSE])


def test_every_pair_has_its_outcome() -> None:
    assert CREATE.keys() == set(product(ReturnKind, Whereabouts))
    assert ON_RETURN.keys() == set(product(Ask, ReturnState))
    assert RETURN_MOVES.keys() == set(R)
    assert UNIT_MOVES.keys() == set(U)
    text = as_markdown()
    assert all(f"| {place} |" in text for place in Whereabouts)
    assert all(f"| `{state}` |" in text for state in R)


@pytest.mark.parametrize(
    ("units", "parcel", "state"),
    [
        ([U.EXPECTED], None, R.PLACED),
        ([U.EXPECTED], ParcelStatus.RETURN_PLACED, R.PLACED),
        ([U.EXPECTED], ParcelStatus.RTO_INITIATED, R.PLACED),
        ([U.EXPECTED], ParcelStatus.RETURN_OUT_FOR_PICKUP, R.OUT_FOR_PICKUP),
        ([U.EXPECTED], ParcelStatus.RTO_IN_TRANSIT, R.IN_TRANSIT),
        ([U.EXPECTED], ParcelStatus.RETURN_DELIVERED, R.DELIVERED),
        ([U.EXPECTED], ParcelStatus.LOST, R.LOST),
        ([U.EXPECTED, U.RECEIVED], ParcelStatus.RETURN_IN_TRANSIT, R.RECEIVED),
        ([U.RECEIVED, U.PASSED], None, R.RECEIVED),
        ([U.PASSED, U.FAILED, U.MISSING], None, R.PROCESSED),
        ([U.PASSED, U.CANCELLED], None, R.PROCESSED),
        ([U.CANCELLED], ParcelStatus.RETURN_DELIVERED, R.CANCELLED),
        ([], None, R.CANCELLED),
    ],
)
def test_the_state_follows_from_units_and_parcel(
    units: list[UnitState], parcel: ParcelStatus | None, state: ReturnState
) -> None:
    assert return_state(units, parcel) is state


@given(
    units=st.lists(st.just(U.EXPECTED), min_size=1, max_size=4),
    steps=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(list(U)), LEGS), max_size=12),
)
def test_whatever_legally_happens_the_return_moves_as_its_table_says(
    units: list[UnitState], steps: list[tuple[int, UnitState, ParcelStatus | None]]
) -> None:
    state = return_state(units, None)
    for number, wanted, parcel in steps:
        place = number % len(units)
        try:
            check_unit_move(units[place], wanted)
        except IllegalMove:
            continue
        units[place] = wanted
        after = return_state(units, parcel)
        check_return_move(state, after)
        state = after


def test_what_is_judged_or_back_never_leaves_again() -> None:
    for state in (U.PASSED, U.FAILED):
        assert not UNIT_MOVES[state]
    assert U.EXPECTED not in UNIT_MOVES[U.RECEIVED]
    with pytest.raises(IllegalMove):
        check_return_move(R.RECEIVED, R.PLACED)


def test_three_failed_attempts_are_a_reason_of_their_own() -> None:
    assert [rto_reason(attempts) for attempts in (0, 2, 3, 4)] == [
        RtoReason.COURIER_REJECTION,
        RtoReason.COURIER_REJECTION,
        RtoReason.THREE_ATTEMPTS,
        RtoReason.THREE_ATTEMPTS,
    ]


def test_every_status_that_brings_a_return_nearer_has_its_state() -> None:
    nearer = {ParcelStatus.RETURN_OUT_FOR_PICKUP, ParcelStatus.RETURN_PICKED_UP, ParcelStatus.RETURN_IN_TRANSIT,
              ParcelStatus.RETURN_DELIVERED, ParcelStatus.RTO_IN_TRANSIT, ParcelStatus.RTO_DELIVERED}  # fmt: skip
    assert nearer <= LEG.keys()
