"""What the tests of the local set-up share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil
import pytest


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder with a space in its path that everyone may enter: pytest's own are closed to Postgres's user."""
    with tempfile.TemporaryDirectory(prefix="local set-up ") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def alive(pids: Iterable[int]) -> set[int]:
    """Those of the processes that have not ended."""
    found = set()
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.add(pid)
        except psutil.NoSuchProcess:
            continue
    return found
