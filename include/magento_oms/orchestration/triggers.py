"""What wakes the DAGs: one light watcher a workflow and instance.

An event is only a wake-up: the task drains from the watermark or the due list. A trigger never raises (Airflow would
start it again at once, for ever, and show it nowhere), writes nothing but its heartbeat, carries no secrets, yields one
event at a time, and stays silent while a task holds the lease of the work.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import structlog
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

if TYPE_CHECKING:
    from magento_oms.config.models import InstanceConfig
    from magento_oms.ports import Magento
    from magento_oms.storage.database import Listener

log = structlog.get_logger(__name__)

AFTER_WAKE = 8.0
"""Seconds until the same work is signalled again: on a busy machine a task takes about that long to start and take its
lease, and then it lingers for longer.
"""
TROUBLE_WAKE = 300.0
"""Seconds between wake-ups that only serve to make the task fail, and so alert, while a store cannot be polled."""
LOOK_EVERY = 10.0
"""Seconds between looks at the due list without a notification."""
AT_REST = 0.5
"""Seconds at the least between two looks: while pushes are at work most notifications are theirs."""


class OrdersTrigger(BaseEventTrigger):
    """Wakes `order_pull_live` of one instance: polls the store for one row that is newer than what was read.

    It asks with the same predicate as the task reads with, else it would wake for ever.

    Args:
        poll: seconds between polls.
        digest: of the configuration: another one makes Airflow replace this trigger.
    """

    def __init__(self, *, instance: str, connection_id: str, poll: float, digest: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's own
        self.instance = instance
        self.connection_id = connection_id
        self.poll = poll
        self.digest = digest

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """As Airflow stores it."""
        return (
            f"{__name__}.{type(self).__name__}",
            {
                "instance": self.instance,
                "connection_id": self.connection_id,
                "poll": self.poll,
                "digest": self.digest,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll for ever."""
        # A thread of its own: one store that hangs delays no other.
        with ExitStack() as at_last, ThreadPoolExecutor(1, thread_name_prefix=f"watch-{self.instance}") as pool:
            watcher: OrdersWatcher | None = None
            quiet_until = 0.0
            while True:
                started = time.monotonic()
                try:
                    if watcher is None:
                        watcher = await OrdersWatcher.make(self.instance, self.connection_id)
                        at_last.callback(watcher.close)
                    why = await asyncio.get_running_loop().run_in_executor(pool, watcher.look)
                    pause = AFTER_WAKE
                except Exception as error:  # a trigger never raises: see the module
                    log.warning("store cannot be watched", instance=self.instance, error=str(error))
                    why, pause = f"cannot be watched: {type(error).__name__}", TROUBLE_WAKE
                if why and time.monotonic() >= quiet_until:
                    quiet_until = time.monotonic() + pause
                    yield TriggerEvent({"why": why})
                pause = max(self.poll - (time.monotonic() - started), 0.2)
                if watcher is None:
                    await asyncio.sleep(pause)
                else:
                    await asyncio.get_running_loop().run_in_executor(pool, watcher.rest, pause)


