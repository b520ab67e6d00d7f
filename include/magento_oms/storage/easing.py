"""How a request budget gives way when the system that it protects is overloaded, and how that is seen.

A 429 or 503 halves the rate that is allowed to everybody, answers that take several times their usual time lower it by
a third; at most once in five seconds. From then on it grows back by itself, to the whole within two minutes: so a
system in lasting trouble settles at the rate that it bears.

What is usual is learnt for each kind of request (method, route, size of what is sent or answered), because a page of a
hundred orders takes fifteen times as long as one of them. It follows faster answers at once, and slower ones by a tenth
a minute, so that a system that became slower for good is not held back for ever.
"""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection

from magento_oms.storage.database import text
from magento_oms.storage.link import Link

RECOVERY = 120.0
"""Seconds in which nothing grows back to the whole."""
LEAST = 0.05
"""Share of the rate that is always left."""
NOTE_EVERY = 2.0
"""Seconds between two notes of a process about how long requests take."""
KINDS = 60
"""Kinds of requests whose usual time is kept."""
SLOW = 3.0
"""Times the usual from which on answers are slow."""
SLOW_SECONDS = 0.2
"""Seconds above the usual from which on that matters."""
MOST_SLOW = 20.0
"""One lost answer does not count for more than this."""
OVERLOADED = {429: "it answered 429: too many requests", 503: "it answered 503: not available"}

SHARE = f"least(1, share + coalesce(extract(epoch from now() - eased_at), {RECOVERY})::float8 / {RECOVERY})"
"""SQL: the share of the configured rate that is allowed now."""

_EASE = f"""
update request_budget
set share = greatest({LEAST}, {SHARE} * %(factor)s::float8), eased_at = now(), eased_why = %(why)s
where scope = %(scope)s and (eased_at is null or eased_at < now() - interval '5 seconds')
"""  # noqa: S608  (constants)
_USUAL = "select usual_ms from request_budget where scope = %(scope)s"
_NOTE = """
update request_budget
set usual_ms = usual_ms || %(usual)s::jsonb,
    slowness = case when measured_at > now() - interval '1 minute'
               then 0.6 * slowness + 0.4 * %(slowness)s::float8 else %(slowness)s::float8 end,
    measured_at = now()
where scope = %(scope)s
returning slowness
"""


@dataclass(slots=True)
class _Heard:
    """Requests of one kind since the last note."""

    count: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class _Since:
    """What a process has heard since its last note."""

    at: float = field(default_factory=time.monotonic)
    kinds: defaultdict[str, _Heard] = field(default_factory=lambda: defaultdict(_Heard))


class Easing:
    """Notes how a system is doing, and lowers its budget while it is overloaded."""

    def __init__(self, to: Link, scope: str) -> None:
        self._link = to
        self._scope = scope
        self._since = _Since()
        self._lock = threading.Lock()

    def observed(self, kind: str, seconds: float, status: int | None) -> None:
        """One request of a kind took so long and was answered so; None: not at all."""
        if status in OVERLOADED:
            self._ease(0.5, OVERLOADED[status])
            return
        with self._lock:
            heard = self._since.kinds[kind]
            heard.count += 1
            heard.seconds += seconds
            if time.monotonic() - self._since.at < NOTE_EVERY:
                return
            since, self._since = self._since, _Since()
        self._note(since)

    def _note(self, since: _Since) -> None:
        rows = self._link.rows(_USUAL, scope=self._scope)
        if not rows:
            return
        usual: dict[str, float] = rows[0]["usual_ms"]
        minutes = (time.monotonic() - since.at) / 60
        learnt: dict[str, float] = {}
        weight = slowness = excess = 0.0
        for kind, heard in since.kinds.items():
            took = 1000 * heard.seconds / heard.count
            known = usual.get(kind)
            if known is None:
                if len(usual) + len(learnt) < KINDS:
                    learnt[kind] = round(took, 1)
                continue
            learnt[kind] = round(_usual_now(known, took, minutes), 1)
            weight += heard.count
            slowness += heard.count * min(took / max(known, 1.0), MOST_SLOW)
            excess += heard.count * (took - known) / 1000
        noted = self._link.rows(
            _NOTE, scope=self._scope, usual=json.dumps(learnt), slowness=slowness / weight if weight else 1.0
        )
        if noted and noted[0]["slowness"] > SLOW and weight and excess / weight > SLOW_SECONDS:
            self._ease(0.67, f"its answers take {noted[0]['slowness']:.1f} times as long as usual")

    def _ease(self, factor: float, why: str) -> None:
        self._link.rows(_EASE, scope=self._scope, factor=factor, why=why)


def _usual_now(known: float, took: float, minutes: float) -> float:
    """What is usual, in milliseconds, after requests that took so long."""
    if took <= known:
        return known + (took - known) * 0.3
    return min(took, known * (1 + 0.1 * min(minutes, 1.0)))


@dataclass(frozen=True, slots=True)
class BudgetNow:
    """How a budget stands, for people. Times are aware UTC.

    Attributes:
        per_second, burst: as configured; None as long as nobody has spent.
        allowed: requests a second that are allowed now.
        tokens: requests that may be made at once; below zero where live work has reserved its places.
        slowness: how long answers took lately, in times of the usual.
        eased_why: why less was allowed than is configured, the last time.
        usual_ms: kind of request → milliseconds that it usually takes.
    """

    scope: str
    per_second: float | None
    burst: float | None
    allowed: float | None
    tokens: float
    paused_until: datetime | None
    slowness: float | None
    eased_at: datetime | None
    eased_why: str
    usual_ms: dict[str, float]


def budgets(connection: Connection) -> list[BudgetNow]:
    """How all budgets stand now."""
    rows = connection.execute(
        text(
            f"select scope, per_second, burst, round((per_second * {SHARE})::numeric, 2)::float8 as allowed,"  # noqa: S608
            f" round(least(coalesce(burst, tokens), tokens + coalesce(per_second, 0) * {SHARE}"
            " * greatest(extract(epoch from now() - filled_at)::float8, 0))::numeric, 1)::float8 as tokens,"
            " case when paused_until > now() then paused_until end as paused_until,"
            " case when measured_at > now() - interval '10 minutes' then round(slowness::numeric, 2)::float8 end"
            " as slowness, eased_at, eased_why, usual_ms from request_budget order by scope"
        )
    )
    return [
        BudgetNow(
            row.scope,
            row.per_second,
            row.burst,
            row.allowed,
            row.tokens,
            _utc(row.paused_until),
            row.slowness,
            _utc(row.eased_at),
            row.eased_why,
            row.usual_ms,
        )
        for row in rows
    ]


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)
