"""Works on stored webhooks, in a process beside the server's: reading them must not hold up those that come in."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import structlog

from magento_oms.storage.database import listener
from magento_oms.storage.webhooks import SIGNAL
from magento_oms.workflows.couriers.webhooks import Readers, work_on_all

log = structlog.get_logger(__name__)

LOOK_EVERY = 1.0
"""Seconds between looks without a signal."""
PAUSE = 2.0
"""Seconds after trouble."""
POLITENESS = 5
"""Added to the process's niceness: storing and answering go first."""


def work(url: str, readers: Callable[[], Readers], stopped: Callable[[], bool]) -> None:
    """Work on what is stored, woken by each that is, until stopped. Trouble with the database ends nothing.

    Args:
        readers: how the accounts' webhooks are read, asked for anew each time.
    """
    while not stopped():
        try:
            with listener(url, SIGNAL) as heard:
                while not stopped():
                    work_on_all(url, readers())
                    heard.wait(LOOK_EVERY)
        except Exception as error:
            log.warning("webhooks wait", error=type(error).__name__)
            time.sleep(PAUSE)


@contextlib.contextmanager
def working_beside(url: str, readers: Callable[[], Readers]) -> Iterator[None]:
    """A process that works, started again when it dies; it ends with this one, however this one ends.

    What it was working on is rolled back then, and found again at the next start.
    """
    stop = threading.Event()

    def keep() -> None:
        while not stop.is_set():
            process = multiprocessing.get_context("spawn").Process(
                target=_worker, args=(url, readers), name="webhooks", daemon=True
            )
            process.start()
            while process.is_alive() and not stop.wait(0.2):
                pass
            if process.is_alive():
                process.terminate()
            elif not stop.wait(PAUSE):
                log.warning("the process that works on webhooks died: started again", exit_code=process.exitcode)
            process.join(timeout=10)

    thread = threading.Thread(target=keep, name="webhooks", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=15)


def _worker(url: str, readers: Callable[[], Readers]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both; the server ends this one
    os.nice(POLITENESS)
    parent = multiprocessing.parent_process()
    work(url, readers, lambda: parent is None or not parent.is_alive())
