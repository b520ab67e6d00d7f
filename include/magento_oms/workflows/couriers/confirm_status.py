"""The effect that reads the tracking of a parcel of which a webhook says that it has ended: webhooks are not signed."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from magento_oms.domain.parcel_states import ENDS
from magento_oms.ports import Aggregator, StatusReader
from magento_oms.storage import scans
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.storage.parcels import StoredBooking
from magento_oms.storage.scans import Reading
from magento_oms.workflows.couriers import plans
from magento_oms.workflows.couriers.facts import stored_booking
from magento_oms.workflows.couriers.outcomes import follow_up
from magento_oms.workflows.couriers.tracking import readings_of
from magento_oms.workflows.effect_kinds import NotNow, Result

NOT_YET = 20.0
"""Seconds until a tracking that does not tell of the end yet is read again; doubled each time."""
LOOKS = 8
"""After so many looks the end is left to the regular tracking."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A parcel, the end that was told of, and how often it was looked for."""

    stored: StoredBooking
    claimed: str
    looks: int


class ConfirmStatus:
    """See the module."""

    name = plans.CONFIRM

    def __init__(self, statuses: StatusReader) -> None:
        self._statuses = statuses

    def read(self, connection: Connection, effect: ClaimedEffect) -> Claim:
        """What `send` needs to know."""
        return Claim(stored_booking(connection, effect), effect.details["claimed"], effect.number)

    def send(self, world: Aggregator, subject: Claim) -> Result:
        """Read the tracking until it tells of an end, too."""
        stored = subject.stored
        readings = self._readings(world, stored)
        ended = any({reading.meaning.status, reading.meaning.again} & ENDS for reading in readings)
        if not ended and subject.looks < LOOKS:
            parcel = f"AWB {stored.booked.awb}" if stored.booked.awb else f"{stored.reference}, of unknown AWB,"
            raise NotNow(
                f"A webhook says that {parcel} is {subject.claimed}; its tracking does not say so yet.",
                "It is read again by itself.",
                retry_in=NOT_YET,
            )
        words = "tells of the end, too" if ended else "does not say so; the webhook's word is kept as history"
        return Result(f"{subject.claimed}: tracking {words}", facts={"readings": readings})

    def _readings(self, world: Aggregator, stored: StoredBooking) -> list[Reading]:
        """What the tracking tells. Asked about no AWB, a courier may tell of somebody else's parcel."""
        tracking = world.track([stored.booked]).get(stored.booked.awb) if stored.booked.awb else None
        return readings_of(tracking, self._statuses, stored.direction) if tracking else []

    def find(self, world: Aggregator, subject: Claim) -> Result | None:
        """Nothing to look for: reading changes nothing, so it is done again."""
        return None

    def settle(self, connection: Connection, subject: Claim, result: Result) -> None:
        """Keep what was read, and what follows from it."""
        follow_up(connection, scans.apply(connection, subject.stored.id, result.facts["readings"], read_back=True))
