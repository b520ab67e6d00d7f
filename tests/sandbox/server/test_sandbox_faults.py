"""Faults on demand: each does what it says, as often as it says, and the ledger knows."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from commerce_sandbox.client import ADMIN_PASSWORD, SandboxClient, SandboxError
from commerce_sandbox.in_process import InProcess, running

COMMENT = {"statusHistory": {"comment": "once", "is_customer_notified": 0, "is_visible_on_front": 0}}


def fault(sandbox: InProcess, kind: str, **rule: Any) -> None:
    """Set a fault on the default store."""
    sandbox.control("POST", "faults", {"kind": kind, "instance": "default", **rule})


def comments(sandbox: InProcess, order: int) -> int:
    """How many comments named `once` an order has, by the ledger."""
    effects = sandbox.control("GET", f"instances/default/effects?kind=comment&order_id={order}")["effects"]
    return len([each for each in effects if each["call"]])


@pytest.mark.parametrize(
    ("kind", "status", "kept"),
    [
        ("error_before", 500, 0),
        ("error_after", 500, 1),
        ("too_many_requests", 429, 0),
        ("maintenance", 503, 0),
        ("database_down", 500, 0),
        ("php_down", 502, 0),
        ("expired_token", 401, 0),
        ("deadlock", 400, 0),
        ("redirect", 302, 0),
    ],
)
def test_the_answer_of_a_fault_and_what_was_done_nevertheless(
    sandbox: InProcess, kind: str, status: int, kept: int
) -> None:
    [order] = sandbox.place(payment="cod", shape="simple")
    fault(sandbox, kind, method="POST", path="/comments", times=1)

    assert sandbox.magento("POST", f"V1/orders/{order}/comments", COMMENT).status_code == status
    assert comments(sandbox, order) == kept
    assert sandbox.magento("POST", f"V1/orders/{order}/comments", COMMENT).status_code == 200
    assert comments(sandbox, order) == kept + 1
    [struck] = [call for call in sandbox.control("GET", "instances/default/ledger")["calls"] if call["fault"]]
    assert struck["fault"] == kind


def test_a_retry_after_is_sent_only_where_it_is_asked_for(sandbox: InProcess) -> None:
    fault(sandbox, "too_many_requests", times=1)
    fault(sandbox, "too_many_requests", skip=1, times=1, retry_after=7)
    answers = [sandbox.magento("GET", "V1/store/storeViews") for _ in range(3)]
    assert [answer.headers.get("retry-after") for answer in answers] == [None, "7", None]


def test_latency_and_a_seed_that_strikes_the_same_calls_again(sandbox: InProcess) -> None:
    def struck() -> list[bool]:
        sandbox.control("DELETE", "faults")
        fault(sandbox, "error_before", probability=0.5, seed=11)
        return [sandbox.magento("GET", "V1/store/storeViews").status_code == 500 for _ in range(12)]

    first = struck()
    assert first == struck()
    assert 0 < sum(first) < 12
    sandbox.control("DELETE", "faults")
    fault(sandbox, "latency", seconds=0.2, times=1)
    started = time.monotonic()
    sandbox.magento("GET", "V1/store/storeViews")
    assert time.monotonic() - started >= 0.2


def test_rows_move_between_two_pages(sandbox: InProcess) -> None:
    placed = sandbox.place(4, created_at="2026-01-01 00:00:00", every_seconds=60)
    page = (
        "V1/orders?searchCriteria[sortOrders][0][field]=updated_at&searchCriteria[sortOrders][0][direction]=ASC"
        "&searchCriteria[pageSize]=2&fields=items[entity_id]&searchCriteria[currentPage]="
    )
    fault(sandbox, "moving_rows", path="/orders$", skip=1, times=1)
    seen = [
        item["entity_id"] for number in (1, 2) for item in sandbox.magento("GET", page + str(number)).json()["items"]
    ]

    assert seen == [placed[0], placed[1], placed[3], placed[0]]


@pytest.mark.parametrize("rule", [{"kind": "nonesuch"}, {"kind": "reset", "nope": 1}, {"kind": "reset", "path": "("}])
def test_a_fault_that_cannot_be_is_refused_in_a_sentence(sandbox: InProcess, rule: dict[str, Any]) -> None:
    refused = sandbox.call("POST", "/_sandbox/faults", rule)
    assert refused.status_code == 400
    assert refused.json()["error"]


def _log_in(client: SandboxClient) -> httpx.Client:
    login = {"username": "admin", "password": ADMIN_PASSWORD}
    token = httpx.post(f"{client.store_url}/rest/V1/integration/admin/token", json=login).json()
    return httpx.Client(base_url=client.store_url, timeout=5, headers={"authorization": f"Bearer {token}"})


def test_real_connections_break_and_a_killed_server_keeps_what_it_answered(new_database: Callable[[], str]) -> None:
    url = new_database()
    with running(url) as (client, process):
        [order] = client.place_orders(payment="cod", shape="simple")
        path = f"/rest/V1/orders/{order.entity_id}/comments"
        with _log_in(client) as store:
            client.add_fault("reset", path="/comments", times=1)
            with pytest.raises(httpx.TransportError):
                store.post(path, json=COMMENT)
            assert client.counts().get("comment", 0) == 0

            client.add_fault("reset_after", path="/comments", times=1)
            with pytest.raises(httpx.TransportError):
                store.post(path, json=COMMENT)
            assert client.counts()["comment"] == 1

            client.add_fault("timeout_after", path="/comments", times=1, seconds=60)
            with pytest.raises(httpx.ReadTimeout):
                store.post(path, json=COMMENT, timeout=3)
            assert client.counts()["comment"] == 2

            client.add_fault("error_before", path="/nothing", skip=3)
            assert store.post(path, json=COMMENT).status_code == 200
        os.kill(process.pid, 9)
        process.wait()
        port = int(client.base_url.rsplit(":", 1)[1])
        with pytest.raises(SandboxError, match="no sandbox answers"):
            client.health()

    with running(url, port) as (client, _):
        assert client.counts()["comment"] == 3
        assert [each["kind"] for each in client.faults()] == ["reset", "reset_after", "timeout_after", "error_before"]
        with _log_in(client) as store:
            shown = store.get(path).json()["items"]
        assert [each["comment"] for each in shown if each["comment"] == "once"] == ["once"] * 3
