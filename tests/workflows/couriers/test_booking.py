"""A parcel is booked once, whatever happens, with the first courier and account that takes it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.workflows.couriers.conftest import Shipping
from tests.workflows.couriers.fake_aggregator import FakeAggregator, Fault

from magento_oms.documents.read_back import texts
from magento_oms.ports import (
    CourierRefused,
    Direction,
    NotServiceable,
    ParcelStatus,
    RetryableError,
    UnknownOutcome,
    WalletEmpty,
)

ALL_DONE = {"book_parcel": "done", "assign_awb": "done", "fetch_label": "done", "schedule_pickup": "done"}
LOST = UnknownOutcome("The answer was lost.")


def test_a_parcel_gets_order_awb_label_and_pickup_in_this_order(shipping: Shipping) -> None:
    parcel_id = shipping.parcel(shipping.order())
    booking = shipping.book(parcel_id)
    asked: list[str] = []
    shipping.accounts["main"] = main = FakeAggregator(books_with_courier=False)
    main.before_call = asked.append

    shipping.push()

    [stored] = shipping.bookings(parcel_id)
    assert asked == ["create_order", "assign_awb", "label", "schedule_pickup"]
    assert shipping.effects(booking) == ALL_DONE
    assert stored.booked.awb == "MAINO1"
    assert stored.status is ParcelStatus.PICKUP_SCHEDULED
    [label] = shipping.oms.rows("select content from courier_document")
    assert "MAINO1" in texts(bytes(label["content"]))[0]
    assert shipping.oms.rows("select pickup_on::text from courier_booking") == [{"pickup_on": "2026-11-21"}]


def test_the_aggregator_is_told_what_the_oms_knows(shipping: Shipping) -> None:
    parcel_id = shipping.parcel(shipping.order())
    reference = shipping.book(parcel_id).reference
    shipping.push()

    told = shipping.accounts["main"].bookings[reference]

    assert reference == f"{told.order_number}-P{parcel_id}"
    assert (told.destination.city, told.destination.state, told.destination.phone) == (
        "Pune",
        "Maharashtra",
        "9800000001",
    )
    assert (told.origin.company, told.origin.phone) == ("Pune warehouse", "9876543210")
    assert (told.value, told.cod, told.pickup_location) == (Decimal(500), Decimal(500), "WH1")
    assert [item.sku for item in told.items] == ["TEE-S"]


def test_an_awb_that_came_with_the_order_costs_no_call(shipping: Shipping) -> None:
    booking = shipping.book(shipping.parcel(shipping.order()))

    shipping.push()

    assert shipping.accounts["main"].calls["assign_awb"] == 0
    assert shipping.effects(booking) == ALL_DONE


def test_an_awb_that_comes_later_is_asked_for_again(shipping: Shipping) -> None:
    parcel_id = shipping.parcel(shipping.order())
    booking = shipping.book(parcel_id)
    shipping.accounts["main"] = FakeAggregator(books_with_courier=False, awb_comes_after=3)

    shipping.push(times=8)

    assert shipping.effects(booking) == ALL_DONE
    assert shipping.bookings(parcel_id)[0].booked.awb


def test_a_label_that_comes_later_is_asked_for_again(shipping: Shipping) -> None:
    booking = shipping.book(shipping.parcel(shipping.order()))
    shipping.accounts["main"] = main = FakeAggregator()
    main.labels_ready = False
    shipping.push()
    assert shipping.effects(booking)["fetch_label"] == "due"

    main.labels_ready = True
    shipping.push()

    assert shipping.effects(booking) == ALL_DONE


@pytest.mark.parametrize("method", ["create_order", "assign_awb", "label", "schedule_pickup"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("error", [LOST, RetryableError("It did not happen.")])
def test_whatever_fails_it_is_booked_once(shipping: Shipping, method: str, when: str, error: UnknownOutcome) -> None:
    booking = shipping.book(shipping.parcel(shipping.order()))
    shipping.accounts["main"] = main = FakeAggregator(books_with_courier=False)
    main.faults.append(Fault(method, error, when))  # type: ignore[arg-type]

    shipping.push(times=10)

    assert shipping.effects(booking) == ALL_DONE
    assert main.ledger == {("order", booking.reference): 1, ("awb", booking.reference): 1}


def test_the_first_courier_of_the_store_that_takes_it(shipping: Shipping) -> None:
    parcel_id = shipping.parcel(shipping.order())
    shipping.accounts["main"] = FakeAggregator(
        needs_courier=True, offers=["fast", "cheap", "slow"], refusing={"fast": NotServiceable, "cheap": CourierRefused}
    )
    shipping.book(parcel_id)

    shipping.push()

    [stored] = shipping.bookings(parcel_id)
    assert stored.booked.courier is not None
    assert stored.booked.courier.code == "slow"
    assert [entry["courier"] for entry in stored.tried] == ["fast", "cheap"]


@pytest.mark.parametrize("refusal", [NotServiceable, CourierRefused, WalletEmpty])
def test_another_account_takes_over(shipping: Shipping, refusal: type[NotServiceable]) -> None:
    order_id = shipping.order()
    parcel_id = shipping.parcel(order_id)
    first = shipping.book(parcel_id)
    shipping.accounts["main"] = main = FakeAggregator(refusing={"*": refusal})

    shipping.push("main")
    shipping.push("spare")

    second = shipping.bookings(parcel_id)[-1]
    assert (second.account, second.reference) == ("spare", f"{first.reference}-2")
    assert second.booked.awb.startswith("SPARE")
    assert second.booked.courier is not None
    assert second.booked.courier.code == "7"
    assert set(shipping.effects(first).values()) == {"cancelled"}
    assert main.orders == {}
    assert "courier_changed" in shipping.events(order_id)
    assert shipping.oms.quarantined() == {}


def test_an_order_that_gets_no_awb_is_cancelled_where_it_was_left(shipping: Shipping) -> None:
    parcel_id = shipping.parcel(shipping.order())
    first = shipping.book(parcel_id)
    shipping.accounts["main"] = main = FakeAggregator(books_with_courier=False, refusing={"*": WalletEmpty})

    shipping.push("main")
    shipping.push("spare")

    assert main.orders[first.reference].cancelled
    assert shipping.effects(first)["cancel_booking"] == "done"
    assert shipping.bookings(parcel_id)[-1].booked.awb.startswith("SPARE")


def test_what_nobody_takes_is_for_a_person(shipping: Shipping) -> None:
    parcel_id = shipping.parcel(shipping.order())
    shipping.book(parcel_id)
    for account in ("main", "spare"):
        shipping.accounts[account] = FakeAggregator(account, refusing={"*": NotServiceable})

    shipping.push("main")
    shipping.push("spare")

    [entry] = shipping.oms.rows("select instance, code, reason, way_out from quarantine where resolved_at is null")
    assert entry["instance"] == "loom"
    assert entry["code"] == "book_parcel"
    assert "No courier of spare takes parcel" in entry["reason"]
    assert "Pincode not served." in entry["reason"]
    assert "Name another courier or account" in entry["way_out"]


def test_a_reference_of_a_cancelled_order_is_not_used_again(shipping: Shipping) -> None:
    parcel_id = shipping.parcel(shipping.order())
    first = shipping.book(parcel_id)
    shipping.push()
    shipping.cancel(first)
    shipping.push()

    second = shipping.book(parcel_id)
    shipping.push()

    assert second.reference == f"{first.reference}-2"
    assert set(shipping.effects(second).values()) == {"done"}


def test_an_order_that_somebody_cancelled_there_is_booked_anew(shipping: Shipping) -> None:
    """A person cancelled it in the aggregator's panel while the answer to the booking was lost."""
    parcel_id = shipping.parcel(shipping.order())
    first = shipping.book(parcel_id)
    shipping.accounts["main"] = main = FakeAggregator()
    main.faults.append(Fault("create_order", LOST, "after"))

    def cancel_there(method: str) -> None:
        if method == "find":
            main.orders[first.reference] = replace(main.orders[first.reference], cancelled=True)

    main.before_call = cancel_there
    shipping.push(times=8)

    second = shipping.bookings(parcel_id)[-1]
    assert second.reference == f"{first.reference}-2"
    assert second.booked.awb


