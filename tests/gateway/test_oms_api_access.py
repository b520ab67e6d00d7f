"""Who may do what at the OMS API: every route, anonymously, with each wrong scope, and beyond each limit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx
import pytest
from tests.gateway.oms_api import Api, running

from magento_oms.gateway.api.app import create_api
from magento_oms.gateway.api.problems import MEDIA_TYPE
from magento_oms.gateway.api.room import Room
from magento_oms.storage import api_tokens, invoices
from magento_oms.storage.api_tokens import Scope
from magento_oms.storage.database import engine
from magento_oms.workflows import crediting


class Route(NamedTuple):
    """A route as it is called; `lists`: what is not the caller's business is left out of it."""

    method: str
    path: str
    scope: Scope
    body: Any = None
    lists: bool = False


S = Scope
A_RETURN = {
    "instance": "loom", "order_entity_id": 0, "return_order_code": "RMA-1", "kind": "customer_return",
    "items": [{"item_code": "A", "sku": "KURTA"}], "brought": {"awb": "AWB-R", "courier": "Delhivery"},
}  # fmt: skip
"""Of the order that was handed over; see `call`."""
ROUTES = [
    Route("GET", "/fulfilments", S.FULFILMENTS_READ, lists=True),
    Route("GET", "/fulfilments/{fulfilment_id}", S.FULFILMENTS_READ),
    Route("POST", "/fulfilments/{fulfilment_id}/pack", S.FULFILMENTS_WRITE, {"shipment_id": "W", "boxes": []}),
    Route("POST", "/fulfilments/{fulfilment_id}/reject", S.FULFILMENTS_WRITE, {"reason": "damaged"}),
    Route("POST", "/fulfilments/{fulfilment_id}/handover", S.FULFILMENTS_WRITE),
    Route("GET", "/fulfilments/{fulfilment_id}/invoice.pdf", S.FULFILMENTS_READ),
    Route("GET", "/fulfilments/{fulfilment_id}/parcels/{parcel_id}/label.pdf", S.FULFILMENTS_READ),
    Route("GET", "/permits", S.FULFILMENTS_READ, lists=True),
    Route("GET", "/fulfilments/{fulfilment_id}/invoice", S.FULFILMENTS_READ),
    Route("PUT", "/fulfilments/{fulfilment_id}/permits/eway_bill", S.FULFILMENTS_WRITE, {"number": "391000123456"}),
    Route("POST", "/manifests", S.FULFILMENTS_WRITE, {"location": "pune"}, lists=True),
    Route("GET", "/manifests?location=pune", S.FULFILMENTS_READ, lists=True),
    Route("GET", "/manifests/{manifest_id}", S.FULFILMENTS_READ),
    Route("GET", "/manifests/{manifest_id}/manifest.pdf", S.FULFILMENTS_READ),
    Route("POST", "/manifests/{manifest_id}/handover", S.FULFILMENTS_WRITE),
    Route("GET", "/locations/{location}/stock", S.STOCK_READ),
    Route("PUT", "/locations/{location}/stock", S.STOCK_WRITE, {"figures": [{"sku": "KURTA", "quantity": 1}]}),
    Route("GET", "/orders", S.ORDERS_READ, lists=True),
    Route("GET", "/orders/{instance}/{entity_id}", S.ORDERS_READ),
    Route("GET", "/orders/{instance}/{entity_id}/timeline", S.ORDERS_READ),
    Route("GET", "/orders/{instance}/{entity_id}/cancellations", S.ORDERS_READ),
    Route("GET", "/orders/{instance}/{entity_id}/credit-notes/{note_id}.pdf", S.ORDERS_READ),
    Route("POST", "/orders/{instance}/{entity_id}/cancel", S.ORDERS_WRITE, {"reason": "out of stock"}),
    Route("POST", "/returns", S.RETURNS_WRITE, A_RETURN | {"return_order_code": "RMA-2"}),
    Route("GET", "/returns", S.RETURNS_READ, lists=True),
    Route("GET", "/returns/{return_id}", S.RETURNS_READ),
    Route("POST", "/returns/{return_id}/items", S.RETURNS_WRITE, {"items": [{"item_code": "B", "sku": "KURTA"}]}),
    Route("PUT", "/returns/{return_id}/tracking", S.RETURNS_WRITE, {"awb": "AWB-2", "courier": "Delhivery"}),
    Route("PUT", "/returns/{return_id}/exchange", S.RETURNS_WRITE, {"replacement": "000000777"}),
    Route("POST", "/returns/{return_id}/receive", S.RETURNS_WRITE, {"items": [{"item_code": "A", "passed": True}]}),
    Route("POST", "/returns/{return_id}/cancel", S.RETURNS_WRITE, {"reason": "keeps it"}),
]
"""In an order in which each may be called after the one before, and the rest still finds what it asks for."""


