"""What may go wrong outside, told apart by what the caller does about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]
"""A JSON object as it came over the wire. Numbers with a fraction are `Decimal`, never `float`."""


class OutsideError(Exception):
    """Something outside went wrong. `str()` of it is one clear sentence that a person may be shown.

    It never holds a secret or personal data.

    Args:
        what: what happened, with the outside system's own message filled in.
        way_out: what a person can do about it; empty where nothing need be done.
        status: the HTTP status, where there was an answer.
        exchange: request and response in a masked, shortened form, kept with the effect that made the call.
    """

    def __init__(
        self, what: str, *, way_out: str = "", status: int | None = None, exchange: Json | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.way_out = way_out
        self.status = status
        self.exchange = dict(exchange or {})

    def __str__(self) -> str:
        return f"{self.what} {self.way_out}".strip()


class ConfigurationError(OutsideError):
    """A person must change a setting: wrong URL, missing permission, missing connection."""


class AuthenticationError(OutsideError):
    """The credentials are refused, or a cool-down after a refusal is still running. Never repeated by a program."""


class RetryableError(OutsideError):
    """Known not to have happened, and worth trying again later: refused connection, circuit open, maintenance."""


class RateLimited(RetryableError):
    """Known not to have happened: the other side, or our own budget, asks us to wait.

    Args:
        retry_after: seconds to wait before the next try.
    """

    def __init__(self, what: str, *, retry_after: float, **more: Any) -> None:
        super().__init__(what, **more)
        self.retry_after = retry_after


class PermanentError(OutsideError):
    """Refused for good: this one order or effect goes to quarantine, the others go on."""


class NotFound(PermanentError):
    """The order, shipment or SKU asked for does not exist there."""


class AlreadyDone(OutsideError):
    """Refused because it has been done before. Counts as done."""


class UnknownOutcome(OutsideError):
    """It may have happened or not: time-out, lost connection or 5xx after the request was sent.

    Settled by looking at the other side, never by sending again blindly.
    """
