"""What Magento and the store's own server are told of a cancellation: once, where the store wants it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from tests.workflows.fakes import FakeMagento
from tests.workflows.forward.conftest import Forward, forward_config, goods
from tests.workflows.oms import Oms
from tests.workflows.payloads import item

from magento_oms.ports import UnknownOutcome
from magento_oms.storage import instances
from magento_oms.storage.database import engine
from magento_oms.workflows.cancelling.seller import ask_to_cancel_units

URL = "https://loom.example/oms/events"
BOTH = {"magento_comment": ["cancelled"], "store_url": ["cancelled"]}


@pytest.fixture
def telling(oms: Oms, store: FakeMagento) -> Callable[..., Forward]:
    """Makes a life of a store that is told so."""

    def make(**notifications: Any) -> Forward:
        config = forward_config(notification_url=URL, notifications=notifications)
        with engine(oms.url).begin() as connection:
            instances.configure(connection, config)
        forward = Forward(oms, store, config)
        forward.stock("pune", KURTA=9, SAREE=9)
        return forward

    return make


def cancel(forward: Forward, entity_id: int) -> None:
    """The customer cancels, and the OMS reads it, twice."""
    forward.store.cancel_in_admin(entity_id)
    for _ in range(2):
        forward.store.pass_time(5)
        forward.oms.take_in(forward.store, forward.config, [entity_id])
        forward.push_all()


def told(forward: Forward) -> list[dict[str, Any]]:
    return [body for body in forward.url.events.values() if body["event"] == "cancelled"]


def comments(forward: Forward, entity_id: int) -> list[str]:
    histories = forward.store.orders[entity_id]["status_histories"]
    return [row["comment"] for row in histories if row["comment"].startswith("Cancelled")]


def test_both_are_told_once_of_an_order_that_its_customer_cancelled(telling: Callable[..., Forward]) -> None:
    forward = telling(**BOTH)
    entity_id = forward.place(goods("KURTA", "SAREE"))
    forward.route()
    forward.push_all()
    cancel(forward, entity_id)

    [event] = told(forward)
    assert event["order"] == {
        "entity_id": entity_id, "increment_id": forward.store.orders[entity_id]["increment_id"], "store_id": 1,
        "state": "cancelled",
    }  # fmt: skip
    assert event["cancellation"]["cause"] == "customer"
    assert event["cancellation"]["items"] == [
        {"item_id": 10, "sku": "KURTA", "quantity": "1"}, {"item_id": 11, "sku": "SAREE", "quantity": "1"}
    ]  # fmt: skip
    assert event["cancellation"]["left_already"] == []
    [comment] = comments(forward, entity_id)
    number = event["cancellation"]["id"]
    assert comment == (
        f"Cancelled by the customer: 1 KURTA, 1 SAREE will not be shipped. [oms-cancellation-{number}-cancelled]"
    )


def test_a_lost_answer_to_the_comment_leaves_one_comment(telling: Callable[..., Forward]) -> None:
    forward = telling(**BOTH)
    entity_id = forward.place(goods("KURTA"))
    forward.push_all()
    forward.store.fail("add_comment", UnknownOutcome("The answer was lost."), when="after")
    cancel(forward, entity_id)
    forward.oms.let_effects_fall_due()
    forward.push_all()
    assert len(comments(forward, entity_id)) == 1
    assert forward.effects_of("tell_magento_of_cancellation") == ["done"]


def test_of_units_that_the_seller_cancelled_those_are_told(telling: Callable[..., Forward]) -> None:
    forward = telling(**BOTH)
    entity_id = forward.place([item(10, "KURTA", 3, 100), item(11, "SAREE", 1, 50)])
    order_id = int(forward.oms.order(entity_id)["id"])
    with engine(forward.oms.url).begin() as connection:
        ask_to_cancel_units(connection, forward.config, order_id, {10: Decimal(2)}, "torn; ask Mr X", by="test")
    forward.push_all()
    [event] = told(forward)
    assert event["cancellation"]["items"] == [{"item_id": 10, "sku": "KURTA", "quantity": "2"}]
    assert event["cancellation"]["cause"] == "seller"
    assert "torn" not in str(event)
    assert "by the seller: 2 KURTA" in comments(forward, entity_id)[0]


def test_of_what_had_left_it_is_told_that_it_had(telling: Callable[..., Forward]) -> None:
    forward = telling(**BOTH)
    entity_id = forward.place(goods("KURTA"))
    forward.route()
    [row] = forward.fulfilments(entity_id)
    forward.pack(row["id"])
    forward.push_all()
    forward.hand_over(row["id"])
    cancel(forward, entity_id)
    [event] = told(forward)
    assert event["cancellation"]["items"] == []
    assert event["cancellation"]["left_already"] == [{"item_id": 10, "sku": "KURTA", "quantity": "1"}]
    assert "1 KURTA had left already" in comments(forward, entity_id)[0]


@pytest.mark.parametrize(
    ("wanted", "events", "said"),
    [
        ({"magento_comment": [], "store_url": ["cancelled"]}, 1, 0),
        ({"magento_comment": ["cancelled"], "store_url": []}, 0, 1),
        ({"magento_comment": [], "store_url": []}, 0, 0),
        ({}, 1, 0),  # by default all events go to the URL, and Magento, which knows, is not told
    ],
)
def test_each_is_told_only_what_the_store_wants(
    telling: Callable[..., Forward], wanted: dict[str, Any], events: int, said: int
) -> None:
    forward = telling(**wanted)
    entity_id = forward.place(goods("KURTA"))
    cancel(forward, entity_id)
    assert (len(told(forward)), len(comments(forward, entity_id))) == (events, said)
