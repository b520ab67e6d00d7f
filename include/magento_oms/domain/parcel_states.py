"""Where a parcel is: a function of the *set* of its scans. The order in which they arrive, and repeats, mean nothing.

A parcel goes through phases; a later phase is never left for an earlier one. Within "on its way" (in transit, out for
delivery, delivery failed) the scan with the newest time tells. What ends a parcel counts only when it was read from
the tracking API: webhooks carry no signature.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from magento_oms.ports import Direction, ParcelStatus

S = ParcelStatus

PHASES: dict[Direction, tuple[frozenset[ParcelStatus], ...]] = {
    Direction.FORWARD: (
        frozenset({S.CREATED}),
        frozenset({S.PICKUP_SCHEDULED}),
        frozenset({S.PICKED_UP}),
        frozenset({S.IN_TRANSIT, S.OUT_FOR_DELIVERY, S.DELIVERY_FAILED}),
        frozenset({S.RTO_INITIATED}),
        frozenset({S.RTO_IN_TRANSIT}),
        frozenset({S.CANCELLED}),
        frozenset({S.LOST}),
        frozenset({S.DELIVERED}),
        frozenset({S.RTO_DELIVERED}),
    ),
    Direction.REVERSE: (
        frozenset({S.RETURN_PLACED}),
        frozenset({S.RETURN_OUT_FOR_PICKUP}),
        frozenset({S.RETURN_PICKED_UP}),
        frozenset({S.RETURN_IN_TRANSIT}),
        frozenset({S.RETURN_CANCELLED}),
        frozenset({S.LOST}),
        frozenset({S.RETURN_QC_FAILED}),
        frozenset({S.RETURN_DELIVERED}),
    ),
}
"""Of each direction, first to last. What ends a parcel stands last; of two ends the later one in this list counts."""

ENDS = frozenset(
    {
        S.CANCELLED,
        S.LOST,
        S.DELIVERED,
        S.RTO_DELIVERED,
        S.RETURN_CANCELLED,
        S.RETURN_QC_FAILED,
        S.RETURN_DELIVERED,
    }
)
"""Nothing follows; such a parcel is not tracked any longer."""

CALLED_OFF = frozenset({S.CANCELLED, S.RETURN_CANCELLED})
"""Ends that a later movement disproves: a courier that missed the cancellation ships the parcel all the same."""

AT_HOME = frozenset({S.CREATED, S.PICKUP_SCHEDULED, S.RETURN_PLACED, *CALLED_OFF})
"""Nobody of the courier's has it or comes for it: it is still where it is sent from, or stays there."""

AT_REST = AT_HOME | {S.RETURN_OUT_FOR_PICKUP}
"""No courier has it, or has it any longer."""

STARTS = {Direction.FORWARD: S.CREATED, Direction.REVERSE: S.RETURN_PLACED}

_RANK = {
    direction: {status: rank for rank, phase in enumerate(phases) for status in phase}
    for direction, phases in PHASES.items()
}
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan, read by the aggregator's table.

    Attributes:
        code: the aggregator's; together with `at` it tells two scans apart.
        at: aware UTC, by the courier's clock; None where it was not told.
        status: what it means; None: nothing for the state.
        again: what it means where an earlier one with the same code is there.
        read_back: read from the tracking API, not only told by a webhook.
    """

    code: str
    at: datetime | None
    status: ParcelStatus | None
    again: ParcelStatus | None = None
    read_back: bool = True


@dataclass(frozen=True, slots=True)
class ParcelState:
    """Where a parcel is.

    Attributes:
        since: when it came to be so, by the courier's clock; None where that is not known.
        failed_attempts: how often it could not be delivered.
        claimed: an end that a webhook told of and that was not read back yet.
    """

    status: ParcelStatus
    since: datetime | None = None
    failed_attempts: int = 0
    claimed: ParcelStatus | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing follows."""
        return self.status in ENDS


@dataclass(frozen=True, slots=True)
class _Step:
    """A scan with what it means in its place among the others."""

    status: ParcelStatus
    at: datetime
    read_back: bool


def parcel_state(scans: Iterable[Scan], direction: Direction) -> ParcelState:
    """Where a parcel is that goes this way, from all of its scans. Scans that make no sense for it are left out."""
    steps = [step for step in _steps(scans) if step.status in _RANK[direction]]
    sure = _without_disproved([step for step in steps if step.read_back or step.status not in ENDS])
    told = _without_disproved(steps)
    state = _furthest(sure, direction)
    claimed = _furthest(told, direction).status
    failed = {step.at for step in sure if step.status is S.DELIVERY_FAILED}
    return ParcelState(
        state.status, state.since, len(failed), claimed if claimed in ENDS and claimed is not state.status else None
    )


def rank(direction: Direction, status: ParcelStatus) -> int:
    """How far along its way a parcel is that goes this way; -1 for a status that makes no sense for it."""
    return _RANK[direction].get(status, -1)


def _steps(scans: Iterable[Scan]) -> list[_Step]:
    """What each distinct scan means. The same code at the same time is one scan, sure if any telling of it was."""
    by_code: defaultdict[str, dict[datetime, list[Scan]]] = defaultdict(lambda: defaultdict(list))
    for scan in scans:
        by_code[scan.code][scan.at or _NEVER].append(scan)
    steps: list[_Step] = []
    for moments in by_code.values():
        for number, at in enumerate(sorted(moments)):
            for scan in moments[at]:
                status = scan.again if number and scan.again is not None else scan.status
                if status is not None:
                    steps.append(_Step(status, at, scan.read_back))
    return steps


def _without_disproved(steps: list[_Step]) -> list[_Step]:
    """The steps without cancellations that a later movement disproves."""
    moved = max((step.at for step in steps if _is_movement(step.status)), default=_NEVER)
    return [step for step in steps if step.status not in CALLED_OFF or step.at >= moved]


def _is_movement(status: ParcelStatus) -> bool:
    return status not in AT_REST


def _furthest(steps: list[_Step], direction: Direction) -> ParcelState:
    rank = _RANK[direction]
    if not steps:
        return ParcelState(STARTS[direction])
    # Of one phase the newest scan tells; at the same moment the one that went further in the enum's order.
    last = max(steps, key=lambda step: (rank[step.status], step.at, list(ParcelStatus).index(step.status)))
    since = min(step.at for step in steps if step.status is last.status) if last.status in ENDS else last.at
    return ParcelState(last.status, None if since == _NEVER else since)
