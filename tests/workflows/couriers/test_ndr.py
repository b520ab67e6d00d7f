"""Parcels that could not be delivered: the queue, and what a person may decide."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from tests.workflows.couriers.conftest import Shipping
from tests.workflows.couriers.fake_aggregator import STATUSES, scan

from magento_oms.ports import NdrAction, NdrRequest
from magento_oms.storage.database import engine
from magento_oms.storage.parcels import StoredBooking
from magento_oms.workflows.couriers.ndr import CannotDecide, NdrCase, decide, queue
from magento_oms.workflows.couriers.tracking import poll

Booked = Callable[[], StoredBooking]


def tell(shipping: Shipping, booking: StoredBooking, code: str, hours: float = 0, remark: str = "") -> None:
    """The tracking tells of a scan, that many hours before now."""
    awb = booking.booked.awb
    ago = (
        datetime.now(UTC) - timedelta(hours=200 - hours) - datetime(2026, 11, 21, 6, tzinfo=UTC)
    ).total_seconds() / 3600
    shipping.accounts["main"].scans[awb].append(scan(code, awb, ago, remark=remark))
    shipping.oms.run("update courier_booking set track_at = now() where awb = :awb", awb=awb)
    poll(shipping.oms.url, "main", shipping.accounts["main"], STATUSES, holder="test")


def cases(shipping: Shipping, *, all_of_them: bool = False) -> list[NdrCase]:
    with engine(shipping.oms.url).connect() as connection:
        return queue(connection, all_of_them=all_of_them)


def test_a_failed_delivery_waits_for_a_person(shipping: Shipping, booked: Booked) -> None:
    booking = booked()
    booked()
    tell(shipping, booking, "delivery_failed", 1, "Door locked")
    tell(shipping, booking, "delivery_failed", 25, "Customer asked for another day")

    [case] = cases(shipping)

    assert case.booking.id == booking.id
    assert (case.attempts, case.reason, case.decision) == (2, "Customer asked for another day", "")


def test_the_courier_is_told_what_was_decided(shipping: Shipping, booked: Booked) -> None:
    booking = booked()
    tell(shipping, booking, "delivery_failed", 1)
    with engine(shipping.oms.url).begin() as connection:
        decide(
            connection, booking.id, NdrAction.REATTEMPT, by="asha", comment="call first", on=date(2026, 11, 26),
            phone="9811111111", address_lines=["Gate 2"],
        )  # fmt: skip
    assert cases(shipping) == []

    shipping.push()

    [(awb, request)] = shipping.accounts["main"].ndr
    assert awb == booking.booked.awb
    assert request == NdrRequest(
        NdrAction.REATTEMPT, "call first", date(2026, 11, 26), phone="9811111111", address_lines=("Gate 2",)
    )
    [case] = cases(shipping, all_of_them=True)
    assert case.decision == "reattempt (done)"


def test_another_failed_attempt_asks_the_person_again(shipping: Shipping, booked: Booked) -> None:
    booking = booked()
    tell(shipping, booking, "delivery_failed", 1)
    with engine(shipping.oms.url).begin() as connection:
        decide(connection, booking.id, NdrAction.REATTEMPT, by="asha")
    shipping.push()
    shipping.oms.run("update ndr_decision set decided_at = decided_at - interval '199 hours'")

    tell(shipping, booking, "delivery_failed", 30)

    [case] = cases(shipping)
    assert case.attempts == 2
    with engine(shipping.oms.url).begin() as connection:
        decide(connection, booking.id, NdrAction.RETURN_TO_ORIGIN, by="asha")
    shipping.push()
    assert [request.action for _, request in shipping.accounts["main"].ndr] == ["reattempt", "return_to_origin"]


def test_nothing_is_decided_about_a_parcel_that_has_ended(shipping: Shipping, booked: Booked) -> None:
    booking = booked()
    tell(shipping, booking, "rto", 1)

    with engine(shipping.oms.url).begin() as connection, pytest.raises(CannotDecide, match="is rto_initiated"):
        decide(connection, booking.id, NdrAction.REATTEMPT, by="asha")


def test_a_decision_that_came_too_late_is_not_told(shipping: Shipping, booked: Booked) -> None:
    booking = booked()
    tell(shipping, booking, "delivery_failed", 1)
    with engine(shipping.oms.url).begin() as connection:
        decide(connection, booking.id, NdrAction.REATTEMPT, by="asha")
    tell(shipping, booking, "delivered", 3)

    shipping.push()

    assert shipping.accounts["main"].ndr == []
    assert shipping.effects(booking)["ndr_action"] == "cancelled"


def test_nothing_personal_is_kept_with_the_effect(shipping: Shipping, booked: Booked) -> None:
    booking = booked()
    tell(shipping, booking, "delivery_failed", 1)
    with engine(shipping.oms.url).begin() as connection:
        decide(connection, booking.id, NdrAction.REATTEMPT, by="asha", phone="9811111111", address_lines=["Gate 2"])

    for row in shipping.oms.rows(
        "select details::text as told from effect union all select details::text from order_event"
    ):
        assert "9811111111" not in row["told"]
        assert "Gate 2" not in row["told"]
