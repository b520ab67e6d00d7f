"""Who we say we are: tokens shared and renewed once, cool-downs, and signatures that a real server would accept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from oauthlib.oauth1.rfc5849 import signature as rfc5849
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from careful_http.memory import MemoryTokenStore, process_tokens
from magento_hook.connection import AuthKind, MagentoConnection
from magento_hook.errors import MissingPermission
from magento_hook.store import MagentoStore, open_magento
from magento_oms.ports import (
    AuthenticationError,
    ConfigurationError,
    Magento,
    OrderFilter,
    OutsideError,
    RetryableError,
    Token,
)

if TYPE_CHECKING:
    from tests.magento_hook.doubles import recorded
else:
    from magento_hook_doubles import recorded

OpenStore = Callable[..., MagentoStore]
ORDER = {"entity_id": 7, "updated_at": "2026-11-23 13:00:00"}
ADMIN: dict[str, Any] = {
    "auth": AuthKind.ADMIN_TOKEN,
    "username": "oms",
    "password": "correct horse",
    "access_token": "",
}
OAUTH: dict[str, Any] = {
    "auth": AuthKind.INTEGRATION_OAUTH,
    "consumer_key": "ck" * 16,
    "consumer_secret": "cs" * 16,
    "access_token": "at" * 16,
    "access_token_secret": "as" * 16,
}


def answer(number: int) -> Response:
    real = recorded(number)
    return Response(real.body, real.status, content_type=real.headers["Content-Type"])


def jwt(number: int, life: float = 3600, issued: float | None = None) -> str:
    """A token as Magento from 2.4.4 makes them (the signature is not ours to check)."""
    start = time.time() if issued is None else issued
    parts = ({"alg": "HS256"}, {"uid": 1, "utypid": 2, "iat": start, "exp": start + life, "n": number})
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*coded, "c2lnbmF0dXJl"])


class Door:
    """The store's login and an order behind it. Tokens can be revoked and permissions taken away."""

    def __init__(self, server: HTTPServer) -> None:
        self.password = "correct horse"
        self.logins = 0
        self.valid: set[str] = set()
        self.allowed = True
        self.make: Callable[[int], str] = jwt
        self.login_answer: Callable[[], Response] | None = None
        self._guard = threading.Lock()
        server.expect_request("/rest/V1/integration/admin/token", method="POST").respond_with_handler(self._login)
        server.expect_request("/rest/V1/orders/7").respond_with_handler(self._order)

    def _login(self, request: Request) -> Response:
        with self._guard:
            self.logins += 1
            if self.login_answer is not None:
                return self.login_answer()
            assert request.headers["Content-Type"] == "application/json"
            assert "Authorization" not in request.headers
            if request.get_json() != {"username": "oms", "password": self.password}:
                return answer(2)
            token = self.make(self.logins)
            self.valid.add(token)
            return Response(json.dumps(token), content_type="application/json")

    def _order(self, request: Request) -> Response:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        if token not in self.valid or not self.allowed:
            return answer(12)
        return Response(json.dumps(ORDER), content_type="application/json")


@pytest.fixture
def door(server: HTTPServer) -> Door:
    return Door(server)


def test_one_login_serves_all_stores_that_share_the_tokens(door: Door, open_store: OpenStore) -> None:
    tokens = MemoryTokenStore()
    for _ in range(3):
        store = open_store(tokens=tokens, **ADMIN)
        for _ in range(3):
            assert store.order(7) == ORDER
    assert door.logins == 1


def test_an_expired_token_is_renewed_once_by_eight_threads(door: Door, open_store: OpenStore) -> None:
    tokens = MemoryTokenStore()
    stores = [open_store(tokens=tokens, **ADMIN) for _ in range(8)]
    assert [store.order(7) for store in stores] == [ORDER] * 8
    assert door.logins == 1
    door.valid.clear()  # all tokens expire
    together = threading.Barrier(8, timeout=10)

    def read(store: MagentoStore) -> Any:
        together.wait()
        return store.order(7)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(read, stores)) == [ORDER] * 8
    assert door.logins == 2


