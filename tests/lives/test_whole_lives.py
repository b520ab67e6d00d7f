"""Whole lives of orders: cancelled by anybody at any point, returned, brought back, exchanged.

The machine of the forward life with more moves, and more that must hold. Over 1,000 steps with the quick tests.
"""

from __future__ import annotations

import pytest
from tests.lives.test_forward_lives import pytestmark, run
from tests.lives.whole_machine import WholeLife

__all__ = ["pytestmark"]


@pytest.mark.parametrize("number", range(4))
def test_any_whole_life_ends_well(whole_machine: type[WholeLife], number: int) -> None:
    run(whole_machine, number, lives=4)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("number", range(100, 200))
def test_many_whole_lives_end_well(whole_machine: type[WholeLife], number: int) -> None:
    run(whole_machine, number, lives=10)
