"""This checkout: where it is and which files belong to it."""

from __future__ import annotations

import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def tracked_files() -> list[Path]:
    """The files that git knows, without those that are being removed."""
    # The checkout may belong to another user than the one who runs the tests, as in a container.
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=REPOSITORY, check=True, capture_output=True
    ).stdout.decode()
    files = [REPOSITORY / name for name in listed.split("\0") if name]
    return [path for path in files if path.is_file()]


def python_files(*folders: str) -> list[Path]:
    """Tracked Python files below folders of the repository."""
    roots = [REPOSITORY / folder for folder in folders]
    return [path for path in tracked_files() if path.suffix == ".py" and any(root in path.parents for root in roots)]
