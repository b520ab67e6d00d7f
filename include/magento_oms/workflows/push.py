"""Carrying out effects: claim what is due at one outside system, do each once, record what came of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Connection

from magento_oms.ports import (
    AlreadyDone,
    AuthenticationError,
    ConfigurationError,
    OutsideError,
    RateLimited,
    RetryableError,
    UnknownOutcome,
)
from magento_oms.storage import effects, holds, orders, quarantine
from magento_oms.storage.database import autocommit, engine, text
from magento_oms.storage.effects import ClaimedEffect, ClaimLost
from magento_oms.workflows.effect_kinds import EffectKind, HasAnotherWay, NotNow, NotWanted, Result
from magento_oms.workflows.turns import NO_LINGER, Linger, turn

log = structlog.get_logger(__name__)

AT_ONCE = 4
"""Requests in flight towards one outside system; each is about another order."""
CLAIM = timedelta(minutes=3)
"""Longer than all requests of one effect can take: after that its worker counts as gone."""
EXPIRE_EVERY = 5.0
"""Seconds between looks for claims whose worker is gone; these last for minutes."""
LOOK_AGAIN = timedelta(seconds=30)
LONGEST_NOT_NOW = 3600.0
"""Seconds between tries of what cannot be sent as things are."""
TROUBLE = (UnknownOutcome, RetryableError, AuthenticationError, ConfigurationError)
TROUBLE_LIMIT = 3
"""This many failures in a row without a success mean that the system as a whole is in trouble."""

Kinds = Mapping[str, EffectKind[Any, Any]]


@dataclass(slots=True)
class PushSummary:
    """What a push did, for people. No payloads, no personal data."""

    target: str
    done: int = 0
    found: int = 0
    already: int = 0
    postponed: int = 0
    refused: int = 0
    open_outcome: int = 0
    expired_claims: int = 0
    seconds: float = 0.0
    held: str = ""
    trouble: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, object]:
        """Without what is empty."""
        return {name: value for name, value in asdict(self).items() if value not in ("", [], 0)} | {"done": self.done}


def push(
    url: str,
    target: str,
    world: object,
    kinds: Kinds,
    *,
    holder: str,
    settle_delay: timedelta,
    linger: Linger = NO_LINGER,
    at_once: int = AT_ONCE,
    clock: Callable[[], float] = time.monotonic,
) -> PushSummary:
    """Carry out what is due at `target`.

    Args:
        world: the hook that the kinds send with.
        settle_delay: how long the other side may still be at it after we lost sight of a request.
        at_once: requests in flight, each in another lane.

    Raises:
        AnotherRunHasTheTurn: another push does it already.
        OutsideError: the system as a whole is in trouble; every effect's outcome was recorded before this was raised.
    """
    summary = PushSummary(target)
    worker = _Worker(url, target, world, kinds, settle_delay, at_once, summary)
    # Leaving it waits for what is under way, so that the turn is given up last.
    workers = ThreadPoolExecutor(at_once, thread_name_prefix="push")
    mine = turn(url, target, signal=effects.signal(target), holder=holder, linger=linger, clock=clock)
    with mine as my_turn, workers:
        while my_turn.goes_on():
            worked = worker.step(workers)
            if worker.stop:
                break
            my_turn.rest(worked=worked)
        worker.finish()
    summary.seconds = my_turn.seconds()
    if worker.trouble is not None:
        raise worker.trouble
    return summary


class _Worker:
    """Works on the effects of one target, some at once: a slow one keeps the others waiting for nothing."""

    def __init__(
        self,
        url: str,
        target: str,
        world: object,
        kinds: Kinds,
        settle_delay: timedelta,
        at_once: int,
        summary: PushSummary,
    ) -> None:
        self._url = url
        self._engine = engine(url)
        self._target = target
        self._world = world
        self._kinds = kinds
        self._settle_delay = settle_delay
        self._at_once = at_once
        self._summary = summary
        self._lock = threading.Lock()
        self._failures_in_a_row = 0
        self._expire_at = 0.0
        self._under_way: set[Future[None]] = set()
        self.trouble: OutsideError | None = None
        self.stop = False

    def step(self, workers: Executor) -> bool:
        """Begin what is due as far as there is room, and wait until something is through; whether there was anything.

        Sets `stop` when nothing more should be sent.
        """
        self._under_way |= {workers.submit(self._carry_out, effect) for effect in self._claim()}
        if not self._under_way:
            return False
        self._see_through(FIRST_COMPLETED)
        return True

    def finish(self) -> None:
        """Wait for what is under way."""
        self._see_through(ALL_COMPLETED)

    def _see_through(self, until: str) -> None:
        through, self._under_way = wait(self._under_way, return_when=until)
        for each in through:
            each.result()

    def _claim(self) -> list[ClaimedEffect]:
        room = self._at_once - len(self._under_way)
        if not room or self.stop:
            return []
        with autocommit(self._url) as connection:
            if time.monotonic() >= self._expire_at:
                self._expire_at = time.monotonic() + EXPIRE_EVERY
                self._summary.expired_claims += effects.expire_claims(connection, self._target, self._settle_delay)
            claimed = effects.claim_due(connection, self._target, limit=room, lease=CLAIM)
            if not claimed and (held := holds.held(connection, self._target)) is not None:
                self._summary.held, self.stop = held, True
            return claimed

    def _carry_out(self, effect: ClaimedEffect) -> None:
        try:
            self._act(effect)
        except ClaimLost:
            log.warning("claim lost: the outcome is settled by whoever has the effect now", effect=effect.id)

    def _act(self, effect: ClaimedEffect) -> None:
        """Send or look up, and record what came of it."""
        kind = self._kinds[effect.kind]
        subject: Any = None
        try:
            with autocommit(self._url) as connection:
                subject = kind.read(connection, effect)
            result = kind.send(self._world, subject) if effect.action == "send" else kind.find(self._world, subject)
        except AlreadyDone as answer:
            self._count("already")
            result = Result(f"already done: {answer.what}", exchange=answer.exchange)
        except NotNow as reason:
            self._record_not_now(effect, reason)
            return
        except NotWanted as reason:
            with self._recording(effect) as connection:
                effects.not_wanted(connection, effect, why=str(reason))
            return
        except OutsideError as error:
            self._see_trouble(error)
            self._record_error(effect, kind, subject, error)
            return
        self._failures_in_a_row = 0
        self._record(effect, kind, subject, result)

    def _count(self, what: str) -> None:
        with self._lock:
            setattr(self._summary, what, getattr(self._summary, what) + 1)

    @contextmanager
    def _recording(self, effect: ClaimedEffect) -> Iterator[Connection]:
        """A transaction in which the order is locked first, as intake, warehouse and tracking do."""
        with self._engine.begin() as connection:
            if effect.order_id is not None:
                orders.lock(connection, effect.order_id)
            yield connection

    def _record(self, effect: ClaimedEffect, kind: EffectKind[Any, Any], subject: Any, result: Result | None) -> None:
        with self._recording(effect) as connection:
            if result is None:
                effects.nothing_found(connection, effect, look_again_in=LOOK_AGAIN)
                return
            kind.settle(connection, subject, result)
            effects.done(connection, effect, outcome=result.outcome, exchange=result.exchange)
            if effect.number > 1:  # what is done at once was never in quarantine
                told = f"done: {result.outcome}"
                quarantine.resolve(connection, _instance(connection, effect), f"effect:{effect.id}", resolution=told)
        self._count("done" if effect.action == "send" else "found")

    def _record_not_now(self, effect: ClaimedEffect, reason: NotNow) -> None:
        self._count("postponed")
        with self._recording(effect) as connection:
            effects.not_happened(
                connection,
                effect,
                error=reason.reason,
                way_out=reason.way_out,
                retry_in=timedelta(seconds=min(reason.retry_in * 2 ** min(effect.number - 1, 6), LONGEST_NOT_NOW)),
            )

    def _record_error(
        self, effect: ClaimedEffect, kind: EffectKind[Any, Any], subject: Any, error: OutsideError
    ) -> None:
        """Note the outcome that the error's class tells."""
        with self._recording(effect) as connection:
            if effect.action == "find":
                # A look that failed says nothing about the effect: look again.
                self._count("open_outcome")
                effects.outcome_unknown(
                    connection, effect, error=error.what, settle_delay=LOOK_AGAIN, exchange=error.exchange
                )
            elif isinstance(error, UnknownOutcome):
                self._count("open_outcome")
                effects.outcome_unknown(
                    connection, effect, error=error.what, settle_delay=self._settle_delay, exchange=error.exchange
                )
            elif isinstance(error, (RetryableError, AuthenticationError, ConfigurationError)):
                self._count("postponed")
                effects.not_happened(
                    connection,
                    effect,
                    error=error.what,
                    way_out=error.way_out,
                    retry_in=_retry_in(effect, error),
                    exchange=error.exchange,
                )
            else:
                self._count("refused")
                effects.failed(connection, effect, error=error.what, way_out=error.way_out, exchange=error.exchange)
                if subject is not None and isinstance(kind, HasAnotherWay):
                    other_way = kind.another_way(connection, subject, error)
                    if other_way:
                        effects.give_up(connection, effect.id)
                        effects.cancel_waiting(connection, effect.id)
                        return
                quarantine.open_(
                    connection,
                    instance=_instance(connection, effect),
                    subject=f"effect:{effect.id}",
                    code=effect.kind,
                    reason=error.what,
                    way_out=error.way_out or "Look at the order, then `magento-oms quarantine retry` sends it again.",
                    effect_id=effect.id,
                )

    def _see_trouble(self, error: OutsideError) -> None:
        """See whether the system as a whole is in trouble. One that refuses a request answers, so it is not."""
        if not isinstance(error, TROUBLE):
            self._failures_in_a_row = 0
            return
        self._failures_in_a_row += 1
        for_a_person = isinstance(error, (AuthenticationError, ConfigurationError))
        if for_a_person or isinstance(error, RateLimited) or self._failures_in_a_row >= TROUBLE_LIMIT:
            self.stop = True
            if not isinstance(error, RateLimited):
                self.trouble = error
                self._summary.trouble.append(str(error))


def _retry_in(effect: ClaimedEffect, error: OutsideError) -> timedelta:
    """As the other side asks, else 5 s doubled with every attempt, 10 minutes at the most."""
    if isinstance(error, RateLimited):
        return timedelta(seconds=max(error.retry_after, 1.0))
    return timedelta(seconds=min(5.0 * 2 ** min(effect.number - 1, 10), 600.0))


def _instance(connection: Connection, effect: ClaimedEffect) -> str:
    """The instance whose order it is about; what the target names where it is about no order."""
    of_order = connection.execute(
        text("select instance from sales_order where id = :id"), {"id": effect.order_id}
    ).scalar()
    return str(of_order or effect.target.partition(":")[2])
