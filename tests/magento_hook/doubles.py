"""Stand-ins for what the hook talks to: rows searched as Magento does, a breaker and a budget that remember."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from careful_http.exchange import Answer, Call
from magento_hook.errors import PageTooLarge

RECORDED = Path(__file__).resolve().parents[1] / "recorded" / "magento"
NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
KEY = re.compile(r"searchCriteria\[filter_groups\]\[(\d+)\]\[filters\]\[(\d+)\]\[(\w+)\]")
SORT = re.compile(r"searchCriteria\[sortOrders\]\[(\d+)\]\[(\w+)\]")

Row = dict[str, Any]


@dataclass(frozen=True)
class Recorded:
    """One answer of a real Magento 2.4.7."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def answer(self) -> Answer:
        """As the hook's transport hands it on."""
        return Answer(self.status, self.headers, self.body)


def recorded(number: int) -> Recorded:
    """The recorded answer with that number."""
    (path,) = RECORDED.glob(f"{number:03}_*.json")
    response = json.loads(path.read_text())["response"]
    body = response["raw"].encode() if "raw" in response else json.dumps(response["body"]).encode()
    return Recorded(response["status"], {"Content-Type": response["headers"]["content-type"]}, body)


@dataclass(frozen=True)
class Asked:
    """Search criteria as the server reads them."""

    groups: list[list[tuple[str, str, str]]]
    sort: list[tuple[str, str]]
    page_size: int
    page: int
    fields: str


def read_query(query: str) -> Asked:
    """A query string by PHP's rules: explicit indexes, later values win."""
    filters: dict[tuple[int, int], dict[str, str]] = {}
    sorts: dict[int, dict[str, str]] = {}
    plain: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, strict_parsing=True):
        if found := KEY.fullmatch(name):
            filters.setdefault((int(found[1]), int(found[2])), {})[found[3]] = value
        elif found := SORT.fullmatch(name):
            sorts.setdefault(int(found[1]), {})[found[2]] = value
        else:
            plain[name] = value
    groups: dict[int, list[tuple[str, str, str]]] = {}
    for (group, _), each in sorted(filters.items()):
        groups.setdefault(group, []).append((each["field"], each["condition_type"], each["value"]))
    return Asked(
        groups=list(groups.values()),
        sort=[(each["field"], each.get("direction", "DESC")) for _, each in sorted(sorts.items())],
        page_size=int(plain.pop("searchCriteria[pageSize]")),
        page=int(plain.pop("searchCriteria[currentPage]")),
        fields=plain.pop("fields", ""),
    )


def matches(row: Row, condition: tuple[str, str, str]) -> bool:
    """Whether MySQL would find the row. An unknown condition is an `eq`, as Magento has it."""
    name, kind, text = condition
    value = row[name]
    if kind == "null":
        return value is None
    if value is None:
        return False
    number = isinstance(value, int)
    wanted: Any = [int(each) if number else each for each in text.split(",")]
    match kind:
        case "in":
            return value in wanted
        case "nin":
            return value not in wanted
        case "gt":
            return bool(value > wanted[0])
        case "gteq":
            return bool(value >= wanted[0])
        case "lt":
            return bool(value < wanted[0])
        case "lteq":
            return bool(value <= wanted[0])
        case _:
            return bool(value == wanted[0])


@dataclass
class Shop:
    """Order rows that can change between two requests.

    Attributes:
        largest: page size above which the store refuses, or 0.
        past_end: what a page past the end holds: `empty` from 2.4 on, `repeat` (the last page) before.
        between: called after every answer.
    """

    rows: list[Row]
    largest: int = 0
    past_end: str = "empty"
    between: Callable[[], None] = lambda: None
    asked: list[Asked] = field(default_factory=list)

    def list(self, query: str) -> tuple[int, dict[str, Any]]:
        """Status and body of `GET /orders`."""
        asked = read_query(query)
        self.asked.append(asked)
        if self.largest and asked.page_size > self.largest:
            return 400, {"message": "Maximum SearchCriteria pageSize is %max", "parameters": {"max": self.largest}}
        found = [row for row in self.rows if all(any(matches(row, each) for each in group) for group in asked.groups)]
        for name, direction in reversed(asked.sort):
            found.sort(key=lambda row: row[name], reverse=direction != "ASC")
        page, pages = max(asked.page, 1), max(-(-len(found) // asked.page_size), 1)
        if page > pages and self.past_end == "repeat":
            page = pages
        start = (page - 1) * asked.page_size
        rows = [dict(row) for row in found[start : start + asked.page_size]]
        self.between()
        return 200, {"items": rows or None if asked.fields else rows, "total_count": len(found)}


@dataclass
class ShopClient:
    """The hook's client without HTTP: for tests with thousands of requests."""

    shop: Shop
    instance: str = "kurta"

    def call(self, call: Call) -> Answer:
        status, body = self.shop.list(call.query)
        if status == 400:
            raise PageTooLarge("too large", limit=body["parameters"]["max"], status=400)
        return Answer(200, {"Date": format_datetime(NOW, usegmt=True)}, json.dumps(body).encode())

    def server_time(self) -> datetime | None:
        return NOW


@dataclass
class SpyBreaker:
    """Remembers what it was told; never opens."""

    told: list[str] = field(default_factory=list)

    def before_call(self) -> None:
        self.told.append("before")

    def succeeded(self) -> None:
        self.told.append("succeeded")

    def failed(self, reason: str) -> None:
        self.told.append(f"failed: {reason}")

    @property
    def failures(self) -> int:
        return sum(each.startswith("failed") for each in self.told)


@dataclass
class SpyBudget:
    """Remembers what was spent; never waits."""

    spent: float = 0.0
    pauses: list[float] = field(default_factory=list)
    heard: list[tuple[str, int | None]] = field(default_factory=list)

    def spend(self, requests: float = 1.0, *, wait: float = 30.0) -> None:
        self.spent += requests

    def slow_down(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def observed(self, kind: str, seconds: float, status: int | None) -> None:
        self.heard.append((kind, status))


class RawServer:
    """Sockets for what no decent web server does: answers with a function of the connection and the request's number.

    Args:
        behave: gets the connection, the request's head and how many requests came before. Returns whether the
            connection stays open.
    """

    def __init__(self, behave: Callable[[socket.socket, bytes, int], bool]) -> None:
        self._behave = behave
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[bytes] = []
        self.connections = 0
        self._guard = threading.Lock()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while True:
                request = b""
                while b"\r\n\r\n" not in request:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    request += piece
                with self._guard:
                    self.requests.append(request)
                    number = len(self.requests) - 1
                if not self._behave(connection, request, number):
                    return

    def close(self) -> None:
        self._listener.close()
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def reply(connection: socket.socket, body: bytes, *, status: str = "200 OK", claim: int | None = None) -> None:
    """A JSON answer; `claim` is a wrong Content-Length."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nDate: {format_datetime(NOW, usegmt=True)}\r\n"
    size = len(body) if claim is None else claim
    connection.sendall(f"{head}Content-Length: {size}\r\n\r\n".encode() + body)


def reset(connection: socket.socket) -> None:
    """Break the connection off with a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
