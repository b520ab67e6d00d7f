"""The effect that makes the order of a parcel, or of a reverse pickup, at an aggregator."""

from __future__ import annotations

from sqlalchemy import Connection

from magento_oms.ports import Aggregator, Booked, Booking, Direction, OutsideError
from magento_oms.storage import orders, parcels
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.workflows.couriers import fall_over, plans
from magento_oms.workflows.couriers.choice import first_that_takes
from magento_oms.workflows.couriers.facts import BookingFacts, Configs, booking_facts
from magento_oms.workflows.effect_kinds import NotWanted, Result
from magento_oms.workflows.order_check import Check


class BookParcel:
    """See the module."""

    name = plans.BOOK

    def __init__(self, configs: Configs, check: Check | None = None) -> None:
        self._configs = configs
        self._check = check

    def read(self, connection: Connection, effect: ClaimedEffect) -> BookingFacts:
        """What `send` and `find` need to know."""
        return booking_facts(connection, effect, self._configs)

    def send(self, world: Aggregator, subject: BookingFacts) -> Result:
        """Make the order, with the first courier that takes it where the aggregator asks couriers now."""
        stored = subject.stored
        if stored.given_up:
            raise NotWanted(stored.given_up)
        if self._check is not None and stored.direction is Direction.FORWARD:
            self._check(stored.instance, stored.entity_id)

        def make(booking: Booking) -> Booked:
            return (world.create_return if stored.direction is Direction.REVERSE else world.create_order)(booking)

        if world.books_with_courier:
            booked, tried = first_that_takes(world, subject, make)
        else:
            booked, tried = make(subject.booking), ()
        awb = f", AWB {booked.awb}" if booked.awb else ""
        return Result(f"booked{awb}", facts={"booked": booked, "tried": tried})

    def find(self, world: Aggregator, subject: BookingFacts) -> Result | None:
        """Look for an order under our reference. A cancelled one is none of ours: `send` then tells."""
        found = world.find(subject.stored.reference, subject.stored.direction)
        if found is None or found.cancelled:
            return None
        return Result("found booked", facts={"booked": found, "tried": ()})

    def settle(self, connection: Connection, subject: BookingFacts, result: Result) -> None:
        """Keep what the aggregator said. A booking that was called off meanwhile is cancelled there."""
        stored, booked = subject.stored, result.facts.get("booked")
        if booked is not None:
            parcels.note_booked(connection, stored.id, booked)
            parcels.note_tried(connection, stored.id, result.facts["tried"])
        details = {"parcel": stored.parcel_id, "account": stored.account, "reference": stored.reference}
        orders.add_event(connection, stored.order_id, "booked", details)
        now = parcels.get(connection, stored.id, lock=True)
        if now.given_up:
            plans.plan_cancellation(connection, stored.id, now.given_up)

    def another_way(self, connection: Connection, subject: BookingFacts, refusal: OutsideError) -> str:
        """Go on to the next account."""
        return fall_over.another_way(connection, subject, refusal)
