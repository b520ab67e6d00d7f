"""One owner of a folder at a time, and none before the last owner's processes have ended."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import psutil

from magento_oms.local.trouble import LocalTrouble

LEFTOVER_SECONDS = 30.0
"""How long processes may take to end whose supervisor was killed; the guard kills them after five seconds."""


class FolderBusy(LocalTrouble):
    """Another process owns the folder; the text says which, and what to do."""


class FolderLock:
    """A lock on the file `path`, for `folder`.

    Child processes that inherit `descriptor` keep it locked until they have ended too. So whoever gets the lock knows
    that nothing of the last owner is alive, even if that one was killed.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self._path = path
        self._folder = folder
        self._file = -1

    @property
    def descriptor(self) -> int:
        """To be passed to child processes (`pass_fds`)."""
        return self._file

    def take(self) -> None:
        """Own the folder.

        What a killed owner left behind is waited for; a living owner is not.

        Raises:
            FolderBusy: the owner is alive, or what it left behind does not end.
            LocalTrouble: the folder is another user's.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except PermissionError:
            raise LocalTrouble(
                f"{self._path} belongs to another user, who ran this before. "
                f"Remove it and {self._folder} as that user, or work in a copy of your own."
            ) from None
        end = time.monotonic() + LEFTOVER_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                owner = int(os.pread(file, 20, 0).strip() or b"0")
                alive = _alive(owner)
                if alive or time.monotonic() > end:
                    os.close(file)
                    who = f"Process {owner}" if alive else "A process that an earlier run left behind"
                    raise FolderBusy(f"{who} works in {self._folder}. Stop it first (Ctrl-C where it runs).") from None
                time.sleep(0.1)
        os.ftruncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode(), 0)
        self._file = file

    def release(self) -> None:
        """Let others own the folder as soon as all children that inherited the lock have ended."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _alive(process: int) -> bool:
    try:
        return process > 0 and bool(psutil.Process(process).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
