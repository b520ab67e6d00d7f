"""What the stand-ins post: again until it is taken, repeated, in another order, late, and never lost by a restart."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable

import httpx
import pytest
from pytest_httpserver import HTTPServer
from tests.contract.conftest import Joined, join, serving
from werkzeug import Request, Response

from commerce_sandbox.couriers.client import CourierClient
from magento_oms.local.postgres import PostgresServer


@pytest.fixture
def joined(courier_sandbox: str) -> Joined:
    return join(courier_sandbox, "eshipz")


@pytest.fixture
def told(httpserver: HTTPServer, joined: Joined) -> list[str]:
    """The codes that were posted and taken, in that order; the first post of all is refused."""
    taken: list[str] = []
    posts: list[int] = []

    def take(request: Request) -> Response:
        posts.append(1)
        if len(posts) == 1:
            return Response(status=500)
        body = json.loads(request.data)
        taken.append(f"{body['tracking_status']} {body['tracking_sub_status']}".strip())
        return Response(status=200)

    httpserver.expect_request("/told", headers={"X-Webhook-Token": "k3y"}).respond_with_handler(take)
    joined.stand_in.set_up(webhook={"url": httpserver.url_for("/told"), "secret": "k3y"})
    return taken


def travel(joined: Joined, journey: str = "delivered") -> None:
    booking = joined.booking()
    joined.book(booking)
    joined.stand_in.journey(booking.reference, journey)
    while joined.stand_in.advance(1, reference=booking.reference):
        pass


def until(joined: Joined, enough: Callable[[], bool], seconds: float = 20) -> None:
    sandbox = joined.stand_in.url.rsplit("/couriers/", 1)[0]
    end = time.monotonic() + seconds
    while not enough():
        assert time.monotonic() < end, joined.stand_in.deliveries()
        httpx.post(f"{sandbox}/_sandbox/couriers/deliver", trust_env=False, timeout=10).raise_for_status()
        time.sleep(0.1)


def test_a_webhook_is_sent_again_until_it_is_taken(joined: Joined, told: list[str]) -> None:
    travel(joined)

    until(joined, lambda: all(row["done"] for row in joined.stand_in.deliveries()))

    rows = joined.stand_in.deliveries()
    assert {row["status"] for row in rows} == {200}
    assert sorted(row["tries"] for row in rows) == [1] * (len(rows) - 1) + [2]
    assert told.count("Delivered") == 1


def test_webhooks_are_repeated_and_come_in_another_order(joined: Joined, told: list[str]) -> None:
    joined.stand_in.set_up(emitter={"repeats": 2, "shuffle_seconds": 2})
    travel(joined, "second_attempt")

    until(joined, lambda: all(row["done"] for row in joined.stand_in.deliveries()))

    assert told.count("Delivered") == 3
    assert told != sorted(told, key=told.index)


def test_a_late_scan_comes_after_the_delivery(joined: Joined, told: list[str]) -> None:
    travel(joined)
    joined.stand_in.scan(joined.stand_in.parcels()[0]["awb"], "in_transit", hours_ago=30)

    until(joined, lambda: all(row["done"] for row in joined.stand_in.deliveries()))
    last = json.loads(joined.stand_in.deliveries()[-1]["body"])

    assert last["tracking_status"] == "InTransit"
    assert joined.stand_in.parcels()[0]["state"] == "delivered"


def test_some_are_lost_where_that_is_wanted(joined: Joined, told: list[str]) -> None:
    joined.stand_in.set_up(emitter={"lost_share": 1})
    travel(joined)

    assert joined.stand_in.deliveries() == []


def test_parcels_and_webhooks_outlive_the_sandbox(postgres_server: PostgresServer) -> None:
    name = f"restarted_{secrets.token_hex(4)}"
    database = postgres_server.create_database(name)
    with serving(database) as sandbox:
        joined = join(sandbox, "eshipz")
        joined.stand_in.set_up(webhook={"url": "http://127.0.0.1:9/nobody"})
        booked = joined.book(joined.booking())
        joined.stand_in.advance(1)

    with serving(database) as sandbox:
        again = CourierClient(sandbox, joined.stand_in.account)
        [parcel], waiting = again.parcels(), again.deliveries()

    assert parcel["awb"] == booked.awb
    assert parcel["awb"] in waiting[0]["body"]
    postgres_server.drop_database(name)
