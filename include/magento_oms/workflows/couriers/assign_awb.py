"""The effect that gets a parcel its AWB, where it did not come with the booking."""

from __future__ import annotations

from sqlalchemy import Connection

from magento_oms.ports import Aggregator, Booked, Booking, Direction, Operation, OutsideError, PermanentError
from magento_oms.storage import orders, parcels
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.workflows.couriers import fall_over, plans
from magento_oms.workflows.couriers.choice import Tried, first_that_takes
from magento_oms.workflows.couriers.facts import BookingFacts, Configs, booking_facts
from magento_oms.workflows.effect_kinds import NotNow, NotWanted, Result
from magento_oms.workflows.order_check import Check

NOT_YET = 20.0
"""Seconds until an AWB that has not come is asked for again; doubled each time."""


class AssignAwb:
    """See the module."""

    name = plans.AWB

    def __init__(self, configs: Configs, check: Check | None = None) -> None:
        self._configs = configs
        self._check = check

    def read(self, connection: Connection, effect: ClaimedEffect) -> BookingFacts:
        """What `send` and `find` need to know."""
        return booking_facts(connection, effect, self._configs)

    def send(self, world: Aggregator, subject: BookingFacts) -> Result:
        """Ask for the AWB, one courier after another where the aggregator asks couriers only now."""
        stored = subject.stored
        if stored.given_up:
            raise NotWanted(stored.given_up)
        if stored.booked.awb:
            return _result(stored.booked, ())
        if Operation.ASSIGN_AWB not in world.operations:
            raise PermanentError(
                f"Parcel {stored.reference}: {stored.account} booked it without an AWB, and none can be asked for.",
                way_out="Look in the aggregator's panel what became of it; cancel the booking there and here.",
            )

        if self._check is not None and stored.direction is Direction.FORWARD:
            self._check(stored.instance, stored.entity_id)

        def ask(booking: Booking) -> Booked:
            return world.assign_awb(booking, stored.booked)

        tried: Tried = ()
        if world.books_with_courier:
            booked = ask(subject.booking)
        else:
            booked, tried = first_that_takes(world, subject, ask)
        if not booked.awb:
            raise NotNow(
                f"The courier has given no AWB for {stored.reference} yet.",
                "It is asked for again by itself.",
                retry_in=NOT_YET,
            )
        return _result(booked, tried)

    def find(self, world: Aggregator, subject: BookingFacts) -> Result | None:
        """Look whether the order has an AWB now."""
        found = world.find(subject.stored.reference, subject.stored.direction)
        return _result(found, ()) if found is not None and found.awb and not found.cancelled else None

    def settle(self, connection: Connection, subject: BookingFacts, result: Result) -> None:
        """Keep the AWB, and the couriers that would not."""
        stored = subject.stored
        booked: Booked | None = result.facts.get("booked")
        if booked is not None:
            parcels.note_booked(connection, stored.id, booked)
            parcels.note_tried(connection, stored.id, result.facts["tried"])
            courier = (booked.courier.name or booked.courier.code) if booked.courier else ""
            details = {"parcel": stored.parcel_id, "awb": booked.awb, "account": stored.account, "courier": courier}
            orders.add_event(connection, stored.order_id, "awb_assigned", details)

    def another_way(self, connection: Connection, subject: BookingFacts, refusal: OutsideError) -> str:
        """Go on to the next account; the order at this one is cancelled."""
        return fall_over.another_way(connection, subject, refusal)


def _result(booked: Booked, tried: Tried) -> Result:
    return Result(f"AWB {booked.awb}", facts={"booked": booked, "tried": tried})
