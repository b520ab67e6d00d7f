"""The life of an effect: its states and the moves between them.

```
planned → due → sending → done
                   │ ├──→ due         known not to have happened
                   │ ├──→ failed      refused for good: quarantine
                   │ └──→ unknown ──→ done (found) | due (not found, twice)
planned | due → cancelled ;  planned → withheld
```
"""

from __future__ import annotations

from enum import StrEnum


class EffectState(StrEnum):
    """Where an effect stands.

    `planned` waits for the effects it comes after. `withheld` was planned in shadow mode and never becomes due.
    """

    PLANNED = "planned"
    DUE = "due"
    SENDING = "sending"
    UNKNOWN = "unknown"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    WITHHELD = "withheld"


MOVES: dict[EffectState, frozenset[EffectState]] = {
    EffectState.PLANNED: frozenset({EffectState.DUE, EffectState.CANCELLED, EffectState.WITHHELD}),
    EffectState.DUE: frozenset({EffectState.SENDING, EffectState.CANCELLED}),
    EffectState.SENDING: frozenset({EffectState.DONE, EffectState.DUE, EffectState.FAILED, EffectState.UNKNOWN}),
    EffectState.UNKNOWN: frozenset({EffectState.DONE, EffectState.DUE, EffectState.FAILED}),
    # A person sends a failed effect on (`quarantine retry`) or gives it up (`quarantine dismiss`).
    EffectState.FAILED: frozenset({EffectState.DUE, EffectState.CANCELLED}),
    EffectState.DONE: frozenset(),
    EffectState.CANCELLED: frozenset(),
    EffectState.WITHHELD: frozenset(),
}

FINAL = frozenset(state for state, following in MOVES.items() if not following)
"""States that nothing leads out of."""


class IllegalMove(Exception):
    """A move that the table does not allow: a bug in the caller, never a user's mistake."""


def check_move(before: EffectState, after: EffectState) -> None:
    """Raises IllegalMove unless the table allows it."""
    if after not in MOVES[before]:
        raise IllegalMove(f"an effect does not go from {before} to {after}")
