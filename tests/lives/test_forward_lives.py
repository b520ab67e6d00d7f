"""Whole lives of orders on a real Postgres, over HTTP to the sandbox, with a nemesis on every outside call.

Two short lives with the quick tests, 200,000 steps in the soak; each test has a seed of its own and takes the same
steps each time, so that several processes share them. A failure prints what happened, step by step.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.lives.machine import ForwardLife

SETTINGS: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "print_blob": False,
    "suppress_health_check": list(HealthCheck),
    # Shrinking a life takes longer than a test may; add Phase.shrink by hand to a life that is looked into.
    "phases": (Phase.generate,),
}
STEPS = 50
"""Of a life."""


def run(machine: type[ForwardLife], number: int, *, lives: int) -> None:
    """Live so many lives."""
    run_state_machine_as_test(
        seed(number)(machine), settings=settings(max_examples=lives, stateful_step_count=STEPS, **SETTINGS)
    )
    # Hypothesis may end a life a step early, and one or two before they began.
    assert machine.counted["steps"] >= 0.9 * lives * STEPS, machine.counted
    assert machine.counted["calls over HTTP"] > lives, machine.counted


def test_any_forward_life_ends_well(http_machine: type[ForwardLife]) -> None:
    run(http_machine, 4, lives=2)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("number", range(100, 141))
def test_many_forward_lives_end_well(http_machine: type[ForwardLife], number: int) -> None:
    run(http_machine, number, lives=100)
