"""What our code imports stands in the requirement files, so that nothing works by luck."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tests.repository.checkout import REPOSITORY, python_files
from tests.repository.requirement_files import asked_names, locked_names

OURS = {
    *("aggregator_hooks", "benchmarks", "careful_http", "commerce_sandbox", "dags"),
    *("magento_hook", "magento_oms", "tests"),
    "magento_hook_doubles",  # the name under which tests/magento_hook loads its doubles.py
}

PART_OF = {
    "httpx": "fastapi",  # its test client
    "packaging": "hatchling",  # versions and names as installers read them
    "starlette": "fastapi",  # what FastAPI is made of
    "urllib3": "requests",  # where its retries and connection pools live
    "werkzeug": "pytest-httpserver",  # its requests and answers
}
"""Packages that we import as the visible part of another one, which chooses their version."""

OWN_ENVIRONMENT = REPOSITORY / "benchmarks" / "peers"
"""What we measure ourselves against; each has its own lock beside it."""


def imported_modules(path: Path) -> set[str]:
    """Modules of others that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module)
    own = {sibling.stem for sibling in path.parent.glob("*.py")} | OURS | set(sys.stdlib_module_names)
    return {name for name in found if name.partition(".")[0] not in own}


@cache
def distributions() -> Mapping[str, list[str]]:
    """Top-level module → distributions that bring it; looking takes a good part of a second."""
    return packages_distributions()


def distributions_of(module: str) -> set[str]:
    """Canonical names of the distributions that may bring a module.

    All of Airflow shares one package name: a provider is told by its own, the rest comes with `apache-airflow`.
    """
    parts = module.split(".")
    if parts[0] == "airflow":
        return {f"apache-airflow-providers-{parts[2]}"} if parts[1:2] == ["providers"] else {"apache-airflow"}
    return {canonicalize_name(name) for name in distributions().get(parts[0], [])}


def not_asked_for(files: Iterable[Path], asked: set[str]) -> list[str]:
    """Imports that no requirement stands for, with the file they are in."""
    found = []
    for path in files:
        for module in sorted(imported_modules(path)):
            brought_by = distributions_of(module)
            brought_by |= {PART_OF[name] for name in brought_by if name in PART_OF}
            if not brought_by & asked:
                found.append(f"{path.name}: {module}")
    return found


def test_the_product_asks_for_what_it_imports() -> None:
    files = python_files("include", "plugins", "dags", "config", "docker")
    assert len(files) > 50
    assert not_asked_for(files, asked_names(REPOSITORY / "requirements.in")) == []


def test_tests_and_benchmarks_ask_for_what_they_import() -> None:
    files = [path for path in python_files("tests", "benchmarks") if OWN_ENVIRONMENT not in path.parents]
    asked = asked_names(REPOSITORY / "requirements.in") | asked_names(REPOSITORY / "requirements-dev.in")
    assert not_asked_for(files, asked) == []


@pytest.mark.parametrize(("part", "whole"), sorted(PART_OF.items()))
def test_a_part_is_a_part_and_locked(part: str, whole: str) -> None:
    named = {canonicalize_name(Requirement(line).name) for line in requires(whole) or ()}
    assert part in named
    assert part in locked_names(REPOSITORY / "requirements-dev.txt")


def test_a_forgotten_requirement_would_be_seen(tmp_path: Path) -> None:
    file = tmp_path / "new.py"
    file.write_text(
        "import json\n\n\ndef work() -> None:\n    import requests\n    from airflow.providers.smtp import x\n"
    )
    assert not_asked_for([file], {"apache-airflow"}) == ["new.py: airflow.providers.smtp", "new.py: requests"]
    assert not_asked_for([file], {"requests", "apache-airflow-providers-smtp"}) == []