def test_a_change_is_sent_again_after_an_expired_token_since_nothing_happened(
    server: HTTPServer, door: Door, open_store: OpenStore
) -> None:
    came: list[str] = []

    def comment(request: Request) -> Response:
        came.append(request.headers["Authorization"])
        return Response("true", content_type="application/json") if len(came) > 1 else answer(12)

    server.expect_request("/rest/V1/orders/7/comments").respond_with_handler(comment)
    open_store(**ADMIN).add_comment(7, "packed", status="processing")
    assert len(set(came)) == len(came) == 2


def test_a_wrong_password_is_tried_once_and_then_cools_down(door: Door, open_store: OpenStore) -> None:
    tokens = MemoryTokenStore()
    wrong = ADMIN | {"password": "wrong one"}
    stores = [open_store(tokens=tokens, **wrong) for _ in range(8)]
    errors: list[str] = []

    def read(store: MagentoStore) -> None:
        for _ in range(3):
            with pytest.raises(AuthenticationError) as caught:
                store.order(7)
            errors.append(str(caught.value))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(read, stores))
    assert door.logins == 1
    assert len(errors) == 24
    assert sum("none is tried for another" in error for error in errors) == 23
    assert all("account sign-in was incorrect" in error for error in errors)
    assert all("Correct" in error for error in errors)
    assert not any("wrong one" in error or "oms" in error for error in errors)


def test_the_cool_down_ends(door: Door, open_store: OpenStore) -> None:
    tokens = MemoryTokenStore(cool_down=0.05)
    with pytest.raises(AuthenticationError):
        open_store(tokens=tokens, **ADMIN | {"password": "wrong one"}).order(7)
    time.sleep(0.06)
    assert open_store(tokens=tokens, **ADMIN).order(7) == ORDER


def test_corrected_credentials_are_tried_at_once() -> None:
    wrong, right = (process_tokens("https://shop.example.in", ("oms", each)) for each in ("wrong one", "right one"))
    with wrong.login("magento:kurta") as turn:
        turn.refused("incorrect")
    with pytest.raises(AuthenticationError), wrong.login("magento:kurta"):
        pass
    with right.login("magento:kurta") as turn:
        assert turn.token is None
    assert process_tokens("https://shop.example.in", ("oms", "wrong one")) is wrong


@pytest.mark.parametrize("status", [400, 401])
def test_two_factor_login_says_what_to_do_and_is_not_tried_again(
    door: Door, open_store: OpenStore, status: int
) -> None:
    body = {
        "message": "Please use the 2fa provider-specific endpoints to obtain a token.",
        "parameters": {"active_providers": ["google"]},
    }
    door.login_answer = lambda: Response(json.dumps(body), status, content_type="application/json")
    store = open_store(**ADMIN)
    with pytest.raises(ConfigurationError, match="Two-factor login is on: use an integration"):
        store.order(7)
    with pytest.raises(AuthenticationError, match="two-factor login is on"):
        store.order(7)
    assert door.logins == 1


def test_a_store_in_maintenance_starts_no_cool_down(door: Door, open_store: OpenStore) -> None:
    door.login_answer = lambda: answer(438)
    store = open_store(**ADMIN)
    with pytest.raises(RetryableError, match="kurta, login: HTTP 503"):
        store.order(7)
    assert door.logins == 1, "a login is never repeated by itself"
    door.login_answer = None
    assert store.order(7) == ORDER


@pytest.mark.parametrize("body", ['{"token": "x"}', '""', "not json"])
def test_a_login_that_gives_no_token(door: Door, open_store: OpenStore, body: str) -> None:
    door.login_answer = lambda: Response(body, content_type="application/json")
    with pytest.raises(ConfigurationError, match="no token"):
        open_store(**ADMIN).order(7)