@pytest.fixture
def there(api: Api) -> dict[str, Any]:
    """What the placeholders of the paths stand for: an order that left and comes back, and one that is ready to leave,
    on a manifest.
    """
    api.forward.stock("pune", KURTA=9)
    left = api.ready("KURTA", shipment="WMS-0", quantity=3)
    api.call("POST", f"/fulfilments/{left['id']}/handover")
    shown = api.ready("KURTA")
    [manifest] = api.call("POST", "/manifests", {"location": "pune"}).json()
    back = api.call("POST", "/returns", A_RETURN | {"order_entity_id": left["order_entity_id"]}).json()
    with engine(api.forward.oms.url).begin() as connection:
        invoice = invoices.of_fulfilment(connection, shown["id"])
        assert invoice is not None
        note = crediting.issue(connection, api.forward.config, invoice, subject="return:0", reason="It came back.")
    return {
        "note_id": note.id,
        "fulfilment_id": shown["id"], "parcel_id": shown["parcels"][0]["id"], "manifest_id": manifest["id"],
        "location": "pune", "instance": "loom", "entity_id": shown["order_entity_id"],
        "return_id": back["id"], "left": left["order_entity_id"],
    }  # fmt: skip


def call(
    api: Api, route: Route, there: dict[str, Any], *, token: str = "", headers: dict[str, str] | None = None
) -> httpx.Response:
    """Call a route: with a token, or with such headers."""
    body = route.body
    if body and "order_entity_id" in body:
        body = body | {"order_entity_id": there["left"]}
    sent = {"Authorization": f"Bearer {token}"} if headers is None else headers
    return api.client.request(route.method, route.path.format(**there), json=body, headers=sent)


def test_the_table_has_every_route() -> None:
    described = create_api(Room("", {})).openapi()["paths"]
    assert {(route.method, route.path.replace("eway_bill", "{kind}").partition("?")[0]) for route in ROUTES} == {
        (method.upper(), path) for path, methods in described.items() for method in methods
    }


def test_no_route_answers_strangers_or_a_token_without_its_scope(api: Api, there: dict[str, Any]) -> None:
    before = snapshot(api)
    for route in ROUTES:
        for headers in ({}, {"Authorization": "Bearer oms_guess"}, {"Authorization": "Basic dXNlcjpwYXNz"}):
            answer = call(api, route, there, headers=headers)
            assert (answer.status_code, answer.headers["content-type"]) == (401, MEDIA_TYPE), route
            assert answer.headers["www-authenticate"] == "Bearer"
        others = api.new_token(f"all but {route.method} {route.path}", [each for each in Scope if each != route.scope])
        answer = call(api, route, there, token=others)
        assert answer.status_code == 403, route
        assert route.scope in answer.json()["detail"]
    assert snapshot(api) == before


def test_no_route_goes_beyond_a_token_s_limits(api: Api, there: dict[str, Any]) -> None:
    before = snapshot(api)
    for limit in ({"locations": ["hoskote"]}, {"stores": ["other"]}, {"stores": ["loom/2"]}):
        token = api.new_token(str(limit), list(Scope), **limit)
        for route in ROUTES:
            answer = call(api, route, there, token=token)
            if route.lists and answer.status_code < 400:
                found = answer.json()
                assert (found if isinstance(found, list) else found["items"]) == [], (limit, route)
            else:
                assert answer.status_code in (403, 404), (limit, route, answer.text)
                assert answer.headers["content-type"] == MEDIA_TYPE
    assert snapshot(api) == before


