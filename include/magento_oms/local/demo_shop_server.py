"""The stores' own server in the demo: takes the events that the OMS sends, checks each signature, and counts."""

from __future__ import annotations

import hmac
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "sandbox-secret-of-the-stores-own-server"  # noqa: S105  (between two processes of this machine)


class ShopServer:
    """What every store's server has to do: verify, know a repeat by its event id, answer 200.

    Args:
        fail_every: answer the first try of every so-maniest event with 503 (0: of none), so that it is sent again.
    """

    def __init__(self, *, fail_every: int = 0) -> None:
        self._fail_every = fail_every
        self._lock = threading.Lock()
        self._tries: Counter[str] = Counter()
        self._events: dict[str, tuple[str, str]] = {}
        self.forged = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def url(self) -> str:
        """Where events are sent to."""
        return f"http://127.0.0.1:{self._server.server_port}/events"

    def events(self, instance: str) -> Counter[str]:
        """How many events of each name an instance sent; a repeat counts once."""
        with self._lock:
            return Counter(event for of, event in self._events.values() if of == instance)

    @property
    def repeats(self) -> int:
        """Tries beyond the first, of all events."""
        with self._lock:
            return sum(self._tries.values()) - len(self._tries)

    @contextmanager
    def running(self) -> Iterator[ShopServer]:
        """Listen until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, name="shop-server", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def take(self, headers: Any, body: bytes) -> int:
        """The HTTP status that a delivery is answered with."""
        signed = str(headers.get("X-OMS-Timestamp")).encode() + b"." + body
        expected = "sha256=" + hmac.new(SECRET.encode(), signed, "sha256").hexdigest()
        event_id = str(headers.get("X-OMS-Event-Id"))
        with self._lock:
            if not hmac.compare_digest(expected, str(headers.get("X-OMS-Signature"))):
                self.forged += 1
                return 401
            self._tries[event_id] += 1
            if self._fail_every and self._tries[event_id] == 1 and len(self._tries) % self._fail_every == 0:
                return 503
            told = json.loads(body)
            self._events[event_id] = (str(told["instance"]), str(told["event"]))
            return 200

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(shop.take(self.headers, body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Its progress is in the demo's table."""

        return Handler
