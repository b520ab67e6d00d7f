"""What becomes of each ask about a return, in each state: one table, which the code asks and the docs print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from magento_oms.domain.returns import ReturnKind, ReturnState


class Whereabouts(StrEnum):
    """Where an ordered unit is, as far as returns are concerned."""

    NOT_SHIPPED = "not shipped"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    COMING_BACK = "coming back"
    BACK = "back"
    CANCELLED = "cancelled"


class Ask(StrEnum):
    """What may be asked about a return that there is."""

    CHANGE = "change tracking or add units"
    CANCEL = "cancel"
    RECEIVE = "receive"
    JUDGE = "pass or fail"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of it: done, done before (`again`: nothing changes), or refused; `words` say what, or why not."""

    done: bool
    words: str
    again: bool = False


def _done(words: str) -> Outcome:
    return Outcome(True, words)


def _refused(words: str) -> Outcome:
    return Outcome(False, words)


W, K, R = Whereabouts, ReturnKind, ReturnState

_CANCEL_INSTEAD = _refused("it has not left the warehouse: cancel it instead")
_NO_MORE = _refused("it never left: it is cancelled")
_ONCE = _refused("another return has it already")
_EXPECTED = _done("a return is placed; the unit is expected at the warehouse")

CREATE: Mapping[tuple[ReturnKind, Whereabouts], Outcome] = {
    **{(kind, W.NOT_SHIPPED): _CANCEL_INSTEAD for kind in K},
    **{(kind, W.CANCELLED): _NO_MORE for kind in K},
    **{(kind, W.COMING_BACK): _ONCE for kind in K},
    **{(kind, W.BACK): _ONCE for kind in K},
    (K.CUSTOMER_RETURN, W.SHIPPED): _EXPECTED,
    (K.CUSTOMER_RETURN, W.DELIVERED): _EXPECTED,
    (K.SELF_SHIP, W.SHIPPED): _EXPECTED,
    (K.SELF_SHIP, W.DELIVERED): _EXPECTED,
    (K.RETURN_TO_ORIGIN, W.SHIPPED): _EXPECTED,
    (K.RETURN_TO_ORIGIN, W.DELIVERED): _refused("the courier delivered it: it comes back as a customer's return"),
}
"""(kind of return, where the unit is) → what becomes of it. A courier's own word, a scan, is never refused."""

_EARLY = (R.PLACED, R.OUT_FOR_PICKUP, R.PICKED_UP, R.IN_TRANSIT, R.DELIVERED, R.LOST)
_CALLED_OFF = _done("its units are called off; a pickup that was booked is cancelled at the courier")
_CHANGED = _done("it is changed")
_TAKEN = _done("it is in the warehouse, and waits for its check")
_JUDGED = _done("it is judged; stock goes up by what passed; the store is told once all is judged")
_ARRIVED = _refused("it has arrived: units can be called off, and added, until they are received")

ON_RETURN: Mapping[tuple[Ask, ReturnState], Outcome] = {
    **{(Ask.CHANGE, state): _CHANGED for state in _EARLY},
    (Ask.CHANGE, R.RECEIVED): _ARRIVED,
    (Ask.CHANGE, R.PROCESSED): _ARRIVED,
    (Ask.CHANGE, R.CANCELLED): _refused("it was cancelled: place a new return"),
    **{(Ask.CANCEL, state): _CALLED_OFF for state in _EARLY},
    (Ask.CANCEL, R.RECEIVED): _done("units that have not arrived are called off; for those that have it is refused"),
    (Ask.CANCEL, R.PROCESSED): _ARRIVED,
    (Ask.CANCEL, R.CANCELLED): Outcome(True, "it was cancelled before; nothing changes", again=True),
    **{(Ask.RECEIVE, state): _TAKEN for state in (*_EARLY, R.RECEIVED)},
    (Ask.RECEIVE, R.PROCESSED): _done("a unit that was missing or called off turned up; others stay as they are"),
    (Ask.RECEIVE, R.CANCELLED): _done("the courier brought it all the same: it is in the warehouse"),
    **{(Ask.JUDGE, state): _JUDGED for state in (*_EARLY, R.RECEIVED)},
    (Ask.JUDGE, R.PROCESSED): _refused("it was judged before, otherwise; the same again changes nothing"),
    (Ask.JUDGE, R.CANCELLED): _done("the courier brought it all the same: it is judged like any other"),
}
"""(ask, state of the return) → what becomes of it. A unit that has no place in it is refused, and with it the call."""


def as_markdown() -> str:
    """The tables for the docs."""
    parts = ["| where the unit is | " + " | ".join(f"`{kind}`" for kind in K) + " |", "|---" * (len(K) + 1) + "|"]
    parts += [f"| {place} | " + " | ".join(_cell(CREATE[kind, place]) for kind in K) + " |" for place in W]
    parts += ["", "| the return is | " + " | ".join(Ask) + " |", "|---" * (len(Ask) + 1) + "|"]
    parts += [f"| `{state}` | " + " | ".join(_cell(ON_RETURN[ask, state]) for ask in Ask) + " |" for state in R]
    return "\n".join(parts) + "\n"


def _cell(outcome: Outcome) -> str:
    if outcome.again:
        return outcome.words
    return outcome.words if outcome.done else f"**refused**: {outcome.words}"
