"""What hooks are lent by the product. All of them are shared by every process that talks to the same system."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token. `expires_at` is aware UTC, or None where it lives until revoked."""

    value: str = field(repr=False)
    expires_at: datetime | None = None


class TokenStore(Protocol):
    """Keeps one token a scope, encrypted, for all processes; one login at a time."""

    def get(self, scope: str) -> Token | None:
        """The stored token that has not expired, or None."""
        ...

    def login(self, scope: str) -> AbstractContextManager[LoginTurn]:
        """Wait for the one login turn of this scope. Raises AuthenticationError while a cool-down is running."""
        ...

    def forget(self, scope: str, token: Token) -> None:
        """Drop `token` (the store refused it), unless it has been replaced meanwhile."""
        ...


class LoginTurn(Protocol):
    """The right to log in, held by one process at a time."""

    @property
    def token(self) -> Token | None:
        """A token that somebody else stored while we waited for our turn."""
        ...

    def succeeded(self, token: Token) -> None:
        """Store the new token for everyone."""
        ...

    def refused(self, reason: str) -> None:
        """Start the cool-down: nobody logs in until it has passed."""
        ...


class Breaker(Protocol):
    """Stops calling a system that is down: open after repeated failures, then one slow probe at a time."""

    def before_call(self) -> None:
        """Raises RetryableError while the circuit is open."""
        ...

    def succeeded(self) -> None: ...

    def failed(self, reason: str) -> None:
        """The system as a whole is in trouble (not: it refused this one request)."""
        ...


class Budget(Protocol):
    """A bound on requests per second towards one system, shared by all processes."""

    def spend(self, requests: float = 1.0, *, wait: float = 30.0) -> None:
        """Take from the budget, waiting up to `wait` seconds. Raises RateLimited if it would take longer."""
        ...

    def slow_down(self, seconds: float) -> None:
        """The other side asked for a pause: nobody calls until it has passed."""
        ...

    def observed(self, kind: str, seconds: float, status: int | None) -> None:
        """One request of a kind took so long and was answered with this status; None: not at all. A budget may become
        smaller for a while where the other side is overloaded.
        """
        ...
