"""Where a vendor's own word is missing or sources differ, either answer must do: each of the stand-ins' switches."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.conftest import TODAY, Joined, join

from magento_oms.domain.parcel_states import Scan, parcel_state
from magento_oms.ports import (
    Booked,
    CannotShip,
    ConfigurationError,
    Direction,
    Operation,
    OutsideError,
    PermanentError,
    ReferenceUsed,
)

FORWARD, REVERSE = Direction.FORWARD, Direction.REVERSE

BOOKABLE: dict[str, list[dict[str, Any]]] = {
    "shiprocket": [
        {"duplicate": "taken"}, {"null_awb": "empty"}, {"cancel": "json_200"}, {"awb_cancel_scans": False},
        {"wrong_pickup_data": "nested"}, {"plan": "limited"},
    ],
    "clickpost": [
        {"repeat_success": False}, {"async": True}, {"async": True, "repeat_success": False, "ready_after": 1},
        {"find_by_reference": False}, {"webhook_auth": "authorization"},
    ],
    "shipway": [
        {"after_awb": "same"}, {"after_awb": "second"}, {"history_key": "tracking_history"}, {"awb_type": "number"},
        {"unknown_tracking": "error"}, {"status_as": "label"}, {"placeholder_dates": True},
    ],
    "eshipz": [
        {"duplicate_check": False}, {"files": "without"}, {"files": "later"}, {"cancel_refused_as": "400"},
        {"unknown_tracking": "count"}, {"tracking_wrapped": "data"}, {"tracking_wrapped": "trackings"},
        {"loose_filter": False}, {"strict_booleans": True}, {"multi_box": 3},
    ],
}  # fmt: skip
CASES = [(name, switches) for name in BOOKABLE for switches in BOOKABLE[name]]
TRACKED = [(name, switches) for name, switches in CASES if switches != {"plan": "limited"}]


def _cancel(joined: Joined, booked: Booked) -> Booked:
    if Operation.CANCEL_AWB in joined.hook.operations:
        joined.hook.cancel_awb(booked)
    if Operation.CANCEL_ORDER in joined.hook.operations:
        joined.hook.cancel_order(booked)
    return booked


@pytest.mark.parametrize(("vendor_name", "switches"), CASES, ids=str)
def test_it_is_booked_and_cancelled_once(joined: Joined, switches: dict[str, Any]) -> None:
    joined.stand_in.switch(**switches)
    booking = joined.booking()
    hook = joined.hook

    booked = joined.book_surely(booking)
    if switches == {"duplicate_check": False}:
        return  # nothing at Eshipz refuses a second one: the outbox looks before it repeats
    again = joined.surely(
        lambda: hook.create_order(booking) if hook.books_with_courier else hook.assign_awb(booking, booked), booking
    )

    assert booked.awb
    assert (again.reference, again.awb) == (booking.reference, booked.awb)
    assert joined.real("order", booking.reference) == joined.real("awb", booking.reference) == 1
    joined.surely(lambda: _cancel(joined, booked), booking, is_there=lambda found: found.cancelled)
    assert joined.stand_in.parcels()[0]["state"] == "cancelled"


@pytest.mark.parametrize(("vendor_name", "switches"), TRACKED, ids=str)
def test_it_is_tracked(joined: Joined, switches: dict[str, Any]) -> None:
    joined.stand_in.switch(**switches)
    booking = joined.booking()
    booked = joined.book_surely(booking)
    joined.stand_in.journey(booking.reference, "second_attempt")
    scans: set[Scan] = set()
    while joined.stand_in.advance(1, reference=booking.reference):
        tracking = joined.hook.track([booked])[booked.awb]
        for event in [*tracking.events, *([tracking.current] if tracking.current else [])]:
            meaning = joined.vendor.statuses.meaning(event, FORWARD)
            assert meaning.known, event
            assert event.occurred_at is None or event.occurred_at.year >= 2026
            scans.add(Scan(event.code, event.occurred_at, meaning.status, meaning.again))

    assert parcel_state(scans, FORWARD).status == "delivered"


def test_a_plan_without_tracking_is_told_of(courier_sandbox: str) -> None:
    joined = join(courier_sandbox, "shiprocket")
    booked = joined.book(joined.booking())
    joined.stand_in.switch(plan="limited")

    with pytest.raises(OutsideError) as refusal:
        joined.hook.track([booked])

    assert "Give the API user this module" in refusal.value.way_out


def test_an_order_that_shiprocket_lost_under_load_is_made_in_the_end(courier_sandbox: str) -> None:
    """Shiprocket answers 200 without ids and has made nothing: no order, and no error either."""
    joined = join(courier_sandbox, "shiprocket")
    joined.stand_in.switch(under_load=True)
    booking = joined.booking()
    with pytest.raises(OutsideError):
        joined.hook.create_order(booking)
    assert joined.hook.find(booking.reference, FORWARD) is None

    joined.stand_in.switch(under_load=False)

    assert joined.book(booking).awb
    assert joined.real("order", booking.reference) == 1


@pytest.mark.parametrize("data", ["array", "nested"])
def test_a_wrong_pickup_location_names_the_right_ones(courier_sandbox: str, data: str) -> None:
    """Shiprocket, section 4: HTTP 200 with a sentence and the locations, in two shapes."""
    joined = join(courier_sandbox, "shiprocket")
    joined.stand_in.switch(wrong_pickup_data=data, pickup_locations=["Primary", "Bhiwandi"])

    with pytest.raises(ConfigurationError) as refusal:
        joined.hook.create_order(joined.booking(pickup_location="Nowhere"))

    assert "Bhiwandi" in refusal.value.way_out


@pytest.mark.parametrize("places", [True, False])
@pytest.mark.parametrize("code", [322, 329, 354])
def test_a_courier_that_failed_may_have_made_the_parcel(courier_sandbox: str, code: int, places: bool) -> None:
    """Clickpost, section 3: after 322, 329 and 354 the courier may have it: looked up, never just sent again."""
    joined = join(courier_sandbox, "clickpost")
    joined.stand_in.switch(courier_fault={"4": code}, fault_places_order=places)
    booking = joined.booking()

    with pytest.raises((CannotShip, OutsideError)):
        joined.hook.create_order(booking)
    found = joined.hook.find(booking.reference, FORWARD)

    assert joined.real("awb", booking.reference) == int(places)
    assert (found is not None and bool(found.awb)) is places


def test_a_page_instead_of_an_answer_says_nothing(courier_sandbox: str) -> None:
    """Shipway, section 4: an order is stored, and a page of HTML with status 200 is answered."""
    joined = join(courier_sandbox, "shipway")
    joined.stand_in.switch(html_page=True)
    booking = joined.booking()
    with pytest.raises(OutsideError):
        joined.hook.create_order(booking)

    joined.stand_in.switch(html_page=False)

    assert joined.book(booking).awb
    assert joined.real("order", booking.reference) == joined.real("awb", booking.reference) == 1


@pytest.mark.parametrize("as_list", [True, False])
def test_an_order_without_its_awb_gets_it_later(courier_sandbox: str, as_list: bool) -> None:
    """Shipway, section 4: the order is stored though no carrier took it; the next request with a carrier books it."""
    joined = join(courier_sandbox, "shipway")
    joined.stand_in.switch(awb_refusal="The carrier does not answer", awb_refusal_as="list" if as_list else "string")
    booking = joined.booking()
    with pytest.raises(CannotShip):
        joined.book(booking)
    found = joined.hook.find(booking.reference, FORWARD)
    assert found is not None
    assert found.awb == ""

    joined.stand_in.switch(awb_refusal="")

    assert joined.hook.assign_awb(booking, found).awb
    assert joined.real("order", booking.reference) == joined.real("awb", booking.reference) == 1


def test_an_awb_that_came_after_the_answer_was_given_up_is_found(courier_sandbox: str) -> None:
    """Shipway, section 4: the carrier answers after the client has gone; a repeat would be a second AWB."""
    joined = join(courier_sandbox, "shipway")
    joined.stand_in.switch(slow_after_awb=3, after_awb="second")
    booking = joined.booking()

    booked = joined.surely(lambda: joined.book(booking), booking, is_there=lambda found: bool(found.awb))

    assert booked.awb
    assert joined.real("awb", booking.reference) == 1


@pytest.mark.parametrize("refused_as", ["ok", "400"])
def test_a_cancellation_that_the_carrier_refuses_is_none(courier_sandbox: str, refused_as: str) -> None:
    """Eshipz, section 5: refused with code 200 and success; only the sentence says so."""
    joined = join(courier_sandbox, "eshipz")
    booked = joined.book(joined.booking())
    joined.stand_in.switch(refuse_cancel=True, cancel_refused_as=refused_as)

    with pytest.raises(PermanentError):
        joined.hook.cancel_order(booked)

    assert joined.stand_in.parcels()[0]["state"] != "cancelled"


def test_a_delivery_under_an_exception_is_a_delivery(courier_sandbox: str) -> None:
    """Eshipz, section 6: a proof of delivery under a top tag that stayed Exception."""
    joined = join(courier_sandbox, "eshipz")
    joined.stand_in.switch(pod_under_exception=True)
    booking = joined.booking()
    booked = joined.book(booking)
    joined.stand_in.journey(booking.reference, "delivered")
    joined.stand_in.advance(20, reference=booking.reference)

    tracking = joined.hook.track([booked])[booked.awb]
    events = [*tracking.events, *([tracking.current] if tracking.current else [])]
    meanings = [(event, joined.vendor.statuses.meaning(event, FORWARD)) for event in events]
    state = parcel_state([Scan(e.code, e.occurred_at, m.status, m.again) for e, m in meanings], FORWARD)

    assert state.status == "delivered"


@pytest.mark.parametrize("times", ["gmt", "india"])
def test_eshipz_times_are_as_the_connection_says(courier_sandbox: str, times: str) -> None:
    """Eshipz, section 6: whether a time called GMT is one is not settled: a field of the connection says it."""
    joined = join(courier_sandbox, "eshipz", tracking_times=times)
    joined.stand_in.switch(gmt_is_indian=times == "india")
    booked = joined.book(joined.booking())
    joined.stand_in.advance(1)
    [parcel] = joined.stand_in.parcels()

    events = joined.hook.track([booked])[booked.awb].events

    told = {event.occurred_at.replace(microsecond=0).isoformat() for event in events if event.occurred_at}
    assert {scan["at"][:19] for scan in parcel["scans"]} & {moment[:19] for moment in told}


def test_a_pickup_whose_answer_was_lost_is_made_again_only_where_that_is_safe(joined: Joined) -> None:
    """No vendor promises it: the hook says whether a repeat is safe, and the stand-in counts."""
    booking = joined.booking()
    booked = joined.book(booking)
    if Operation.SCHEDULE_PICKUP not in joined.hook.operations:
        return
    joined.stand_in.add_fault("error_after", path="pickup", times=1)

    joined.surely(lambda: joined.hook.schedule_pickup(booking, booked, TODAY), booking)

    allowed = 1 if joined.hook.writes[Operation.SCHEDULE_PICKUP].repeatable else 2
    assert 1 <= joined.real("pickup", booking.reference) <= allowed


def test_a_reference_that_is_taken_by_a_cancelled_order_is_said_so(courier_sandbox: str) -> None:
    """Shiprocket, section 3: an account that answers 422 for a channel order id it has."""
    joined = join(courier_sandbox, "shiprocket")
    joined.stand_in.switch(duplicate="taken")
    booking = joined.booking()
    booked = joined.book(booking)
    joined.hook.cancel_order(booked)

    with pytest.raises((ReferenceUsed, PermanentError)):
        joined.hook.create_order(booking)
