"""Changing orders: what is sent, and what an answer proves."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from magento_hook.store import MagentoStore
from magento_oms.ports import AlreadyDone, CommentOptions, NotFound, OutsideError, PermanentError, UnknownOutcome

if TYPE_CHECKING:
    from tests.magento_hook.doubles import recorded
else:
    from magento_hook_doubles import recorded


def answers(server: HTTPServer, path: str, *bodies: Any) -> list[Any]:
    """A recorded number or a JSON body for each request in turn; returns the bodies that came."""
    came: list[Any] = []

    def handle(request: Request) -> Response:
        came.append(request.get_json(silent=True))
        body = bodies[min(len(came), len(bodies)) - 1]
        if isinstance(body, int) and not isinstance(body, bool):
            real = recorded(body)
            return Response(real.body, real.status, content_type=real.headers["Content-Type"])
        return Response(json.dumps(body), content_type="application/json")

    server.expect_request(path).respond_with_handler(handle)
    return came


def test_a_comment_with_a_status(server: HTTPServer, store: MagentoStore) -> None:
    came = answers(server, "/rest/V1/orders/62/comments", 102)
    store.add_comment(62, "पैक हो गया", status="processing", options=CommentOptions(visible_on_front=True))
    history = {"comment": "पैक हो गया", "is_customer_notified": 0, "is_visible_on_front": 1, "status": "processing"}
    assert came == [{"statusHistory": history}]


def test_a_refused_status_is_told_with_its_name(server: HTTPServer, store: MagentoStore) -> None:
    answers(server, "/rest/V1/orders/62/comments", 101)
    with pytest.raises(PermanentError, match=r'order 62: HTTP 400, .*The status "processing" is not part of'):
        store.add_comment(62, "packed", status="processing")


def test_a_comment_without_a_status_keeps_the_one_that_is_there(server: HTTPServer, store: MagentoStore) -> None:
    answers(server, "/rest/V1/orders/62/statuses", 64)
    came = answers(server, "/rest/V1/orders/62/comments", True)
    store.add_comment(62, "packed")
    assert came[0]["statusHistory"]["status"] == "pending"


def test_a_made_up_status_that_newer_versions_refuse_is_left_out(server: HTTPServer, store: MagentoStore) -> None:
    answers(server, "/rest/V1/orders/62/statuses", "picking")
    came = answers(server, "/rest/V1/orders/62/comments", 101, True)
    store.add_comment(62, "packed")
    assert [each["statusHistory"].get("status") for each in came] == ["picking", None]


def test_a_comment_refused_for_another_reason_is_not_sent_again(server: HTTPServer, store: MagentoStore) -> None:
    answers(server, "/rest/V1/orders/62/statuses", 64)
    came = answers(server, "/rest/V1/orders/62/comments", 109)
    with pytest.raises(PermanentError, match='"statusHistory" is required'):
        store.add_comment(62, "packed")
    assert len(came) == 1


def test_a_comment_that_is_not_confirmed_is_open(server: HTTPServer, store: MagentoStore) -> None:
    answers(server, "/rest/V1/orders/62/comments", False)
    with pytest.raises(UnknownOutcome, match="not confirmed"):
        store.add_comment(62, "packed", status="pending")


def test_comments_come_newest_first(server: HTTPServer, store: MagentoStore) -> None:
    answers(server, "/rest/V1/orders/62/comments", 112)
    comments = store.comments(62)
    ids = [comment["entity_id"] for comment in comments]
    assert ids == sorted(ids, reverse=True)
    assert comments[-1]["comment"] == "note"
    assert len(comments) == len(json.loads(recorded(112).body)["items"])


@pytest.mark.parametrize("body", [[], {"items": None}, {"items": []}])
def test_an_order_without_comments(server: HTTPServer, store: MagentoStore, body: Any) -> None:
    answers(server, "/rest/V1/orders/62/comments", body)
    assert store.comments(62) == []


def test_a_status_is_set_by_the_order_entity_and_nothing_else_is_sent(server: HTTPServer, store: MagentoStore) -> None:
    came = answers(server, "/rest/V1/orders", 287)
    store.set_status(80, state="processing", status="processing")
    assert came == [{"entity": {"entity_id": 80, "state": "processing", "status": "processing"}}]


def test_a_status_that_the_store_changed_is_told(server: HTTPServer, store: MagentoStore) -> None:
    answers(server, "/rest/V1/orders", 287)
    with pytest.raises(PermanentError, match="asked for state 'processing' and status 'picking', but the store set"):
        store.set_status(80, state="processing", status="picking")


@pytest.mark.parametrize("body", [[], True, {"entity_id": 80}])
def test_an_answer_that_does_not_show_the_status_leaves_it_open(
    server: HTTPServer, store: MagentoStore, body: Any
) -> None:
    answers(server, "/rest/V1/orders", body)
    with pytest.raises(UnknownOutcome):
        store.set_status(80, state="processing", status="processing")


def test_an_invoice_names_its_items(server: HTTPServer, store: MagentoStore) -> None:
    came = answers(server, "/rest/V1/order/63/invoice", 113)
    quantities = {121: 2, 122: Decimal("1.5000"), 123: "1"}
    assert store.invoice(63, items=quantities, comment="OMS-000000063", notify=True) == "1"
    assert came == [
        {
            "capture": False,
            "items": [
                {"order_item_id": 121, "qty": 2},
                {"order_item_id": 122, "qty": 1.5},
                {"order_item_id": 123, "qty": 1},
            ],
            "notify": True,
            "appendComment": False,
            "comment": {"comment": "OMS-000000063", "is_visible_on_front": 0},
        }
    ]


@pytest.mark.parametrize(("number", "kind"), [(114, AlreadyDone), (146, PermanentError), (162, NotFound)])
def test_refused_invoices(server: HTTPServer, store: MagentoStore, number: int, kind: type[OutsideError]) -> None:
    answers(server, "/rest/V1/order/63/invoice", number)
    with pytest.raises(kind) as caught:
        store.invoice(63, items={121: 1}, comment="x")
    assert type(caught.value) is kind


@pytest.mark.parametrize("body", [True, [], "a", None])
def test_an_invoice_without_an_id_is_open(server: HTTPServer, store: MagentoStore, body: Any) -> None:
    answers(server, "/rest/V1/order/63/invoice", body)
    with pytest.raises(UnknownOutcome, match="not the id of an invoice"):
        store.invoice(63, items={121: 1}, comment="x")


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.invoice(63, items={}, comment="x"),
        lambda store: store.invoice(63, items={121: 0}, comment="x"),
        lambda store: store.invoice(63, items={121: -1}, comment="x"),
        lambda store: store.invoice(63, items={121: "many"}, comment="x"),
        lambda store: store.invoice(63, items={121: float("inf")}, comment="x"),
        lambda store: store.invoice(0, items={121: 1}, comment="x"),
        lambda store: store.add_comment(0, "x", status="pending"),
        lambda store: store.set_status(-1, state="processing", status="processing"),
    ],
)
def test_what_would_do_something_else_is_never_sent(
    server: HTTPServer, store: MagentoStore, act: Callable[[MagentoStore], Any]
) -> None:
    with pytest.raises(PermanentError):
        act(store)
    assert server.log == []


def test_a_credit_memo_names_its_items_and_moves_no_money(server: HTTPServer, store: MagentoStore) -> None:
    came = answers(server, "/rest/V1/order/75/refund", 186)
    assert store.refund(75, items={145: Decimal(1)}, comment="from OMS", restock=[145]) == "1"
    assert came == [
        {
            "items": [{"order_item_id": 145, "qty": 1}],
            "notify": False,
            "appendComment": False,
            "comment": {"comment": "from OMS", "is_visible_on_front": 0},
            "arguments": {
                "adjustment_positive": 0,
                "adjustment_negative": 0,
                "shipping_amount": 0,
                "extension_attributes": {"return_to_stock_items": [145]},
            },
        }
    ]


def test_a_credit_memo_without_items_is_not_sent(store: MagentoStore) -> None:
    with pytest.raises(PermanentError, match="without items would refund everything left"):
        store.refund(75, items={}, comment="")


def test_the_credit_memos_of_an_order(server: HTTPServer, store: MagentoStore) -> None:
    answers(server, "/rest/V1/creditmemos", 193)
    assert {str(memo["order_id"]) for memo in store.credit_memos_of(75)} == {"75"}