def test_a_missing_permission_is_named_after_one_login_and_then_without_any(door: Door, open_store: OpenStore) -> None:
    door.allowed = False
    store = open_store(**ADMIN)
    for _ in range(3):
        with pytest.raises(MissingPermission, match="Magento_Sales::actions_view") as caught:
            store.order(7)
        assert caught.value.resource == "Magento_Sales::actions_view"
    assert door.logins == 2, "one, and one because an expired token looks the same"


def test_a_token_is_replaced_before_it_expires(door: Door, open_store: OpenStore) -> None:
    tokens = MemoryTokenStore()
    door.make = lambda number: jwt(number, life=1_000, issued=0)  # the store's clock is decades off
    open_store(tokens=tokens, **ADMIN).order(7)
    kept = tokens.get("magento:kurta")
    assert kept is not None
    assert kept.expires_at is not None
    assert timedelta(seconds=930) < kept.expires_at - datetime.now(UTC) <= timedelta(seconds=940)
    assert kept.value not in repr(kept)


def test_an_expired_token_of_ours_is_not_sent(door: Door, open_store: OpenStore) -> None:
    door.make = lambda number: jwt(number, life=0.1)
    store = open_store(**ADMIN)
    store.order(7)
    time.sleep(0.12)
    store.order(7)
    assert door.logins == 2


@pytest.mark.parametrize("token", ["k8fj3hd72kfn4ms9dk3jf8s7dh3kf9s2", "eyJhbGciOiJIUzI1NiJ9.bm90anNvbg.c2ln", "a.b.c"])
def test_an_opaque_token_lives_until_it_is_refused(door: Door, open_store: OpenStore, token: str) -> None:
    tokens = MemoryTokenStore()
    door.make = lambda number: f"{token}{number}"
    store = open_store(tokens=tokens, **ADMIN)
    store.order(7)
    assert tokens.get("magento:kurta") == Token(f"{token}1")
    door.valid.clear()
    store.order(7)
    assert door.logins == 2


class Integration:
    """Checks OAuth 1.0a as Magento does: nonces are used once, the signature covers the URL and its query."""

    def __init__(self, server: HTTPServer, *, with_port: bool) -> None:
        self.with_port = with_port
        self.nonces: list[str] = []
        self.refuse_nonces = 0
        self.checked = 0
        server.expect_request("/rest/V1/orders/7").respond_with_handler(self._order)
        server.expect_request("/rest/V1/orders").respond_with_handler(self._orders)
        server.expect_request("/rest/V1/orders/7/comments").respond_with_handler(self._comment)

    def _checked(self, request: Request) -> Response | None:
        self.checked += 1
        header = request.headers["Authorization"]
        assert header.startswith("OAuth ")
        given = dict(rfc5849.collect_parameters(headers={"Authorization": header}, exclude_oauth_signature=False))
        assert given["oauth_signature_method"] == "HMAC-SHA256"
        assert given["oauth_version"] == "1.0"
        assert abs(int(given["oauth_timestamp"]) - time.time()) < 60
        if given["oauth_nonce"] in self.nonces or self.refuse_nonces:
            self.refuse_nonces = max(self.refuse_nonces - 1, 0)
            return answer(435)
        self.nonces.append(given["oauth_nonce"])
        return None if given["oauth_signature"] == self._signature(request, given) else answer(432)

    def _signature(self, request: Request, given: dict[str, str]) -> str:
        """By hand, of RFC 5849's parts."""
        url = urlsplit(request.url)
        host = url.netloc if self.with_port else str(url.hostname)
        query = parse_qsl(request.query_string.decode(), keep_blank_values=True)
        signed = [*query, *((name, value) for name, value in given.items() if name != "oauth_signature")]
        pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in signed)
        parts = [request.method, f"http://{host}{url.path}", "&".join(f"{name}={value}" for name, value in pairs)]
        base = "&".join(quote(part, safe="~") for part in parts)
        key = f"{OAUTH['consumer_secret']}&{OAUTH['access_token_secret']}"
        return base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha256).digest()).decode()

    def _order(self, request: Request) -> Response:
        return self._checked(request) or Response(json.dumps(ORDER), content_type="application/json")

    def _orders(self, request: Request) -> Response:
        body = {"items": [], "total_count": 0}
        return self._checked(request) or Response(json.dumps(body), content_type="application/json")

    def _comment(self, request: Request) -> Response:
        return self._checked(request) or Response("true", content_type="application/json")


