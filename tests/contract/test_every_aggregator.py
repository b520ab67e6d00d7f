"""What every aggregator's hook must keep, whatever its vendor's API looks like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.contract.conftest import TODAY, Joined, join
from tests.contract.vendors import FACTS

from aggregator_hooks.eshipz import requests as eshipz_requests
from aggregator_hooks.shiprocket import requests as shiprocket_requests
from aggregator_hooks.shipway import answers as shipway_answers
from commerce_sandbox.couriers import shipway as shipway_stand_in
from magento_oms.domain.parcel_states import Scan, parcel_state
from magento_oms.ports import (
    Aggregator,
    AuthenticationError,
    BadParcel,
    Booked,
    Booking,
    CourierEvent,
    Direction,
    NdrAction,
    NdrRequest,
    NotFound,
    NotOffered,
    NotServiceable,
    Operation,
    OutsideError,
    PermanentError,
    Question,
    ReferenceUsed,
)

D = Decimal
FORWARD, REVERSE = Direction.FORWARD, Direction.REVERSE
CHANGES = [
    Operation.CREATE_ORDER, Operation.ASSIGN_AWB, Operation.SCHEDULE_PICKUP, Operation.CANCEL_ORDER,
    Operation.CANCEL_AWB, Operation.NDR_ACTION, Operation.CREATE_RETURN, Operation.CANCEL_RETURN,
]  # fmt: skip


# ----------------------------------------------------------------------------------------------------------------------
# Booking
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", list(Direction))
def test_a_parcel_is_booked_with_an_awb(joined: Joined, direction: Direction) -> None:
    booking = joined.booking(direction)

    booked = joined.book(booking)

    [parcel] = joined.stand_in.parcels()
    assert isinstance(joined.hook, Aggregator)
    assert booked.awb == parcel["awb"] != ""
    assert booked.reference == parcel["reference"] == booking.reference
    assert (booked.direction, parcel["direction"]) == (direction, str(direction))
    assert joined.real("order", booking.reference) == joined.real("awb", booking.reference) == 1


def test_the_same_order_again_is_the_same_order(joined: Joined) -> None:
    booking = joined.booking()
    first = joined.book(booking)

    again = joined.surely(lambda: _again(joined, booking, first), booking)

    assert (again.order_ref, again.awb) == (first.order_ref, first.awb)
    assert joined.real("order", booking.reference) == joined.real("awb", booking.reference) == 1


def _again(joined: Joined, booking: Booking, first: Booked) -> Booked:
    """The step that would make the AWB, once more."""
    if joined.hook.books_with_courier:
        return joined.hook.create_order(booking)
    return joined.hook.assign_awb(booking, replace(first, awb=""))


@pytest.mark.parametrize("direction", list(Direction))
def test_it_is_found_by_our_reference_exactly(joined: Joined, direction: Direction) -> None:
    booking = joined.booking(direction)
    longer = replace(booking, reference=booking.reference + "-2")
    joined.book(longer)
    assert joined.hook.find(booking.reference, direction) is None

    booked = joined.book(booking)

    found = joined.hook.find(booking.reference, direction)
    assert found is not None
    assert (found.reference, found.awb, found.cancelled) == (booking.reference, booked.awb, False)


def test_the_collectable_amount_is_told_exactly(joined: Joined) -> None:
    """COD parcels: what the vendor would collect is what is due, store credit already taken off."""
    booking = joined.booking(cod=D("431.50"))
    joined.book(booking)

    request = joined.stand_in.parcels()[0]["document"]["request"]

    amount, marked = joined.facts.collected(request)
    assert (D(str(amount)), marked) == (D("431.50"), True)


def test_weight_and_size_are_in_the_vendors_units(joined: Joined) -> None:
    joined.book(joined.booking())

    request = joined.stand_in.parcels()[0]["document"]["request"]

    read, wanted = joined.facts.measures
    assert [D(str(told)) for told in read(request)] == [D(each) for each in wanted]


# ----------------------------------------------------------------------------------------------------------------------
# What no courier would take
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda b: replace(b, destination=replace(b.destination, phone="980000000")), "destination.phone"),
        (lambda b: replace(b, destination=replace(b.destination, pincode="42200")), "destination.pincode"),
        (lambda b: replace(b, destination=replace(b.destination, lines=("",))), "destination.lines"),
        (lambda b: replace(b, destination=replace(b.destination, lines=("x" * 600,))), "address.lines"),
        (lambda b: replace(b, size=replace(b.size, weight_g=D(0))), "size.weight_g"),
        (lambda b: replace(b, cod=D(9000)), "cod"),
        (lambda b: replace(b, items=()), "items"),
        (lambda b: replace(b, value=D(60000)), "invoice.ewaybill"),
        (lambda b: replace(b, reference="R" * 120), "reference"),
    ],
)
def test_a_bad_parcel_is_refused_before_the_call_with_its_field(
    joined: Joined, change: Callable[[Booking], Booking], field: str
) -> None:
    with pytest.raises(BadParcel) as refusal:
        joined.hook.create_order(change(joined.booking()))

    assert refusal.value.field == field
    assert joined.stand_in.calls() == []
    assert "Asha" not in str(refusal.value)


def test_the_same_sku_twice_is_taken(joined: Joined) -> None:
    booking = joined.booking()
    booked = joined.book(replace(booking, items=(booking.items[0], replace(booking.items[0], quantity=1))))

    assert booked.awb


# ----------------------------------------------------------------------------------------------------------------------
# Refusals
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("vendor_name", "case"), [(name, case) for name in FACTS for case in FACTS[name].refusals])
def test_a_refusal_is_typed_and_leaves_no_awb(joined: Joined, case: str) -> None:
    switches, kind = joined.facts.refusals[case]
    joined.stand_in.switch(**switches)
    booking = joined.booking()

    with pytest.raises(kind) as refusal:
        joined.book(booking)

    assert joined.hook.account in str(refusal.value)
    assert booking.reference in str(refusal.value)
    assert joined.real("awb", booking.reference) == 0


@pytest.mark.parametrize("direction", list(Direction))
def test_couriers_are_offered_for_a_parcel(joined: Joined, direction: Direction) -> None:
    booking = joined.booking(direction)
    asked = Question("411001", "422001", booking.size, booking.value, booking.cod, direction)

    offers = joined.hook.couriers_for(asked)

    assert offers
    assert sorted(offer.recommended for offer in offers) == list(range(len(offers)))
    booked = joined.book(replace(booking, courier=offers[0].courier))
    assert booked.awb


def test_nobody_serves_the_pincode(joined: Joined) -> None:
    joined.stand_in.switch(unserved_pincodes=["422001"])
    booking = joined.booking()

    with pytest.raises(NotServiceable):
        joined.hook.couriers_for(Question("411001", "422001", booking.size, D(500), D(500)))


@pytest.mark.parametrize("none", ["empty", "missing", "404"])
def test_shiprocket_says_in_three_ways_that_nobody_serves(courier_sandbox: str, none: str) -> None:
    """Shiprocket, section 9: an empty list, a missing `data`, HTTP 404."""
    joined = join(courier_sandbox, "shiprocket")
    joined.stand_in.switch(unserved_pincodes=["422001"], serviceability_none=none)

    with pytest.raises(NotServiceable):
        joined.hook.couriers_for(Question("411001", "422001", joined.booking().size, D(500)))


# ----------------------------------------------------------------------------------------------------------------------
# Faults: once, whatever happens
# ----------------------------------------------------------------------------------------------------------------------

FAULTS: dict[str, dict[str, Any]] = {
    "500 before": {"kind": "error_before"},
    "502 before": {"kind": "error_before", "status": 502},
    "500 after": {"kind": "error_after"},
    "504 after": {"kind": "error_after", "status": 504},
    "no answer": {"kind": "timeout_after", "seconds": 3},
    "reset before": {"kind": "reset"},
    "reset after": {"kind": "reset_after"},
    "too fast": {"kind": "too_many_requests", "retry_after": 1},
    "too fast, no hint": {"kind": "too_many_requests"},
    "maintenance": {"kind": "maintenance"},
    "late": {"kind": "latency", "seconds": 0.2},
}


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("fault", FAULTS)
def test_it_is_booked_and_cancelled_once_whatever_fails(joined: Joined, fault: str, direction: Direction) -> None:
    booking = joined.booking(direction)
    hook = joined.hook
    make = hook.create_return if direction is REVERSE else hook.create_order
    path = joined.facts.writes
    joined.stand_in.add_fault(path=path, times=1, **FAULTS[fault])

    booked = joined.surely(lambda: make(booking), booking)
    joined.stand_in.clear_faults()
    joined.stand_in.add_fault(path=path, times=1, **FAULTS[fault])
    if not booked.awb:
        booked = joined.surely(
            lambda: hook.assign_awb(booking, booked), booking, is_there=lambda found: bool(found.awb)
        )
    joined.stand_in.clear_faults()
    joined.stand_in.add_fault(path=path, times=1, **FAULTS[fault])
    joined.surely(lambda: _cancel(hook, booked), booking, is_there=lambda found: found.cancelled)

    assert booked.awb
    real = joined.stand_in.effects()
    assert real["order", booking.reference] == real["awb", booking.reference] == 1
    assert real["cancel", booking.reference] in (1, 2)  # the AWB's and the order's, where they are two
    assert len(joined.stand_in.parcels()) == 1


def _cancel(hook: Aggregator, booked: Booked) -> Booked:
    if booked.direction is REVERSE:
        hook.cancel_return(booked)
        return booked
    if Operation.CANCEL_AWB in hook.operations:
        hook.cancel_awb(booked)
    if Operation.CANCEL_ORDER in hook.operations:
        hook.cancel_order(booked)
    return booked


@pytest.mark.parametrize("direction", list(Direction))
def test_cancelled_already_is_done(joined: Joined, direction: Direction) -> None:
    booking = joined.booking(direction)
    booked = joined.book(booking)

    _cancel(joined.hook, booked)
    _cancel(joined.hook, booked)

    assert joined.stand_in.parcels()[0]["state"] == "cancelled"


def test_a_cancelled_reference_is_not_used_again(joined: Joined) -> None:
    booking = joined.booking()
    booked = joined.book(booking)
    _cancel(joined.hook, booked)

    if joined.facts.reference_lives_on:  # our references are new for every booking
        assert joined.hook.create_order(booking).awb == booked.awb
    else:
        with pytest.raises((ReferenceUsed, PermanentError)):
            joined.book(booking)
    assert joined.real("order", booking.reference) == joined.real("awb", booking.reference) == 1


def test_what_was_picked_up_is_not_quietly_cancelled(joined: Joined) -> None:
    if joined.facts.cancels_always:
        return  # `final` is False there
    booked = joined.book(joined.booking())
    joined.stand_in.advance(4, reference=booked.reference)

    with pytest.raises(PermanentError):
        _cancel(joined.hook, booked)


# ----------------------------------------------------------------------------------------------------------------------
# Papers and pickup
# ----------------------------------------------------------------------------------------------------------------------


def test_the_label_is_a_pdf_from_the_aggregator(joined: Joined) -> None:
    booked = joined.book(joined.booking())

    label = joined.hook.label(booked)

    assert label.content.startswith(b"%PDF-")
    assert booked.awb.encode() in label.content


@pytest.mark.parametrize(
    ("files", "error"), [("html", PermanentError), ("foreign", PermanentError), ("gone", NotFound)]
)
def test_a_label_that_is_none_is_not_taken(joined: Joined, files: str, error: type[OutsideError]) -> None:
    joined.stand_in.set_up(files=files)
    booked = joined.book(joined.booking())

    with pytest.raises(error) as refusal:
        joined.hook.label(booked)

    if files == "foreign":
        assert "files.elsewhere.invalid" in str(refusal.value)


def test_a_pickup_is_asked_for_once(joined: Joined) -> None:
    booking = joined.booking()
    booked = joined.book(booking)
    if Operation.SCHEDULE_PICKUP not in joined.hook.operations:
        with pytest.raises(NotOffered):
            joined.hook.schedule_pickup(booking, booked, TODAY)
        return

    pickup = joined.hook.schedule_pickup(booking, booked, TODAY)

    assert pickup.scheduled_for == TODAY
    assert joined.real("pickup", booking.reference) == 1
    if joined.hook.writes[Operation.SCHEDULE_PICKUP].repeatable:
        joined.hook.schedule_pickup(booking, booked, TODAY)
        assert joined.real("pickup", booking.reference) == 1


def test_a_list_of_parcels_is_handed_over(joined: Joined) -> None:
    booked = [joined.book(joined.booking()) for _ in range(2)]
    if Operation.MANIFEST not in joined.hook.operations:
        with pytest.raises(NotOffered):
            joined.hook.manifest(booked)
        return

    manifest = joined.hook.manifest(booked)

    assert manifest.number or manifest.content.startswith(b"%PDF-")
    assert all(joined.real("manifest", each.reference) == 1 for each in booked)


@pytest.mark.parametrize("action", list(NdrAction))
def test_the_courier_is_told_what_becomes_of_a_failed_delivery(joined: Joined, action: NdrAction) -> None:
    booked = joined.book(joined.booking())

    joined.hook.ndr_action(
        booked, NdrRequest(action, "call first", on=TODAY, phone="9811111111", address_lines=("Gate",))
    )

    assert [kind for kind, reference in joined.stand_in.effects() if kind.startswith("ndr ")] != []


def test_accounts_tell_couriers_and_warehouses(joined: Joined) -> None:
    assert joined.hook.couriers()
    if Operation.PICKUP_LOCATIONS in joined.hook.operations:
        locations = joined.hook.pickup_locations()
        assert joined.booking().pickup_location in {location.code for location in locations}
    else:
        with pytest.raises(NotOffered):
            joined.hook.pickup_locations()


TODAY_THERE = timedelta(hours=5, minutes=30)
"""What India's clock is ahead: days of lists are India's."""


def test_what_was_made_on_some_days_is_listed_over_all_pages(joined: Joined, monkeypatch: pytest.MonkeyPatch) -> None:
    made_from = (datetime.now(UTC) + TODAY_THERE).date()
    if Operation.LIST not in joined.hook.operations:
        with pytest.raises(NotOffered):
            joined.hook.listed(made_from, made_from)
        return
    for page_size in (shiprocket_requests, eshipz_requests):
        monkeypatch.setattr(page_size, "LIST_PAGE", 2)
    for full_page in (shipway_answers, shipway_stand_in):
        monkeypatch.setattr(full_page, "PAGE", 2)
    booked = [joined.book(joined.booking()) for _ in range(5)]
    if Operation.CANCEL_AWB in joined.hook.operations:
        joined.hook.cancel_awb(booked[0])
    joined.hook.cancel_order(booked[0])
    made_until = (datetime.now(UTC) + TODAY_THERE).date()

    listed = {each.reference: each for each in joined.hook.listed(made_from, made_until)}

    assert listed.keys() == {each.reference for each in booked}
    assert listed.pop(booked[0].reference).cancelled
    assert [(listed[each.reference].awb, listed[each.reference].cancelled) for each in booked[1:]] == [
        (each.awb, False) for each in booked[1:]
    ]
    long_ago = made_from - timedelta(days=9)
    assert joined.hook.listed(long_ago, long_ago + timedelta(days=1)) == []


def test_every_change_says_how_its_outcome_is_looked_up(joined: Joined) -> None:
    for operation in CHANGES:
        if operation in joined.hook.operations:
            assert joined.hook.writes[operation].lookup


# ----------------------------------------------------------------------------------------------------------------------
# Where parcels are
# ----------------------------------------------------------------------------------------------------------------------

ENDS = [
    (FORWARD, "delivered", "delivered", 0),
    (FORWARD, "second_attempt", "delivered", 1),
    (FORWARD, "three_failed_then_rto", "rto_delivered", 3),
    (FORWARD, "refused_then_rto", "rto_delivered", 1),
    (FORWARD, "pickup_failed", "delivered", 0),
    (FORWARD, "lost", "lost", 0),
    (REVERSE, "reverse_delivered", "return_delivered", 0),
    (REVERSE, "reverse_qc_failed", "return_qc_failed", 0),
    (REVERSE, "reverse_cancelled", "return_cancelled", 0),
    (REVERSE, "reverse_lost", "lost", 0),
]
HISTORY_WITHOUT_CODES = {"shipway"}
"""Their tracking tells the present code only, so that attempts are counted as they are looked at."""


@pytest.mark.parametrize(("direction", "journey", "end", "attempts"), ENDS)
def test_tracking_tells_how_every_journey_ends(
    joined: Joined, direction: Direction, journey: str, end: str, attempts: int
) -> None:
    booking = joined.booking(direction)
    booked = joined.book(booking)
    joined.stand_in.journey(booking.reference, journey)
    scans: set[Scan] = set()
    for _ in range(20):
        if not joined.stand_in.advance(1, reference=booking.reference):
            break
        scans |= {_read(joined, event, direction) for event in _events(joined, booked)}

    state = parcel_state(scans, direction)

    assert state.status == end
    assert state.failed_attempts == attempts
    assert joined.stand_in.parcels()[0]["awb"] == booked.awb


def _events(joined: Joined, booked: Booked) -> list[CourierEvent]:
    tracking = joined.hook.track([booked])[booked.awb]
    return [*tracking.events, *([tracking.current] if tracking.current else [])]


def _read(joined: Joined, event: CourierEvent, direction: Direction) -> Scan:
    meaning = joined.vendor.statuses.meaning(event, direction)
    assert meaning.known, event
    return Scan(event.code, event.occurred_at, meaning.status, meaning.again)


def test_unknown_awbs_are_absent(joined: Joined) -> None:
    booked = joined.book(joined.booking())
    joined.stand_in.advance(2)

    found = joined.hook.track([booked, replace(booked, awb="999999999999")])

    assert set(found) == {booked.awb}


def test_as_many_awbs_as_a_call_takes(joined: Joined) -> None:
    booked = [joined.book(joined.booking()) for _ in range(joined.hook.track_at_once)]
    joined.stand_in.advance(1)

    assert set(joined.hook.track(booked)) == {each.awb for each in booked}


# ----------------------------------------------------------------------------------------------------------------------
# Webhooks
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vendor_name", "switches"), [(name, switches) for name in FACTS for switches in FACTS[name].shapes]
)
@pytest.mark.parametrize(("direction", "journey", "end", "attempts"), ENDS)
def test_webhooks_of_every_shape_tell_the_same(
    joined: Joined, switches: dict[str, Any], direction: Direction, journey: str, end: str, attempts: int
) -> None:
    import json

    joined.stand_in.switch(**switches)
    joined.stand_in.set_up(webhook={"url": "http://127.0.0.1:9/nobody-listens"}, emitter={"shuffle_seconds": 3600})
    booking = joined.booking(direction)
    booked = joined.book(booking)
    joined.stand_in.journey(booking.reference, journey)
    joined.stand_in.advance(20, reference=booking.reference)

    bodies = [json.loads(row["body"]) for row in joined.stand_in.deliveries()]
    events = [event for body in bodies for event in joined.vendor.read_webhook(body)]
    scans = [_read(joined, event, direction) for event in events]

    assert {event.awb for event in events} == {booked.awb}
    state = parcel_state([*scans, *scans[::-1]], direction)
    assert state.status == end
    if switches not in joined.facts.uncounted:
        assert state.failed_attempts == attempts


@pytest.mark.parametrize("body", [7, "text", None, [1, 2], {"unknown": 1}, [[]]])
def test_what_is_no_webhook_of_theirs_is_refused(joined: Joined, body: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        joined.vendor.read_webhook(body)


def test_an_empty_ping_tells_of_nothing(joined: Joined) -> None:
    assert list(joined.vendor.read_webhook(joined.facts.ping)) == []


# ----------------------------------------------------------------------------------------------------------------------
# Credentials
# ----------------------------------------------------------------------------------------------------------------------


def test_wrong_credentials_are_told_of_and_not_shown(courier_sandbox: str, vendor_name: str) -> None:
    joined = join(courier_sandbox, vendor_name, password="not-the-password-1")

    with pytest.raises(AuthenticationError) as refusal:
        joined.book(joined.booking())

    told = f"{refusal.value} {refusal.value.exchange} {refusal.value!r}"
    assert "not-the-password-1" not in told
    assert joined.real("order", "") == 0


def test_no_secret_is_kept_with_an_error(joined: Joined) -> None:
    _, secret = joined.facts.credentials
    joined.stand_in.add_fault("error_before", path=joined.facts.writes)

    with pytest.raises(OutsideError) as refusal:
        joined.book(joined.booking())

    told = f"{refusal.value} {refusal.value.exchange}"
    assert secret not in told
    assert "Asha" not in told
    assert "9800000001" not in told


def test_a_shiprocket_token_that_expired_is_renewed_once(courier_sandbox: str) -> None:
    """Shiprocket, section 17: an expire-now switch that gives 401."""
    joined = join(courier_sandbox, "shiprocket")
    joined.book(joined.booking())
    joined.stand_in.add_fault("expired_token", path="create", times=1)

    joined.book(joined.booking())

    assert joined.real("login", "") == 2
