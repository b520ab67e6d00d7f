"""Works on stored webhooks, in the background of the gateway's process: woken by each that is stored."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from magento_oms.storage.database import listener
from magento_oms.storage.webhooks import SIGNAL
from magento_oms.workflows.couriers.webhooks import Readers, work_on_all

log = structlog.get_logger(__name__)

LOOK_EVERY = 5.0
"""Seconds between looks without a signal."""


class BackgroundWork:
    """A thread that works on what was stored, until stopped. Trouble with the database ends nothing.

    Args:
        readers: how the accounts' webhooks are read, asked for anew each time.
    """

    def __init__(self, url: str, readers: Callable[[], Readers]) -> None:
        self._url = url
        self._readers = readers
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is being worked on is finished or rolled back, and found again at the next start."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with listener(self._url) as heard:
                    while not self._stop.is_set():
                        work_on_all(self._url, self._readers())
                        heard.wait(SIGNAL, min(LOOK_EVERY, 1.0))
            except Exception as error:
                log.warning("webhooks wait", error=type(error).__name__)
                self._stop.wait(2.0)
