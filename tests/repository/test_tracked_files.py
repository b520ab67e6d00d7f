"""What is in the repository: nothing of the machine it was written on, and no file that has outgrown one idea."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from airflow._shared.module_loading import find_path_from_directory
from tests.repository.checkout import REPOSITORY, python_files, tracked_files

REGISTRIES = re.compile(
    # Put together here, so that this file does not name them either.
    "|".join(
        re.escape(".".join(host))
        for host in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("npmjs", "org"),
            ("npmjs", "com"),
            ("ghcr", "io"),
            ("docker", "io"),
            ("quay", "io"),
            ("anaconda", "org"),
            ("crates", "io"),
            ("proxy", "golang", "org"),
        )
    )
)
PLACES_OF_A_DEVELOPER = re.compile(r"(?<![\w.])/(?:home|Users)/\w+/|[A-Z]:\\Users\\")

LINES = 400
LONGER = {
    "include/commerce_sandbox/magento_rules/inventory.py": "Magento's stock rules read best beside each other",
    "include/magento_oms/storage/effects.py": "one move of an effect after the other, as in the architecture's table",
    "include/magento_oms/storage/migrations/versions/v0001_first_tables.py": "a migration is a list",
    "include/magento_oms/storage/tables.py": "the tables are a list, and each explains its columns",
}
"""Files over the limit, each with the reason."""


def texts() -> list[tuple[Path, str]]:
    found = []
    for path in tracked_files():
        raw = path.read_bytes()
        if b"\0" not in raw[:8000]:
            found.append((path.relative_to(REPOSITORY), raw.decode()))
    return found


def test_no_file_names_a_package_registry() -> None:
    assert [str(path) for path, text in texts() if REGISTRIES.search(text)] == []


def test_no_file_names_a_place_of_a_developers_machine() -> None:
    assert [str(path) for path, text in texts() if PLACES_OF_A_DEVELOPER.search(text)] == []


def test_no_file_names_the_place_of_this_checkout() -> None:
    declared = re.findall(r"^WORKDIR (\S+)", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE)
    if str(REPOSITORY) in declared:
        pytest.skip("this checkout lies where the image has it, which the Dockerfile has to name")
    here = re.compile(re.escape(str(REPOSITORY)) + r"(?![\w-])")
    assert [str(path) for path, text in texts() if here.search(text)] == []


def test_only_a_few_files_are_long_each_for_a_reason() -> None:
    lengths = {
        str(path.relative_to(REPOSITORY)): len(path.read_text().splitlines())
        for path in python_files("include", "plugins", "dags", "config")
    }
    assert {name for name, lines in lengths.items() if lines > LINES} == set(LONGER)


@pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")  # Airflow's own
def test_airflow_executes_no_package_of_the_plugins_folder_as_plugins() -> None:
    """Else each of its files would run at every start of every component, as a top-level module."""
    packages = {path.parent for path in (REPOSITORY / "plugins").glob("*/__init__.py")}
    assert packages
    executed = {Path(path) for path in find_path_from_directory(REPOSITORY / "plugins", ".airflowignore")}
    assert [str(path) for path in executed if packages & set(path.parents)] == []


def test_what_runs_and_what_git_runs_is_executable() -> None:
    scripts = [path for path in tracked_files() if path.read_bytes()[:2] == b"#!"]
    assert scripts
    assert [str(path) for path in scripts if not os.access(path, os.X_OK)] == []
