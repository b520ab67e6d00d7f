"""A turn at a work that one run does at a time: it drains what is due, then lingers for more.

It lingers on the database's notifications, so that a change is carried out within a fraction of a second while a task
is running anyway.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from magento_oms.storage.database import Listener, listener
from magento_oms.storage.leases import Lease

LEASE_SECONDS = 60.0
DRAIN_SECONDS = 600.0
"""A turn with a long backlog ends after this time; the watcher wakes the next one at once."""
LOOK_EVERY = 3.0
"""Seconds between looks for what falls due by itself; of new work a waiting run is told."""


class AnotherRunHasTheTurn(Exception):
    """Another run holds the lease; it does the work."""


@dataclass(frozen=True, slots=True)
class Linger:
    """How long a run waits for more work: until `idle` seconds pass without any, `at_most` seconds in all.

    To wait costs next to nothing. To start a task costs as much as all the rest of an order, or more. A changed
    configuration waits for `at_most`.
    """

    idle: float = 10.0
    at_most: float = 300.0


NO_LINGER = Linger(0.0, 0.0)


def turn_lease(target: str) -> str:
    """Name of the lease of the one run that works on `target`. The watcher stays silent while somebody holds it."""
    return f"push:{target}"


class Turn:
    """The turn of one run, over when there is nothing to do for long enough, or when it is not ours any more.

    while turn.goes_on():
        turn.rest(worked=a_step_of_the_work())
    """

    def __init__(self, lease: Lease, heard: Listener, linger: Linger, look_every: float, clock: Callable[[], float]):
        self._lease = lease
        self._heard = heard
        self._linger = linger
        self._look_every = look_every
        self._clock = clock
        self._started = self._busy_at = clock()
        self._over = False

    def goes_on(self) -> bool:
        """Whether another step is wanted."""
        return not self._over and self._lease.renew_if_due() and self._clock() - self._started < DRAIN_SECONDS

    def rest(self, *, worked: bool) -> None:
        """After a step: return at once where it worked; else wait to hear of more, or end what has lingered enough."""
        now = self._clock()
        if worked:
            self._busy_at = now
        elif now - self._busy_at >= self._linger.idle or now - self._started >= self._linger.at_most:
            self._over = True
        else:
            self._heard.wait(min(self._look_every, self._linger.idle))

    def seconds(self) -> float:
        """How long it has lasted."""
        return round(self._clock() - self._started, 2)


@contextmanager
def turn(
    url: str,
    target: str,
    *,
    signal: str,
    holder: str,
    linger: Linger,
    look_every: float = LOOK_EVERY,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Turn]:
    """Take the turn at `target`.

    Args:
        signal: of the database, that tells of more.
        look_every: seconds between looks while it lingers, should nothing be told.

    Raises:
        AnotherRunHasTheTurn: another run does it already.
    """
    lease = Lease(url, turn_lease(target), holder, ttl=LEASE_SECONDS)
    with lease as mine, listener(url, signal) as heard:
        if not mine:
            raise AnotherRunHasTheTurn(f"Another run works on {target}.")
        yield Turn(lease, heard, linger, look_every, clock)
