"""A booking is taken back at any point of its life, once."""

from __future__ import annotations

import pytest
from tests.workflows.couriers.conftest import Shipping
from tests.workflows.couriers.fake_aggregator import STATUSES, FakeAggregator, Fault, scan

from magento_oms.ports import Direction, ParcelStatus, UnknownOutcome
from magento_oms.workflows.couriers.tracking import poll

LOST = UnknownOutcome("The answer was lost.")


def test_what_was_not_sent_is_dropped(shipping: Shipping) -> None:
    booking = shipping.book(shipping.parcel(shipping.order()))

    shipping.cancel(booking)
    shipping.push()

    assert set(shipping.effects(booking).values()) == {"cancelled"}
    assert shipping.accounts["main"].calls == {}


@pytest.mark.parametrize("direction", list(Direction))
def test_what_is_there_is_cancelled_there(shipping: Shipping, direction: Direction) -> None:
    parcel_id = shipping.parcel(shipping.order(), direction)
    booking = shipping.book(parcel_id)
    shipping.push()

    shipping.cancel(booking)
    shipping.cancel(booking)
    shipping.push()

    [stored] = shipping.bookings(parcel_id)
    assert shipping.accounts["main"].ledger["cancel", booking.reference] == 1
    assert stored.status in (ParcelStatus.CANCELLED, ParcelStatus.RETURN_CANCELLED)


def test_what_is_under_way_is_cancelled_once_it_is_known(shipping: Shipping) -> None:
    parcel_id = shipping.parcel(shipping.order())
    booking = shipping.book(parcel_id)
    shipping.accounts["main"] = main = FakeAggregator()
    main.faults.append(Fault("create_order", LOST, "after"))
    shipping.push(times=1)

    shipping.cancel(booking)
    shipping.push(times=8)

    assert main.orders[booking.reference].cancelled
    assert shipping.effects(booking)["cancel_booking"] == "done"


def test_what_did_not_happen_is_not_sent_again(shipping: Shipping) -> None:
    booking = shipping.book(shipping.parcel(shipping.order()))
    shipping.accounts["main"] = main = FakeAggregator()
    main.faults.append(Fault("create_order", LOST, "before"))
    shipping.push(times=1)

    shipping.cancel(booking)
    shipping.push(times=8)

    assert main.orders == {}
    assert set(shipping.effects(booking).values()) == {"cancelled"}


def test_a_cancellation_goes_on_though_its_order_is_cancelled(shipping: Shipping) -> None:
    order_id = shipping.order()
    booking = shipping.book(shipping.parcel(order_id))
    shipping.push()
    shipping.accounts["main"].faults.append(Fault("cancel_order", LOST, "after"))
    shipping.cancel(booking)
    shipping.oms.run("update sales_order set state = 'cancelled' where id = :id", id=order_id)

    shipping.push(times=8)

    assert shipping.effects(booking)["cancel_booking"] == "done"
    assert shipping.accounts["main"].ledger["cancel", booking.reference] == 1


def test_a_cancelled_parcel_that_moves_all_the_same_is_for_a_person(shipping: Shipping) -> None:
    parcel_id = shipping.parcel(shipping.order())
    booking = shipping.book(parcel_id)
    shipping.push()
    shipping.cancel(booking)
    shipping.push()
    [stored] = shipping.bookings(parcel_id)
    main = shipping.accounts["main"]
    main.scans[stored.booked.awb].append(scan("in_transit", stored.booked.awb, 24 * 365))
    shipping.oms.run("update courier_booking set track_at = now()")

    poll(shipping.oms.url, "main", main, STATUSES, holder="test")

    assert shipping.bookings(parcel_id)[0].status is ParcelStatus.IN_TRANSIT
    assert shipping.oms.quarantined() == {f"booking:{booking.id}": "cancelled_parcel_moves"}
