"""The state of a fulfilment: derived from its quantities and papers by one function, with one table of moves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class FulfilmentState(StrEnum):
    """How far a fulfilment has come. `ready`: packed, and the papers are there."""

    ROUTED = "routed"
    PACKED = "packed"
    READY = "ready"
    HANDED_OVER = "handed_over"
    CANCELLED = "cancelled"


F = FulfilmentState

FULFILMENT_MOVES: dict[FulfilmentState, frozenset[FulfilmentState]] = {
    F.ROUTED: frozenset({F.PACKED, F.CANCELLED}),
    F.PACKED: frozenset({F.READY, F.HANDED_OVER, F.CANCELLED}),
    # back to packed: its courier would not take it, another one is asked
    F.READY: frozenset({F.PACKED, F.HANDED_OVER, F.CANCELLED}),
    F.HANDED_OVER: frozenset(),
    F.CANCELLED: frozenset(),
}


class IllegalMove(Exception):
    """The facts would take a fulfilment backwards: a bug in the caller."""


@dataclass(frozen=True, slots=True)
class Carried:
    """One line of a fulfilment: what it is to ship, what is in a box."""

    quantity: Decimal
    packed: Decimal = Decimal(0)


def fulfilment_state(lines: Iterable[Carried], *, papers: bool, handed_over: bool) -> FulfilmentState:
    """The state of a fulfilment.

    Args:
        papers: whether the invoice and every parcel's AWB and label are there. A courier that has a parcel needs no
            label for it.
        handed_over: whether the courier took it.
    """
    live = [line for line in lines if line.quantity > 0]
    if not live:
        return F.CANCELLED
    if handed_over:
        return F.HANDED_OVER
    if all(line.packed >= line.quantity for line in live):
        return F.READY if papers else F.PACKED
    return F.ROUTED


def check_fulfilment_move(before: FulfilmentState, after: FulfilmentState) -> None:
    """Raises IllegalMove unless the table allows it (staying where one is, is allowed)."""
    if before is not after and after not in FULFILMENT_MOVES[before]:
        raise IllegalMove(f"a fulfilment does not go from {before} to {after}")
