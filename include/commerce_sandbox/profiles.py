"""Speed: how long the stand-in takes. It sleeps, so that it does not steal the processor from what is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from commerce_sandbox.routes import Route


@dataclass(frozen=True, slots=True)
class Profile:
    """How fast a store is.

    Attributes:
        workers: how many calls are worked on at once, 0 for any number; further ones wait.
        scale: multiplies the recorded costs; 0 means no delay at all.
    """

    workers: int
    scale: float


PROFILES: dict[str, Profile] = {"none": Profile(0, 0.0), "recorded": Profile(2, 1.0)}
"""`recorded` is Magento 2.4.7 on two cores: 12 ms of server time for an order in a list, two PHP workers."""


@dataclass(slots=True)
class Pace:
    """Paces the calls of one store within a process."""

    profile: Profile
    _workers: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        """Make room for the workers."""
        self._workers = asyncio.Semaphore(self.profile.workers or 1)

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[float]:
        """Hold a worker for a while, waiting for one to be free; gives the moment (monotonic) at which it was."""
        if not self.profile.workers:
            yield time.monotonic()
            return
        async with self._workers:
            yield time.monotonic()

    async def spend(self, route: Route | None, rows: int, since: float) -> None:
        """Sleep for what the call would have cost, less what was spent on it since a worker was free."""
        if not self.profile.scale:
            return
        cost = (route.cost_ms + route.row_cost_ms * rows if route else 40) * self.profile.scale / 1000
        spent = time.monotonic() - since
        if cost > spent:
            await asyncio.sleep(cost - spent)
