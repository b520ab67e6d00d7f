"""The stand-in of Clickpost, line by line of what is known of its server (the facts' section 9)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.contract.raw import Raw, raw

from magento_oms.ports import Booked, Courier, Direction

CREATE = "/api/v3/create-order/"
CANCEL = "/api/v1/cancel-order/"
TRACK = "/api/v2/track-order/"


@pytest.fixture
def call(courier_sandbox: str) -> Raw:
    return raw(courier_sandbox, "clickpost")


@pytest.fixture
def booked(call: Raw) -> Booked:
    return call.joined.book(call.joined.booking())


def body_of(call: Raw, *, reference: str, **details: Any) -> dict[str, Any]:
    body = call.request_of()
    body["shipment_details"] |= {"reference_number": reference, **details}
    return body


def meta(answer: Any) -> tuple[int, int]:
    return answer.status_code, answer.json()["meta"]["status"]


def test_a_wrong_key_is_301_inside_200(call: Raw) -> None:
    assert meta(call("POST", CREATE, {}, params={"key": "wrong"})) == (200, 301)


@pytest.mark.parametrize("success", [True, False])
def test_a_reference_again_is_323_with_the_first_result(call: Raw, booked: Booked, success: bool) -> None:
    call.joined.stand_in.switch(repeat_success=success)

    again = call("POST", CREATE, call.request_of())

    assert meta(again) == (200, 323)
    assert again.json()["meta"]["success"] is success
    assert again.json()["result"]["waybill"] == booked.awb


def test_a_queued_order_is_202_then_102_then_323(call: Raw, booked: Booked) -> None:
    call.joined.stand_in.switch(**{"async": True, "ready_after": 2})
    body = body_of(call, reference="R-2")

    told = [meta(call("POST", CREATE, body)) for _ in range(3)]

    assert told == [(200, 202), (200, 102), (200, 323)]
    assert call.joined.real("awb", "R-2") == 1


@pytest.mark.parametrize(("details", "code"), [
    ({"courier_partner": "4"}, 302),
    ({"cod_value": 0}, 315),
    ({"delivery_type": "RVP", "order_type": "PREPAID", "cod_value": 0, "courier_partner": 25}, 310),
    ({"account_code": ""}, 351),
    ({"account_code": "another"}, 353),
    ({"items": []}, 312),
    ({"weight": "350"}, 314),
])  # fmt: skip
def test_what_is_wrong_with_an_order_has_a_number(
    call: Raw, booked: Booked, details: dict[str, Any], code: int
) -> None:
    body = body_of(call, reference="R-2", **details)
    for name in details.keys() & {"delivery_type"}:
        body["additional"][name] = details[name]
    if not details.get("account_code", "x"):
        body["additional"].pop("account_code", None)

    assert meta(call("POST", CREATE, body)) == (200, code)


def test_a_reverse_pickup_by_a_forward_courier_is_311(call: Raw) -> None:
    booking = call.joined.booking(Direction.REVERSE)
    call.joined.book(booking)
    body = body_of(call, reference="R-2", courier_partner=4)

    assert meta(call("POST", CREATE, body)) == (200, 311)


@pytest.mark.parametrize("code", [319, 322, 329])
def test_faults_of_a_courier(call: Raw, booked: Booked, code: int) -> None:
    call.joined.stand_in.switch(courier_fault={"4": code}, fault_places_order=False)

    assert meta(call("POST", CREATE, body_of(call, reference="R-2"))) == (200, code)


def test_a_cancellation_again_is_600(call: Raw, booked: Booked) -> None:
    asked = {"waybill": booked.awb, "cp_id": "4", "account_code": "main"}

    told = [meta(call("GET", CANCEL, params=asked)) for _ in range(2)]

    assert told == [(200, 200), (200, 600)]


def test_an_unknown_cancellation_is_400_with_350(call: Raw) -> None:
    assert meta(call("GET", CANCEL, params={"waybill": "none", "cp_id": "4"})) == (400, 350)


def test_an_aggregators_cancellation_is_202_and_a_webhook_later(call: Raw) -> None:
    from commerce_sandbox.couriers.clickpost import AGGREGATORS

    code = min(AGGREGATORS)
    call.joined.stand_in.set_up(webhook={"url": "http://127.0.0.1:9/nobody", "secret": "k3y"})
    booked = call.joined.book(call.joined.booking(courier=Courier(code, account="main")))

    answer = call("GET", CANCEL, params={"waybill": booked.awb, "cp_id": code, "account_code": "main"})

    assert answer.json()["meta"]["status"] == 202
    last = json.loads(call.joined.stand_in.deliveries()[-1]["body"])
    assert (last["waybill"], last["clickpost_status_code"]) == (booked.awb, 10)


@pytest.mark.parametrize("unknown", ["null", "invalid"])
def test_an_unknown_waybill(call: Raw, unknown: str) -> None:
    call.joined.stand_in.switch(unknown_tracking=unknown)

    answer = call("GET", TRACK, params={"waybill": "none", "cp_id": "4"}).json()

    assert answer["result"] is None if unknown == "null" else answer["result"]["none"]["valid"] is False


def test_more_than_five_waybills_are_an_error(call: Raw) -> None:
    answer = call("GET", TRACK, params={"waybill": ",".join("123456"), "cp_id": "4"}).json()

    assert answer["meta"]["success"] is False


@pytest.mark.parametrize("header", ["webhook_key", "authorization"])
def test_webhooks_carry_the_key_in_either_header(call: Raw, header: str) -> None:
    rows = _deliveries(call, webhook_auth=header)

    name = "webhook_key" if header == "webhook_key" else "Authorization"
    assert {row["headers"][name] for row in rows} == {"k3y"}


def test_three_scans_at_once_with_the_same_latest_status(call: Raw) -> None:
    bodies = [json.loads(row["body"]) for row in _deliveries(call, webhook_shape="bulk")][:3]

    assert len({body["clickpost_status_code"] for body in bodies}) > 1
    assert len({body["additional"]["latest_status"]["clickpost_status_code"] for body in bodies}) == 1


def test_a_reverse_pickup_says_so(call: Raw) -> None:
    bodies = [json.loads(row["body"]) for row in _deliveries(call, Direction.REVERSE, "reverse_qc_failed")]

    assert {body["additional"]["is_rvp"] for body in bodies} == {True}
    assert bodies[-1]["additional"]["npr_status_code"] == 3


def test_a_failed_delivery_carries_its_ndr_code(call: Raw) -> None:
    bodies = [json.loads(row["body"]) for row in _deliveries(call, journey="second_attempt")]

    assert any(body["additional"]["ndr_status_code"] for body in bodies)


def _deliveries(
    call: Raw, direction: Direction = Direction.FORWARD, journey: str = "delivered", **switches: Any
) -> list[dict[str, Any]]:
    stand_in = call.joined.stand_in
    stand_in.switch(**switches)
    stand_in.set_up(webhook={"url": "http://127.0.0.1:9/nobody", "secret": "k3y"}, emitter={"shuffle_seconds": 3600})
    booking = call.joined.booking(direction)
    call.joined.book(booking)
    stand_in.journey(booking.reference, journey)
    while stand_in.advance(1, reference=booking.reference):
        pass
    return stand_in.deliveries()
