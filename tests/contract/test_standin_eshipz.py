"""The stand-in of Eshipz, line by line of what is known of its server (the facts' section 11)."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from tests.contract.raw import Raw, raw

from magento_oms.ports import Booked

CREATE = "/api/v1/create-shipments"
TRACK = "/api/v2/trackings"


@pytest.fixture
def call(courier_sandbox: str) -> Raw:
    return raw(courier_sandbox, "eshipz")


@pytest.fixture
def booked(call: Raw) -> Booked:
    return call.joined.book(call.joined.booking())


def test_401_without_the_right_token(call: Raw) -> None:
    assert call("GET", "/api/v1/get-shipments", headers={"X-API-TOKEN": "wrong"}).status_code == 401


def test_meta_is_an_object_but_a_number_on_pickups(call: Raw, booked: Booked) -> None:
    assert call("GET", "/api/v1/get-shipments").json()["meta"]["code"] == 200
    asked = {"order_id": [booked.order_ref], "pick_datetime": "2026-11-24T15:00:00"}
    assert call("POST", "/api/v1/pickup", asked).json()["meta"] == 200


def test_failures_are_400_inside_200(call: Raw) -> None:
    answer = call("POST", CREATE, {"shipment": {}})

    assert (answer.status_code, answer.json()["meta"]["code"]) == (200, 400)


def test_a_reference_again_is_refused_with_the_awb_at_the_end(call: Raw, booked: Booked) -> None:
    told = json.dumps(call("POST", CREATE, call.request_of()).json()["meta"])

    assert booked.awb in told.rstrip('"}] ')[-20:] or re.search(rf"{booked.awb}\W*$", told)


def test_or_is_not_refused(call: Raw, booked: Booked) -> None:
    call.joined.stand_in.switch(duplicate_check=False)

    call("POST", CREATE, call.request_of())

    assert call.joined.real("awb", booked.reference) == 2


@pytest.mark.parametrize("files", ["without", "later"])
def test_booked_and_no_files_yet(call: Raw, booked: Booked, files: str) -> None:
    call.joined.stand_in.switch(files=files)

    data = call("POST", CREATE, call.request_of() | {"customer_reference": "R-2"}).json()["data"]

    assert "files" not in data
    assert bool(data["tracking_numbers"]) is (files == "without")


@pytest.mark.parametrize(("how", "code"), [("ok", 200), ("400", 400)])
def test_a_refused_cancellation(call: Raw, booked: Booked, how: str, code: int) -> None:
    call.joined.stand_in.switch(refuse_cancel=True, cancel_refused_as=how)

    told = call("POST", "/api/v1/cancel", {"order_id": [booked.order_ref]}).json()["meta"]

    assert told["code"] == code
    assert "failed" in json.dumps(told)
    assert call.parcel["state"] == "booked"


def test_services_good_and_bad_with_an_empty_charge(call: Raw) -> None:
    rates = call("POST", "/api/v2/services", {"shipment": {"ship_to": {"postal_code": "422001"}}}).json()["data"][
        "rates"
    ]

    assert {rate["code"] for rate in rates} == {200, 400}
    assert "" in [each["total_charge"]["amount"] for rate in rates for each in rate["technicality"]]


@pytest.mark.parametrize(("unknown", "answer"), [("empty", []), ("count", {"Count": 0})])
def test_tracking_is_a_bare_array(call: Raw, booked: Booked, unknown: str, answer: Any) -> None:
    call.joined.stand_in.switch(unknown_tracking=unknown)

    assert [item["tracking_number"] for item in call("POST", TRACK, {"track_id": booked.awb}).json()] == [booked.awb]
    assert call("POST", TRACK, {"track_id": "999"}).json() == answer


def test_an_awb_takes_its_time_and_many_take_too_long(call: Raw, booked: Booked) -> None:
    call.joined.stand_in.switch(seconds_an_awb=0.2)
    started = time.monotonic()
    call("POST", TRACK, {"track_id": f"{booked.awb},{booked.awb}"})

    assert time.monotonic() - started >= 0.4
    assert call("POST", TRACK, {"track_id": ",".join(str(number) for number in range(43))}).status_code == 504


def test_another_key_in_the_request_finds_nothing(call: Raw, booked: Booked) -> None:
    assert call("POST", TRACK, {"track_id": booked.awb, "include_split": True}).json() == []


def test_times_differ_between_polling_and_webhooks(call: Raw, booked: Booked) -> None:
    call.joined.stand_in.advance(1)
    [item] = call("POST", TRACK, {"track_id": booked.awb}).json()
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", item["checkpoints"][0]["date"])

    [naive] = _bodies(call, secret="k3y", webhook_shape="flat")[-1:]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", naive["tracking_checkpoint_datetime"])
    [iso] = _bodies(call, secret="k3y", webhook_shape="item")[-1:]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+05:30", iso["checkpoints"][0]["date"])


def test_their_spelling_of_the_reference(call: Raw, booked: Booked) -> None:
    filters = json.dumps({"customer_referenc": booked.reference})

    [row] = call("GET", "/api/v1/get-shipments", params={"db_filters": filters}).json()["data"]

    assert (row["customer_referenc"], row["order_id"]) == (booked.reference, booked.order_ref)


def test_the_filter_of_order_ids_is_loose(call: Raw, booked: Booked) -> None:
    part = booked.order_ref[:-1]
    assert call("GET", "/api/v1/get-shipments", params={"order_id": part}).json()["data"]

    call.joined.stand_in.switch(loose_filter=False)

    assert call("GET", "/api/v1/get-shipments", params={"order_id": part}).json()["data"] == []


def test_429_after_so_many_requests(call: Raw) -> None:
    call.joined.stand_in.set_up(rate_limit={"requests": 3, "seconds": 120})

    told = [call("GET", "/api/v1/get-shipments").status_code for _ in range(4)]

    assert told == [200, 200, 200, 429]


@pytest.mark.parametrize(("strict", "code"), [(False, 200), (True, 400)])
def test_booleans_as_text(call: Raw, booked: Booked, strict: bool, code: int) -> None:
    call.joined.stand_in.switch(strict_booleans=strict)
    body = call.request_of() | {"customer_reference": "R-2", "is_cod": "true"}

    assert call("POST", CREATE, body).json()["meta"]["code"] == code


def test_several_boxes_have_several_numbers(call: Raw, booked: Booked) -> None:
    call.joined.stand_in.switch(multi_box=3)

    data = call("POST", CREATE, call.request_of() | {"customer_reference": "R-2"}).json()["data"]

    assert len(data["tracking_numbers"]) == 3


@pytest.mark.parametrize("shape", ["flat", "item"])
@pytest.mark.parametrize(("wrapping", "kind"), [("object", dict), ("array", list), ("data", dict), ("trackings", dict)])
def test_both_shapes_of_webhooks_in_every_wrapping(call: Raw, shape: str, wrapping: str, kind: type[Any]) -> None:
    body: Any = _bodies(call, secret="k3y", webhook_shape=shape, webhook_as=wrapping)[-1]

    assert isinstance(body, kind)
    assert wrapping in ("object", "array") or isinstance(body[wrapping], list)


@pytest.mark.parametrize(("header", "secret"), [("X-Webhook-Token", "k3y"), ("Authorization", "Basic eDp5")])
def test_the_header_is_whatever_was_configured(call: Raw, header: str, secret: str) -> None:
    _bodies(call, header=header, secret=secret)

    assert {row["headers"][header] for row in call.joined.stand_in.deliveries()} == {secret}


def _bodies(call: Raw, *, secret: str, header: str = "", **switches: Any) -> list[Any]:
    stand_in = call.joined.stand_in
    stand_in.switch(**switches)
    stand_in.set_up(
        webhook={"url": "http://127.0.0.1:9/nobody", "secret": secret, "header": header},
        emitter={"shuffle_seconds": 3600},
    )
    booking = call.joined.booking()
    call.joined.book(booking)
    stand_in.journey(booking.reference, "delivered")
    while stand_in.advance(1, reference=booking.reference):
        pass
    return [json.loads(row["body"]) for row in stand_in.deliveries()]
