"""Ends what a supervisor that was killed has left behind: whole process groups, after a short grace.

To be told of the parent's death by the kernel (`parent_death`) is not enough for Airflow. Its components end in good
order, for which they need a database that has ended as well: a triggerer was seen to wait for ever.

The guard is a process of its own, which reads from a pipe which groups there are. The pipe closes when the supervisor
ends, however that comes. Run as a program this file needs nothing but the standard library.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

GRACE_SECONDS = 5.0


class Guard:
    """The supervisor's side. The process is started with the first group, and ends with `stop`."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self, group: int) -> None:
        """From now on this process group does not outlive us."""
        self._groups.add(group)
        self._tell(f"+{group}")

    def forget(self, group: int) -> None:
        """The group has ended."""
        if group in self._groups:
            self._groups.discard(group)
            self._tell(f"-{group}")

    def stop(self) -> None:
        """Everything has ended; so does the guard."""
        self._groups.clear()
        if self._process is not None:
            self._process.communicate(b"forget all\n")
            self._process = None

    def _tell(self, line: str) -> None:
        if self._process is not None:
            try:
                _write(self._process, line)
            except BrokenPipeError:  # somebody ended it: another one is told of all that there is
                self._process.communicate()
            else:
                return
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__], stdin=subprocess.PIPE, bufsize=0, process_group=0, cwd="/"
        )
        _write(self._process, "\n".join(f"+{group}" for group in sorted(self._groups)))


def _write(process: subprocess.Popen[bytes], text: str) -> None:
    assert process.stdin is not None  # noqa: S101  (it was started with a pipe)
    process.stdin.write(f"{text}\n".encode())


def _main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        if line.startswith("forget all"):
            groups.clear()
        elif line.startswith("+"):
            groups.add(int(line[1:]))
        elif line.startswith("-"):
            groups.discard(int(line[1:]))
    end = time.monotonic() + GRACE_SECONDS
    while groups and time.monotonic() < end:
        groups = {group for group in groups if _signal(group, 0)}
        time.sleep(0.1)
    for group in groups:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    """Send a signal to a group; whether there is such a group."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # its number is somebody else's by now
        return False
    return True


if __name__ == "__main__":
    _main()
