"""The effect that fetches the AWB of a return that somebody else placed at the aggregator, under their reference."""

from __future__ import annotations

from sqlalchemy import Connection

from magento_oms.ports import Aggregator
from magento_oms.storage import orders, parcels, return_tracking, returns
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.storage.parcels import StoredBooking
from magento_oms.workflows.couriers import plans
from magento_oms.workflows.couriers.facts import stored_booking
from magento_oms.workflows.effect_kinds import NotNow, NotWanted, Result

NOT_YET = 300.0
"""Seconds until an AWB that is not there is looked for again; doubled each time."""


class FetchTracking:
    """See the module. It only looks, so doing it again is safe."""

    name = plans.FETCH_TRACKING

    def read(self, connection: Connection, effect: ClaimedEffect) -> StoredBooking:
        """What `send` needs to know."""
        return stored_booking(connection, effect)

    def send(self, world: Aggregator, subject: StoredBooking) -> Result:
        """Look it up.

        Raises:
            NotNow: the aggregator has no such return, or no courier has given it an AWB yet.
        """
        if subject.given_up:
            raise NotWanted(subject.given_up)
        if subject.booked.awb:
            return Result(f"AWB {subject.booked.awb} was told meanwhile")
        found = world.find(subject.reference, subject.direction)
        if found is None or found.cancelled or not found.awb:
            what = "has no return" if found is None else "cancelled the return" if found.cancelled else "has no AWB for"
            raise NotNow(
                f"{subject.account} {what} {subject.reference}.",
                "It is looked for again by itself. If the reference is wrong, give the return's AWB by hand.",
                retry_in=NOT_YET,
            )
        return Result(f"AWB {found.awb}", facts={"booked": found})

    def find(self, world: Aggregator, subject: StoredBooking) -> Result | None:
        """Nothing to look for: `send` itself only looks."""
        return None

    def settle(self, connection: Connection, subject: StoredBooking, result: Result) -> None:
        """Keep the AWB; from now on it is tracked."""
        if "booked" not in result.facts:
            return
        booked = result.facts["booked"]
        parcels.note_booked(connection, subject.id, booked)
        details = {"parcel": subject.parcel_id, "awb": booked.awb, "account": subject.account}
        orders.add_event(connection, subject.order_id, "awb_assigned", details)
        for return_id in returns.of_parcel(connection, subject.parcel_id):
            return_tracking.set_tracking(connection, return_id, awb=booked.awb)
