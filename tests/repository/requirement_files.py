"""The requirement files: what is asked for (`*.in`) and what was locked (`*.txt`)."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def locked_lines(path: Path) -> list[str]:
    """Logical lines of a lock: continued lines are joined, comments left out."""
    joined = path.read_text().replace("\\\n", " ")
    return [
        " ".join(line.split()) for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]


def locked_names(path: Path) -> set[str]:
    """Canonical names of the packages of a lock."""
    return {canonicalize_name(re.split(r"[\[=; ]", line)[0]) for line in locked_lines(path)}


def asked_lines(path: Path) -> list[str]:
    """Lines of an `.in` file that ask for a package."""
    return [line for line in path.read_text().splitlines() if line and not line.startswith(("#", "-"))]


def asked_names(path: Path) -> set[str]:
    """Canonical names of the packages that an `.in` file asks for."""
    return {canonicalize_name(Requirement(line.partition("#")[0]).name) for line in asked_lines(path)}
