"""A folder that Postgres's service user may enter, as pytest's own are closed to others."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder, with a space in its path, that everyone may enter."""
    with tempfile.TemporaryDirectory(prefix="local set-up ") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
