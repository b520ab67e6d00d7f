"""Bounds on what is taken: the size of a body, how long it may take, and how many come in a second."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request

LARGEST_BODY = 256 * 1024
"""Bytes. Shiprocket sends a parcel's whole history each time: some 10 kB."""
SLOWEST_BODY = 10.0
"""Seconds that a whole body may take."""


class TooLargeError(Exception):
    """The body is larger than is taken."""


class TooSlowError(Exception):
    """The body did not come in time, or the sender went away."""


async def body_of(request: Request, largest: int = LARGEST_BODY, slowest: float = SLOWEST_BODY) -> bytes:
    """The body, counted while it comes: what it says about its own length is not believed.

    Raises:
        TooLargeError, TooSlowError: nothing is kept of it.
    """
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told) > largest:
        raise TooLargeError
    body = bytearray()
    try:
        async with asyncio.timeout(slowest):
            async for piece in request.stream():
                body += piece
                if len(body) > largest:
                    raise TooLargeError
    except (TimeoutError, ClientDisconnect):
        raise TooSlowError from None
    return bytes(body)


class Rate:
    """A token bucket a key, in memory; of the keys only the ones seen last are kept.

    Args:
        per_second: on the long run.
        burst: at once after a quiet time.
    """

    def __init__(
        self, per_second: float, burst: float, *, keys: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._keys = keys
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str, *, spend: float = 1.0) -> float:
        """Seconds to wait before this one would be taken; 0: it is taken now."""
        now = self._clock()
        tokens, filled = self._buckets.pop(key, (self._burst, now))
        tokens = min(self._burst, tokens + (now - filled) * self._per_second)
        enough = tokens >= spend
        self._buckets[key] = (tokens - spend if enough else tokens, now)
        if len(self._buckets) > self._keys:
            self._buckets.popitem(last=False)
        return 0.0 if enough else (spend - tokens) / self._per_second
