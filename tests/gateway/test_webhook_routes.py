"""Webhooks: stored before they are answered, once, and only those that may come in."""

from __future__ import annotations

import gzip
import hmac
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.gateway.conftest import PATHS, SECRETS, STORE_SECRET, Gateway, door

from aggregator_hooks.registry import VENDORS
from magento_oms.gateway.doors import Doors, is_signed, what_is_wrong
from magento_oms.gateway.limits import Rate
from magento_oms.storage.database import listener
from magento_oms.workflows.order_pull import orders_signal

BODIES: dict[str, Any] = {
    "shiprocket": {"awb": "7000000001", "current_status": "IN TRANSIT", "current_status_id": 20,
                   "shipment_status_id": 18, "current_timestamp": "23 11 2026 10:00:00", "order_id": "1-P1"},
    "clickpost": {"waybill": "W1", "cp_id": 4, "clickpost_status_code": 5, "timestamp": "2026-11-23T10:00:00Z",
                  "additional": {}},
    "shipway": {"hash": SECRETS["shipway"], "status_feed": [
        {"order_id": "1-P1", "awbno": "1333", "current_status": "INT", "status_time": "2026-11-23 10:00:00"}]},
    "eshipz": {"order_id": "1-P1", "tracking_number": "75", "tracking_status": "InTransit", "tracking_sub_status": "",
               "tracking_checkpoint_datetime": "2026-11-23 10:00:00"},
}  # fmt: skip
HEADERS = {name: dict.fromkeys(vendor.webhook_headers[:1], SECRETS[name]) for name, vendor in VENDORS.items()}
NAMES = sorted(VENDORS)


@pytest.mark.parametrize("name", NAMES)
def test_a_webhook_is_stored_before_it_is_answered_and_worked_on_afterwards(gateway: Gateway, name: str) -> None:
    answer = gateway.post(PATHS[name], BODIES[name], headers=HEADERS[name])

    assert answer.status_code == 200
    [row] = gateway.rows()
    assert row["target"] == f"courier:{name}"
    assert json.loads(bytes(row["body"])) == BODIES[name]
    until = time.monotonic() + 10
    while not gateway.rows()[0]["outcome"] and time.monotonic() < until:
        time.sleep(0.05)
    assert gateway.rows()[0]["outcome"] == "no such parcel"


@pytest.mark.parametrize("name", NAMES)
def test_the_same_body_again_is_counted_only(gateway: Gateway, name: str) -> None:
    for _ in range(3):
        assert gateway.post(PATHS[name], BODIES[name], headers=HEADERS[name]).status_code == 200

    [row] = gateway.rows()
    assert row["repeats"] == 2


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_secret_is_as_unknown_as_a_wrong_path(gateway: Gateway, name: str) -> None:
    body = BODIES[name] | ({"hash": "another"} if name == "shipway" else {})
    headers = dict.fromkeys(HEADERS[name], "another")

    refused = gateway.post(PATHS[name], body, headers=headers)
    unknown = gateway.post("f" * 30, body, headers=headers)

    assert refused.status_code == unknown.status_code == 401
    assert refused.content == unknown.content
    assert gateway.rows() == []


def test_a_missing_secret_is_refused(gateway: Gateway) -> None:
    for name in ("shiprocket", "clickpost", "eshipz"):
        assert gateway.post(PATHS[name], BODIES[name]).status_code == 401
    assert gateway.rows() == []


def test_shipways_second_shape_carries_no_secret_and_is_let_in_by_its_path(gateway: Gateway) -> None:
    """Shipway, section 8: the panel's webhook carries nothing; what it says is read back before it counts."""
    body = {"awbno": "1333", "current_status": "DEL", "order_id": "1-P1", "status_time": "2026-11-23 10:00:00"}

    assert gateway.post(PATHS["shipway"], body).status_code == 200


@pytest.mark.parametrize("header", ["webhook_key", "Authorization"])
def test_clickpost_may_send_its_secret_in_either_header(gateway: Gateway, header: str) -> None:
    """Clickpost, section 5."""
    answer = gateway.post(PATHS["clickpost"], BODIES["clickpost"], headers={header: SECRETS["clickpost"]})

    assert answer.status_code == 200


