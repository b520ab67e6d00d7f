"""Stops calling a system that is down, for all processes at once: a circuit breaker in one row.

Closed until `threshold` failures in a row; then open: nobody calls for a pause, after which one caller at a time may
probe. A failed probe doubles the pause up to `longest`; a successful one closes the circuit. Results of requests that
were sent before the circuit opened and come in while its pause runs change nothing. Time is the database's.

While the circuit is closed its row is read at most twice a second by a process, and written only when something failed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from magento_oms.ports import RetryableError
from magento_oms.storage.link import Link, link

REMEMBER = 0.5  # seconds for which a process trusts what it last read

_READ = """
select failures, reason, opened_at, open_until, greatest(extract(epoch from open_until - now())::float8, 0) as shut
from circuit_breaker where scope = %(scope)s
"""
_PROBE = """
update circuit_breaker set probing_until = now() + make_interval(secs => %(probe)s)
where scope = %(scope)s and open_until <= now() and (probing_until is null or probing_until <= now())
returning scope
"""
_FAILED = """
insert into circuit_breaker as b (scope, failures, reason, open_until, opened_at)
values (%(scope)s, 1, %(reason)s,
        case when %(threshold)s <= 1 then now() + make_interval(secs => %(first)s) end,
        case when %(threshold)s <= 1 then now() end)
on conflict (scope) do update
set failures = b.failures + 1, reason = excluded.reason, probing_until = null,
    open_until = case when b.failures + 1 >= %(threshold)s then now() + make_interval(secs => least(
        %(longest)s::float8, %(first)s::float8 * 2.0::float8 ^ least(b.failures + 1 - %(threshold)s, 30))) end,
    opened_at = case when b.failures + 1 >= %(threshold)s then coalesce(b.opened_at, now()) end
where b.open_until is null or b.open_until <= now()
"""
_SUCCEEDED = """
update circuit_breaker
set failures = 0, reason = null, open_until = null, probing_until = null, opened_at = null
where scope = %(scope)s and failures > 0 and (open_until is null or open_until <= now())
"""


@dataclass(frozen=True, slots=True)
class Outage:
    """An open circuit.

    Attributes:
        since: when it opened, kept until a probe succeeds; aware UTC.
        next_probe: when the next caller may probe; aware UTC, in the past if one may now.
        failures: in a row, probes included.
        reason: of the last failure.
    """

    scope: str
    since: datetime
    next_probe: datetime
    failures: int
    reason: str


@dataclass(frozen=True, slots=True)
class _Known:
    """What was last read; by this process's monotonic clock, until when it is trusted and when the pause ends."""

    failures: int
    outage: Outage | None
    trusted_until: float
    shut_until: float


class SharedBreaker:
    """Implements `ports.Breaker`.

    Args:
        url: the OMS database.
        scope: the system called, such as `magento:heritage`.
        threshold: failures in a row that open the circuit.
        first: seconds of the first pause; each failed probe doubles it.
        longest: seconds that a pause never exceeds.
        probe: seconds after which a probe without a result is given up and another caller may probe; must exceed the
            time-out of a request.
        remember: seconds for which what was read is trusted.
    """

    def __init__(
        self,
        url: str,
        scope: str,
        *,
        threshold: int = 5,
        first: float = 5.0,
        longest: float = 120.0,
        probe: float = 45.0,
        remember: float = REMEMBER,
    ) -> None:
        self._link: Link = link(url)
        self._scope = scope
        self._values = {
            "scope": scope,
            "threshold": threshold,
            "first": float(first),
            "longest": float(longest),
            "probe": float(probe),
        }
        self._remember = remember
        self._known: _Known | None = None

    def before_call(self) -> None:
        """Return if a call may be made now; whoever is let through an open circuit is the probe.

        The caller must say how it went, also where the system refused this one request (that is a success here).

        Raises:
            RetryableError: the circuit is open; nothing was sent.
        """
        known = self._fresh() or self._read()
        if known.outage is None:
            return
        if known.shut_until > time.monotonic() or not self._claim_probe():
            raise RetryableError(
                f"{self._scope} is not called: {known.outage.failures} failures in a row since"
                f" {known.outage.since:%Y-%m-%d %H:%M:%S} UTC, the last one: {known.outage.reason}",
                way_out="It is tried again by itself, one request at a time; nothing is lost.",
            )
        self._known = None

    def succeeded(self) -> None:
        """The system answered. Closes the circuit if this was the probe, and ends a row of failures."""
        known = self._fresh()
        if known is not None and known.failures == 0:
            return
        self._known = None
        self._link.rows(_SUCCEEDED, scope=self._scope)

    def failed(self, reason: str) -> None:
        """The system as a whole is in trouble. `reason` is shown to people: no secrets, no personal data."""
        self._known = None
        self._link.rows(_FAILED, reason=reason, **self._values)

    def outage(self) -> Outage | None:
        """The outage that is going on, or None while the circuit is closed."""
        return self._read().outage

    def close(self) -> None:
        """Close the connection; it is opened again when needed."""
        self._link.close()

    def _fresh(self) -> _Known | None:
        known = self._known
        return known if known is not None and time.monotonic() < known.trusted_until else None

    def _read(self) -> _Known:
        asked_at = time.monotonic()
        rows = self._link.rows(_READ, scope=self._scope)
        failures, outage, shut = 0, None, 0.0
        if rows:
            row = rows[0]
            failures, shut = row["failures"], row["shut"]
            if row["open_until"] is not None:
                outage = Outage(
                    scope=self._scope,
                    since=row["opened_at"].astimezone(UTC),
                    next_probe=row["open_until"].astimezone(UTC),
                    failures=failures,
                    reason=row["reason"] or "",
                )
        known = _Known(failures, outage, trusted_until=asked_at + self._remember, shut_until=asked_at + shut)
        self._known = known
        return known

    def _claim_probe(self) -> bool:
        return bool(self._link.rows(_PROBE, scope=self._scope, probe=self._values["probe"]))
