"""Programs that end when the process that started them ends, however that comes (a SIGKILL too)."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1


def start_with_parent(command: Sequence[str | Path], number: signal.Signals, **options: Any) -> subprocess.Popen[bytes]:
    """`subprocess.Popen` in a group of its own, for a program that gets the signal `number` when its parent dies.

    The kernel ties this to the thread that starts the program: call it from one that lives as long as the process, so
    from the main thread. Only Linux offers it; elsewhere a supervisor that was killed leaves its children behind.
    """
    return subprocess.Popen(command, process_group=0, preexec_fn=_asking(number), **options)


def _asking(number: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)  # loaded here: after the fork it may be too late
    parent = os.getpid()

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask
