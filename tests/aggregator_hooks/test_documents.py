"""Labels are fetched from the aggregator's hosts only, and only what is a PDF is taken."""

from __future__ import annotations

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from aggregator_hooks import documents
from aggregator_hooks.connection import AccountConnection
from magento_oms.ports import NotFound, PermanentError, RetryableError

HOSTS = ("shiprocket.in", "labels.s3.amazonaws.com")
LIVE = AccountConnection("Shiprocket", "https://apiv2.shiprocket.in")


def fetch(url: str, connection: AccountConnection = LIVE) -> bytes:
    return documents.fetch(url, connection, HOSTS, "Shiprocket main").content


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/label.pdf",
        "https://shiprocket.in.evil.example/label.pdf",
        "https://notshiprocket.in/label.pdf",
        "https://shiprocket.in@evil.example/label.pdf",
        "http://127.0.0.1/label.pdf",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/label.pdf",
        "file:///etc/passwd",
        "ftp://shiprocket.in/label.pdf",
        "//shiprocket.in/label.pdf",
        "label.pdf",
        "",
    ],
)
def test_another_host_is_not_asked(url: str) -> None:
    with pytest.raises(PermanentError, match="not the aggregator's; it was not fetched"):
        fetch(url)


def test_a_host_of_the_connections_own_list_is_one_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    more = AccountConnection("Shiprocket", "https://apiv2.shiprocket.in", extra={"document_hosts": "files.invalid"})

    with pytest.raises(RetryableError, match="cannot be had"):
        fetch("https://eu.files.invalid/label.pdf", more)


@pytest.fixture
def stand_in(httpserver: HTTPServer) -> AccountConnection:
    return AccountConnection("Shiprocket", httpserver.url_for("").rstrip("/"))


def test_a_pdf_is_taken_as_it_is(httpserver: HTTPServer, stand_in: AccountConnection) -> None:
    httpserver.expect_request("/l.pdf").respond_with_data(b"%PDF-1.4 x", content_type="text/html")

    assert fetch(httpserver.url_for("/l.pdf"), stand_in) == b"%PDF-1.4 x"
    assert "Authorization" not in httpserver.log[0][0].headers


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Response(b"<html>", 200), PermanentError),
        (Response(b"", 200), PermanentError),
        (Response(b"", 302, {"Location": "https://evil.example/"}), RetryableError),
        (Response(b"", 404), NotFound),
        (Response(b"", 403), NotFound),
        (Response(b"", 503), RetryableError),
    ],
)
def test_what_is_no_label_is_told_apart(
    httpserver: HTTPServer, stand_in: AccountConnection, answer: Response, error: type[Exception]
) -> None:
    httpserver.expect_request("/l.pdf").respond_with_response(answer)

    with pytest.raises(error):
        fetch(httpserver.url_for("/l.pdf"), stand_in)


def test_a_document_without_an_end_is_not_read(
    httpserver: HTTPServer, stand_in: AccountConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "LARGEST", 1000)
    httpserver.expect_request("/l.pdf").respond_with_data(b"%PDF-" + b"x" * 100_000)

    with pytest.raises(PermanentError, match="larger than"):
        fetch(httpserver.url_for("/l.pdf"), stand_in)
