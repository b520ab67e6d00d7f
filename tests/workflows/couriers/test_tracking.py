"""Where parcels are: read from the tracking API, told by webhooks, in any order and any number of times."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import orjson
import pytest
from tests.workflows.couriers.conftest import Shipping
from tests.workflows.couriers.fake_aggregator import STATUSES, T0, Fault, scan

from magento_oms.domain.parcel_states import ParcelState
from magento_oms.domain.tracking_pace import next_look
from magento_oms.ports import CourierEvent, ParcelStatus, PermanentError, RetryableError
from magento_oms.storage import scans, webhooks
from magento_oms.storage.database import engine
from magento_oms.storage.parcels import StoredBooking
from magento_oms.workflows.couriers.tracking import AnotherPollRuns, TrackingSummary, poll
from magento_oms.workflows.couriers.webhooks import WebhookReader, work_on_all

Booked = Callable[[], StoredBooking]


def read(body: Any) -> Sequence[CourierEvent]:
    """A vendor's reader: a list of scans; an empty one is a test ping."""
    if not isinstance(body, list):
        raise ValueError("it is no list of scans")  # noqa: TRY004  (as the port wants it)
    return [scan(each["code"], each["awb"], each["hours"]) for each in body]


READERS = {"courier:main": WebhookReader("main", read, STATUSES)}


@pytest.fixture
def tracked(shipping: Shipping) -> Callable[[], TrackingSummary]:
    """Reads the tracking of everything that is under way."""

    def run() -> TrackingSummary:
        shipping.oms.run("update courier_booking set track_at = now() where track_at is not null")
        return poll(shipping.oms.url, "main", shipping.accounts["main"], STATUSES, holder="test")

    return run


def tell(shipping: Shipping, *bodies: Any) -> None:
    """The courier sends webhooks, and they are worked on."""
    for body in bodies:
        with engine(shipping.oms.url).begin() as connection:
            webhooks.store(connection, [("courier:main", orjson.dumps(body))])
    work_on_all(shipping.oms.url, READERS)


def status(shipping: Shipping, booking: StoredBooking) -> str:
    """Where the parcel is now."""
    [row] = shipping.oms.rows("select status from courier_booking where id = :id", id=booking.id)
    return str(row["status"])


def test_all_live_parcels_are_read_in_the_vendors_batches(
    shipping: Shipping, booked: Booked, tracked: Callable[[], TrackingSummary]
) -> None:
    bookings = [booked() for _ in range(5)]
    main = shipping.accounts["main"]
    for booking in bookings[:4]:
        main.scans[booking.booked.awb] += [
            scan("picked_up", booking.booked.awb),
            scan("in_transit", booking.booked.awb, 5),
        ]

    summary = tracked()

    assert (summary.read, summary.requests, summary.moved, summary.unknown_there) == (5, 3, 4, 1)
    assert summary.now == {"in_transit": 4}
    assert [status(shipping, booking) for booking in bookings] == ["in_transit"] * 4 + ["pickup_scheduled"]
    assert shipping.oms.rows(
        "select distinct expected_on::text as day from courier_booking where status = 'in_transit'"
    ) == [{"day": "2026-11-25"}]


def test_what_has_ended_is_not_read_again(
    shipping: Shipping, booked: Booked, tracked: Callable[[], TrackingSummary]
) -> None:
    booking = booked()
    shipping.accounts["main"].scans[booking.booked.awb].append(scan("delivered", booking.booked.awb))

    assert tracked().read == 1
    assert status(shipping, booking) == "delivered"
    assert tracked().read == 0


def test_one_refused_awb_does_not_hide_the_others(
    shipping: Shipping, booked: Booked, tracked: Callable[[], TrackingSummary]
) -> None:
    bookings = [booked(), booked()]
    main = shipping.accounts["main"]
    for booking in bookings:
        main.scans[booking.booked.awb].append(scan("in_transit", booking.booked.awb))
    main.faults.append(Fault("track", PermanentError("Bad AWB among them."), times=2))

    summary = tracked()

    assert (summary.refused, summary.moved) == (1, 1)


