"""What a person and a program are told about every answer, most of them recorded from a real Magento 2.4.7."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careful_http.exchange import Answer, Call
from careful_http.masking import masked, masked_text
from careful_http.outcome import Trouble, retry_after
from magento_hook.errors import MissingPermission, PageTooLarge, judge
from magento_hook.messages import fill_in, read_message
from magento_oms.ports import (
    AlreadyDone,
    AuthenticationError,
    ConfigurationError,
    NotFound,
    OutsideError,
    PermanentError,
    RateLimited,
    RetryableError,
    UnknownOutcome,
)

if TYPE_CHECKING:
    from tests.magento_hook.doubles import NOW, recorded
else:
    from magento_hook_doubles import NOW, recorded

READ = Call("GET", "/orders/7", about="order 7")
WRITE = Call("POST", "/order/7/invoice", body={"items": [], "capture": False}, about="order 7", changes=True)


def trouble(answer: Answer, call: Call = READ) -> Trouble:
    judged = judge(answer, call, "kurta")
    assert judged is not None
    return judged


def told(status: int, message: str, parameters: Any = None, **headers: str) -> Answer:
    body = {"message": message} | ({} if parameters is None else {"parameters": parameters})
    return Answer(status, {"Content-Type": "application/json", **headers}, json.dumps(body).encode())


def page(status: int, text: str, **headers: str) -> Answer:
    return Answer(status, {"Content-Type": "text/html", **headers}, text.encode())


@pytest.mark.parametrize(
    ("number", "call", "kind", "text"),
    [
        (12, READ, MissingPermission, "The consumer isn't authorized to access Magento_Sales::actions_view."),
        (16, WRITE, MissingPermission, "Magento_Sales::ship"),
        (43, READ, PermanentError, "has to be specified as ASC for ascending order or DESC for descending order."),
        (48, READ, PermanentError, '"BogusKey" is not supported.'),
        (41, READ, RetryableError, "Report ID: webapi-6b0440735d149"),
        (41, WRITE, UnknownOutcome, "Report ID: webapi-6b0440735d149"),
        (60, READ, NotFound, "The entity that was requested doesn't exist."),
        (162, WRITE, NotFound, "The entity that was requested doesn't exist."),
        (65, READ, ConfigurationError, "Request does not match any route."),
        (66, WRITE, ConfigurationError, "Request does not match any route."),
        (70, READ, PermanentError, "414 Request-URI Too Large"),
        (101, WRITE, PermanentError, 'The status "processing" is not part of the order status history.'),
        (114, WRITE, AlreadyDone, "The order does not allow an invoice to be created."),
        (120, WRITE, AlreadyDone, "The order does not allow a shipment to be created."),
        (128, WRITE, RetryableError, "Could not save the shipment tracking."),
        (146, WRITE, PermanentError, 'We found an invalid quantity to invoice item "Cotton Kurta".'),
        (179, WRITE, PermanentError, "An invoice cannot be created when an order has a status of canceled"),
        (506, WRITE, PermanentError, "has a status of payment_review"),
        (238, WRITE, RetryableError, "Could not save Source Item"),
        (247, WRITE, PermanentError, '"sku" can not contain leading or trailing spaces.'),
        (513, WRITE, RetryableError, "The shipment couldn't be saved."),
        (407, READ, MissingPermission, "use OAuth"),
        (432, READ, AuthenticationError, "The signature is invalid."),
        (435, READ, AuthenticationError, "The nonce is already being used by the consumer with ID 1"),
        (436, READ, AuthenticationError, "Specified token does not exist"),
        (437, READ, RetryableError, "a web page: 'Error 503: Service Unavailable'. The store is in maintenance mode."),
        (437, WRITE, RetryableError, "The store is in maintenance mode."),
        (439, READ, PageTooLarge, "Maximum SearchCriteria pageSize is 50"),
        (551, READ, ConfigurationError, "HTTP 405, an empty answer."),
        (556, READ, ConfigurationError, "Specified request cannot be processed."),
        (559, READ, RetryableError, "There has been an error processing your request"),
        (560, WRITE, UnknownOutcome, "There has been an error processing your request"),
        (562, READ, RetryableError, "502 Bad Gateway"),
        (562, WRITE, UnknownOutcome, "502 Bad Gateway"),
    ],
)
def test_recorded_answers(number: int, call: Call, kind: type[OutsideError], text: str) -> None:
    error = trouble(recorded(number).answer(), call).error
    assert type(error) is kind
    assert text in str(error)
    assert str(error).startswith("Magento kurta, order 7: HTTP ")
    assert "%" not in str(error)
    assert error.status == recorded(number).status
    assert error.exchange["response"]["status"] == error.status
    assert "\n" not in str(error)


@pytest.mark.parametrize("number", [18, 19, 30, 59, 64, 102, 113, 280, 282])
def test_good_recorded_answers_are_no_trouble(number: int) -> None:
    assert judge(recorded(number).answer(), READ, "kurta") is None


@pytest.mark.parametrize(
    ("number", "outage"),
    [(41, True), (437, True), (559, True), (562, True), (12, False), (60, False), (114, False), (439, False)],
)
def test_an_outage_is_told_from_a_refusal(number: int, outage: bool) -> None:
    assert trouble(recorded(number).answer()).outage is outage


@pytest.mark.parametrize(
    ("answer", "call", "kind", "text"),
    [
        (
            told(400, "Please use the 2fa provider-specific endpoints to obtain a token."),
            READ,
            ConfigurationError,
            "OAuth",
        ),
        (told(400, "Signature method %1 is not supported", ["HMAC-SHA1"]), WRITE, AuthenticationError, "HMAC-SHA1"),
        (told(400, "SQLSTATE[40001]: Deadlock found when trying to get lock"), WRITE, RetryableError, "Deadlock"),
        (told(400, "Could not save an invoice, see error log for details"), WRITE, RetryableError, "by itself"),
        (page(200, "<html><title>Checking your browser</title>"), READ, ConfigurationError, "Checking your browser"),
        (page(200, "<br /><b>Warning</b>: PHP notice"), WRITE, UnknownOutcome, "looking at the other side"),
        (page(404, "<title>404 Not Found</title>"), READ, ConfigurationError, "No Magento API lives there"),
        (
            page(400, "<title>400 plain HTTP sent to HTTPS port</title>"),
            READ,
            ConfigurationError,
            "plain",
        ),
        (page(403, "<title>Access denied</title>"), WRITE, ConfigurationError, "A firewall or CDN"),
        (
            page(401, "<title>401</title>", **{"WWW-Authenticate": 'Basic realm="x"'}),
            READ,
            ConfigurationError,
            "password",
        ),
        (page(504, "<title>504 Gateway Timeout</title>"), WRITE, UnknownOutcome, "504 Gateway Timeout"),
        (page(503, "<title>503 backend read error</title>"), WRITE, UnknownOutcome, "backend read error"),
        (page(503, "<title>busy</title>", **{"Retry-After": "7"}), READ, RateLimited, "busy"),
        (
            told(400, "An invoice cannot be created when an order has a status of complete."),
            WRITE,
            AlreadyDone,
            "has a status of complete",
        ),
        (told(408, "Request Timeout"), WRITE, RetryableError, "Request Timeout"),
        (told(413, "too big"), WRITE, PermanentError, "too long for the web server"),
    ],
)
def test_other_answers(answer: Answer, call: Call, kind: type[OutsideError], text: str) -> None:
    error = trouble(answer, call).error
    assert type(error) is kind
    assert text in str(error)


def test_the_error_of_a_crashed_php_has_a_shape_of_its_own() -> None:
    body = {"messages": {"error": [{"code": 500, "message": "Server internal error. See details in report api/12"}]}}
    error = trouble(Answer(500, {"Content-Type": "application/json"}, json.dumps(body).encode())).error
    assert "See details in report api/12" in str(error)


def test_an_invoice_that_takes_money_is_never_repeated_after_could_not_save() -> None:
    call = Call("POST", "/order/7/invoice", body={"capture": True}, about="order 7", changes=True)
    judged = trouble(told(400, "Could not save an invoice, see error log for details"), call)
    assert type(judged.error) is PermanentError
    assert "payment gateway" in judged.error.way_out


@pytest.mark.parametrize("call", [READ, WRITE])
def test_redirects_are_refused_and_name_the_target_without_its_query(call: Call) -> None:
    answer = page(302, "", Location="https://www.shop.example.in/rest/V1/orders?token=abcdef")
    error = trouble(answer, call).error
    assert type(error) is ConfigurationError
    assert "redirects to https://www.shop.example.in/rest/V1/orders (HTTP 302)" in str(error)
    assert "abcdef" not in str(error) + json.dumps(error.exchange)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0.0),
        ("soon", None),
        ("", None),
        ("nan", None),
    ],
)
def test_retry_after_in_both_forms(text: str, seconds: float | None) -> None:
    answer = Answer(429, {"Retry-After": text, "Date": format_datetime(NOW, usegmt=True)}, b"")
    assert retry_after(answer) == seconds
    rate_limited = trouble(answer)
    assert isinstance(rate_limited.error, RateLimited)
    assert rate_limited.error.retry_after == (30.0 if seconds is None else seconds)


def test_retry_after_is_measured_by_our_clock_where_the_store_tells_none() -> None:
    until = format_datetime(NOW + timedelta(seconds=20), usegmt=True)
    assert retry_after(Answer(429, {"Retry-After": until}, b""), now=NOW) == 20.0


@pytest.mark.parametrize(
    ("message", "parameters", "filled"),
    [
        ("%1 of %10 and %2", [*"abcdefghij"], "a of j and b"),
        ("%max and %maximum", {"max": 5, "maximum": 6}, "5 and 6"),
        ("%1 %name", {"1": "a", "name": ["b", "c"]}, "a b, c"),
        ("%3 stays", ["a"], "%3 stays"),
        ("%name stays", ["a"], "%name stays"),
        ("100% sure", None, "100% sure"),
        ("%1", ["%2", "b"], "%2"),
    ],
)
def test_messages_are_filled_in(message: str, parameters: Any, filled: str) -> None:
    assert fill_in(message, parameters) == filled


@given(st.binary(max_size=300), st.sampled_from([200, 302, 400, 401, 404, 429, 500, 503]), st.booleans())
def test_no_answer_however_odd_breaks_the_judgement(body: bytes, status: int, changes: bool) -> None:
    answer = Answer(status, {"Content-Type": "application/json"}, body)
    judged = judge(answer, WRITE if changes else READ, "kurta")
    assert judged is None or isinstance(judged.error, OutsideError)
    assert changes or judged is None or not isinstance(judged.error, UnknownOutcome)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(json_values, st.sampled_from([400, 401, 404, 500]))
def test_no_json_however_odd_breaks_the_message(body: Any, status: int) -> None:
    assert isinstance(read_message(Answer(status, {}, json.dumps(body).encode())).text, str)


def test_what_is_kept_of_an_exchange_holds_no_secret_and_no_person() -> None:
    call = Call(
        "POST",
        "/orders",
        body={"entity": {"entity_id": 7, "customer_email": "asha@example.com", "status": "pending"}, "password": "pw1"},
        changes=True,
    )
    body = {
        "message": "No mail to asha@example.com or +91 98765 43210, token eyJhbGciOi.eyJ1aWQiOjF9.c2ln",
        "trace": "#0 login('admin', 'pw1')",
        "billing_address": {"firstname": "Asha", "street": ["MG Road"]},
        "grand_total": 10.5,
    }
    error = trouble(Answer(400, {"Content-Type": "application/json"}, json.dumps(body).encode()), call).error
    everything = str(error) + json.dumps(error.exchange)
    for secret in ("asha@", "98765", "eyJ", "pw1", "Asha", "MG Road"):
        assert secret not in everything
    assert error.exchange["request"]["body"]["entity"]["entity_id"] == 7
    assert error.exchange["request"]["body"]["entity"]["status"] == "pending"
    assert error.exchange["response"]["body"]["grand_total"] == "10.5"


def test_what_is_kept_is_short() -> None:
    assert len(masked_text("x " * 100_000)) <= 501
    assert len(masked({"items": list(range(10_000))})["items"]) == 21


def test_order_numbers_and_awbs_are_not_taken_for_telephones() -> None:
    text = "Order 000000123 with AWB 1234567890123 and invoice 2000000123"
    assert masked_text(text) == text


def test_a_server_time_is_aware_utc_or_none() -> None:
    assert Answer(200, {"Date": "Mon, 23 Nov 2026 14:00:00 GMT"}, b"").server_time == NOW
    assert Answer(200, {"Date": "yesterday"}, b"").server_time is None
    assert Answer(200, {}, b"").server_time is None
    assert datetime(2026, 11, 23, 14, 0, tzinfo=UTC) == NOW
