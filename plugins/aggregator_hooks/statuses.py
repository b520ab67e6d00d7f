"""Tables of statuses as data: an aggregator's code, and what it means for a forward and for a reverse parcel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from magento_oms.ports import CourierEvent, Direction, Meaning, ParcelStatus

QC_FAILED = re.compile(r"\bQC\b.*\bfail|\bfail\w*\b.*\bQC\b|quality check fail", re.IGNORECASE)
"""Words of a failed quality check, for aggregators that have no code for it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One code.

    Attributes:
        words: the aggregator's own.
        forward, reverse: what it means; `Meaning()` keeps the state, None means that the code says nothing about such a
            parcel, so that it is looked at by a person.
    """

    words: str
    forward: Meaning | None
    reverse: Meaning | None


class StatusTable:
    """An aggregator's whole table. A code is looked up exactly, never by a part of its words.

    Args:
        rows: by code, as `CourierEvent.code` carries it.
    """

    def __init__(self, rows: Mapping[str, Row]) -> None:
        self.rows = rows

    def meaning(self, event: CourierEvent, direction: Direction) -> Meaning:
        """What an event means for a parcel that goes this way; `known` is False for a code that is not in the table."""
        row = self.rows.get(event.code)
        if row is None:
            return Meaning(known=False)
        meaning = row.forward if direction is Direction.FORWARD else row.reverse
        if meaning is None:
            return Meaning(alert=f"{row.words} ({event.code}) makes no sense for a {direction} parcel")
        return meaning


def to(status: ParcelStatus, *, alert: str = "", again: ParcelStatus | None = None) -> Meaning:
    """It moves the parcel to `status`."""
    return Meaning(status, again, alert)


def stays(alert: str = "") -> Meaning:
    """History only."""
    return Meaning(alert=alert)
