"""The effect that asks the courier to come for a parcel."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from magento_oms.ports import Aggregator, Operation, ParcelStatus
from magento_oms.storage import parcels
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.workflows.couriers import plans
from magento_oms.workflows.couriers.facts import BookingFacts, Configs, booking_facts
from magento_oms.workflows.couriers.own_scans import note_own_scan
from magento_oms.workflows.effect_kinds import NotWanted, Result

INDIA = ZoneInfo("Asia/Kolkata")
LAST_HOUR = 14
"""From this hour on in India a courier is asked to come tomorrow."""


def utc_now() -> datetime:
    """The present, aware UTC."""
    return datetime.now(UTC)


def pickup_day(now: datetime) -> date:
    """The day in India on which a courier can still come."""
    there = now.astimezone(INDIA)
    return there.date() if there.hour < LAST_HOUR else there.date() + timedelta(days=1)


class SchedulePickup:
    """See the module."""

    name = plans.PICKUP

    def __init__(self, configs: Configs, now: Callable[[], datetime] = utc_now) -> None:
        self._configs = configs
        self._now = now

    def read(self, connection: Connection, effect: ClaimedEffect) -> BookingFacts:
        """What `send` needs to know."""
        return booking_facts(connection, effect, self._configs)

    def send(self, world: Aggregator, subject: BookingFacts) -> Result:
        """Ask. An aggregator without such a call comes for every booking by itself."""
        if subject.stored.given_up:
            raise NotWanted(subject.stored.given_up)
        if Operation.SCHEDULE_PICKUP not in world.operations:
            return Result("the courier comes by itself")
        pickup = world.schedule_pickup(subject.booking, subject.stored.booked, pickup_day(self._now()))
        day = f" for {pickup.scheduled_for}" if pickup.scheduled_for else ""
        return Result(f"pickup asked for{day}", facts={"pickup": pickup})

    def find(self, world: Aggregator, subject: BookingFacts) -> Result | None:
        """Nothing to look for: asked again, the aggregator says that it was asked already."""
        return None

    def settle(self, connection: Connection, subject: BookingFacts, result: Result) -> None:
        """Keep when the courier comes."""
        if "pickup" in result.facts:
            parcels.note_pickup(connection, subject.stored.id, result.facts["pickup"])
            note_own_scan(connection, subject.stored, ParcelStatus.PICKUP_SCHEDULED)