@pytest.mark.parametrize("with_port", [False, True])
def test_signatures_hold_with_and_without_the_port(server: HTTPServer, open_store: OpenStore, with_port: bool) -> None:
    integration = Integration(server, with_port=with_port)
    store = open_store(**OAUTH)
    assert store.order(7) == ORDER
    first = integration.checked
    assert first == (2 if with_port else 1)
    where = OrderFilter(statuses=("on hold", "ठीक", "a+b&c=d%"), created_from=datetime(2026, 11, 23, tzinfo=UTC))
    assert store.page_after(None, where, page_size=5).last
    store.add_comment(7, "a comment is no part of the signature", status="processing")
    assert integration.checked == first + 2, "what worked is kept"


def test_every_try_has_a_nonce_of_its_own(server: HTTPServer, open_store: OpenStore) -> None:
    integration = Integration(server, with_port=False)
    store = open_store(**OAUTH)
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: store.order(7), range(100))) == [ORDER] * 100
    assert len(set(integration.nonces)) == 100


def test_a_used_nonce_is_replaced(server: HTTPServer, open_store: OpenStore) -> None:
    integration = Integration(server, with_port=False)
    integration.refuse_nonces = 1
    assert open_store(**OAUTH).order(7) == ORDER
    assert integration.checked == 2


def test_wrong_secrets_end_after_both_ideas_of_the_port(server: HTTPServer, open_store: OpenStore) -> None:
    integration = Integration(server, with_port=False)
    store = open_store(**OAUTH | {"consumer_secret": "x" * 32})
    with pytest.raises(AuthenticationError, match="signature is invalid"):
        store.order(7)
    assert integration.checked == 2


def test_a_revoked_integration(server: HTTPServer, open_store: OpenStore) -> None:
    server.expect_request("/rest/V1/orders/7").respond_with_handler(lambda _: answer(436))
    with pytest.raises(AuthenticationError, match="Specified token does not exist"):
        open_store(**OAUTH).order(7)


def test_a_bearer_that_is_switched_off_says_so(server: HTTPServer, store: MagentoStore) -> None:
    came = []

    def refuse(request: Request) -> Response:
        came.append(request)
        return answer(407)

    server.expect_request("/rest/V1/orders/7").respond_with_handler(refuse)
    with pytest.raises(ConfigurationError, match=r"not taken as a bearer \(use OAuth\)"):
        store.order(7)
    assert len(came) == 1


@pytest.fixture(params=[ADMIN, OAUTH], ids=["admin", "oauth"])
def secretive(request: pytest.FixtureRequest, server: HTTPServer) -> Iterator[Magento]:
    """A store whose server repeats all that it gets in its error."""

    def tell_tales(told: Request) -> Response:
        body = {"message": f"{told.headers} {told.get_data(as_text=True)}"}
        return Response(json.dumps(body), 400, content_type="application/json")

    server.expect_request("/rest/V1/orders/7").respond_with_handler(tell_tales)
    server.expect_request("/rest/V1/integration/admin/token").respond_with_handler(tell_tales)
    connection = MagentoConnection(base_url=server.url_for("").rstrip("/"), **request.param)
    store = open_magento(connection, instance="kurta", tokens=MemoryTokenStore())
    yield store
    store.close()


def test_no_secret_is_in_an_error_or_a_repr(secretive: Magento) -> None:
    with pytest.raises(OutsideError) as caught:
        secretive.order(7)
    everything = f"{caught.value} {caught.value!r} {json.dumps(caught.value.exchange)}"
    secrets = ["correct horse", *(str(OAUTH[name]) for name in OAUTH if name != "auth")]
    assert not [secret for secret in secrets if secret in everything]
    assert not [secret for secret in secrets if secret in repr(MagentoConnection(base_url="https://a.in", **OAUTH))]
