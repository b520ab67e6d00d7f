"""Programs that end when the process that started them ends, however that comes (a SIGKILL too)."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def end_with_parent(number: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn` after which the program gets the signal `number` when its parent dies.

    The kernel ties this to the thread that starts the program: start it from one that lives as long as the process, so
    from the main thread. Only Linux offers it; elsewhere a supervisor that was killed leaves its children behind.
    """
    if sys.platform != "linux":
        return lambda: None
    libc = ctypes.CDLL(None, use_errno=True)  # loaded here: after a fork it may be too late
    parent = os.getpid()

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask
