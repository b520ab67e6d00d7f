"""The lock is exact, carries hashes, and says nothing about where packages come from."""

from __future__ import annotations

import re

import pytest
from tests.repository.checkout import REPOSITORY
from tests.repository.requirement_files import asked_lines, asked_names, locked_lines, locked_names

ASKED = ["requirements.in", "requirements-dev.in"]
LOCKED = ["requirements.txt", "requirements-dev.txt"]

EXACT = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(\[[A-Za-z0-9,._-]+\])?==[A-Za-z0-9.!+]+"
    r"(?P<marker> ; [^@:]+?)?"
    r"( --hash=sha256:[0-9a-f]{64})+"
)

SPEAKS_FOR_ITSELF = re.compile(r"pytest|types-[\w-]+")
"""The test runner, and the types of a package that is explained where it is asked for."""


@pytest.mark.parametrize("name", LOCKED)
def test_every_package_is_exact_and_has_hashes(name: str) -> None:
    lines = locked_lines(REPOSITORY / name)
    assert len(lines) > 50
    assert [line[:80] for line in lines if not EXACT.fullmatch(line)] == []


@pytest.mark.parametrize("name", LOCKED)
def test_no_package_stands_twice_for_the_same_case(name: str) -> None:
    heads = [line.partition(" --hash")[0] for line in locked_lines(REPOSITORY / name)]
    cases = [(re.split(r"[\[=]", head)[0].lower(), head.partition(" ; ")[2]) for head in heads]
    assert len(cases) == len(set(cases))


@pytest.mark.parametrize("name", ASKED + LOCKED)
def test_no_index_no_address_and_no_local_path(name: str) -> None:
    text = (REPOSITORY / name).read_text()
    told = [
        line
        for line in text.splitlines()
        if re.search(r"://|^\s*-e\b|--(index|extra-index|find-links|editable|trusted-host)| @ |file:|^\s*[./]", line)
    ]
    assert told == []


@pytest.mark.parametrize(
    "line",
    [
        "left-pad==1.0",
        f"left-pad>=1.0 --hash=sha256:{'a' * 64}",
        f"-e . --hash=sha256:{'a' * 64}",
        f"left-pad @ https://example.org/left-pad.whl --hash=sha256:{'a' * 64}",
        f"left-pad==1.0 --hash=md5:{'a' * 32}",
    ],
)
def test_what_is_not_exact_would_be_seen(line: str) -> None:
    assert not EXACT.fullmatch(line)


@pytest.mark.parametrize("name", ASKED)
def test_every_package_that_is_asked_for_has_its_reason(name: str) -> None:
    lines = asked_lines(REPOSITORY / name)
    silent = [line for line in lines if not line.partition("#")[2].strip()]
    assert [line for line in silent if not SPEAKS_FOR_ITSELF.fullmatch(line.strip())] == []


@pytest.mark.parametrize(("asked", "locked"), list(zip(ASKED, LOCKED, strict=True)))
def test_the_lock_has_whatever_is_asked_for(asked: str, locked: str) -> None:
    assert asked_names(REPOSITORY / asked) <= locked_names(REPOSITORY / locked)


def test_both_locks_name_the_same_versions() -> None:
    product, development = (
        {line.partition(" --hash")[0] for line in locked_lines(REPOSITORY / name)} for name in LOCKED
    )
    assert {head for head in product if head not in development} == set()
