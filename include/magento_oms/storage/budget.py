"""A bound on requests per second towards one system, shared by all processes: a token bucket in one row.

A caller of live work who has to wait reserves his place by taking the bucket below zero, so live callers are served in
the order in which they came. One that gives way (a backfill) reserves nothing and leaves half of a burst untouched:
whatever live work comes goes first. Time is the database's. Where there is plenty, a process takes a fifth of a
second's worth at once, so that at higher rates most requests cost no round trip; what it has not spent within half a
second is lost.

So in any span of t seconds at most `burst + per_second * (t + 0.5)` requests are made, whatever the processes do; fewer
while the system is in trouble (`storage/easing.py`).
"""

from __future__ import annotations

import threading
import time

from magento_oms.ports import RateLimited
from magento_oms.storage.easing import SHARE, Easing
from magento_oms.storage.link import Link, link

PORTION = 0.2  # seconds' worth of requests that are taken ahead, where the bucket holds them
KEEP = 0.5  # seconds for which they may be spent
PATIENCE = 600.0
"""Seconds that who gives way waits at the least for live work to leave something."""
LOOK_AGAIN = 1.0
"""Seconds at the most until who gives way looks again."""

# `shut` is what is left of a pause: the bucket starts to fill when it ends. The row is locked from `old` on, so two
# callers never see the same tokens; now() may be older than `filled_at` for one who waited for the lock.
_TAKE = f"""
with old as (
    select scope, %(rate)s::float8 * {SHARE} as rate,
           least(%(burst)s::float8,
                 tokens + %(rate)s::float8 * {SHARE}
                 * greatest(extract(epoch from now() - filled_at)::float8, 0)) - %(leave)s::float8 as available,
           greatest(extract(epoch from paused_until - now())::float8, 0) as shut
    from request_budget where scope = %(scope)s
    for update
), wish as (
    select *,
           case when shut = 0 and available >= %(portion)s::float8
                then greatest(%(portion)s::float8, %(requests)s::float8) else %(requests)s::float8 end as taken
    from old
), answer as (
    select *, shut + greatest(taken - available, 0) / rate as pause from wish
), changed as (
    update request_budget b
    set tokens = answer.available + %(leave)s::float8 - answer.taken, filled_at = greatest(b.filled_at, now()),
        per_second = %(rate)s::float8, burst = %(burst)s::float8
    from answer where b.scope = answer.scope and answer.pause <= %(wait)s::float8
)
select taken, pause from answer
"""  # noqa: S608  (constants)
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
        gives_way: whether live work goes first: for backfills, sweeps and polls.
    """

    def __init__(
        self, url: str, scope: str, per_second: float, *, burst: float | None = None, gives_way: bool = False
    ) -> None:
        if per_second <= 0:
            raise ValueError(f"a budget of {per_second} requests per second lets nothing through")
        self._link: Link = link(url)
        self._scope = scope
        self._rate = float(per_second)
        self._burst = float(max(1.0, per_second) if burst is None else burst)
        self._portion = min(max(1.0, per_second * PORTION), self._burst)
        self._gives_way = gives_way
        self._ahead = _Ahead()
        self._easing = Easing(self._link, scope)

    def spend(self, requests: float = 1.0, *, wait: float = 30.0) -> None:
        """Take `requests` from the budget, sleeping up to `wait` seconds until they are there. Who gives way is
        patient, and waits for ten minutes at the least.

        Raises:
            RateLimited: it would take longer than `wait`; nothing was taken.
        """
        if self._gives_way:
            self._spend_what_is_left(requests, max(wait, PATIENCE))
            return
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

    def observed(self, kind: str, seconds: float, status: int | None) -> None:
        """One request took so long and was answered so; None: not at all. Where the system is overloaded, everybody's
        rate goes down and comes back by itself.
        """
        self._easing.observed(kind, seconds, status)

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

    def _spend_what_is_left(self, requests: float, wait: float) -> None:
        end = time.monotonic() + wait
        while not self._spend_ahead(requests):
            pause = self._take(requests, 0.0)
            if pause <= 0:
                return
            if pause > end - time.monotonic():
                raise self._spent(pause)
            time.sleep(min(pause, LOOK_AGAIN))

    def _reserve(self, requests: float, wait: float) -> float:
        """Take `requests` if they come within `wait` seconds, and say how many seconds to sleep before using them."""
        pause = self._take(requests, wait)
        if pause > wait:
            raise self._spent(pause)
        return pause

    def _take(self, requests: float, wait: float) -> float:
        """Seconds until `requests` are there; they are taken if that is not longer than `wait`."""
        values = {
            "scope": self._scope,
            "rate": self._rate,
            "burst": self._burst,
            "portion": self._portion,
            "requests": float(requests),
            "wait": wait,
            # Never so much that a full bucket would not do.
            "leave": max(min(self._burst / 2, self._burst - requests), 0.0) if self._gives_way else 0.0,
        }
        answer = self._link.rows(_TAKE, **values)
        if not answer:
            self._link.rows(_CREATE, scope=self._scope, burst=self._burst)
            answer = self._link.rows(_TAKE, **values)
        pause: float = answer[0]["pause"]
        if pause > wait:
            return pause
        ahead = self._ahead
        ahead.requests = answer[0]["taken"] - requests
        ahead.until = time.monotonic() + KEEP
        ahead.process = self._link.process
        return pause

    def _spent(self, pause: float) -> RateLimited:
        whose = " by live work" if self._gives_way else ""
        return RateLimited(
            f"{self._scope}: the budget of {self._rate:g} requests per second is spent{whose} for the next"
            f" {pause:.1f} s; this request was not made.",
            retry_after=pause,
        )

    def _paused(self) -> bool:
        """Whether a pause began while we slept."""
        return any(row["paused"] for row in self._link.rows(_PAUSED, scope=self._scope))