def test_trouble_of_the_account_ends_the_poll_and_keeps_what_was_read(
    shipping: Shipping, booked: Booked, tracked: Callable[[], TrackingSummary]
) -> None:
    bookings = [booked() for _ in range(3)]
    main = shipping.accounts["main"]
    for booking in bookings:
        main.scans[booking.booked.awb].append(scan("in_transit", booking.booked.awb))
    calls = itertools.count(1)

    def break_down(method: str) -> None:
        if method == "track" and next(calls) == 2:
            raise RetryableError("HTTP 503")

    main.before_call = break_down
    with pytest.raises(RetryableError):
        tracked()

    assert [status(shipping, booking) for booking in bookings] == ["in_transit", "in_transit", "pickup_scheduled"]


def test_one_poll_of_an_account_at_a_time(shipping: Shipping, booked: Booked) -> None:
    booked()
    shipping.oms.run(
        "insert into lease (name, holder, expires_at) values ('tracking:main', 'x', now() + interval '1 minute')"
    )

    with pytest.raises(AnotherPollRuns):
        poll(shipping.oms.url, "main", shipping.accounts["main"], STATUSES, holder="test")


@pytest.mark.parametrize(
    ("state", "days", "hours"),
    [
        (ParcelStatus.CREATED, 0, 1),
        (ParcelStatus.IN_TRANSIT, 3, 3),
        (ParcelStatus.IN_TRANSIT, 10, 8),
        (ParcelStatus.IN_TRANSIT, 40, 24),
        (ParcelStatus.OUT_FOR_DELIVERY, 10, 0.25),
        (ParcelStatus.CANCELLED, 1, 24),
        (ParcelStatus.CANCELLED, 11, None),
        (ParcelStatus.DELIVERED, 1, None),
        (ParcelStatus.IN_TRANSIT, 91, None),
    ],
)
def test_parcels_are_looked_at_more_rarely_as_they_age(state: ParcelStatus, days: int, hours: float | None) -> None:
    assert next_look(ParcelState(state), timedelta(days=days)) == (None if hours is None else timedelta(hours=hours))


def test_a_webhook_moves_a_parcel_and_a_repeat_does_nothing(shipping: Shipping, booked: Booked) -> None:
    booking = booked()
    body = [{"code": "in_transit", "awb": booking.booked.awb, "hours": 1}]

    tell(shipping, body, body, [*body, *body])

    assert status(shipping, booking) == "in_transit"
    rows = shipping.oms.rows("select outcome, repeats from webhook order by id")
    assert [row["outcome"] for row in rows] == ["pickup_scheduled → in_transit", "known already"]
    assert [row["repeats"] for row in rows] == [1, 0]
    assert len(shipping.oms.rows("select id from parcel_event where code = 'in_transit'")) == 1


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_the_order_in_which_webhooks_come_means_nothing(
    shipping: Shipping, booked: Booked, order: tuple[int, ...]
) -> None:
    booking = booked()
    told = [
        [{"code": code, "awb": booking.booked.awb, "hours": hours}]
        for hours, code in enumerate(("picked_up", "out_for_delivery", "delivery_failed", "rto"))
    ]

    tell(shipping, *(told[place] for place in order))

    assert status(shipping, booking) == "rto_initiated"
    assert len(shipping.oms.rows("select id from parcel_event where code <> 'oms:pickup_scheduled'")) == 4


def test_an_end_that_a_webhook_tells_is_read_back_before_it_counts(shipping: Shipping, booked: Booked) -> None:
    booking = booked()
    awb = booking.booked.awb
    tell(shipping, [{"code": "delivered", "awb": awb, "hours": 9}])
    assert status(shipping, booking) == "pickup_scheduled"
    assert shipping.oms.rows("select outcome from webhook") == [
        {"outcome": "says delivered: read back before it counts"}
    ]

    shipping.push(times=2)
    assert status(shipping, booking) == "pickup_scheduled", "the tracking tells nothing yet"
    shipping.accounts["main"].scans[awb].append(scan("delivered", awb, 9.5))
    shipping.push()

    assert status(shipping, booking) == "delivered"
    assert shipping.effects(booking)["confirm_status"] == "done"