def test_a_secret_is_changed_without_a_gap(gateway: Gateway) -> None:
    kept = [door(name, SECRETS[name], f"{name}-secret-2") for name in NAMES]
    app_doors = Doors(tuple(kept), {})
    gateway.doors[0] = app_doors

    assert app_doors.courier(PATHS["eshipz"]) is not None
    for secret in ("eshipz-secret-1", "eshipz-secret-2"):
        assert kept[NAMES.index("eshipz")].lets_in({"x-webhook-token": secret}, {})
    assert not kept[NAMES.index("eshipz")].lets_in({"x-webhook-token": "eshipz-secret-3"}, {})


@pytest.mark.parametrize(
    "body",
    [b"", b"no json", b'{"a":', b"[1, 2", b'{"a": NaN}', b"\xff\xfe", b'"text"', b"7", b"null", b'{"unknown": 1}',
     b"[" * 100_000, b"[[[1]]]", b'{"status_feed": 5}', b'{"awb": {"a": 1}, "scans": [[]]}'],
)  # fmt: skip
@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_webhook_changes_nothing(gateway: Gateway, name: str, body: bytes) -> None:
    answer = gateway.post(PATHS[name], body, headers=HEADERS[name])

    assert answer.status_code in (200, 400, 401)
    assert gateway.rows() == []


def test_a_test_ping_is_answered_and_not_stored(gateway: Gateway) -> None:
    assert gateway.post(PATHS["eshipz"], [], headers=HEADERS["eshipz"]).status_code == 200
    assert gateway.rows() == []


def test_an_unknown_code_is_no_reason_to_refuse(gateway: Gateway) -> None:
    body = BODIES["clickpost"] | {"clickpost_status_code": 99}

    assert gateway.post(PATHS["clickpost"], body, headers=HEADERS["clickpost"]).status_code == 200
    assert len(gateway.rows()) == 1


def test_a_large_body_is_refused_whatever_it_says_about_its_length(gateway: Gateway) -> None:
    large = json.dumps(BODIES["eshipz"] | {"filler": "x" * 300_000}).encode()

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(large), 10_000):
            yield large[start : start + 10_000]

    told = gateway.post(PATHS["eshipz"], large, headers=HEADERS["eshipz"])
    chunked = gateway.client.post(
        f"{gateway.url}/webhooks/{PATHS['eshipz']}", content=pieces(), headers=HEADERS["eshipz"]
    )

    assert (told.status_code, chunked.status_code) == (413, 413)
    assert gateway.rows() == []


def test_a_compressed_body_is_refused(gateway: Gateway) -> None:
    packed = gzip.compress(json.dumps(BODIES["eshipz"]).encode())

    answer = gateway.post(PATHS["eshipz"], packed, headers=HEADERS["eshipz"] | {"content-encoding": "gzip"})

    assert answer.status_code == 415


def test_who_knocks_too_often_is_told_to_wait(gateway: Gateway) -> None:
    answers = [gateway.post("f" * 30, {}) for _ in range(40)]

    assert {answer.status_code for answer in answers} == {401, 429}
    assert int(answers[-1].headers["retry-after"]) >= 1
    # those who are known are not affected
    assert gateway.post(PATHS["eshipz"], BODIES["eshipz"], headers=HEADERS["eshipz"]).status_code == 200


def test_a_rate_is_kept_for_each_key_and_for_few_keys() -> None:
    now = [0.0]
    rate = Rate(2.0, 4.0, keys=3, clock=lambda: now[0])

    assert [rate.wait("a") for _ in range(5)] == [0, 0, 0, 0, 0.5]
    assert rate.wait("b") == 0
    now[0] = 0.5
    assert rate.wait("a") == 0
    for key in "cdefgh":
        rate.wait(key)
    assert len(rate._buckets) == 3