@pytest.mark.parametrize("limit", [{}, {"stores": ["loom/1", "other"], "locations": ["pune"]}], ids=["all", "limited"])
def test_the_right_scope_is_enough_within_the_limits(
    api: Api, there: dict[str, Any], limit: dict[str, list[str]]
) -> None:
    for number, route in enumerate(ROUTES):
        token = api.new_token(f"only {number}", [route.scope], **limit)
        answer = call(api, route, there, token=token)
        if (route.scope, "locations" in limit) == (S.ORDERS_WRITE, True):
            assert answer.status_code == 403  # an order may be of other locations too
        else:
            assert answer.status_code in (200, 201, 202, 409, 422), (route, answer.text)


def snapshot(api: Api) -> list[Any]:
    """What must not have changed."""
    assert api.forward.oms.count("consignment_permit") == 0
    rows = api.forward.oms.rows("select state, packed_at, handed_over_at from fulfilment order by id")
    rows += api.forward.oms.rows("select location, sku, quantity, reserved from stock order by 1, 2")
    rows += api.forward.oms.rows("select state, awb, received_at from return_order order by id")
    return rows + api.forward.oms.rows("select state, route_at from sales_order order by id")


def test_a_manifest_is_of_the_stores_that_a_token_may_see(api: Api) -> None:
    """One warehouse works for two brands."""
    api.forward.stock("pune", KURTA=9)
    ours, theirs = api.ready("KURTA"), api.ready("KURTA", shipment="WMS-2")
    api.forward.oms.run("update sales_order set store_id = 2 where entity_id = :id", id=theirs["order_entity_id"])
    other = api.new_token("two", list(Scope), stores=["loom/2"])
    [of_two] = api.call("POST", "/manifests", {"location": "pune"}, token=other).json()
    assert of_two["fulfilments"] == [theirs["id"]]
    [rest] = api.call("POST", "/manifests", {"location": "pune"}).json()
    assert rest["fulfilments"] == [ours["id"]]
    assert api.call("GET", f"/manifests/{of_two['id']}", token=other).status_code == 200
    assert api.call("GET", f"/manifests/{rest['id']}", token=other).status_code == 404


def test_tokens_end(api: Api) -> None:
    old = api.new_token("old", list(Scope), expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert api.call("GET", "/fulfilments", token=old).status_code == 401
    gone = api.new_token("gone", list(Scope))
    with engine(api.forward.oms.url).begin() as connection:
        assert api_tokens.revoke(connection, "gone") is True
        assert api_tokens.revoke(connection, "gone") is False
        kept = connection.exec_driver_sql("select digest from api_token").scalars().all()
    assert api.call("GET", "/fulfilments", token=gone).status_code == 401
    assert all(gone.encode() not in bytes(digest) for digest in kept)


@pytest.fixture
def busy(oms_database: str) -> Iterator[Api]:
    """An API with small limits."""
    with running(oms_database, a_token=(0.5, 3), strangers=(0.5, 4)) as started:
        yield started


def test_too_many_requests_are_told_when_to_come_again(busy: Api) -> None:
    answers = [busy.call("GET", "/fulfilments/1") for _ in range(6)]
    assert [answer.status_code for answer in answers[:3]] == [404] * 3
    assert answers[-1].status_code == 429
    assert answers[-1].headers["content-type"] == MEDIA_TYPE
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 3
    another = busy.new_token("another", list(Scope))
    assert busy.call("GET", "/fulfilments/1", token=another).status_code == 404  # each token has its own


def test_guessing_costs_the_guesser_and_nobody_who_is_known(busy: Api) -> None:
    assert busy.call("GET", "/fulfilments").status_code == 200
    answers = [busy.call("GET", "/fulfilments", token=f"oms_guess{number}") for number in range(12)]
    assert {answer.status_code for answer in answers} == {401, 429}
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert busy.call("GET", "/fulfilments").status_code == 200


def test_personal_data_is_on_the_papers_alone(api: Api, there: dict[str, Any]) -> None:
    buyer = api.forward.oms.rows("select buyer from sales_order")[0]["buyer"]
    secret = [buyer["name"], buyer["email"], buyer["shipping"]["phone"], *buyer["shipping"]["lines"]]
    for route in ROUTES:
        if route.method == "GET" and not route.path.endswith((".pdf", "/invoice")):
            answer = api.call("GET", route.path.format(**there))
            assert not [word for word in secret if word and word in answer.text], route
        if route.path.endswith(".pdf"):
            assert api.call("GET", route.path.format(**there)).headers["cache-control"] == "no-store", route
