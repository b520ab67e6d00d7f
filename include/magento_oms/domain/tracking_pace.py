"""When a parcel's tracking is read next: webhooks tell most, so this is the net below them, slower as a parcel ages."""

from __future__ import annotations

from datetime import timedelta

from magento_oms.domain.parcel_states import CALLED_OFF, ParcelState
from magento_oms.ports import ParcelStatus

QUARTER_HOUR = timedelta(minutes=15)
PACE: tuple[tuple[timedelta, timedelta], ...] = (
    (timedelta(days=2), timedelta(hours=1)),
    (timedelta(days=7), timedelta(hours=3)),
    (timedelta(days=21), timedelta(hours=8)),
    (timedelta(days=90), timedelta(days=1)),
)
"""Age since booking → time until the next look. Older parcels are not looked at any longer: a person is told."""

WATCHED_AFTER_CANCELLING = timedelta(days=10)
"""A courier that missed a cancellation ships all the same."""

AT_THE_DOOR = frozenset({ParcelStatus.OUT_FOR_DELIVERY, ParcelStatus.RETURN_OUT_FOR_PICKUP})


def next_look(state: ParcelState, age: timedelta) -> timedelta | None:
    """How long until a parcel's tracking is read again; None: never.

    Args:
        age: since it was booked.
    """
    if state.status in CALLED_OFF:
        return timedelta(days=1) if age < WATCHED_AFTER_CANCELLING else None
    if state.ended:
        return None
    if state.claimed is not None:
        return timedelta(0)
    if state.status in AT_THE_DOOR and age < PACE[-1][0]:
        return QUARTER_HOUR
    return next((pause for limit, pause in PACE if age < limit), None)
