"""The effect that fetches a parcel's label from its aggregator, and keeps it."""

from __future__ import annotations

from sqlalchemy import Connection

from magento_oms.ports import Aggregator, NotFound, Operation
from magento_oms.storage import parcels
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.storage.parcels import StoredBooking
from magento_oms.workflows.couriers import plans
from magento_oms.workflows.couriers.facts import stored_booking
from magento_oms.workflows.effect_kinds import NotNow, NotWanted, Result

DOCUMENT = "label"
"""Kind of the stored paper."""
NOT_YET = 15.0
"""Seconds until a label that is not there is asked for again; doubled each time."""


class FetchLabel:
    """See the module."""

    name = plans.LABEL

    def read(self, connection: Connection, effect: ClaimedEffect) -> StoredBooking:
        """What `send` needs to know."""
        return stored_booking(connection, effect)

    def send(self, world: Aggregator, subject: StoredBooking) -> Result:
        """Fetch it; couriers often make it some time after the AWB."""
        if subject.given_up:
            raise NotWanted(subject.given_up)
        if Operation.LABEL not in world.operations:
            return Result("the aggregator gives no label")
        try:
            label = world.label(subject.booked)
        except NotFound as missing:
            raise NotNow(missing.what, "It is asked for again by itself.", retry_in=NOT_YET) from None
        return Result(f"label of {len(label.content)} bytes", facts={"label": label})

    def find(self, world: Aggregator, subject: StoredBooking) -> Result | None:
        """Nothing to look for: fetching changes nothing, so it is done again."""
        return None

    def settle(self, connection: Connection, subject: StoredBooking, result: Result) -> None:
        """Keep it."""
        if "label" in result.facts:
            parcels.store_document(connection, subject.id, DOCUMENT, result.facts["label"])
