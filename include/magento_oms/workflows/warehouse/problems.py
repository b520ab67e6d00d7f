"""Why something that a warehouse asks for is not done. Nothing was changed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What the caller does about it: `missing` (no such thing), `conflict` (done otherwise already), `refused` (cannot
    be as things are), `invalid` (what was sent is wrong).
    """

    MISSING = "missing"
    CONFLICT = "conflict"
    REFUSED = "refused"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that is wrong: where in the request, and what."""

    pointer: str
    reason: str


class WarehouseProblem(Exception):
    """See the module. `what` is one sentence for people; `details` name lines."""

    def __init__(self, kind: Kind, what: str, *, details: tuple[Detail, ...] = (), way_out: str = "") -> None:
        super().__init__(" ".join([what, *(f"{detail.pointer}: {detail.reason}" for detail in details)]))
        self.kind = kind
        self.what = what
        self.details = details
        self.way_out = way_out
