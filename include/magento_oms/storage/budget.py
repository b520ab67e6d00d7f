"""A bound on requests per second towards one system, shared by all processes: a token bucket in one row.

A caller who has to wait reserves his place by taking the bucket below zero, so callers are served in the order in
which they came. Time is the database's. Where there is plenty, a process takes a fifth of a second's worth at once,
so that at higher rates most requests cost no round trip; what it has not spent within half a second is lost.

So in any span of t seconds at most `burst + per_second * (t + 0.5)` requests are made, whatever the processes do.
"""

from __future__ import annotations

import threading
import time

from magento_oms.ports import RateLimited
from magento_oms.storage.link import Link, link

PORTION = 0.2  # seconds' worth of requests that are taken ahead, where the bucket holds them
KEEP = 0.5  # seconds for which they may be spent

# `shut` is what is left of a pause: the bucket starts to fill when it ends. The row is locked from `old` on, so two
# callers never see the same tokens; now() may be older than `filled_at` for one who waited for the lock.
_TAKE = """
with old as (
    select scope,
           least(%(burst)s::float8,
                 tokens + %(rate)s::float8 * greatest(extract(epoch from now() - filled_at)::float8, 0)) as available,
           greatest(extract(epoch from paused_until - now())::float8, 0) as shut
    from request_budget where scope = %(scope)s
    for update
), wish as (
    select scope, available, shut,
           case when shut = 0 and available >= %(portion)s::float8
                then greatest(%(portion)s::float8, %(requests)s::float8) else %(requests)s::float8 end as taken
    from old
), answer as (
    select *, shut + greatest(taken - available, 0) / %(rate)s::float8 as pause from wish
), changed as (
    update request_budget b
    set tokens = answer.available - answer.taken, filled_at = greatest(b.filled_at, now())
    from answer where b.scope = answer.scope and answer.pause <= %(wait)s::float8
)
select taken, pause from answer
"""
_CREATE = """
insert into request_budget (scope, tokens, filled_at) values (%(scope)s, %(burst)s, now()) on conflict do nothing
"""
_PAUSED = "select paused_until > now() as paused from request_budget where scope = %(scope)s"
# Reservations are void after a pause: those who wait reserve again, so they do not all start in the same moment.
_SLOW_DOWN = """
insert into request_budget as b (scope, tokens, filled_at, paused_until)
values (%(scope)s, 0, now() + make_interval(secs => %(seconds)s), now() + make_interval(secs => %(seconds)s))
on conflict (scope) do update
set tokens = 0, filled_at = excluded.filled_at, paused_until = excluded.paused_until
where b.paused_until is null or b.paused_until < excluded.paused_until
"""


class _Ahead(threading.local):
    """What this thread took from the bucket and has not spent yet; void in a forked child."""

    requests = 0.0
    until = 0.0
    process = 0


class SharedBudget:
    """Implements `ports.Budget`.

    Args:
        url: the OMS database.
        scope: the system called, such as `magento:heritage`.
        per_second: requests per second on the long run; more than 0.
        burst: requests that may be made at once after a quiet time; a second's worth, at least one, if not given.
    """

    def __init__(self, url: str, scope: str, per_second: float, *, burst: float | None = None) -> None:
        if per_second <= 0:
            raise ValueError(f"a budget of {per_second} requests per second lets nothing through")
        self._link: Link = link(url)
        self._scope = scope
        self._rate = float(per_second)
        self._burst = float(max(1.0, per_second) if burst is None else burst)
        self._portion = min(max(1.0, per_second * PORTION), self._burst)
        self._ahead = _Ahead()

    def spend(self, requests: float = 1.0, *, wait: float = 30.0) -> None:
        """Take `requests` from the budget, sleeping up to `wait` seconds until they are there.

        Raises:
            RateLimited: it would take longer than `wait`; nothing was taken.
        """
        end = time.monotonic() + wait
        while not self._spend_ahead(requests):
            pause = self._reserve(requests, max(end - time.monotonic(), 0.0))
            if pause <= 0:
                return
            time.sleep(pause)
            if not self._paused():
                return

    def slow_down(self, seconds: float) -> None:
        """Nobody calls for `seconds` from now; a longer pause that is already running stays.

        A process that took requests ahead may still make them, within half a second.
        """
        self._ahead.requests = 0.0
        self._link.rows(_SLOW_DOWN, scope=self._scope, seconds=float(seconds))

    def close(self) -> None:
        """Close the connection; it is opened again when needed."""
        self._link.close()

    def _spend_ahead(self, requests: float) -> bool:
        ahead = self._ahead
        fresh = ahead.process == self._link.process and time.monotonic() < ahead.until
        if not fresh or ahead.requests < requests:
            return False
        ahead.requests -= requests
        return True

    def _reserve(self, requests: float, wait: float) -> float:
        """Take `requests` if they come within `wait` seconds, and say how many seconds to sleep before using them."""
        values = {
            "scope": self._scope,
            "rate": self._rate,
            "burst": self._burst,
            "portion": self._portion,
            "requests": float(requests),
            "wait": wait,
        }
        answer = self._link.rows(_TAKE, **values)
        if not answer:
            self._link.rows(_CREATE, scope=self._scope, burst=self._burst)
            answer = self._link.rows(_TAKE, **values)
        pause: float = answer[0]["pause"]
        if pause > wait:
            raise RateLimited(
                f"{self._scope}: the budget of {self._rate:g} requests per second is spent for the next {pause:.1f} s;"
                " this request was not made.",
                retry_after=pause,
            )
        ahead = self._ahead
        ahead.requests = answer[0]["taken"] - requests
        ahead.until = time.monotonic() + KEEP
        ahead.process = self._link.process
        return pause

    def _paused(self) -> bool:
        """Whether a pause began while we slept."""
        return any(row["paused"] for row in self._link.rows(_PAUSED, scope=self._scope))
