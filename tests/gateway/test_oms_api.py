"""The OMS API over real HTTP: what a warehouse's system does with it, and what it is refused."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from tests.workflows.fakes import FakeMagento
from tests.workflows.forward.conftest import Forward, forward_config, goods
from tests.workflows.oms import Oms

from magento_oms.gateway.api.app import create_api
from magento_oms.gateway.api.room import Room
from magento_oms.gateway.limits import Rate
from magento_oms.storage import api_tokens, instances
from magento_oms.storage.api_tokens import Scope
from magento_oms.storage.database import engine


class Api:
    """A running OMS API with an order life behind it."""

    def __init__(self, url: str, forward: Forward) -> None:
        self.url = url
        self.forward = forward
        self.token = self.new_token("all", list(Scope))
        self.client = httpx.Client(base_url=url, timeout=20)
        self.callers: Any = None

    def new_token(self, name: str, scopes: list[Scope], **more: Any) -> str:
        """A token of such a name."""
        with engine(self.forward.oms.url).begin() as connection:
            return api_tokens.create(connection, name, scopes, **more)

    def call(self, method: str, path: str, body: Any = None, token: str | None = None, **more: Any) -> httpx.Response:
        """One call with a token."""
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        return self.client.request(method, path, json=body, headers=headers, **more)

    def routed(self, *skus: str, quantity: int = 1) -> dict[str, Any]:
        """An order that was routed; its fulfilment as the API shows it."""
        self.forward.place(goods(*skus, quantity=quantity))
        self.forward.route()
        newest = self.forward.fulfilments()[-1]["id"]
        shown: dict[str, Any] = self.call("GET", f"/fulfilments/{newest}").json()
        return shown


@pytest.fixture
def api(oms_database: str) -> Iterator[Api]:
    config = forward_config()
    with engine(oms_database).begin() as connection:
        instances.configure(connection, config)
    forward = Forward(Oms(oms_database), FakeMagento(), config)
    app = create_api(Room(oms_database, lambda: {config.code: config}, forward.check()))
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    running = Api(f"http://127.0.0.1:{port}", forward)
    running.callers = app.state.callers
    with running.client:
        yield running
    server.should_exit = True
    thread.join()


def pack_body(shown: dict[str, Any], shipment: str = "WMS-1") -> dict[str, Any]:
    """All of a fulfilment in one box."""
    items = [{"item_id": line["item_id"], "quantity": line["quantity"]} for line in shown["lines"]]
    size = {"length_cm": "20", "breadth_cm": "15", "height_cm": "5", "weight_g": "650"}
    return {"shipment_id": shipment, "boxes": [{"items": items, **size}]}


def test_a_warehouse_works_through_its_list(api: Api) -> None:
    put = api.call("PUT", "/locations/pune/stock", {"figures": [{"sku": "KURTA", "quantity": 5}]})
    assert put.json()["changed"] == 1
    shown = api.routed("KURTA")
    [listed] = api.call("GET", "/fulfilments").json()["items"]
    assert listed["state"] == "routed"
    packed = api.call("POST", f"/fulfilments/{shown['id']}/pack", pack_body(shown))
    assert packed.status_code == 200, packed.text
    assert packed.json()["invoice_number"] == "LM2627-000001"
    assert api.call("POST", f"/fulfilments/{shown['id']}/handover").status_code == 409
    api.forward.push_all()
    now = api.call("GET", f"/fulfilments/{shown['id']}").json()
    assert (now["state"], now["parcels"][0]["label"]) == ("ready", True)
    invoice = api.call("GET", f"/fulfilments/{shown['id']}/invoice.pdf")
    assert invoice.content.startswith(b"%PDF")
    label = api.call("GET", f"/fulfilments/{shown['id']}/parcels/{now['parcels'][0]['id']}/label.pdf")
    assert label.content.startswith(b"%PDF")
    [manifest] = api.call("POST", "/manifests", {"location": "pune"}).json()
    assert api.call("GET", f"/manifests/{manifest['id']}/manifest.pdf").content.startswith(b"%PDF")
    assert api.call("POST", f"/manifests/{manifest['id']}/handover").json()["done"] == [shown["id"]]
    events = api.call("GET", f"/orders/loom/{shown['order_entity_id']}/timeline").json()
    kinds = [event["kind"] for event in events]
    assert [kind for kind in kinds if kind in ("routed", "packed", "invoiced", "ready", "handed_over")] == [
        "routed", "packed", "invoiced", "ready", "handed_over",
    ]  # fmt: skip
    order = api.call("GET", f"/orders/loom/{shown['order_entity_id']}").json()
    assert (order["state"], float(order["lines"][0]["shipped"])) == ("shipped", 1)


def test_what_does_not_leave_with_its_manifest_is_on_a_later_one(api: Api) -> None:
    api.forward.stock("pune", KURTA=9)
    both = [api.routed("KURTA"), api.routed("KURTA")]
    for number, shown in enumerate(both):
        api.call("POST", f"/fulfilments/{shown['id']}/pack", pack_body(shown, f"WMS-{number}"))
    api.forward.push_all()
    [first] = api.call("POST", "/manifests", {"location": "pune"}).json()
    assert first["fulfilments"] == [shown["id"] for shown in both]
    api.forward.store.pass_time(60)
    api.forward.store.hold(both[1]["order_entity_id"])

    outcome = api.call("POST", f"/manifests/{first['id']}/handover").json()
    assert outcome["done"] == [both[0]["id"]]
    assert "on hold" in outcome["refused"][str(both[1]["id"])]

    assert api.call("GET", f"/manifests/{first['id']}").json()["fulfilments"] == [both[0]["id"]]
    assert api.call("POST", "/manifests", {"location": "pune"}).json() == []
    api.forward.store.pass_time(60)
    api.forward.store.unhold(both[1]["order_entity_id"])
    api.forward.oms.take_in(api.forward.store, api.forward.config, [both[1]["order_entity_id"]])
    [second] = api.call("POST", "/manifests", {"location": "pune"}).json()
    assert second["fulfilments"] == [both[1]["id"]]
    assert api.call("POST", f"/manifests/{second['id']}/handover").json()["done"] == [both[1]["id"]]


def test_the_feed_misses_nothing_while_changes_commit_in_another_order(api: Api) -> None:
    api.forward.stock("pune", KURTA=9)
    first, second = api.routed("KURTA"), api.routed("KURTA")
    seen = api.call("GET", "/fulfilments").json()
    assert [item["id"] for item in seen["items"]] == [first["id"], second["id"]]
    with engine(api.forward.oms.url).connect() as slow:
        open_one = slow.begin()
        from magento_oms.storage import fulfilments

        fulfilments.derive_state(slow, first["id"])
        with engine(api.forward.oms.url).begin() as quick:
            fulfilments.derive_state(quick, second["id"])
        early = api.call("GET", f"/fulfilments?cursor={seen['cursor']}").json()
        assert early["items"] == []  # the older change is not committed yet, so the younger one waits
        open_one.commit()
    late = api.call("GET", f"/fulfilments?cursor={early['cursor']}").json()
    assert {item["id"] for item in late["items"]} == {first["id"], second["id"]}
    assert api.call("GET", f"/fulfilments?cursor={late['cursor']}").json()["items"] == []


def test_the_same_packing_answers_the_same_and_another_is_a_conflict(api: Api) -> None:
    api.forward.stock("pune", KURTA=9)
    shown = api.routed("KURTA", quantity=2)
    body = pack_body(shown)
    first = api.call("POST", f"/fulfilments/{shown['id']}/pack", body).json()
    again = api.call("POST", f"/fulfilments/{shown['id']}/pack", body).json()
    assert again == first | {"again": True}
    body["boxes"][0]["weight_g"] = "700"
    other = api.call("POST", f"/fulfilments/{shown['id']}/pack", body)
    assert other.status_code == 409
    assert other.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("change", "pointer", "said"),
    [
        ({"quantity": 3}, "/items/10", "3 KURTA packed, 2 routed here"),
        ({"quantity": -1}, "/boxes/0/items/10", "no whole number"),
        ({"item_id": 77}, "/items/77", "no such line"),
    ],
)
def test_a_wrong_packing_is_a_problem_naming_the_line(
    api: Api, change: dict[str, Any], pointer: str, said: str
) -> None:
    api.forward.stock("pune", KURTA=9)
    shown = api.routed("KURTA", quantity=2)
    body = pack_body(shown)
    body["boxes"][0]["items"][0] |= change
    answer = api.call("POST", f"/fulfilments/{shown['id']}/pack", body)
    assert answer.status_code == 422
    problem = answer.json()
    assert any(part["pointer"] == pointer and said in part["detail"] for part in problem["errors"]), problem


def test_negative_dimensions_are_refused(api: Api) -> None:
    api.forward.stock("pune", KURTA=9)
    shown = api.routed("KURTA")
    body = pack_body(shown)
    body["boxes"][0]["height_cm"] = "-5"
    answer = api.call("POST", f"/fulfilments/{shown['id']}/pack", body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/boxes/0/height_cm")


def test_a_batch_of_stock_has_a_result_a_line_and_wakes_who_waits(api: Api) -> None:
    api.forward.oms.run(
        "insert into product (instance, sku, product_id, type_id, name, updated_at)"
        " values ('loom', 'SAREE', 1, 'simple', 'Saree', now())"
    )
    api.forward.place(goods("KURTA"))
    api.forward.route()
    lines = [
        {"sku": "KURTA", "quantity": 4},
        {"sku": "NEVER-HEARD-OF", "quantity": 1},
        {"sku": "KURTA", "quantity": 5},
        {"sku": "KURTA2", "quantity": -1},
    ]
    answer = api.call("PUT", "/locations/pune/stock", {"figures": lines})
    assert [line["status"] for line in answer.json()["results"]] == ["changed", "refused", "refused", "refused"]
    assert answer.json()["orders_woken"] == 1
    api.forward.route()
    assert len(api.forward.fulfilments()) == 1
    [figure] = api.call("GET", "/locations/pune/stock").json()["items"]
    assert (float(figure["quantity"]), float(figure["reserved"])) == (4, 1)


def test_a_rejection_is_routed_elsewhere(api: Api) -> None:
    api.forward.stock("pune", KURTA=2)
    api.forward.stock("hoskote", KURTA=2)
    shown = api.routed("KURTA")
    answer = api.call("POST", f"/fulfilments/{shown['id']}/reject", {"reason": "damaged"})
    assert answer.json()["state"] == "cancelled"
    api.forward.route()
    assert [row["location"] for row in api.forward.fulfilments()] == ["pune", "hoskote"]


def test_an_order_is_cancelled_until_it_is_packed(api: Api) -> None:
    api.forward.stock("pune", KURTA=2)
    shown = api.routed("KURTA")
    path = f"/orders/loom/{shown['order_entity_id']}/cancel"
    assert api.call("POST", path, {"reason": "out of stock"}).json()["state"] == "held"
    assert api.call("POST", f"/fulfilments/{shown['id']}/pack", pack_body(shown)).status_code == 422
    from tests.workflows.oms import TARGET

    from magento_oms.workflows.fulfilling.cancel_order import CancelOrder

    api.forward._push(TARGET, api.forward.store, (CancelOrder(),))
    assert api.forward.store.orders[shown["order_entity_id"]]["state"] == "canceled"
    api.forward.oms.take_in(api.forward.store, api.forward.config)
    assert api.call("GET", f"/fulfilments/{shown['id']}").json()["state"] == "cancelled"
    packed = api.routed("KURTA")
    api.call("POST", f"/fulfilments/{packed['id']}/pack", pack_body(packed, "WMS-2"))
    late = api.call("POST", f"/orders/loom/{packed['order_entity_id']}/cancel", {"reason": "late"})
    assert late.status_code == 409


def test_who_may_do_what(api: Api) -> None:
    api.forward.stock("pune", KURTA=2)
    shown = api.routed("KURTA")
    assert api.client.get("/fulfilments").status_code == 401
    assert api.call("GET", "/fulfilments", token="oms_guess").headers["www-authenticate"] == "Bearer"
    reader = api.new_token("reader", [Scope.FULFILMENTS_READ])
    assert api.call("GET", "/fulfilments", token=reader).status_code == 200
    assert api.call("POST", f"/fulfilments/{shown['id']}/handover", token=reader).status_code == 403
    elsewhere = api.new_token("elsewhere", list(Scope), locations=["hoskote"])
    assert api.call("GET", f"/fulfilments/{shown['id']}", token=elsewhere).status_code == 404
    assert api.call("GET", "/fulfilments", token=elsewhere).json()["items"] == []
    assert api.call("GET", "/locations/pune/stock", token=elsewhere).status_code == 404
    other = api.new_token("other", list(Scope), instances=["other"])
    assert api.call("GET", f"/orders/loom/{shown['order_entity_id']}", token=other).status_code == 404
    old = api.new_token("old", list(Scope), expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert api.call("GET", "/fulfilments", token=old).status_code == 401
    with engine(api.forward.oms.url).begin() as connection:
        assert api_tokens.revoke(connection, "never-used") is False
        kept = connection.exec_driver_sql("select digest from api_token").scalars().all()
    assert all(reader.encode() not in bytes(digest) for digest in kept)


def test_too_many_requests_are_told_when_to_come_again(api: Api) -> None:
    answers = [api.call("GET", "/fulfilments/1") for _ in range(200)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert int(refused[0].headers["retry-after"]) >= 1


def test_every_route_asks_for_a_token(api: Api) -> None:
    described = api.client.get("/openapi.json").json()
    routes = [(method, path) for path, methods in described["paths"].items() for method in methods]
    assert len(routes) > 12
    for method, path in routes:
        for name in ("fulfilment_id", "parcel_id", "manifest_id", "entity_id", "return_id"):
            path = path.replace("{" + name + "}", "1")
        path = path.replace("{location}", "pune").replace("{instance}", "loom")
        answer = api.client.request(method, path, json={})
        assert answer.status_code in (401, 429), (method, path, answer.status_code)


def test_whatever_is_sent_is_answered_as_described(api: Api) -> None:
    """Schemathesis makes requests from the API's own description; none is answered with a 5xx."""
    api.forward.stock("pune", KURTA=9)
    api.routed("KURTA")
    api.callers._rate = Rate(1e6, 1e6)
    schema = schemathesis.openapi.from_dict(api.client.get("/openapi.json").json())
    answered: Callable[..., None]
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]

        @settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def answered(case: Any) -> None:
            answer = case.call(base_url=api.url, headers={"Authorization": f"Bearer {api.token}"})
            assert answer.status_code < 500, (case.method, case.path, answer.text)

        answered()
