"""Lives of orders on their way out, on a real Postgres, over HTTP to the sandbox, with a nemesis on every outside call.

Over 1,000 steps with the quick tests, 200,000 in the soak; each test has a seed of its own and takes the same steps
each time, so that several processes share them. A failure prints what happened, step by step.
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
STEPS = 75
"""Of a life."""
pytestmark = pytest.mark.filterwarnings("ignore:.*deleted while still open:ResourceWarning")
"""A process that dies by `deaths.py` leaves its connections to whoever collects them."""


def run(machine: type[ForwardLife], number: int, *, lives: int) -> None:
    """Live so many lives."""
    run_state_machine_as_test(
        seed(number)(machine), settings=settings(max_examples=lives, stateful_step_count=STEPS, **SETTINGS)
    )
    # Hypothesis may end a life a step early, and one or two before they began.
    assert machine.counted["steps"] >= 0.9 * lives * STEPS, machine.counted
    assert machine.counted["calls answered"] > lives, machine.counted


@pytest.mark.parametrize("number", range(4))
def test_any_forward_life_ends_well(http_machine: type[ForwardLife], number: int) -> None:
    run(http_machine, number, lives=4)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("number", range(100, 370))
def test_many_forward_lives_end_well(http_machine: type[ForwardLife], number: int) -> None:
    run(http_machine, number, lives=10)