class OrdersWatcher:
    """Looks whether a store has orders that were not read. Blocking; lives in the watcher's thread."""

    def __init__(self, url: str, config: InstanceConfig, magento: Magento) -> None:
        from magento_oms.storage.heartbeats import Heartbeats

        self._url = url
        self._config = config
        self._magento = magento
        self._beats = Heartbeats(url)
        self._ears = ExitStack()
        self._heard: Listener | None = None

    @classmethod
    async def make(cls, instance: str, connection_id: str) -> OrdersWatcher:
        """The watcher of an instance; its connection is read the way that a trigger may."""
        from airflow.sdk import BaseHook

        from magento_oms.orchestration import wiring

        connection = await BaseHook.aget_connection(connection_id)
        config = wiring.instance(instance)
        return cls(wiring.oms_url(), config, wiring.magento_from(connection, config))

    def rest(self, seconds: float) -> None:
        """Wait for the next look; less long where the store itself tells of changed orders."""
        from magento_oms.storage.database import listener
        from magento_oms.workflows.order_pull import orders_signal

        end = time.monotonic() + seconds
        try:
            if self._heard is None:
                self._heard = self._ears.enter_context(listener(self._url, orders_signal(self._config.code)))
            self._heard.wait(seconds)
        except Exception as error:  # see the module
            log.warning("a store's own word cannot be heard", instance=self._config.code, error=type(error).__name__)
            self.close()
            time.sleep(max(end - time.monotonic(), 0.0))

    def close(self) -> None:
        """Hear no more, until the next rest."""
        self._heard = None
        self._ears.close()

    def look(self) -> str:
        """Why the task should be woken; empty: no reason."""
        from magento_oms.storage import watermarks
        from magento_oms.storage.database import engine
        from magento_oms.storage.leases import holder_of
        from magento_oms.workflows.order_pull import LIVE, live_filter, live_lease, live_start

        name = live_lease(self._config.code)
        try:
            with engine(self._url).begin() as connection:
                mark = watermarks.read(connection, self._config.code, LIVE, live_start(self._config).at)
            if holder_of(self._url, live_lease(self._config.code)) is not None:
                why = ""
            elif mark.safe < mark.seen:
                why = "the last rows read were too fresh to be sure of"
            elif self._magento.newest_after(mark.seen, live_filter(self._config)) is not None:
                why = "orders changed"
            else:
                why = ""
        except Exception as error:
            self._beats.beat(name, {"trouble": type(error).__name__})
            raise
        self._beats.beat(name)
        return why


class EffectsTrigger(BaseEventTrigger):
    """Wakes the push of one target when effects are due. All of these triggers share one connection that listens."""

    def __init__(self, *, target: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's own
        self.target = target

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """As Airflow stores it."""
        return f"{__name__}.{type(self).__name__}", {"target": self.target}

    def shared_stream_key(self) -> Hashable:
        """One stream for all targets."""
        return ("magento-oms", "due effects")

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[frozenset[str]]:
        """Sets of targets that have due effects and no push at work. Looks at start, on each notification, when the
        next retry falls due, and every 10 s.
        """
        back_off = 0.5
        while True:
            try:
                async for due in _due_targets():
                    back_off = 0.5
                    yield due
            except Exception as error:  # see the module
                log.warning("due effects cannot be watched", error=str(error))
            await asyncio.sleep(back_off * random.uniform(0.7, 1.3))  # noqa: S311  (not for secrets)
            back_off = min(back_off * 2, 10.0)

    async def filter_shared_stream(self, shared_stream: AsyncIterator[frozenset[str]]) -> AsyncIterator[TriggerEvent]:
        """Those that are about this target."""
        quiet_until = 0.0
        async for due in shared_stream:
            if self.target in due and time.monotonic() >= quiet_until:
                quiet_until = time.monotonic() + AFTER_WAKE
                yield TriggerEvent({"why": "effects are due"})

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Where the triggerer does not share streams."""
        stream = self.open_shared_stream({"target": self.target})
        async for event in self.filter_shared_stream(stream):
            yield event


async def _due_targets() -> AsyncGenerator[frozenset[str], None]:
    import psycopg

    from magento_oms.orchestration import wiring
    from magento_oms.storage.database import CHANNEL, psycopg_url
    from magento_oms.storage.effects import DUE_TARGETS

    url = psycopg_url(wiring.oms_url())
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=5) as connection:
        await connection.execute(f"listen {CHANNEL}")
        while True:
            looked = time.monotonic()
            rows = await (await connection.execute(DUE_TARGETS)).fetchall()
            yield frozenset(str(target) for target, wait in rows if wait <= 0)
            coming = min((float(wait) for _, wait in rows if wait > 0), default=LOOK_EVERY)
            # What is due but signalled already is signalled again if no task took it.
            timeout = AFTER_WAKE if any(wait <= 0 for _, wait in rows) else min(coming, LOOK_EVERY)
            signals = [each async for each in connection.notifies(timeout=max(timeout, 0.05), stop_after=1)]
            if signals:  # a burst of them is one wake-up
                await asyncio.sleep(max(0.05, looked + AT_REST - time.monotonic()))
