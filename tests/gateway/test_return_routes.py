"""Returns over the OMS API: answered as warehouses and ERPs expect, refused with what is allowed and why."""

from __future__ import annotations

from typing import Any

import pytest
from tests.gateway.oms_api import Api

from magento_oms.storage.api_tokens import Scope


@pytest.fixture
def shipped(api: Api) -> int:
    """An order of two KURTA that left the warehouse; its entity id."""
    forward = api.forward
    forward.stock("pune", KURTA=9)
    shown = api.routed("KURTA", quantity=2)
    forward.pack(shown["id"])
    forward.push_all()
    forward.hand_over(shown["id"])
    return int(shown["order_entity_id"])


def body(entity_id: int, code: str = "RMA-1", *codes: str, **more: Any) -> dict[str, Any]:
    """A return of one unit for each item code."""
    return {
        "instance": "loom",
        "order_entity_id": entity_id,
        "return_order_code": code,
        "kind": "customer_return",
        "items": [{"item_code": name, "sku": "KURTA", "reason": "too small"} for name in codes or ("A",)],
        "brought": {"awb": "AWB-R", "courier": "Delhivery"},
    } | more


def test_a_return_lives_from_its_placing_to_its_check(api: Api, shipped: int) -> None:
    made = api.call("POST", "/returns", body(shipped, "RMA-1", "A", "B"))
    assert (made.status_code, made.json()["state"]) == (201, "placed")
    path = f"/returns/{made.json()['id']}"
    again = api.call("POST", "/returns", body(shipped, "RMA-1", "A", "B"))
    assert (again.status_code, again.json()) == (200, made.json())
    [found] = api.call("GET", "/returns?find=AWB-R").json()["items"]
    assert found["id"] == made.json()["id"]
    called_off = api.call("POST", f"{path}/cancel", {"items": ["B"], "reason": "keeps it"}).json()
    assert [item["state"] for item in called_off["items"]] == ["expected", "cancelled"]
    verdict = {"item_code": "A", "passed": False, "reason": "SIZE_MISMATCH", "images": ["https://wms.example.in/1.jpg"]}
    for _ in range(2):
        checked = api.call("POST", f"{path}/receive", {"items": [verdict]})
        assert (checked.status_code, checked.json()["state"]) == (200, "processed"), checked.text
    assert checked.json()["items"][0]["images"] == ["https://wms.example.in/1.jpg"]
    late = api.call("POST", f"{path}/cancel", {"reason": "too late"})
    assert (late.status_code, "units can be called off" in late.json()["detail"]) == (409, True)
    more = api.call("POST", f"{path}/items", {"items": [{"item_code": "C", "sku": "KURTA"}]})
    assert more.status_code == 409
    tracking = api.call("PUT", f"{path}/tracking", {"awb": "X", "courier": "Y"})
    assert tracking.status_code == 409
    order = api.call("GET", f"/orders/loom/{shipped}").json()
    assert float(order["lines"][0]["returned"]) == 1


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"items": [{"item_code": str(n), "sku": "KURTA"} for n in range(3)]}, 422, "Of KURTA 2 can come back"),
        ({"items": [{"item_code": "A", "item_id": 4711}]}, 422, "no item 4711"),
        ({"items": []}, 422, ""),
        ({"order_entity_id": 999}, 404, "no order 999"),
        ({"instance": "other"}, 404, "no order"),
        ({"location": "nowhere"}, 422, "no location"),
        ({"brought": {}}, 422, "AWB and courier are needed"),
        ({"customer_email": "somebody@example.com"}, 422, "another customer's"),
        ({"kind": "gift"}, 422, ""),
        ({"colour": "red"}, 422, ""),
    ],
)
def test_what_cannot_be_is_a_problem_that_says_why(
    api: Api,
    shipped: int,
    change: dict[str, Any],
    status: int,
    said: str,
) -> None:
    answer = api.call("POST", "/returns", body(shipped) | change)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert said in answer.text
    assert api.call("GET", "/returns").json()["items"] == []


def test_another_body_under_a_known_code_is_a_conflict(api: Api, shipped: int) -> None:
    api.call("POST", "/returns", body(shipped))
    other = api.call("POST", "/returns", body(shipped, reason="changed my mind"))
    assert (other.status_code, "with another body" in other.json()["detail"]) == (409, True)


def test_others_returns_are_not_even_told_of(api: Api, shipped: int) -> None:
    made = api.call("POST", "/returns", body(shipped)).json()
    elsewhere = api.new_token("elsewhere", list(Scope), locations=["hoskote"])
    assert api.call("GET", f"/returns/{made['id']}", token=elsewhere).status_code == 404
    assert api.call("GET", "/returns?find=RMA-1", token=elsewhere).json()["items"] == []
    reader = api.new_token("reader", [Scope.RETURNS_READ])
    assert api.call("POST", f"/returns/{made['id']}/cancel", {"reason": "x"}, token=reader).status_code == 403
