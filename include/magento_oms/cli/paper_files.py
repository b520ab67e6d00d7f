"""The papers of an order as files: written where the caller says, readable by nobody else, opened at a desktop."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

DESKTOP = ("DISPLAY", "WAYLAND_DISPLAY")


@dataclass(frozen=True, slots=True)
class Paper:
    """One document of an order. `kind` is invoice, label or manifest; `number` what is printed on it."""

    kind: str
    number: str
    content: bytes


def save(papers: Sequence[Paper], folder: Path) -> list[Path]:
    """Write papers into a folder, which is made; their files, for their owner only: they hold personal data."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    written = []
    for paper in papers:
        path = folder / f"{plain(f'{paper.kind}-{paper.number}')}.pdf"
        path.touch(mode=0o600)
        path.write_bytes(paper.content)
        written.append(path)
    return written


def show(paths: Iterable[Path]) -> None:
    """Open files where somebody sits at a desktop; elsewhere their names are enough."""
    if sys.stdout.isatty() and (sys.platform == "darwin" or any(map(os.environ.get, DESKTOP))):
        for path in paths:
            typer.launch(str(path))


def plain(text: str) -> str:
    """A file's name: what couriers and stores number things with may hold slashes and worse."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)
