"""How one exchange went: the trouble of a failed one, told apart by what the caller does about it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from careful_http.exchange import Answer, Call, kept
from magento_oms.ports import ConfigurationError, OutsideError, RetryableError, UnknownOutcome

DEFAULT_PAUSE = 30.0
"""Seconds to wait on a 429 that does not say how long."""

BY_ITSELF = "It is tried again by itself; nothing is lost."
BY_LOOKING = "Whether it happened is found out by looking at the other side before anything is sent again."


@dataclass(frozen=True, slots=True)
class Trouble:
    """One failed exchange, judged.

    Attributes:
        error: what the caller is told.
        outage: whether the other side as a whole is in trouble.
        again: whether the same request may be sent again at once, because it changes nothing.
        pause: seconds that the other side asks to wait, or None.
    """

    error: OutsideError
    outage: bool = False
    again: bool = False
    pause: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one exchange went: an answer, and the trouble unless it is good. Without an answer the network failed."""

    answer: Answer | None
    trouble: Trouble | None = None

    @property
    def error(self) -> OutsideError:
        """The error of a failed exchange."""
        if self.trouble is None:
            raise ValueError("a good answer has no error")
        return self.trouble.error


def fault(call: Call, whose: str, what: str, *, sent: bool) -> Trouble:
    """The network failed at `whose`. `sent` is whether the other side may have got the whole request."""
    open_outcome = sent and call.opens_outcome
    kind = UnknownOutcome if open_outcome else RetryableError
    error = kind(
        f"{subject(call, whose)}: {what}.",
        way_out=BY_LOOKING if open_outcome else BY_ITSELF,
        exchange=kept(call, fault=what),
    )
    return Trouble(error, outage=True, again=not call.changes)


def misconfigured(call: Call, whose: str, what: str, way_out: str) -> Trouble:
    """The connection cannot work until somebody changes a setting."""
    error = ConfigurationError(f"{subject(call, whose)}: {what}.", way_out=way_out, exchange=kept(call, fault=what))
    return Trouble(error, outage=True)


def unreadable(call: Call, answer: Answer, whose: str, what: str) -> OutsideError:
    """It said 200 but not what was asked for: open for a change, worth another try for a read."""
    kind, way_out = (UnknownOutcome, BY_LOOKING) if call.opens_outcome else (RetryableError, BY_ITSELF)
    return kind(f"{subject(call, whose)}: {what}", way_out=way_out, status=answer.status, exchange=kept(call, answer))


def retry_after(answer: Answer, *, now: datetime | None = None) -> float | None:
    """Seconds of the `Retry-After` header, given as seconds or as an HTTP date; None where it says nothing."""
    text = answer.headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            until = parsedate_to_datetime(text)
        except ValueError:
            return None
        # Measured by the other side's own clock where it is told, so that a wrong clock here does not matter.
        start = answer.server_time or now or datetime.now(UTC)
        seconds = (until.replace(tzinfo=until.tzinfo or UTC) - start).total_seconds()
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def subject(call: Call, whose: str) -> str:
    """Who it is about, for the beginning of a sentence."""
    return f"{whose}, {call.about}" if call.about else whose
