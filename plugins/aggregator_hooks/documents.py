"""Fetching labels and manifests: from the aggregator's own hosts only, bounded in time and size, and checked."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import requests

from aggregator_hooks.connection import AccountConnection
from careful_http.endpoint import is_loopback
from magento_oms.ports import CourierDocument, NotFound, PermanentError, RetryableError

LARGEST = 10 * 1024 * 1024
"""Bytes of a document that are read at most."""
_TIMEOUT = (5.0, 30.0)
_PIECE = 64 * 1024


def fetch(
    url: str,
    connection: AccountConnection,
    hosts: tuple[str, ...],
    whose: str,
    *,
    headers: Callable[[], dict[str, str]] = dict,
) -> CourierDocument:
    """The document behind a URL that the aggregator gave. No redirect is followed, no credential sent but `headers`.

    Args:
        hosts: names whose sub-domains count, too: `shiprocket.in`. A stand-in's own host is allowed where
            the connection leads to one.

    Raises:
        PermanentError: it points elsewhere, or is no PDF.
        NotFound: it is gone.
        RetryableError: it cannot be had now.
    """
    host = _allowed(url, connection, hosts, whose)
    try:
        with requests.Session() as session:
            session.trust_env = False
            with session.get(
                url,
                headers=headers(),
                timeout=_TIMEOUT,
                allow_redirects=False,
                stream=True,
                verify=connection.ca_bundle or True,
            ) as answer:
                if answer.status_code in (404, 410, 403):
                    raise NotFound(
                        f"{whose}: the document is gone from {host} (HTTP {answer.status_code}).",
                        way_out="A new link is asked for by itself.",
                    )
                if answer.status_code != 200:
                    raise RetryableError(f"{whose}: {host} answered HTTP {answer.status_code} for the document.")
                content = _read(answer, whose)
    except requests.RequestException as error:
        raise RetryableError(f"{whose}: the document cannot be had from {host} ({type(error).__name__}).") from None
    if not content.startswith(b"%PDF-"):
        raise PermanentError(
            f"{whose}: what {host} gave as a document is no PDF.", way_out="Print it from the aggregator's panel."
        )
    return CourierDocument(url=url, content=content)


def _allowed(url: str, connection: AccountConnection, hosts: tuple[str, ...], whose: str) -> str:
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if connection.is_stand_in and is_loopback(host):
        return host
    further = connection.extra.get("document_hosts", "").replace(",", " ").lower().split()
    known = any(host == each or host.endswith(f".{each}") for each in (*hosts, *further))
    if not known or parts.scheme not in ("https", "http"):
        raise PermanentError(
            f"{whose}: the document's address leads to {host or 'nowhere'}, which is not the aggregator's; it was not"
            " fetched.",
            way_out="Print the document from the aggregator's panel. If the host is the aggregator's all the same, add"
            " it to the connection's document hosts.",
        )
    return host


def _read(answer: requests.Response, whose: str) -> bytes:
    content = b""
    for piece in answer.iter_content(_PIECE):
        content += piece
        if len(content) > LARGEST:
            raise PermanentError(f"{whose}: the document is larger than {LARGEST // 1024 // 1024} MB.")
    return content
