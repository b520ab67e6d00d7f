"""Sends one request over a pooled connection and reads the whole answer, or says how the network failed.

A `requests.Session` is not made for several threads, so every thread has its own, with one connection kept alive.
Nothing of the surroundings changes a request: no `.netrc` (it would replace our credentials), no cookies, no redirects.
"""

from __future__ import annotations

import codecs
import os
import ssl
import threading
import time
import weakref
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from importlib import metadata

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from careful_http.endpoint import Endpoint
from careful_http.exchange import Answer, Call
from careful_http.outcome import Outcome, fault, misconfigured

STALE = 4.0
"""Seconds of idleness after which a change gets a new connection. Web servers drop idle ones after 5 s and more, and a
request sent just then is lost without a trace, so that its outcome would be unknown."""
LARGEST = 256 * 1024 * 1024
"""Bytes of an answer that are read at most."""
_PIECE = 256 * 1024
NO_HEADERS: Mapping[str, str] = {}


class _Line(threading.local):
    """A thread's session, and when it was last used."""

    session: requests.Session | None = None
    used_at = 0.0
    process = 0


class Transport:
    """Speaks HTTP with one system. May be used by several threads.

    Args:
        whose: the system, for people: `Magento kurta`.
    """

    def __init__(self, endpoint: Endpoint, whose: str) -> None:
        self._endpoint = endpoint
        self._whose = whose
        self._line = _Line()
        self._sessions: weakref.WeakSet[requests.Session] = weakref.WeakSet()
        self._proxies: Mapping[str, str] = get_environ_proxies(endpoint.base_url)

    def url(self, call: Call) -> str:
        """Where a call goes to."""
        query = "&".join(filter(None, (call.query, call.secret_query)))
        return f"{self._endpoint.api_url}{call.path}{'?' if query else ''}{query}"

    def send(self, call: Call, headers: Mapping[str, str] = NO_HEADERS) -> Outcome:
        """One exchange. The outcome has an answer, whatever its status, or the trouble of the network."""
        return self.fetch(self.url(call), call, headers)

    def fetch(self, url: str, call: Call, headers: Mapping[str, str] = NO_HEADERS) -> Outcome:
        """The same for a URL outside the API."""
        limits = self._endpoint.timeouts
        session = self._session(fresh=call.changes)
        body = call.encoded_body()
        request = requests.Request(call.method, url, headers=_headers(headers, body), data=body)
        try:
            with session.send(
                session.prepare_request(request),
                timeout=(limits.connect, limits.read),
                allow_redirects=False,
                stream=True,
                verify=self._endpoint.ca_bundle or True,
                proxies=dict(self._proxies),
            ) as response:
                text = _read(response, time.monotonic() + limits.total)
                if response.status_code >= 300:
                    text = self._without_secrets(text)
                return Outcome(Answer(response.status_code, response.headers, text))
        except (requests.RequestException, urllib3.exceptions.HTTPError, _TooMuch, OSError) as error:
            # The connection may hold half an answer.
            session.close()
            return self._failed(call, error)
        finally:
            self._line.used_at = time.monotonic()

    def close(self) -> None:
        """Close the connections of all threads; they are opened again when needed."""
        for session in list(self._sessions):
            session.close()

    def _session(self, *, fresh: bool) -> requests.Session:
        line = self._line
        if line.session is None or line.process != os.getpid():
            line.session = _new_session()
            line.process = os.getpid()
            self._sessions.add(line.session)
        elif fresh and time.monotonic() - line.used_at > STALE:
            line.session.close()
        return line.session

    def _without_secrets(self, text: bytes) -> bytes:
        """Some error pages repeat the request; what they say is kept and shown."""
        for secret in self._endpoint.secrets:
            text = text.replace(secret.encode(), b"***")
        return text

    def _failed(self, call: Call, error: Exception) -> Outcome:
        """What a fault of the network means. Messages of `requests` are not shown: they hold whole URLs."""
        where = self._endpoint.base_url
        limits = self._endpoint.timeouts
        causes = _causes(error)
        if _has(causes, ssl.SSLCertVerificationError):
            reason = next(each for each in causes if isinstance(each, ssl.SSLCertVerificationError)).verify_message
            trouble = misconfigured(
                call,
                self._whose,
                f"the certificate of {where} is not trusted ({reason})",
                "Renew the certificate, or name the file of your own authority in the connection's 'ca_bundle'.",
            )
        elif _has(causes, urllib3.exceptions.NameResolutionError):
            trouble = fault(
                call, self._whose, f"the host name of {where} is not known; check the URL if this lasts", sent=False
            )
        elif _has(causes, urllib3.exceptions.ProxyError):
            trouble = fault(call, self._whose, "the proxy does not let us through", sent=False)
        elif _has(causes, urllib3.exceptions.NewConnectionError):  # before the time-out, whose subclass it is
            trouble = fault(call, self._whose, f"{where} refuses connections", sent=False)
        elif _has(causes, urllib3.exceptions.ConnectTimeoutError):
            trouble = fault(call, self._whose, f"no connection to {where} in {limits.connect:g} s", sent=False)
        elif _has(causes, ssl.SSLError) and not _has(causes, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            trouble = misconfigured(
                call,
                self._whose,
                f"{where} does not speak TLS as expected",
                "Check the scheme and the port of the URL.",
            )
        elif _has(causes, _TooMuch):
            trouble = fault(call, self._whose, str(error), sent=True)
        elif _has(causes, requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError):
            trouble = fault(call, self._whose, f"no answer from {where} in {limits.read:g} s", sent=True)
        else:
            trouble = fault(call, self._whose, f"{where} broke the connection off", sent=True)
        return Outcome(None, trouble)


class _TooMuch(Exception):
    """An answer that takes too long or is too large. The text is shown to people."""


def _new_session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.headers.clear()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _headers(more: Mapping[str, str], body: bytes | None) -> dict[str, str]:
    headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": _USER_AGENT, **more}
    if body is not None:
        headers["Content-Type"] = "application/json"
    return headers


def _user_agent() -> str:
    try:
        return f"magento-oms/{metadata.version('magento-oms')}"
    except metadata.PackageNotFoundError:
        return "magento-oms"


_USER_AGENT = _user_agent()


def _read(response: requests.Response, until: float) -> bytes:
    """The whole body. Read as it comes, so that a server that drips bytes cannot hold us for ever."""
    pieces: list[bytes] = []
    size = 0
    while piece := response.raw.read1(_PIECE, decode_content=True):
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST:
            raise _TooMuch(f"the answer is larger than {LARGEST // 1024 // 1024} MB")
        if time.monotonic() > until:
            raise _TooMuch("the answer does not end in time")
    # A module's file saved with a byte order mark puts one before every answer; JSON has none.
    return b"".join(pieces).removeprefix(codecs.BOM_UTF8)


def _causes(error: BaseException) -> list[BaseException]:
    """The error and all that it wraps: `requests` and urllib3 put the cause into arguments and `reason`."""
    found: list[BaseException] = []
    todo: list[object] = [error]
    while todo:
        each = todo.pop()
        if isinstance(each, BaseException) and each not in found:
            found.append(each)
            todo += [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]
    return found


def _has(causes: list[BaseException], *kinds: type[BaseException]) -> bool:
    return any(isinstance(each, kinds) for each in causes)
