"""The OMS API is what its OpenAPI description says, and every error is a problem (RFC 9457)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import (
    CheckFunction,
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.gateway.oms_api import Api

from magento_oms.gateway.api.app import LARGEST_BODY
from magento_oms.gateway.api.problems import MEDIA_TYPE, TITLES

CHECKS: list[CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def test_whatever_is_sent_is_answered_as_described(api: Api) -> None:
    """Schemathesis makes requests from the API's own description and holds each answer to it."""
    api.forward.stock("pune", KURTA=9)
    api.ready("KURTA")
    api.call("POST", "/manifests", {"location": "pune"})
    api.routed("KURTA")
    schema = schemathesis.openapi.from_dict(api.client.get("/openapi.json").json())
    answered: Callable[..., None]
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]

        @settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def answered(case: Any) -> None:
            headers = {"Authorization": f"Bearer {api.token}"}
            case.call_and_validate(base_url=api.url, headers=headers, checks=CHECKS)

        answered()


def is_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem that an answer is."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE), answer.text
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["title"] == TITLES[status]
    assert problem["detail"]
    return problem


def test_every_error_is_a_problem(api: Api) -> None:
    is_problem(api.client.get("/orders"), 401)
    is_problem(api.call("GET", "/fulfilments?cursor=yesterday"), 400)
    is_problem(api.call("GET", "/nowhere"), 404)
    is_problem(api.call("GET", "/fulfilments/999999"), 404)
    not_allowed = api.call("DELETE", "/fulfilments/1")
    is_problem(not_allowed, 405)
    assert not_allowed.headers["allow"] == "GET"
    too_large = api.call("PUT", "/locations/pune/stock", {"figures": [{"sku": "x" * LARGEST_BODY, "quantity": 1}]})
    is_problem(too_large, 413)
    headers = {"Authorization": f"Bearer {api.token}"}
    form = api.client.put("/locations/pune/stock", content="sku=KURTA", headers=headers)
    assert is_problem(form, 415)["way_out"] == "Send `Content-Type: application/json`."
    reader = api.new_token("reader", [])
    is_problem(api.call("GET", "/orders", token=reader), 403)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"{", "/body/1"),
        (b"[]", "/body"),
        (b'{"figures": [{"sku": "KURTA", "quantity": "many"}]}', "/body/figures/0/quantity"),
        (b'{"figures": [{"sku": "KURTA", "quantity": NaN}]}', "/body/figures/0/quantity"),
        (b'{"figures": [{"sku": "KURTA", "quantity": 1, "colour": "red"}]}', "/body/figures/0/colour"),
        (b'{"figures": [{"sku": "", "quantity": 1}]}', "/body/figures/0/sku"),
        (b'{"figures": []}', "/body/figures"),
        ('{"figures": [{"sku": "à", "quantity": 1}]}'.encode("latin-1"), ""),
    ],
)
def test_a_body_that_does_not_fit_is_told_where(api: Api, body: bytes, pointer: str) -> None:
    headers = {"Authorization": f"Bearer {api.token}", "Content-Type": "application/json"}
    answer = api.client.put("/locations/pune/stock", content=body, headers=headers)
    problem = is_problem(answer, 400 if not pointer else 422)
    assert [part["pointer"] for part in problem["errors"]] == ([pointer] if pointer else [])


def test_the_description_tells_who_may_and_every_answer(api: Api) -> None:
    described = api.client.get("/openapi.json").json()
    assert described["components"]["securitySchemes"]
    assert "HTTPValidationError" not in described["components"]["schemas"]
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert operation["security"], (method, path)
            assert operation["summary"], (method, path)
            assert operation["description"], (method, path)
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == [MEDIA_TYPE], (method, path, status)
            assert {"401", "403", "422", "429", "500", "503"} <= set(operation["responses"]), (method, path)
            assert operation["responses"]["429"]["headers"]["Retry-After"]
            if "requestBody" in operation:
                assert {"400", "408", "413", "415"} <= set(operation["responses"]), (method, path)


def test_a_database_that_does_not_answer_is_a_problem_that_passes(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.exc import OperationalError

    from magento_oms.gateway.api import order_routes

    def gone(*_: object, **__: object) -> None:
        raise OperationalError("select", {}, Exception("host db.internal refused"))

    monkeypatch.setattr(order_routes, "all_orders", gone)
    answer = api.call("GET", "/orders")
    problem = is_problem(answer, 503)
    assert answer.headers["retry-after"] == "5"
    assert "db.internal" not in answer.text
    assert "nothing was changed" in problem["detail"]