def test_an_end_is_not_read_back_before_the_awb_is_known(shipping: Shipping, booked: Booked) -> None:
    """The answer that told the AWB may be lost, and the parcel delivered before it was looked up."""
    booking = booked()
    awb = booking.booked.awb
    tell(shipping, [{"code": "delivered", "awb": awb, "hours": 9}])
    set_awb = "update courier_booking set awb = :awb, booked = booked || jsonb_build_object('awb', cast(:awb as text))"
    shipping.oms.run(set_awb, awb="")
    shipping.push(times=2)
    assert shipping.accounts["main"].calls["track"] == 0

    shipping.oms.run(set_awb, awb=awb)
    shipping.accounts["main"].scans[awb].append(scan("delivered", awb, 9.5))
    shipping.push()

    assert status(shipping, booking) == "delivered"


def test_a_forged_end_is_never_believed(shipping: Shipping, booked: Booked) -> None:
    booking = booked()
    tell(shipping, [{"code": "delivered", "awb": booking.booked.awb, "hours": 9}])

    shipping.push(times=12)

    assert status(shipping, booking) == "pickup_scheduled"
    assert shipping.effects(booking)["confirm_status"] == "done"
    assert shipping.accounts["main"].calls["track"] == 8


def test_an_unknown_code_keeps_the_state_and_is_counted(shipping: Shipping, booked: Booked) -> None:
    booking = booked()
    tell(shipping, [{"code": "delivered_to_neighbour", "awb": booking.booked.awb, "hours": hours} for hours in (1, 2)])

    assert status(shipping, booking) == "pickup_scheduled"
    with engine(shipping.oms.url).connect() as connection:
        [code] = scans.unknown_codes(connection)
    assert (code["aggregator"], code["code"], code["times"]) == ("eshipz", "delivered_to_neighbour", 2)


def test_what_cannot_be_understood_is_kept_and_can_be_worked_on_again(shipping: Shipping, booked: Booked) -> None:
    booking = booked()
    awb = booking.booked.awb
    tell(shipping, {"odd": 1}, [{"code": "in_transit"}], [{"code": "picked_up", "awb": "OTHER", "hours": 1}], [])
    outcomes = [row["outcome"] for row in shipping.oms.rows("select outcome from webhook order by id")]
    assert outcomes == [
        "not understood: it is no list of scans",
        "failed: KeyError",
        "no such parcel",
        "a test: it tells of nothing",
    ]

    # the parcel becomes known later
    shipping.oms.run("update courier_booking set awb = 'OTHER' where awb = :awb", awb=awb)
    with engine(shipping.oms.url).begin() as connection:
        assert webhooks.work_again(connection, outcome_like="no such parcel%") == 1
    work_on_all(shipping.oms.url, READERS)

    assert status(shipping, booking) == "picked_up"


def test_a_scan_is_found_by_reference_or_order_id_too(shipping: Shipping, booked: Booked) -> None:
    booking = booked()
    ways = [{"reference": booking.reference}, {"order_ref": booking.booked.order_ref}]
    for hours, way in enumerate(ways):
        code = ("picked_up", "in_transit")[hours]
        event = CourierEvent(code=code, occurred_at=T0 + timedelta(hours=hours), **way)  # type: ignore[arg-type]
        readers = {"courier:main": WebhookReader("main", lambda body, event=event: [event], STATUSES)}  # type: ignore[misc]
        with engine(shipping.oms.url).begin() as connection:
            webhooks.store(connection, [("courier:main", orjson.dumps(way))])
        work_on_all(shipping.oms.url, readers)
        assert status(shipping, booking) == code
