"""What the product lends a hook, kept in memory: for a test button, a command or a notebook, where nobody else calls.

They protect one process. Tasks are lent the shared ones of the OMS database.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from magento_oms.ports import AuthenticationError, RateLimited, RetryableError, Token

COOL_DOWN = 300.0
"""Seconds without a login after a refused one. Magento locks an account after six refusals within half an hour, so a
person who presses the test button with a wrong password reaches it slowly."""


@dataclass
class _Scope:
    """What is known of one scope. `lock` is the login turn."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    token: Token | None = None
    refusal: str = ""
    refused_until: float = 0.0


class MemoryLoginTurn:
    """Implements `ports.LoginTurn`."""

    def __init__(self, scope: _Scope, cool_down: float) -> None:
        self._scope = scope
        self._cool_down = cool_down

    @property
    def token(self) -> Token | None:
        """A token that somebody else stored while we waited for our turn."""
        return _alive(self._scope.token)

    def succeeded(self, token: Token) -> None:
        """Store the new token for everyone."""
        self._scope.token = token

    def refused(self, reason: str) -> None:
        """Start the cool-down."""
        self._scope.token = None
        self._scope.refusal = reason
        self._scope.refused_until = time.monotonic() + self._cool_down


class MemoryTokenStore:
    """Implements `ports.TokenStore` for the threads of one process.

    Args:
        cool_down: seconds without a login after a refusal.
    """

    def __init__(self, *, cool_down: float = COOL_DOWN) -> None:
        self._scopes: defaultdict[str, _Scope] = defaultdict(_Scope)
        self._guard = threading.Lock()
        self._cool_down = cool_down

    def get(self, scope: str) -> Token | None:
        """The stored token that has not expired, or None."""
        return _alive(self._scope(scope).token)

    @contextmanager
    def login(self, scope: str) -> Iterator[MemoryLoginTurn]:
        """Wait for the one login turn of this scope.

        Raises:
            AuthenticationError: a cool-down is running.
        """
        known = self._scope(scope)
        with known.lock:
            left = known.refused_until - time.monotonic()
            if left > 0:
                raise AuthenticationError(
                    f"{scope}: the last login was refused ({known.refusal}); none is tried for another {left:.0f} s, so"
                    " that the account is not locked.",
                    way_out="Correct the user name or the password in the connection.",
                )
            yield MemoryLoginTurn(known, self._cool_down)

    def forget(self, scope: str, token: Token) -> None:
        """Drop `token`, unless it has been replaced meanwhile."""
        known = self._scope(scope)
        if known.token is not None and known.token.value == token.value:
            known.token = None

    def _scope(self, scope: str) -> _Scope:
        with self._guard:
            return self._scopes[scope]


_STORES: dict[bytes, MemoryTokenStore] = {}
_STORES_GUARD = threading.Lock()


def process_tokens(base_url: str, credentials: Sequence[str]) -> MemoryTokenStore:
    """The token store that this process keeps for these credentials; corrected ones get a new one."""
    parts = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in (base_url, *credentials))
    with _STORES_GUARD:
        return _STORES.setdefault(hashlib.sha256(parts).digest(), MemoryTokenStore())


class MemoryBreaker:
    """Implements `ports.Breaker`: after `threshold` failures in a row one probe every `pause` seconds.

    Args:
        scope: the system, for people.
    """

    def __init__(self, scope: str, *, threshold: int = 5, pause: float = 10.0) -> None:
        self._scope = scope
        self._threshold = threshold
        self._pause = pause
        self._guard = threading.Lock()
        self._failures = 0
        self._reason = ""
        self._next_probe = 0.0

    def before_call(self) -> None:
        """Raises RetryableError while the circuit is open."""
        with self._guard:
            if self._failures < self._threshold:
                return
            now = time.monotonic()
            if now < self._next_probe:
                raise RetryableError(
                    f"{self._scope} is not called: {self._failures} failures in a row, the last one: {self._reason}",
                    way_out="It is tried again by itself, one request at a time; nothing is lost.",
                )
            self._next_probe = now + self._pause

    def succeeded(self) -> None:
        """The system answered."""
        with self._guard:
            self._failures = 0

    def failed(self, reason: str) -> None:
        """The system as a whole is in trouble."""
        with self._guard:
            self._failures += 1
            self._reason = reason
            self._next_probe = time.monotonic() + self._pause


class MemoryBudget:
    """Implements `ports.Budget` without a bound of our own; only the pauses that the store asks for are kept.

    Args:
        scope: the system, for people.
    """

    def __init__(self, scope: str) -> None:
        self._scope = scope
        self._paused_until = 0.0

    def spend(self, requests: float = 1.0, *, wait: float = 30.0) -> None:
        """Sleep until a pause is over. Raises RateLimited where that takes longer than `wait` seconds."""
        left = self._paused_until - time.monotonic()
        if left > wait:
            raise RateLimited(f"{self._scope} asked for a pause; this request was not made.", retry_after=left)
        if left > 0:
            time.sleep(left)

    def slow_down(self, seconds: float) -> None:
        """The store asked for a pause."""
        self._paused_until = max(self._paused_until, time.monotonic() + seconds)

    def observed(self, kind: str, seconds: float, status: int | None) -> None:
        """Nothing follows: nobody else calls."""


def _alive(token: Token | None) -> Token | None:
    if token is None or (token.expires_at is not None and token.expires_at <= datetime.now(UTC)):
        return None
    return token
