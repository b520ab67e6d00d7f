"""Who may post to the gateway, and by which secrets: one door an account at an aggregator, one an instance.

Secrets live in the Airflow connections. They are read again every minute, so that a changed one works without a
restart; a field may hold two, separated by a blank, while one is changed for the other.
"""

from __future__ import annotations

import hmac
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from magento_oms.ports import CourierEvent

log = structlog.get_logger(__name__)

SHORTEST_PATH = 24
_PATH = re.compile(r"[A-Za-z0-9-]+")
RELOAD_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class CourierDoor:
    """Where an account's webhooks come in.

    Attributes:
        target: `courier:<account>`.
        paths: secret ends of its URL; any of them is good.
        secrets: what the aggregator sends along; empty: nothing.
        headers: in which a secret may come.
        body_secret: the secret in the body, where the aggregator puts it there.
        read: decoded JSON to scans. Raises ValueError for what is no shape of the aggregator's.
    """

    target: str
    paths: tuple[str, ...] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    headers: tuple[str, ...]
    body_secret: Callable[[Any], str] | None
    read: Callable[[Any], Sequence[CourierEvent]]

    def lets_in(self, headers: Mapping[str, str], body: Any) -> bool:
        """Whether a request carries the secret that is wanted of it; always compared with all, in constant time."""
        if not self.secrets:
            return True
        given = [_bare(headers.get(name.lower(), "")) for name in self.headers]
        told = self.body_secret(body) if self.body_secret is not None else ""
        # A shape that carries no secret (Shipway's second) is let in by its path alone; what it says is read back.
        if self.body_secret is not None and not self.headers and not told:
            return True
        return any(_same(secret, each) for secret in self.secrets for each in [*given, told] if each)


@dataclass(frozen=True, slots=True)
class Doors:
    """All doors.

    Attributes:
        couriers: one an account that has a webhook path.
        stores: instance → secrets of its signed webhook.
        problems: accounts and instances that have none, and why, in words.
    """

    couriers: tuple[CourierDoor, ...] = ()
    stores: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    problems: tuple[str, ...] = ()

    def courier(self, path: str) -> CourierDoor | None:
        """The door of a secret path; every door is looked at, so that the time tells nothing."""
        found = None
        for door in self.couriers:
            if any(_same(path, known) for known in door.paths):
                found = door
        return found


class KeptDoors:
    """The doors, read again every minute in the background.

    Args:
        load: reads configuration and connections. What it raises leaves the doors as they are.
    """

    def __init__(self, load: Callable[[], Doors]) -> None:
        self._load = load
        self._doors = load()
        self._told: tuple[str, ...] = ()
        self._stop = threading.Event()
        self._tell()

    def __call__(self) -> Doors:
        """The doors as they are now."""
        return self._doors

    def keep(self) -> None:
        """Read them again every minute, until stopped."""
        while not self._stop.wait(RELOAD_SECONDS):
            try:
                self._doors = self._load()
            except Exception as error:
                log.warning("doors not read again: the known ones stay", error=type(error).__name__)
            else:
                self._tell()

    def stop(self) -> None:
        """End `keep`."""
        self._stop.set()

    def _tell(self) -> None:
        if self._doors.problems != self._told:
            for problem in self._doors.problems:
                log.warning("no webhooks", why=problem)
            self._told = self._doors.problems


def several(field_value: str) -> tuple[str, ...]:
    """One secret, or two while they are changed."""
    return tuple(field_value.replace(",", " ").split())


def what_is_wrong(path: str, forbidden: Iterable[str]) -> str:
    """Why a secret path will not do, in words; empty: it will."""
    if len(path) < SHORTEST_PATH or not _PATH.fullmatch(path):
        return f"its webhook path must be {SHORTEST_PATH} letters, digits or dashes at least"
    if word := next((word for word in forbidden if word in path.lower()), None):
        return f"its webhook path holds {word!r}, which the aggregator refuses in a URL: choose another one"
    return ""


def is_signed(secrets: Sequence[str], timestamp: str, signature: str, body: bytes, *, window: float = 300.0) -> bool:
    """Whether a store signed this body within the last minutes: HMAC-SHA256 over the timestamp, a dot and the body."""
    if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > window:
        return False
    given = signature.removeprefix("sha256=").lower()
    message = timestamp.encode() + b"." + body
    return any(_same(hmac.new(secret.encode(), message, "sha256").hexdigest(), given) for secret in secrets)


def _bare(value: str) -> str:
    """A header's value without the word before a token."""
    return value.removeprefix("Bearer ").removeprefix("Basic ").strip()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
