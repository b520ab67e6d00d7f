"""The stand-in of Shiprocket, line by line of what is known of its server (the facts' section 17)."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from tests.contract.raw import Raw, raw

from magento_oms.ports import Booked, Direction


@pytest.fixture
def call(courier_sandbox: str) -> Raw:
    return raw(courier_sandbox, "shiprocket")


@pytest.fixture
def booked(call: Raw) -> Booked:
    return call.joined.book(call.joined.booking())


def test_403_on_a_bad_login(call: Raw) -> None:
    answer = call("POST", "/auth/login", {"email": "api@sandbox.example", "password": "wrong"}, headers={})

    assert answer.status_code == 403


def test_a_token_like_a_jwt_that_lives_ten_days(call: Raw) -> None:
    _, claims, _ = call.headers["Authorization"].removeprefix("Bearer ").split(".")
    told = json.loads(base64.urlsafe_b64decode(claims + "=="))

    assert told["exp"] - told["iat"] == 10 * 24 * 3600


def test_a_switch_that_expires_tokens_now(call: Raw) -> None:
    assert call("GET", "/orders").status_code == 200
    call.joined.stand_in.switch(tokens_from=int(time.time()) + 10)

    assert call("GET", "/orders").status_code == 401


def test_the_same_order_again_is_200_with_the_existing_one(call: Raw, booked: Booked) -> None:
    again = call("POST", "/orders/create/adhoc", call.request_of())

    assert again.status_code == 200
    assert (str(again.json()["order_id"]), again.json()["awb_code"]) == (booked.order_ref, booked.awb)


def test_a_wrong_pickup_location_is_200_with_the_right_ones(call: Raw, booked: Booked) -> None:
    body = call.request_of() | {"order_id": "R-2", "pickup_location": "Nowhere"}

    answer = call("POST", "/orders/create/adhoc", body)

    assert answer.status_code == 200
    assert "Wrong Pickup location" in answer.json()["message"]
    assert answer.json()["data"][0]["pickup_location"] == "Primary"
    assert len(call.joined.stand_in.parcels()) == 1


@pytest.mark.parametrize(("wallet", "code"), [("empty_350", 350), ("empty_assign", None)])
def test_a_wallet_without_money(call: Raw, wallet: str, code: int | None) -> None:
    order = call.joined.hook.create_order(call.joined.booking())
    call.joined.stand_in.switch(wallet=wallet)

    answer = call("POST", "/courier/assign/awb", {"shipment_id": order.shipment_ref, "courier_id": 10}).json()

    assert answer.get("status_code") == code
    assert answer["awb_assign_status"] == 0
    assert call.parcel["awb"] == ""


def test_a_second_assignment_is_400(call: Raw, booked: Booked) -> None:
    answer = call("POST", "/courier/assign/awb", {"shipment_id": booked.shipment_ref, "courier_id": 10})

    assert answer.status_code == 400
    assert "annot reassign" in answer.json()["message"]


def test_a_second_pickup_is_400_in_the_queue(call: Raw, booked: Booked) -> None:
    first, second = (call("POST", "/courier/generate/pickup", {"shipment_id": [booked.shipment_ref]}) for _ in range(2))

    assert (first.status_code, second.status_code) == (200, 400)
    assert second.json()["message"] == "Already in Pickup Queue."


def test_a_label_before_the_awb_is_not_created(call: Raw) -> None:
    order = call.joined.hook.create_order(call.joined.booking())

    answer = call("POST", "/courier/generate/label", {"shipment_id": [order.shipment_ref]})

    assert (answer.status_code, answer.json()["label_created"]) == (200, 0)


def test_tracking_before_the_first_scan_is_200_with_status_0(call: Raw) -> None:
    answer = call("GET", "/courier/track/awb/70000000999")

    assert (answer.status_code, answer.json()["tracking_data"]["track_status"]) == (200, 0)


def test_a_cancellation_is_204_without_a_body(call: Raw, booked: Booked) -> None:
    answer = call("POST", "/orders/cancel", {"ids": [int(booked.order_ref)]})

    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("confirmed", [True, False])
def test_an_awb_is_cancelled_later(call: Raw, booked: Booked, confirmed: bool) -> None:
    call.joined.stand_in.switch(awb_cancel_scans=confirmed)

    answer = call("POST", "/orders/cancel/shipment/awbs", {"awbs": [booked.awb]})

    assert (answer.status_code, "in progress" in answer.json()["message"]) == (200, True)
    assert (call.parcel["state"] == "cancelled") is confirmed


@pytest.mark.parametrize(("path", "body"), [
    ("/orders/cancel/shipment/awbs", {"awbs": "one"}),
    ("/courier/track/awbs", {"awbs": "one"}),
    ("/manifests/generate", {"shipment_id": 7}),
    ("/orders/cancel", {"ids": [987654]}),
])  # fmt: skip
def test_500s_of_its_language_for_bodies_of_another_shape(call: Raw, path: str, body: dict[str, object]) -> None:
    answer = call("POST", path, body)

    assert answer.status_code == 500
    assert "foreach" in answer.json()["message"] or "non-object" in answer.json()["message"]


@pytest.mark.parametrize("shape", ["documented", "older"])
def test_webhooks_carry_both_tables_and_the_key(call: Raw, shape: str) -> None:
    rows = _deliveries(call, shape)

    assert {row["headers"]["x-api-key"] for row in rows} == {"k3y"}
    for row in rows:
        body = json.loads(row["body"])
        assert {"current_status_id", "shipment_status_id", "awb", "scans"} <= body.keys()
    last = json.loads(rows[-1]["body"])
    assert (int(last["shipment_status_id"]), last["current_status"].upper()) == (7, "DELIVERED")


def test_webhooks_without_scans_and_with_na(call: Raw) -> None:
    bodies = [json.loads(row["body"]) for row in _deliveries(call, "na")]

    assert any(body["scans"] == [] for body in bodies)
    assert any(scan["sr-status"] == "NA" for body in bodies for scan in body["scans"])


def _deliveries(call: Raw, shape: str) -> list[dict[str, Any]]:
    stand_in = call.joined.stand_in
    stand_in.switch(webhook_shape=shape)
    stand_in.set_up(webhook={"url": "http://127.0.0.1:9/nobody", "secret": "k3y"}, emitter={"shuffle_seconds": 3600})
    booking = call.joined.booking(Direction.FORWARD)
    call.joined.book(booking)
    stand_in.journey(booking.reference, "delivered")
    while stand_in.advance(1, reference=booking.reference):
        pass
    return stand_in.deliveries()
