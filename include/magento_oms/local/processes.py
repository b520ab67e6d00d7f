"""Processes that are looked after: each in a group of its own, logged to a file, restarted when it ends by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from magento_oms.local.guard import Guard
from magento_oms.local.parent_death import start_with_parent
from magento_oms.local.trouble import LocalTrouble

STOP_SECONDS = 15.0
FIRST_PAUSE = 0.5  # seconds before a process that ended is started again; doubled while it keeps ending
LONGEST_PAUSE = 15.0
STEADY_SECONDS = 60.0  # a process that ran this long has recovered
SEVERAL = 3  # restarts in a row after which a message shows the end of the log


class ProcessTrouble(LocalTrouble):
    """A process did not become ready; the text says which, with the last lines of its log."""


@dataclass(slots=True)
class Child:
    """One process to look after.

    Attributes:
        ready: whether it can be worked with; asked until it says so.
        ready_seconds: how long that may take.
        guard: ends its group if this process is killed.
        keep_open: file descriptors that it inherits, such as the lock of the folder that it works in.
        restarts: how often it was started again.
    """

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str]
    log: Path
    ready: Callable[[], bool]
    guard: Guard
    ready_seconds: float = 240.0
    keep_open: tuple[int, ...] = ()
    restarts: int = 0
    process: subprocess.Popen[bytes] | None = None
    _started: float = 0.0
    _pause: float = FIRST_PAUSE
    _due: float = 0.0
    _in_a_row: int = 0
    _asked: bool = False

    def start(self) -> None:
        """Start it. It ends when this process ends, however that comes."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = start_with_parent(
                [str(part) for part in self.command],
                signal.SIGTERM,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self.environment),
                pass_fds=self.keep_open,
            )
        self.guard.watch(self.process.pid)
        self._started, self._asked = time.monotonic(), False

    def wait_until_ready(self, look: Callable[[], object] = lambda: None) -> None:
        """Wait for `ready`, calling `look` now and then.

        Raises:
            ProcessTrouble: it ended, or took too long.
        """
        end = time.monotonic() + self.ready_seconds
        while not self.ready():
            look()
            if self.process is not None and self.process.poll() is not None:
                raise ProcessTrouble(f"{self.name} ended with code {self.process.returncode}. {self.last_words()}")
            if time.monotonic() > end:
                raise ProcessTrouble(f"{self.name} is not ready after {self.ready_seconds:g} s. {self.last_words()}")
            time.sleep(0.1)

    def look_after(self) -> str:
        """Start it again if it ended; what happened in words, or an empty text."""
        if self.process is None:
            return ""
        now = time.monotonic()
        if self.process.poll() is None:
            if now - self._started > STEADY_SECONDS:
                self._pause, self._in_a_row = FIRST_PAUSE, 0
            return ""
        if not self._due:
            self._due = now + self._pause
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            self._kill_group()  # what it left behind would hold its ports
            return ""
        if now < self._due:
            return ""
        code, self._due = self.process.returncode, 0.0
        self.start()
        self.restarts += 1
        self._in_a_row += 1
        how = f"{self.name} ended with code {code} and was started again"
        if self._in_a_row < SEVERAL:
            return f"{how} (log: {self.log})"
        return f"{how}, {self._in_a_row} times in a row; it is tried every {self._pause:.0f} s. {self.last_words()}"

    def ask_to_end(self) -> None:
        """Ask its group to end, without waiting for it. Once: some programs break off at a second SIGTERM."""
        if self.process is not None and self.process.poll() is None and not self._asked:
            self._asked = True
            self._signal_group(signal.SIGTERM)

    def stop(self) -> None:
        """Ask its group to end, and wait for it; insist after a while."""
        if self.process is None:
            return
        self.ask_to_end()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._kill_group()
            self.process.wait()
        self._kill_group()
        self.process = None

    def last_words(self, lines: int = 8) -> str:
        """The end of its log."""
        if not self.log.exists():
            return "It wrote no log."
        return f"The end of {self.log}:\n" + "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _kill_group(self) -> None:
        self._signal_group(signal.SIGKILL)
        if self.process is not None:
            self.guard.forget(self.process.pid)

    def _signal_group(self, number: signal.Signals) -> None:
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return
