"""An order that is ready to ship, and accounts that may ship it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.workflows.couriers.fake_aggregator import STATUSES, FakeAggregator
from tests.workflows.fakes import FakeMagento, instance_config, store_config
from tests.workflows.oms import Oms

from magento_oms.config.models import InstanceConfig
from magento_oms.domain.parcels import NewParcel, ParcelContents
from magento_oms.ports import Direction, ParcelItem, ParcelSize
from magento_oms.storage import parcels
from magento_oms.storage.database import engine
from magento_oms.storage.parcels import StoredBooking
from magento_oms.workflows.couriers import plans
from magento_oms.workflows.couriers.assign_awb import AssignAwb
from magento_oms.workflows.couriers.book_parcel import BookParcel
from magento_oms.workflows.couriers.cancel_booking import CancelBooking
from magento_oms.workflows.couriers.confirm_status import ConfirmStatus
from magento_oms.workflows.couriers.fetch_label import FetchLabel
from magento_oms.workflows.couriers.ndr import TellNdrAction
from magento_oms.workflows.couriers.schedule_pickup import SchedulePickup
from magento_oms.workflows.push import PushSummary, push
from magento_oms.workflows.turns import NO_LINGER

D = Decimal
WAREHOUSE = {
    "code": "pune",
    "name": "Pune warehouse",
    "address": {"lines": ["Plot 7"], "city": "Pune", "state": "Maharashtra", "pincode": "411001"},
    "phone": "9876543210",
}
CONTENTS = ParcelContents(
    (ParcelItem("TEE-S", "Tee", 2, D(250), tax_percent=D(5)),), ParcelSize(D(18), D(12), D(10), D(500))
)
MORNING = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


@pytest.fixture
def config() -> InstanceConfig:
    accounts = [
        {"aggregator": "eshipz", "account": "main", "connection_id": "a", "pickup_locations": {"pune": "WH1"}},
        {
            "aggregator": "shipway",
            "account": "spare",
            "connection_id": "b",
            "couriers": [{"code": "7", "name": "Seven"}],
        },
    ]
    return instance_config(store_config(locations=[WAREHOUSE], aggregators=accounts))


@dataclass
class Shipping:
    """The OMS with accounts at aggregators."""

    oms: Oms
    store: FakeMagento
    config: InstanceConfig
    accounts: dict[str, FakeAggregator] = field(default_factory=dict)

    def order(self, **more: Any) -> int:
        """An order that was taken in; its id in the OMS."""
        entity_id = self.store.place(**more)
        self.oms.take_in(self.store, self.config, [entity_id])
        return int(self.oms.order(entity_id)["id"])

    def parcel(self, order_id: int, direction: Direction = Direction.FORWARD, *, cod: Decimal | None = None) -> int:
        """A parcel that was packed, or is to come back."""
        due = D(500) if cod is None else cod
        if direction is Direction.FORWARD:
            new = NewParcel(order_id, direction, "pune", CONTENTS, value=D(500), cod=due)
        else:
            new = NewParcel(order_id, direction, "pune", CONTENTS, value=D(500), return_reason="too small")
        with engine(self.oms.url).begin() as connection:
            return parcels.create(connection, new)

    def book(self, parcel_id: int, account: str = "main", aggregator: str = "eshipz") -> StoredBooking:
        """Plan the booking of a parcel."""
        with engine(self.oms.url).begin() as connection:
            return plans.plan_booking(connection, parcel_id, account, aggregator)

    def cancel(self, booking: StoredBooking, why: str = "the customer cancelled") -> None:
        """Take a booking back."""
        with engine(self.oms.url).begin() as connection:
            plans.plan_cancellation(connection, booking.id, why)

    def push(self, account: str = "main", *, times: int = 6) -> PushSummary:
        """Carry out what is due at an account, as long as something is."""
        known = {self.config.code: self.config}
        kinds = (
            BookParcel(known), AssignAwb(known), FetchLabel(known), SchedulePickup(known, lambda: MORNING),
            CancelBooking(), TellNdrAction(), ConfirmStatus(STATUSES),
        )  # fmt: skip
        world = self.accounts.setdefault(account, FakeAggregator(account))
        for _ in range(times):
            summary = push(
                self.oms.url, plans.target(account), world, {kind.name: kind for kind in kinds},
                holder="test", settle_delay=timedelta(0), linger=NO_LINGER,
            )  # fmt: skip
            self.oms.let_effects_fall_due()
        return summary

    def bookings(self, parcel_id: int) -> list[StoredBooking]:
        """All bookings of a parcel."""
        with engine(self.oms.url).begin() as connection:
            return parcels.of_parcel(connection, parcel_id)

    def effects(self, booking: StoredBooking) -> dict[str, str]:
        """State of each effect about a booking, by its kind."""
        rows = self.oms.rows(
            "select kind, state from effect where details->>'booking' = :id order by id", id=str(booking.id)
        )
        return {row["kind"]: row["state"] for row in rows}

    def events(self, order_id: int) -> list[str]:
        """Kinds of what the order's time line shows."""
        return [
            row["kind"]
            for row in self.oms.rows("select kind from order_event where order_id = :id order by id", id=order_id)
        ]


@pytest.fixture
def shipping(oms: Oms, store: FakeMagento, config: InstanceConfig) -> Shipping:
    return Shipping(oms, store, config)


@pytest.fixture
def booked(shipping: Shipping) -> Callable[[], StoredBooking]:
    """Makes parcels that are booked and have their AWB."""

    def make() -> StoredBooking:
        parcel_id = shipping.parcel(shipping.order())
        shipping.book(parcel_id)
        shipping.push()
        return shipping.bookings(parcel_id)[-1]

    return make