def test_without_the_database_the_sender_is_told_to_come_again(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    from magento_oms.storage import webhooks

    def away(*_: object) -> bool:
        raise OSError("the database is away")

    monkeypatch.setattr(webhooks, "store", away)

    answer = gateway.post(PATHS["eshipz"], BODIES["eshipz"], headers=HEADERS["eshipz"])

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"


def signed(body: bytes, secret: str = STORE_SECRET, age: float = 0) -> dict[str, str]:
    """Headers of a store that signs."""
    at = str(int(time.time() - age))
    signature = hmac.new(secret.encode(), at.encode() + b"." + body, "sha256").hexdigest()
    return {"X-Timestamp": at, "X-Signature": f"sha256={signature}"}


def test_a_store_that_signs_wakes_its_watcher_at_once(gateway: Gateway) -> None:
    with listener(gateway.database, orders_signal("loom")) as heard:
        answer = gateway.post("magento/loom", b'{"entity_id": 7}', headers=signed(b'{"entity_id": 7}'))

        assert answer.status_code == 200
        assert heard.wait(2)


def test_a_store_that_signs_wrongly_wakes_nobody(gateway: Gateway) -> None:
    body = b"{}"
    wrong = [
        {}, signed(body, "another"), signed(b"other body"), signed(body, age=400), signed(body, age=-400),
        signed(body) | {"X-Timestamp": "never"},
    ]  # fmt: skip
    with listener(gateway.database, orders_signal("loom")) as heard:
        answers = [gateway.post("magento/loom", body, headers=headers).status_code for headers in wrong]
        answers.append(gateway.post("magento/other", body, headers=signed(body)).status_code)

        assert set(answers) == {401}
        assert not heard.wait(0.3)
    good = signed(body)
    assert is_signed(["old", STORE_SECRET], good["X-Timestamp"], good["X-Signature"], body)


def test_it_tells_whether_it_lives_and_whether_it_can_store(gateway: Gateway) -> None:
    assert gateway.client.get(f"{gateway.url}/health").json() == {"status": "ok"}
    assert gateway.client.get(f"{gateway.url}/ready").json()["status"] == "ok"
    assert gateway.client.get(f"{gateway.url}/openapi.json").status_code == 404
    assert gateway.client.get(f"{gateway.url}/docs").status_code == 404


@pytest.mark.parametrize(
    ("path", "wrong"), [("short", True), ("a" * 24, False), ("0123456789-kartrocket-123", True), ("a/" * 20, True),
                        ("0123456789012345678901srx", True)]
)  # fmt: skip
def test_a_path_keeps_to_the_vendors_rules(path: str, wrong: bool) -> None:
    """Shiprocket, section 14: the URL must not hold shiprocket, kartrocket, sr or kr."""
    assert bool(what_is_wrong(path, VENDORS["shiprocket"].webhook_forbids)) is wrong


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_what_was_answered_is_there_though_the_gateway_is_killed(oms_database: str, tmp_path: Any) -> None:
    (tmp_path / "loom.yaml").write_text(
        "code: loom\nname: Loom\nurl: https://loom.example.in\nstores:\n"
        "  - {store_id: 1, code: default, name: Loom, live_from: 2026-11-01T00:00:00Z,\n"
        "     aggregators: [{aggregator: eshipz, account: ez, connection_id: ez_main}]}\n"
    )
    path = "k" * 30
    extra = json.dumps({"webhook_path": path, "webhook_secret": "s3cret"})
    connection = json.dumps({"conn_type": "eshipz", "password": "token", "extra": json.loads(extra)})
    port = free_port()
    environment = {
        **os.environ, "MAGENTO_OMS_DATABASE_URL": oms_database, "MAGENTO_OMS_INSTANCES_DIR": str(tmp_path),
        "AIRFLOW_CONN_EZ_MAIN": connection, "AIRFLOW_CONN_MAGENTO_LOOM": '{"conn_type": "magento"}',
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "magento_oms.gateway", "--port", str(port)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    answered: list[int] = []
    try:
        until = time.monotonic() + 40
        while time.monotonic() < until:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/health", timeout=2, trust_env=False).status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.1)

        def send(first: int) -> None:
            with httpx.Client(timeout=5, trust_env=False, headers={"X-Webhook-Token": "s3cret"}) as client:
                for number in range(first, 100_000, 4):
                    body = BODIES["eshipz"] | {"tracking_number": str(number)}
                    try:
                        answer = client.post(f"http://127.0.0.1:{port}/webhooks/{path}", json=body)
                    except httpx.HTTPError:
                        return
                    if answer.status_code == 200:
                        answered.append(number)

        senders = [threading.Thread(target=send, args=(first,)) for first in range(4)]
        for sender in senders:
            sender.start()
        while len(answered) < 200 and any(sender.is_alive() for sender in senders):
            time.sleep(0.01)
        process.kill()
        for sender in senders:
            sender.join(timeout=20)
    finally:
        process.kill()
        out, _ = process.communicate(timeout=20)

    assert len(answered) >= 200, out.decode()
    assert b"k" * 30 not in out
    assert b"s3cret" not in out
    from sqlalchemy import text

    from magento_oms.storage.database import engine

    with engine(oms_database).connect() as connected:
        kept = {
            json.loads(bytes(row.body))["tracking_number"]
            for row in connected.execute(text("select body from webhook"))
        }
    assert {str(number) for number in answered} <= kept
