"""Stores webhooks before they are answered: those that come while one transaction is written share the next one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from magento_oms.storage import webhooks
from magento_oms.storage.database import engine

MOST = 200
"""Webhooks of one transaction."""
PATIENCE = 5.0
"""Seconds after which a webhook that could not be stored is answered with 503."""


class NotStoredError(Exception):
    """The database did not take it: the sender must send it again."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    target: str
    body: bytes
    stored: asyncio.Future[bool]


class Writer:
    """Writes to the OMS database from one task, in a thread of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue(maxsize=5000)

    async def store(self, target: str, body: bytes) -> bool:
        """Store a webhook; whether it is new. It is committed when this returns.

        Raises:
            NotStoredError: it is not stored, as far as is known.
        """
        stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._waiting.put(_Waiting(target, body, stored))
                return await stored
        except TimeoutError:
            raise NotStoredError from None

    async def work(self) -> None:
        """Write what waits, until cancelled."""
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < MOST and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            wanted = [each for each in batch if not each.stored.done()]
            try:
                new = await asyncio.to_thread(self._write, wanted)
            except Exception:
                for each in wanted:
                    if not each.stored.done():
                        each.stored.set_exception(NotStoredError())
            else:
                for each, is_new in zip(wanted, new, strict=True):
                    if not each.stored.done():
                        each.stored.set_result(is_new)

    def _write(self, batch: list[_Waiting]) -> list[bool]:
        if not batch:
            return []
        with engine(self._url).begin() as connection:
            return webhooks.store(connection, [(each.target, each.body) for each in batch])
