"""`magento-oms parcels` and `magento-oms webhooks`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.workflows.couriers.conftest import Shipping
from tests.workflows.couriers.fake_aggregator import FakeAggregator
from tests.workflows.fakes import FakeMagento, instance_config, store_config
from tests.workflows.oms import Oms

from magento_oms.config.accounts import CourierAccount
from magento_oms.config.models import InstanceConfig
from magento_oms.ports import ConfigurationError, Courier, CourierEvent, Meaning, ParcelStatus, PickupLocation
from magento_oms.storage import instances, scans, webhooks
from magento_oms.storage.database import engine
from magento_oms.storage.parcels import StoredBooking
from magento_oms.storage.scans import Reading

FAILED = ParcelStatus.DELIVERY_FAILED
ACCOUNT = {"aggregator": "eshipz", "account": "main", "connection_id": "a", "pickup_locations": {"pune": "WH1"}}


@pytest.fixture
def shipping(oms: Oms, store: FakeMagento, folder: Path) -> Shipping:
    from tests.workflows.couriers.conftest import WAREHOUSE

    config = instance_config(store_config(locations=[WAREHOUSE], aggregators=[ACCOUNT]))
    (folder / "loom.yaml").write_text(json.dumps(config.model_dump(mode="json", exclude_unset=True)))
    with engine(oms.url).begin() as connection:
        instances.configure(connection, config)
    return Shipping(oms, store, config)


@pytest.fixture
def parcel(shipping: Shipping) -> StoredBooking:
    """A parcel with its AWB."""
    parcel_id = shipping.parcel(shipping.order())
    shipping.book(parcel_id)
    shipping.push()
    return shipping.bookings(parcel_id)[-1]


def scan(shipping: Shipping, parcel: StoredBooking, code: str, meaning: Meaning, remark: str = "") -> None:
    event = CourierEvent(code, awb=parcel.booked.awb, occurred_at=datetime(2026, 11, 22, 9, tzinfo=UTC), remark=remark)
    with engine(shipping.oms.url).begin() as connection:
        scans.apply(connection, parcel.id, [Reading(event, meaning)], read_back=True)


def test_parcels_are_listed_with_what_they_wait_for(run: Run, shipping: Shipping, parcel: StoredBooking) -> None:
    waiting = shipping.book(shipping.parcel(shipping.order()))

    rows = json.loads(run("parcels", "list", "--json").stdout)

    assert [row["reference"] for row in rows] == [waiting.reference, parcel.reference]
    assert (rows[0]["next_kind"], rows[0]["next_state"]) == ("book_parcel", "due")
    assert (rows[1]["awb"], rows[1]["status"], rows[1]["next_kind"]) == (parcel.booked.awb, "pickup_scheduled", None)
    assert run("parcels", "list", "--status", "delivered").output.strip() == "No parcels."
    assert "There is no parcel status" in run("parcels", "list", "--status", "lost_in_space", code=1).output


def test_a_parcel_is_found_by_awb_and_by_reference(run: Run, shipping: Shipping, parcel: StoredBooking) -> None:
    scan(shipping, parcel, "INT", Meaning(ParcelStatus.IN_TRANSIT), "left the hub")

    shown = [
        json.loads(run("parcels", "show", name, "--json").stdout) for name in (parcel.booked.awb, parcel.reference)
    ]

    assert shown[0] == shown[1]
    assert (shown[0]["status"], shown[0]["scans"][0]["code"]) == ("in_transit", "INT")
    assert "in_transit" in run("parcels", "show", parcel.booked.awb).stdout
    assert "There is no parcel" in run("parcels", "show", "nothing", code=1).output


def test_a_failed_delivery_waits_for_a_person_and_is_decided_once(
    run: Run, shipping: Shipping, parcel: StoredBooking
) -> None:
    assert run("parcels", "ndr").output.strip() == "Nothing waits for a decision."
    scan(shipping, parcel, "UND", Meaning(FAILED, reason="customer not available"))

    [case] = json.loads(run("parcels", "ndr", "--json").stdout)
    assert (case["awb"], case["attempts"], case["reason"]) == (parcel.booked.awb, 1, "customer not available")

    told = run(
        "parcels", "reattempt", parcel.booked.awb, "--on", "2026-11-25", "--phone", "9811111111", "--note", "call"
    )
    assert told.output.strip() == f"The courier of {parcel.booked.awb} will be asked: reattempt."
    assert run("parcels", "ndr").output.strip() == "Nothing waits for a decision."
    shipping.push()
    [decided] = json.loads(run("parcels", "ndr", "--all", "--json").stdout)
    assert decided["decision"] == "reattempt (done)"


def test_a_parcel_that_ended_takes_no_decision(run: Run, shipping: Shipping, parcel: StoredBooking) -> None:
    scan(shipping, parcel, "DEL", Meaning(ParcelStatus.DELIVERED))

    for command in (("return-to-origin", parcel.booked.awb), ("cancel", parcel.booked.awb, "--reason", "late")):
        assert "delivered" in run("parcels", *command, code=1).output


def test_a_booking_is_cancelled(run: Run, shipping: Shipping, parcel: StoredBooking) -> None:
    assert "says why" in run("parcels", "cancel", parcel.reference, "--reason", " ", code=1).output

    run("parcels", "cancel", parcel.reference, "--reason", "the customer changed her mind")
    shipping.push()

    assert shipping.accounts["main"].orders[parcel.reference].cancelled
    assert "changed her mind" in run("parcels", "show", parcel.reference).stdout


def test_unknown_codes_are_counted(run: Run, shipping: Shipping, parcel: StoredBooking) -> None:
    assert run("parcels", "codes").output.strip() == "Every code is known."
    scan(shipping, parcel, "XYZ", Meaning(known=False))

    [row] = json.loads(run("parcels", "codes", "--json").stdout)

    assert (row["aggregator"], row["code"], row["times"]) == ("eshipz", "XYZ", 1)


def test_webhooks_are_counted_and_worked_on_again(run: Run, shipping: Shipping) -> None:
    assert run("webhooks", "list").output.strip() == "No webhooks."
    with engine(shipping.oms.url).begin() as connection:
        webhooks.store(connection, [("courier:main", b"{}"), ("courier:main", b"[]"), ("courier:main", b"{}")])
        for webhook in webhooks.claim_new(connection, ["courier:main"], limit=9):
            webhooks.worked(connection, webhook.id, "no such parcel")

    [row] = json.loads(run("webhooks", "list", "--account", "main", "--json").stdout)
    assert (row["outcome"], row["times"], row["repeats"]) == ("no such parcel", 2, "1")

    assert "0 webhooks" in run("webhooks", "rework", "--outcome", "unknown%").stdout
    assert "2 webhooks" in run("webhooks", "rework", "--account", "main", "--outcome", "no such parcel").stdout
    with engine(shipping.oms.url).connect() as connection:
        assert webhooks.waiting(connection) == 2


def test_an_account_is_held_and_released(run: Run, shipping: Shipping) -> None:
    run("effects", "hold", "courier:main", "--reason", "no riders today")

    assert "courier:main" in run("effects", "list").stderr
    run("effects", "release", "courier:main")
    assert "Configured: main" in run("effects", "hold", "courier:nobody", "--reason", "x", code=1).output
    assert "There is no target" in run("effects", "hold", "warehouse:pune", "--reason", "x", code=1).output


def test_the_live_check_asks_the_aggregators_for_their_warehouses(
    run: Run, shipping: Shipping, monkeypatch: pytest.MonkeyPatch
) -> None:
    from magento_oms.orchestration import courier_wiring, wiring

    asked: list[str] = []

    def no_store(config: InstanceConfig) -> None:
        raise ConfigurationError("The store is not the point here.")

    monkeypatch.setattr(wiring, "magento_for", no_store)

    class Account(FakeAggregator):
        def couriers(self) -> list[Courier]:
            return [Courier("7")]

        def pickup_locations(self) -> list[PickupLocation]:
            return [PickupLocation("WH2", "Second")]

    def open_it(account: CourierAccount, url: str) -> FakeAggregator:
        asked.append(account.code)
        if len(asked) > 1:
            raise ConfigurationError("There is no connection a.", way_out="Add it.")
        return Account(account.code)

    monkeypatch.setattr(courier_wiring, "aggregator_for", open_it)

    told = run("config", "check", "--live", "--json", code=1).stdout
    [unknown] = [row for row in json.loads(told) if row["field"] == "pickup_locations"]
    assert unknown["problem"] == "eshipz knows no warehouse 'WH1', which is its name of pune."
    assert unknown["way_out"] == "It knows: WH2."
    assert "There is no connection a." in run("config", "check", "--live", "--json", code=1).stdout
