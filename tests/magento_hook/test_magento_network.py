"""Faults of the network, repeats, and what the breaker and the budget are told."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from careful_http import memory, transport
from careful_http.client import Patience
from careful_http.endpoint import Timeouts
from careful_http.memory import MemoryBreaker, MemoryBudget
from magento_hook.store import MagentoStore
from magento_oms.ports import (
    ConfigurationError,
    OrderFilter,
    PermanentError,
    RateLimited,
    RetryableError,
    UnknownOutcome,
)

if TYPE_CHECKING:
    from tests.magento_hook.doubles import RawServer, SpyBreaker, SpyBudget, recorded, reply, reset
else:
    from magento_hook_doubles import RawServer, SpyBreaker, SpyBudget, recorded, reply, reset

ORDER = b'{"entity_id": 7, "updated_at": "2026-11-23 13:00:00"}'
Behaviour = Callable[[socket.socket, bytes, int], bool]
OpenStore = Callable[..., MagentoStore]


@pytest.fixture
def raw() -> Iterator[Callable[[Behaviour], RawServer]]:
    opened: list[RawServer] = []

    def start(behave: Behaviour) -> RawServer:
        opened.append(RawServer(behave))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def in_turn(server: HTTPServer, path: str, *answers: Response) -> list[Request]:
    """The answers one after the other, the last one for ever; returns the requests that came."""
    came: list[Request] = []

    def handle(request: Request) -> Response:
        came.append(request)
        return answers[min(len(came), len(answers)) - 1]

    server.expect_request(path).respond_with_handler(handle)
    return came


def good(body: Any = None) -> Response:
    return Response(ORDER if body is None else json.dumps(body), content_type="application/json")


def bad(number: int, **headers: str) -> Response:
    real = recorded(number)
    return Response(real.body, real.status, headers=headers, content_type=real.headers["Content-Type"])


@pytest.mark.parametrize("number", [437, 559, 562, 41])
def test_a_read_is_repeated_through_a_short_outage(
    server: HTTPServer, store: MagentoStore, breaker: SpyBreaker, budget: SpyBudget, number: int
) -> None:
    came = in_turn(server, "/rest/V1/orders/7", bad(number), bad(number), good())
    assert store.order(7)["entity_id"] == 7
    assert len(came) == 3
    assert [told.split(":")[0] for told in breaker.told] == [
        "before",
        "failed",
        "before",
        "failed",
        "before",
        "succeeded",
    ]
    assert budget.spent == 3
    assert budget.pauses == []


def test_a_long_outage_ends_the_patience(server: HTTPServer, store: MagentoStore) -> None:
    came = in_turn(server, "/rest/V1/orders/7", bad(437))
    with pytest.raises(RetryableError, match="maintenance mode"):
        store.order(7)
    assert len(came) == 3


@pytest.mark.parametrize("number", [60, 43, 12, 70, 65])
def test_a_refusal_is_not_repeated_and_is_no_outage(
    server: HTTPServer, store: MagentoStore, breaker: SpyBreaker, number: int
) -> None:
    came = in_turn(server, "/rest/V1/orders/7", bad(number))
    with pytest.raises((PermanentError, ConfigurationError)):
        store.order(7)
    assert len(came) == 1
    assert breaker.failures == 0
    assert breaker.told == ["before", "succeeded"]


@pytest.mark.parametrize(("number", "kind"), [(41, UnknownOutcome), (437, RetryableError), (562, UnknownOutcome)])
def test_a_change_is_sent_once(
    server: HTTPServer, store: MagentoStore, breaker: SpyBreaker, number: int, kind: type[Exception]
) -> None:
    came = in_turn(server, "/rest/V1/orders/7/comments", bad(number))
    with pytest.raises(kind):
        store.add_comment(7, "packed", status="processing")
    assert len(came) == 1
    assert breaker.failures == 1


def test_a_pause_that_the_store_asks_for_is_kept_by_everyone(
    server: HTTPServer, store: MagentoStore, budget: SpyBudget, breaker: SpyBreaker
) -> None:
    came = in_turn(server, "/rest/V1/orders/7", Response("slow", 429, headers={"Retry-After": "0.2"}), good())
    started = time.monotonic()
    store.order(7)
    assert time.monotonic() - started >= 0.2
    assert len(came) == 2
    assert budget.pauses == [0.2]
    assert breaker.failures == 0


def test_a_longer_pause_is_handed_to_the_caller(server: HTTPServer, store: MagentoStore, budget: SpyBudget) -> None:
    came = in_turn(server, "/rest/V1/orders/7", Response("slow", 429, headers={"Retry-After": "120"}))
    with pytest.raises(RateLimited) as caught:
        store.order(7)
    assert caught.value.retry_after == 120
    assert len(came) == 1
    assert budget.pauses == [120]


def test_a_change_that_is_rate_limited_did_not_happen(server: HTTPServer, store: MagentoStore) -> None:
    came = in_turn(server, "/rest/V1/orders/7/comments", Response("slow", 429))
    with pytest.raises(RateLimited, match="HTTP 429"):
        store.add_comment(7, "packed", status="processing")
    assert len(came) == 1


def test_a_deadlock_is_known_not_to_have_happened(server: HTTPServer, store: MagentoStore) -> None:
    answer = Response(
        json.dumps({"message": "Could not save an invoice, see error log for details"}),
        400,
        content_type="application/json",
    )
    came = in_turn(server, "/rest/V1/order/7/invoice", answer)
    with pytest.raises(RetryableError, match="Could not save an invoice"):
        store.invoice(7, items={1: 1}, comment="from the OMS")
    assert len(came) == 1


@pytest.mark.parametrize("way", ["reset", "close", "cut", "silent", "drip"])
def test_a_lost_answer_leaves_a_change_open_and_a_read_is_repeated(
    raw: Callable[[Behaviour], RawServer], open_store: OpenStore, breaker: SpyBreaker, way: str
) -> None:
    released = threading.Event()

    def lose(connection: socket.socket, request: bytes, number: int) -> bool:
        if number == 1:  # the second try of the read
            reply(connection, ORDER)
            return True
        match way:
            case "reset":
                reset(connection)
            case "cut":
                reply(connection, b"tr", claim=900)
            case "silent":
                released.wait(5)
            case "drip":
                reply(connection, b"", claim=900)
                for _ in range(50):
                    connection.sendall(b" ")
                    if released.wait(0.1):
                        break
        return False

    server = raw(lose)
    store = open_store(base_url=server.url, timeouts=Timeouts(connect=1, read=0.3, total=0.6))
    assert store.order(7)["entity_id"] == 7
    assert breaker.failures == 1
    with pytest.raises(UnknownOutcome, match=r"kurta, order 7: .*(broke the connection off|no answer|not end in time)"):
        store.set_status(7, state="processing", status="processing")
    released.set()
    assert len(server.requests) == 3
    assert breaker.failures == 2


def test_a_cut_chunked_answer_is_not_taken_for_a_whole_one(
    raw: Callable[[Behaviour], RawServer], open_store: OpenStore
) -> None:
    def cut(connection: socket.socket, request: bytes, number: int) -> bool:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + b"4\r\ntrue\r\n")
        return False

    server = raw(cut)
    with pytest.raises(UnknownOutcome, match="broke the connection off"):
        open_store(base_url=server.url).add_comment(7, "packed", status="processing")


def test_a_refused_connection_is_known_not_to_have_happened(open_store: OpenStore, breaker: SpyBreaker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    store = open_store(base_url=f"http://127.0.0.1:{port}")
    with pytest.raises(RetryableError, match=f"http://127.0.0.1:{port} refuses connections"):
        store.set_status(7, state="processing", status="processing")
    assert breaker.failures == 1


def test_an_unknown_host_names_the_url(open_store: OpenStore) -> None:
    store = open_store(base_url="https://no-such-shop.invalid", patience=Patience(tries=1))
    with pytest.raises(RetryableError, match=r"host name of https://no-such-shop\.invalid is not known; check the URL"):
        store.order(7)


def test_tls_to_a_port_that_speaks_http(open_store: OpenStore) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def speak_http() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=speak_http)
        thread.start()
        store = open_store(base_url=f"https://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(ConfigurationError, match="does not speak TLS as expected"):
            store.order(7)
        thread.join()


def test_redirects_are_not_followed(server: HTTPServer, store: MagentoStore) -> None:
    moved = Response("", 301, headers={"Location": server.url_for("/elsewhere")})
    in_turn(server, "/rest/V1/orders/7/comments", moved)
    elsewhere = in_turn(server, "/elsewhere", good(body=True))
    with pytest.raises(ConfigurationError, match="redirects to"):
        store.add_comment(7, "packed", status="processing")
    assert elsewhere == []


def test_connections_are_kept_and_every_thread_has_its_own(
    raw: Callable[[Behaviour], RawServer], open_store: OpenStore
) -> None:
    barrier = threading.Barrier(2, timeout=5)

    def answer(connection: socket.socket, request: bytes, number: int) -> bool:
        reply(connection, ORDER)
        return True

    server = raw(answer)
    store = open_store(base_url=server.url)

    def read() -> None:
        barrier.wait()
        for _ in range(5):
            store.order(7)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.requests) == 10
    assert server.connections == 2


def test_a_change_never_goes_over_a_connection_that_was_idle_for_long(
    raw: Callable[[Behaviour], RawServer], open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(connection: socket.socket, request: bytes, number: int) -> bool:
        reply(connection, b"true")
        return True

    server = raw(answer)
    store = open_store(base_url=server.url)
    for _ in range(2):
        store.add_comment(7, "packed", status="processing")
    assert server.connections == 1
    monkeypatch.setattr(transport, "STALE", 0.0)
    store.add_comment(7, "packed", status="processing")
    assert server.connections == 2


def test_requests_are_json_with_our_credentials_only(
    server: HTTPServer, store: MagentoStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    first = good(body=True)
    first.set_cookie("PHPSESSID", "abc")
    came = in_turn(server, "/rest/V1/orders/7/comments", first)
    for _ in range(2):
        store.add_comment(7, "पैक हो गया", status="processing")
    assert came[1].headers["Authorization"] == "Bearer integration-token"
    assert came[1].headers["Accept"] == "application/json"
    assert came[1].headers["Content-Type"] == "application/json"
    assert "Cookie" not in came[1].headers


def test_compressed_answers_are_read(server: HTTPServer, store: MagentoStore) -> None:
    answer = Response(gzip.compress(ORDER), content_type="application/json", headers={"Content-Encoding": "gzip"})
    came = in_turn(server, "/rest/V1/orders/7", answer)
    assert store.page_of(7).raw == [ORDER]
    assert came[0].headers["Accept-Encoding"] == "gzip"


def test_a_byte_order_mark_before_the_answer_is_dropped(server: HTTPServer, store: MagentoStore) -> None:
    in_turn(server, "/rest/V1/orders/7", Response(b"\xef\xbb\xbf" + ORDER, content_type="application/json"))
    assert store.page_of(7).raw == [ORDER]


def test_an_answer_without_an_end_is_given_up(
    server: HTTPServer, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "LARGEST", 1024 * 1024)
    in_turn(server, "/rest/V1/orders/7", Response(b" " * (1024 * 1024 + 1), content_type="application/json"))
    with pytest.raises(RetryableError, match="larger than 1 MB"):
        open_store(patience=Patience(tries=1)).order(7)


def test_an_open_circuit_and_a_spent_budget_send_nothing(server: HTTPServer, store: MagentoStore) -> None:
    came = in_turn(server, "/rest/V1/orders/7", bad(437))
    breaker, budget = MemoryBreaker("magento:kurta", threshold=2, pause=60), MemoryBudget("magento:kurta")
    store._client._breaker = breaker
    store._client._budget = budget
    with pytest.raises(RetryableError, match="is not called: 2 failures in a row, the last one: Magento kurta"):
        store.order(7)
    assert len(came) == 2
    budget.slow_down(100)
    with pytest.raises(RateLimited, match="asked for a pause"):
        store.count(OrderFilter())
    assert len(came) == 2


def test_a_circuit_closes_after_a_good_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 0.0
    monkeypatch.setattr(memory, "time", SimpleNamespace(monotonic=lambda: seconds))
    breaker = MemoryBreaker("magento:kurta", threshold=1, pause=60)
    breaker.failed("down")
    with pytest.raises(RetryableError):
        breaker.before_call()
    seconds = 61
    breaker.before_call()
    with pytest.raises(RetryableError):  # one probe at a time
        breaker.before_call()
    breaker.succeeded()
    breaker.before_call()
