"""The connection: what is read from Airflow, what is refused, the test button, and the form."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import Connection
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response
from werkzeug.serving import WSGIRequestHandler

from careful_http.endpoint import Timeouts
from magento_hook.connection import AuthKind, MagentoConnection
from magento_hook.criteria import Condition, Direction, Filter, OrderField, SearchCriteria, Sort, checked_fields
from magento_hook.errors import MissingPermission
from magento_hook.hook import MagentoHook
from magento_hook.provider import get_provider_info
from magento_hook.store import MagentoStore
from magento_oms.ports import ConfigurationError

if TYPE_CHECKING:
    from tests.magento_hook.doubles import read_query, recorded
else:
    from magento_hook_doubles import read_query, recorded

OAUTH = {"consumer_key": "ck", "consumer_secret": "cs", "access_token": "at", "access_token_secret": "as"}


def airflow(host: str | None = "https://shop.example.in", **given: Any) -> Connection:
    extra = given.pop("extra", {})
    return Connection(conn_id="kurta", conn_type="magento", host=host, extra=json.dumps(extra), **given)


def read(host: str | None = "https://shop.example.in", **given: Any) -> MagentoConnection:
    return MagentoConnection.from_airflow(airflow(host, **{"login": "oms", "password": "secret pw", **given}))


@pytest.mark.parametrize(
    ("host", "given", "url"),
    [
        ("https://shop.example.in", {}, "https://shop.example.in/rest/V1"),
        ("https://shop.example.in/", {}, "https://shop.example.in/rest/V1"),
        ("https://example.in/shop/", {}, "https://example.in/shop/rest/V1"),
        ("shop.example.in", {}, "https://shop.example.in/rest/V1"),
        ("shop.example.in", {"port": 8443}, "https://shop.example.in:8443/rest/V1"),
        ("shop.example.in:8443", {"port": 1}, "https://shop.example.in:8443/rest/V1"),
        ("127.0.0.1", {"schema": "http", "port": 8080}, "http://127.0.0.1:8080/rest/V1"),
        ("http://[::1]:8080", {}, "http://[::1]:8080/rest/V1"),
        ("http://localhost:8080", {}, "http://localhost:8080/rest/V1"),
        ("http://shop.internal", {"extra": {"allow_http": True}}, "http://shop.internal/rest/V1"),
        ("https://shop.example.in", {"extra": {"store_code": "mens_in"}}, "https://shop.example.in/rest/mens_in/V1"),
        ("https://administration-shop.in/admire", {}, "https://administration-shop.in/admire/rest/V1"),
    ],
)
def test_addresses(host: str, given: dict[str, Any], url: str) -> None:
    assert read(host, **given).api_url == url


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ("https://shop.example.in/admin", "'admin' belongs to the admin panel"),
        ("https://shop.example.in/index.php/admin", "'index.php' belongs to the admin panel"),
        ("https://shop.example.in/admin_1x9f/", "'admin_1x9f' belongs to the admin panel"),
        ("https://shop.example.in/rest/V1", "'rest' belongs to the admin panel or an API"),
        ("https://shop.example.in/backend", "such as https://shop.example.in"),
        ("http://shop.example.in", "would send credentials unencrypted"),
        ("http://localhost.example.in", "would send credentials unencrypted"),
        ("https://oms:pw@shop.example.in", "holds a user name or password"),
        ("https://shop.example.in/?a=1", "has a query or fragment"),
        ("https://shop.example.in:port", "cannot be read"),
        ("ftp://shop.example.in", "is no web address"),
        ("https://", "is no web address"),
        ("https://shop.example.in /", "holds a space"),
        ("", "names no host"),
        (None, "'kurta' names no host"),
    ],
)
def test_wrong_addresses_are_refused_with_a_way_out(host: str | None, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(host)
    assert text in str(caught.value)
    assert caught.value.way_out
    assert "pw@" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "kind", "credentials"),
    [
        ({"login": "oms", "password": "pw"}, AuthKind.ADMIN_TOKEN, ("oms", "pw")),
        ({"login": None, "password": "token"}, AuthKind.INTEGRATION_BEARER, ("token",)),
        ({"extra": OAUTH}, AuthKind.INTEGRATION_OAUTH, ("ck", "cs", "at", "as")),
        (
            {"login": None, "password": None, "extra": {"auth": "integration_bearer", "access_token": "at"}},
            AuthKind.INTEGRATION_BEARER,
            ("at",),
        ),
        (
            {"login": "oms", "password": "pw", "extra": {"auth": "admin_token", **OAUTH}},
            AuthKind.ADMIN_TOKEN,
            ("oms", "pw"),
        ),
    ],
)
def test_the_way_of_authentication(given: dict[str, Any], kind: AuthKind, credentials: tuple[str, ...]) -> None:
    connection = read(**given)
    assert connection.auth is kind
    assert connection.credentials == credentials


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"extra": {"auth": "password"}}, "unknown way of authentication: 'password'"),
        ({"extra": {"auth": "integration_oauth", "consumer_key": "ck"}}, "lacks: consumer_secret, access_token"),
        ({"login": "oms", "password": None}, "by admin_token but lacks: password"),
        ({"login": None, "password": None}, "by integration_bearer but lacks: access_token"),
        ({"extra": {"verify": False}}, "certificates are always verified"),
        ({"extra": {"verify_ssl": "no"}}, "certificates are always verified"),
        ({"extra": {"read_timeout": "soon"}}, "read_timeout of the Magento connection is 'soon'"),
        ({"extra": {"connect_timeout": 0}}, "connect_timeout"),
        ({"extra": {"store_code": "../admin"}}, "is no store code"),
        ({"extra": {"ca_bundle": "/no/such/file.pem"}}, "CA bundle /no/such/file.pem does not exist"),
    ],
)
def test_what_cannot_work_is_refused(given: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(**given)
    assert text in str(caught.value)


def test_timeouts_and_authorities(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    extra = {"connect_timeout": "2", "read_timeout": 30, "total_timeout": 90, "ca_bundle": str(bundle)}
    connection = read(extra=extra)
    assert connection.timeouts == Timeouts(connect=2, read=30, total=90)
    assert connection.ca_bundle == str(bundle)
    assert "secret pw" not in repr(connection)


def test_the_url_of_the_instance_wins() -> None:
    connection = MagentoConnection.from_airflow(
        airflow(login="oms", password="pw"), base_url="https://other.example.in/"
    )
    assert connection.base_url == "https://other.example.in"


def rest(server: HTTPServer, denied: tuple[str, ...] = ()) -> None:
    """A store of recorded answers; the paths in `denied` lack a permission."""
    numbers = {
        ("GET", "/rest/V1/orders"): 20,
        ("GET", "/rest/V1/store/storeViews"): 281,
        ("GET", "/rest/V1/products"): 272,
        ("GET", "/rest/V1/customers/search"): 278,
        ("GET", "/rest/V1/creditmemos"): 193,
        ("POST", "/rest/V1/orders/0/comments"): 162,
        ("POST", "/rest/V1/order/0/invoice"): 162,
        ("POST", "/rest/V1/orders"): 35,
    }

    def handle(request: Request) -> Response:
        if request.path == "/magento_version":
            assert "Authorization" not in request.headers
            return Response("Magento/2.4 (Community)", content_type="text/plain")
        number = 16 if request.path in denied else numbers[request.method, request.path]
        real = recorded(number)
        return Response(real.body, real.status, content_type=real.headers["Content-Type"])

    for path in {*(path for _, path in numbers), "/magento_version"}:
        server.expect_request(path).respond_with_handler(handle)


def test_facts_of_a_store(server: HTTPServer, store: MagentoStore) -> None:
    rest(server)
    facts = store.facts()
    assert facts.version == "2.4 (Community)"
    assert facts.store_views == {1: "default"}
    assert facts.statuses == {order["status"] for order in json.loads(recorded(20).body)["items"]}
    assert facts.missing_permissions == ()
    assert abs(facts.clock_ahead) < 5
    assert abs(facts.server_time - datetime.now(UTC)) < timedelta(seconds=5)
    sent = [(request.method, request.path, request.get_data()) for request, _ in server.log]
    assert ("POST", "/rest/V1/orders", b"{}") in sent, "an order entity is never sent"


@pytest.mark.parametrize(
    "path",
    [
        "/rest/V1/orders/0/comments",
        "/rest/V1/order/0/invoice",
        "/rest/V1/store/storeViews",
        "/rest/V1/products",
        "/rest/V1/customers/search",
        "/rest/V1/creditmemos",
    ],
)
def test_missing_permissions_are_named_and_nothing_else_is(server: HTTPServer, store: MagentoStore, path: str) -> None:
    rest(server, denied=(path,))
    assert store.facts().missing_permissions == ("Magento_Sales::ship",)


def test_credentials_without_any_permission_are_no_facts(server: HTTPServer, store: MagentoStore) -> None:
    rest(server, denied=("/rest/V1/orders", "/rest/V1/store/storeViews"))
    with pytest.raises(MissingPermission):
        store.facts()


@pytest.fixture
def hook(server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., MagentoHook]:
    def make(**extra: Any) -> MagentoHook:
        value = {"conn_type": "magento", "host": server.url_for("").rstrip("/"), "password": "an-access-token"}
        monkeypatch.setenv("AIRFLOW_CONN_KURTA_STORE", json.dumps({**value, "extra": extra}))
        return MagentoHook("kurta_store")

    return make


def test_the_test_button_in_plain_words(server: HTTPServer, hook: Callable[..., MagentoHook]) -> None:
    rest(server)
    assert hook().test_connection() == (True, "Connected: Magento 2.4 (Community), store views default.")


def test_a_clock_that_is_off_is_told(
    server: HTTPServer, hook: Callable[..., MagentoHook], monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    monkeypatch.setattr(WSGIRequestHandler, "date_time_string", lambda *_: ahead)
    rest(server)
    good, text = hook().test_connection()
    assert good
    assert re.search(r"Its clock is \+(3599|3600|3598) s off ours\.$", text)


def test_the_test_button_names_missing_permissions(server: HTTPServer, hook: Callable[..., MagentoHook]) -> None:
    rest(server, denied=("/rest/V1/order/0/invoice",))
    assert hook().test_connection() == (
        False,
        "The store answers, but the credentials lack permissions. Give their role: Magento_Sales::ship.",
    )


@pytest.mark.parametrize("extra", [{"verify": False}, {"auth": "none"}, {}])
def test_the_test_button_never_raises(
    server: HTTPServer, hook: Callable[..., MagentoHook], extra: dict[str, Any]
) -> None:
    server.expect_request("/rest/V1/orders").respond_with_data("<title>My shop</title>", content_type="text/html")
    good, text = hook(**extra).test_connection()
    assert not good
    assert text.endswith(".")


def test_a_missing_connection_is_named() -> None:
    good, text = MagentoHook("no_such_store").test_connection()
    assert not good
    assert text.startswith("There is no Airflow connection 'no_such_store'. Add it")


def test_the_hook_opens_its_connection_once(hook: Callable[..., MagentoHook]) -> None:
    opened = hook()
    assert opened.get_conn() is opened.orders()
    assert opened.get_conn().instance == "kurta_store"


def test_a_store_of_a_connection_that_was_read_already() -> None:
    store = MagentoHook.from_connection(airflow(login="oms", password="pw"), instance="kurta")
    assert store.instance == "kurta"


def test_the_form_shows_every_field_that_is_read() -> None:
    (form,) = get_provider_info()["connection-types"]
    assert form["connection-type"] == MagentoHook.conn_type
    assert form["hook-class-name"] == f"{MagentoHook.__module__}.{MagentoHook.__qualname__}"
    auth = form["conn-fields"]["auth"]["schema"]["enum"]
    assert sorted(auth) == sorted(AuthKind)
    read_fields = {*OAUTH, "auth", "store_code", "ca_bundle", "allow_http", "webhook_secret"}
    assert set(form["conn-fields"]) == read_fields | {f"{name}_timeout" for name in ("connect", "read", "total")}
    secret = [name for name, each in form["conn-fields"].items() if each["schema"].get("format") == "password"]
    assert secret == ["consumer_secret", "access_token", "access_token_secret", "webhook_secret"]


def test_airflow_knows_the_connection_type() -> None:
    from airflow.providers_manager import ProvidersManager

    logging.getLogger("airflow").setLevel(logging.ERROR)
    assert "magento-oms" in ProvidersManager().providers


@pytest.mark.parametrize(
    ("field", "condition", "value"),
    [
        (OrderField.STATUS, Condition.IN, ("a,b",)),
        (OrderField.STATUS, Condition.IN, ()),
        (OrderField.STATUS, Condition.IN, "pending"),
        (OrderField.STATUS, Condition.EQ, ("pending",)),
        (OrderField.STATUS, Condition.EQ, " pending"),
        (OrderField.STATUS, Condition.EQ, "pend\ning"),
        (OrderField.STATUS, Condition.EQ, 5),
        (OrderField.STATUS, Condition.EQ, None),
        (OrderField.STATUS, Condition.NULL, "x"),
        (OrderField.ENTITY_ID, Condition.GT, "5"),
        (OrderField.ENTITY_ID, Condition.GT, True),
        (OrderField.ENTITY_ID, Condition.GT, -1),
        (OrderField.CREATED_AT, Condition.GTEQ, "2026-11-23 13:00:00"),
        (OrderField.CREATED_AT, Condition.GTEQ, "yesterday"),
    ],
)
def test_a_misread_filter_cannot_be_built(field: OrderField, condition: Condition, value: Any) -> None:
    with pytest.raises(ValueError, match=r"^(status|entity_id|created_at)"):
        Filter(field, condition, value)


def test_a_query_reads_back_as_it_was_meant() -> None:
    criteria = SearchCriteria(
        groups=(
            (
                Filter(OrderField.STATUS, Condition.IN, ("a b", "c+d", "é&=")),
                Filter(OrderField.STATUS, Condition.NULL),
            ),
            (Filter(OrderField.ENTITY_ID, Condition.GT, 5),),
        ),
        sort=(Sort(OrderField.UPDATED_AT, Direction.ASC), Sort(OrderField.ENTITY_ID, Direction.DESC)),
        page_size=100,
    )
    text = criteria.query("items[entity_id,items[sku]],total_count")
    assert text.isascii()
    assert not set(text) & set(" +[]")
    asked = read_query(text)
    assert asked.groups == [
        [("status", "in", "a b,c+d,é&="), ("status", "null", "1")],
        [("entity_id", "gt", "5")],
    ]
    assert asked.sort == [("updated_at", "ASC"), ("entity_id", "DESC")]
    assert (asked.page_size, asked.page, asked.fields) == (100, 1, "items[entity_id,items[sku]],total_count")


@pytest.mark.parametrize("fields", ["items[entity_id", "items]", "items[a, b]", "a.b", "[a]", "a[]", "a,,b", "a]b["])
def test_broken_fields_are_refused(fields: str) -> None:
    with pytest.raises(ValueError, match="would answer"):
        checked_fields(fields)


def test_criteria_always_have_a_page_size_and_whole_groups() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        SearchCriteria(page_size=0)
    with pytest.raises(ValueError, match="empty filter group"):
        SearchCriteria(groups=((),))