def test_cod_on_a_prepaid_order_is_refused_before_the_call(shipping: Shipping) -> None:
    order_id = shipping.order(method="razorpay", status="processing", state="processing")
    shipping.book(shipping.parcel(order_id, cod=Decimal(500)))

    shipping.push()

    assert shipping.accounts["main"].calls == {}
    [entry] = shipping.oms.rows("select reason from quarantine where resolved_at is null")
    assert "is prepaid: Rs 500 must not be collected at the door" in entry["reason"]


def test_one_bad_parcel_does_not_stop_the_others(shipping: Shipping) -> None:
    bad = shipping.book(shipping.parcel(shipping.order(method="razorpay", status="processing", state="processing")))
    good = shipping.book(shipping.parcel(shipping.order()))

    shipping.push()

    assert shipping.effects(bad)["book_parcel"] == "failed"
    assert shipping.effects(good) == ALL_DONE


def test_a_reverse_pickup_is_booked_the_other_way_round(shipping: Shipping) -> None:
    parcel_id = shipping.parcel(shipping.order(), Direction.REVERSE)
    booking = shipping.book(parcel_id)

    shipping.push()

    main = shipping.accounts["main"]
    told = main.bookings[booking.reference]
    assert (main.calls["create_return"], main.calls["create_order"]) == (1, 0)
    assert (told.origin.name.split()[-1], told.destination.company) == ("Rao", "Pune warehouse")
    assert told.return_reason == "too small"
    assert shipping.effects(booking) == ALL_DONE


def test_a_shadow_store_books_nothing(shipping: Shipping) -> None:
    order_id = shipping.order()
    shipping.oms.run("update sales_order set shadow = true where id = :id", id=order_id)
    booking = shipping.book(shipping.parcel(order_id))

    shipping.push()

    assert set(shipping.effects(booking).values()) <= {"withheld", "planned"}
    assert shipping.accounts["main"].calls == {}
