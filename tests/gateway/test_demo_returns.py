"""What plays the customers and the warehouses in the demo: returns of what was delivered, and RTO, by the OMS API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.gateway.oms_api import Api

from magento_oms.local import demo_returns
from magento_oms.local.demo_ledger import check_came_back
from magento_oms.local.demo_report import InstanceReport, follow_returns
from magento_oms.local.demo_returns import DemoReturns
from magento_oms.ports import CourierEvent, Meaning, ParcelStatus
from magento_oms.storage import scans
from magento_oms.storage.database import engine
from magento_oms.storage.scans import Reading
from magento_oms.workflows.couriers.outcomes import follow_up

S = ParcelStatus


class World:
    """Orders that left, couriers that move them, and the demo's people."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.people = DemoReturns(api.url, api.forward.oms.url)
        self._clock = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)

    def shipped(self, quantity: int = 1) -> int:
        """A fulfilment that left; its id."""
        shown = self.api.routed("KURTA", quantity=quantity)
        self.api.forward.pack(shown["id"])
        self.api.forward.push_all()
        self.api.forward.hand_over(shown["id"])
        return int(shown["id"])

    def moved(self, *statuses: ParcelStatus, fulfilment: int | None = None) -> None:
        """Scans of a fulfilment's parcel, or of the newest reverse pickup."""
        [row] = self.api.forward.oms.rows(
            "select b.id from courier_booking b join parcel p on p.id = b.parcel_id"
            " where cast(:f as bigint) is null and p.direction = 'reverse' or p.fulfilment_id = :f"
            " order by b.id desc limit 1",
            f=fulfilment,
        )
        for status in statuses:
            self._clock += timedelta(minutes=1)
            event = CourierEvent(code=str(status), label=str(status), occurred_at=self._clock)
            with engine(self.api.forward.oms.url).begin() as connection:
                applied = scans.apply(connection, row["id"], [Reading(event, Meaning(status))], read_back=True)
                follow_up(connection, applied)

    def returns(self) -> list[dict[str, Any]]:
        """All returns, the oldest first."""
        return list(reversed(self.api.call("GET", "/returns").json()["items"]))

    def on_shelf(self) -> int:
        """Units of the one SKU."""
        [row] = self.api.forward.oms.rows("select quantity from stock where sku = 'KURTA'")
        return int(row["quantity"])


@pytest.fixture
def world(api: Api, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(demo_returns, "LOOKS_EVERY", 0.0)
    api.forward.stock("pune", KURTA=50)
    return World(api)


def test_what_was_delivered_is_asked_back_picked_up_and_checked(world: World) -> None:
    fulfilment = world.shipped(quantity=2)
    world.people.work()
    assert list(world.people.waiting) == [fulfilment]
    assert world.returns() == []

    world.moved(S.PICKED_UP, S.DELIVERED, fulfilment=fulfilment)
    world.people.work()
    [asked] = world.returns()
    assert (asked["kind"], asked["state"], len(asked["items"])) == ("customer_return", "placed", 2)
    assert world.people.waiting == {}

    world.api.forward.push_couriers()
    booked = world.api.forward.accounts["main"].bookings.values()
    assert [str(booking.direction) for booking in booked] == ["forward", "reverse"]
    world.people.work()
    assert [each["state"] for each in world.returns()] == ["placed"]
    world.moved(S.RETURN_PICKED_UP, S.RETURN_IN_TRANSIT, S.RETURN_DELIVERED)
    world.people.work()
    [done] = world.returns()
    assert (done["state"], [item["state"] for item in done["items"]]) == ("processed", ["passed", "passed"])
    assert (world.people.passed, world.people.failed, world.on_shelf()) == (2, 0, 50)
    assert world.people.troubles == {}


def test_every_fourth_sends_something_back_now_all_of_it_and_now_one_unit(world: World) -> None:
    for _ in range(5):
        world.moved(S.PICKED_UP, S.DELIVERED, fulfilment=world.shipped(quantity=2))
    world.people.work()
    assert [len(each["items"]) for each in world.returns()] == [2, 1]


def test_of_some_returns_nothing_passes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_returns, "FAILS", 1)
    world.moved(S.PICKED_UP, S.DELIVERED, fulfilment=world.shipped())
    world.people.work()
    world.api.forward.push_couriers()
    world.moved(S.RETURN_PICKED_UP, S.RETURN_DELIVERED)
    world.people.work()
    [done] = world.returns()
    [unit] = done["items"]
    assert (done["state"], unit["state"], unit["qc_reason"]) == ("processed", "failed", "DAMAGED")
    assert unit["images"]
    assert (world.people.passed, world.people.failed, world.on_shelf()) == (0, 1, 49)


def test_what_couriers_bring_back_is_received_and_nobody_returns_it(world: World) -> None:
    fulfilment = world.shipped()
    world.people.work()
    world.moved(
        S.PICKED_UP, S.DELIVERY_FAILED, S.RTO_INITIATED, S.RTO_IN_TRANSIT, S.RTO_DELIVERED, fulfilment=fulfilment
    )
    world.people.work()
    [done] = world.returns()
    assert (done["kind"], done["state"]) == ("return_to_origin", "processed")
    assert (world.people.waiting, world.people.passed, world.on_shelf()) == ({}, 1, 50)


def test_what_is_not_received_yet_is_waited_for(world: World) -> None:
    world.moved(S.PICKED_UP, S.DELIVERED, fulfilment=world.shipped())
    world.people.work()
    report = InstanceReport("loom", "Loom")
    assert _followed(world, report).failures == ["loom 000000001: return demo-1 is placed, not received and checked"]

    world.api.forward.push_couriers()
    world.moved(S.RETURN_PICKED_UP, S.RETURN_DELIVERED)
    account = Account("main", {"reference": _reverse(world), "direction": "reverse", "awb": "R1", "state": "delivered"})
    [lost] = check_came_back([account], world.api.forward.oms.url)  # type: ignore[list-item]
    assert lost == "AWB R1 of main came back, and 0 returns of it were received"
    world.people.work()
    assert check_came_back([account], world.api.forward.oms.url) == []  # type: ignore[list-item]
    report = _followed(world, InstanceReport("loom", "Loom"))
    assert (report.failures, dict(report.came_back)) == ([], {"customer_return": 1})


class Account:
    """A courier account's parcels as the check reads them."""

    def __init__(self, account: str, *parcels: dict[str, Any]) -> None:
        self.account = account
        self._parcels = list(parcels)

    def parcels(self) -> list[dict[str, Any]]:
        return self._parcels


def _reverse(world: World) -> str:
    [row] = world.api.forward.oms.rows(
        "select b.reference from courier_booking b join parcel p on p.id = b.parcel_id where p.direction = 'reverse'"
    )
    return str(row["reference"])


def _followed(world: World, report: InstanceReport) -> InstanceReport:
    with engine(world.api.forward.oms.url).connect() as connection:
        follow_returns(connection.connection.dbapi_connection, report)  # type: ignore[arg-type]
    return report
