"""The stand-in of Shipway, line by line of what is known of its server (the facts' section 11)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.contract.raw import Raw, raw

from magento_oms.ports import Booked, Direction


@pytest.fixture
def call(courier_sandbox: str) -> Raw:
    return raw(courier_sandbox, "shipway")


@pytest.fixture
def booked(call: Raw) -> Booked:
    return call.joined.book(call.joined.booking())


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic d3Jvbmc6a2V5"}])
def test_401_without_the_right_credentials(call: Raw, headers: dict[str, str]) -> None:
    assert call("GET", "/getwarehouses", headers=headers).status_code == 401


@pytest.mark.parametrize("slash", ["", "/"])
def test_both_forms_of_a_path(call: Raw, slash: str) -> None:
    assert call("GET", f"/getwarehouses{slash}").status_code == 200


def test_every_call_has_a_flag_of_its_own(call: Raw, booked: Booked) -> None:
    reference = booked.reference
    assert call("GET", "/getorders", params={"orderid": reference}).json()["success"] == 1
    assert call("POST", "/v2orders", call.request_of() | {"order_id": "R-2"}).json()["success"] is True
    rates = {"fromPincode": "411001", "toPincode": "422001", "paymentType": "cod"}
    assert call("GET", "/getshipwaycarrierrates", params=rates).json()["success"] == "success"
    assert call("POST", "/Ndr/ReAttempt", {"order_tracking_number": booked.awb}).json()["success"] == "1"
    assert isinstance(call("POST", "/Cancelorders", {"order_ids": ["R-3"]}).json(), list)
    assert isinstance(call("GET", "/tracking", params={"awb_numbers": booked.awb}).json(), list)
    assert "manifest ids" in call("POST", "/Createmanifest", {"order_ids": [reference]}).json()
    assert isinstance(
        call("POST", "/createpickup", {"order_ids": [reference], "pickup_date": "2026-11-24"}).json(), str
    )


def test_an_order_is_changed_until_it_has_an_awb(call: Raw) -> None:
    call.joined.hook.create_order(call.joined.booking())
    changed = call("POST", "/v2orders", call.request_of() | {"order_weight": "900"})

    assert changed.json()["success"] is True
    assert call.request_of()["order_weight"] == "900"
    assert len(call.joined.stand_in.parcels()) == 1


@pytest.mark.parametrize(("after", "good", "awbs"), [("refuse", False, 1), ("same", True, 1), ("second", True, 2)])
def test_a_carrier_again_after_the_awb(call: Raw, booked: Booked, after: str, good: bool, awbs: int) -> None:
    call.joined.stand_in.switch(after_awb=after)

    answer = call("POST", "/v2orders", call.request_of()).json()

    assert answer["success"] is good
    assert call.joined.real("awb", booked.reference) == awbs


@pytest.mark.parametrize(("shape", "error"), [("list", ["No money"]), ("string", "No money")])
def test_an_order_is_stored_and_its_awb_refused(call: Raw, booked: Booked, shape: str, error: Any) -> None:
    call.joined.stand_in.switch(awb_refusal="No money", awb_refusal_as=shape)

    answer = call("POST", "/v2orders", call.request_of() | {"order_id": "R-2"}).json()

    assert answer["success"] is True
    assert (answer["awb_response"]["success"], answer["awb_response"]["error"]) == (False, error)
    assert (call.joined.real("order", "R-2"), call.joined.real("awb", "R-2")) == (1, 0)


def test_a_page_with_200(call: Raw, booked: Booked) -> None:
    call.joined.stand_in.switch(html_page=True)

    answer = call("POST", "/v2orders", call.request_of() | {"order_id": "R-2"})

    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/html")


def test_429(call: Raw) -> None:
    call.joined.stand_in.add_fault("too_many_requests", path="getwarehouses", times=1)

    assert call("GET", "/getwarehouses").status_code == 429


def test_the_awb_is_made_before_a_slow_answer(call: Raw, booked: Booked) -> None:
    import httpx

    call.joined.stand_in.switch(slow_after_awb=6)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            call.joined.stand_in.url + "/v2orders", json=call.request_of() | {"order_id": "R-2"},
            headers=call.headers, timeout=3, trust_env=False,
        )  # fmt: skip

    assert call.joined.real("awb", "R-2") == 1


def test_pages_of_100_orders_and_a_sentence_for_none(call: Raw, booked: Booked) -> None:
    body = call.request_of()
    for name in ("carrier_id", "warehouse_id"):
        body.pop(name, None)
    for number in range(100):
        call("POST", "/v2orders", body | {"order_id": f"N-{number}"})

    pages = [call("GET", "/getorders", params={"page": str(page)}).json()["message"] for page in (1, 2, 3)]

    assert [len(page) for page in pages[:2]] == [100, 1]
    assert pages[2] == "No orders found"


@pytest.mark.parametrize("key", ["shipment_track_activities", "tracking_history"])
def test_tracking_in_every_shape(call: Raw, booked: Booked, key: str) -> None:
    call.joined.stand_in.switch(
        awb_type="number", history_key=key, status_as="label", placeholder_dates=True, unknown_tracking="error"
    )
    call.joined.stand_in.advance(1)

    row, unknown = call("GET", "/tracking", params={"awb_numbers": f"{booked.awb},999"}).json()

    assert row["awb"] == int(booked.awb)
    assert row["tracking_details"][key]
    assert row["tracking_details"]["shipment_status"] == row["tracking_details"]["shipment_status"].title()
    assert row["tracking_details"]["shipment_details"][0]["pickup_date"].startswith("1970")
    assert unknown == {"awb": "999", "error": "No record found"}


def test_an_unknown_awb_is_missing(call: Raw) -> None:
    assert call("GET", "/tracking", params={"awb_numbers": "999"}).json() == []


def test_both_shapes_of_webhooks(call: Raw) -> None:
    feed = _bodies(call, "feed")
    assert feed[-1]["hash"] == "k3y"
    assert feed[-1]["status_feed"][0]["current_status"] == "DEL"

    single = _bodies(call, "single", Direction.REVERSE, "reverse_delivered")
    assert isinstance(single[-1]["api_input"]["scans"], dict)
    assert isinstance(single[-1]["reverse_tracking_number"], int)
    assert "hash" not in single[-1]


def test_a_reverse_pickup_may_say_plain_delivered(call: Raw) -> None:
    call.joined.stand_in.switch(plain_delivered=True)

    bodies = _bodies(call, "feed", Direction.REVERSE, "reverse_delivered")

    assert bodies[-1]["status_feed"][0]["current_status"] == "DEL"


def _bodies(
    call: Raw, shape: str, direction: Direction = Direction.FORWARD, journey: str = "delivered"
) -> list[dict[str, Any]]:
    stand_in = call.joined.stand_in
    stand_in.switch(webhook_shape=shape)
    stand_in.set_up(webhook={"url": "http://127.0.0.1:9/nobody", "secret": "k3y"}, emitter={"shuffle_seconds": 3600})
    booking = call.joined.booking(direction)
    call.joined.book(booking)
    stand_in.journey(booking.reference, journey)
    while stand_in.advance(1, reference=booking.reference):
        pass
    return [json.loads(row["body"]) for row in stand_in.deliveries()]
