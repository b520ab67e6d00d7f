"""How many lives a state machine lives: the same few in every run of the tests, and many others in a soak."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, settings

_COMMON: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "print_blob": False,
    "suppress_health_check": list(HealthCheck),
    "phases": (Phase.explicit, Phase.generate),
}


def few(examples: int, steps: int) -> settings:
    """The same lives whenever the machine is the same."""
    return settings(max_examples=examples, stateful_step_count=steps, derandomize=True, **_COMMON)


def many(examples: int, steps: int) -> settings:
    """Other lives each time."""
    return settings(max_examples=examples, stateful_step_count=steps, **_COMMON)
