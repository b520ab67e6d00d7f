"""Which courier takes a parcel: those that the store names, in its order; else those that the aggregator recommends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from magento_oms.ports import (
    Aggregator,
    Booked,
    Booking,
    CannotShip,
    Courier,
    NotServiceable,
    Operation,
    Question,
    WalletEmpty,
)
from magento_oms.workflows.couriers.facts import BookingFacts

RECOMMENDED = 5
"""Of the couriers that an aggregator recommends at most so many are tried."""

Tried = tuple[tuple[Courier | None, str], ...]
"""Couriers that would not take a parcel, with their reasons."""


class NobodyTakes(CannotShip):
    """No courier of the account takes the parcel."""

    def __init__(self, what: str, tried: Tried, *, way_out: str) -> None:
        super().__init__(what, way_out=way_out)
        self.tried = tried


def first_that_takes(
    aggregator: Aggregator, facts: BookingFacts, act: Callable[[Booking], Booked]
) -> tuple[Booked, Tried]:
    """Ask one courier after another.

    Raises:
        NobodyTakes: each refused; known not to have happened.
        WalletEmpty: the account cannot pay any of them.
    """
    tried: list[tuple[Courier | None, str]] = []
    try:
        for courier in _candidates(aggregator, facts):
            try:
                return act(replace(facts.booking, courier=courier)), tuple(tried)
            except WalletEmpty:
                raise
            except CannotShip as refusal:
                tried.append((courier, refusal.what))
    except NotServiceable as refusal:
        tried.append((None, refusal.what))
    told = " ".join(why for _, why in tried)
    raise NobodyTakes(
        f"No courier of {facts.stored.account} takes parcel {facts.stored.reference}. {told}".strip(),
        tuple(tried),
        way_out="Name another courier or account for the store, or ship it by hand.",
    )


def _candidates(aggregator: Aggregator, facts: BookingFacts) -> Iterable[Courier | None]:
    if facts.couriers:
        return facts.couriers
    if not aggregator.needs_courier or Operation.SERVICEABILITY not in aggregator.operations:
        return (None,)
    booking = facts.booking
    offers = aggregator.couriers_for(
        Question(
            origin_pincode=booking.origin.pincode,
            destination_pincode=booking.destination.pincode,
            size=booking.size,
            value=booking.value,
            cod=booking.cod,
            direction=booking.direction,
            quality_check=booking.quality_check,
        )
    )
    return [offer.courier for offer in sorted(offers, key=lambda offer: offer.recommended)[:RECOMMENDED]]
