"""What a newcomer is told to run exists, and CI runs the same."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml
from tests.repository.checkout import REPOSITORY

README_COMMANDS = ("make demo", "make test")


def targets() -> set[str]:
    text = (REPOSITORY / "Makefile").read_text()
    return set(re.findall(r"^([a-z]+):", text, re.MULTILINE))


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_every_make_command_of_a_document_is_a_target(document: str) -> None:
    named = set(re.findall(r"\bmake ([a-z]+)\b", "\n".join(code(document))))
    assert named <= targets()


@pytest.mark.parametrize("command", README_COMMANDS)
def test_the_readme_shows_its_two_commands(command: str) -> None:
    blocks = re.findall(r"^```\w*\n(.*?)^```", (REPOSITORY / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert any(re.search(rf"^\s*(\$ )?{command}\b", block, re.MULTILINE) for block in blocks)


def test_continuous_integration_runs_the_readmes_test_command() -> None:
    script = REPOSITORY / ".ci" / "run"
    assert script.stat().st_mode & 0o111, ".ci/run must be executable"
    assert re.search(r"^(exec )?make test$", script.read_text(), re.MULTILINE)


def test_help_lists_every_target() -> None:
    shown = subprocess.run(["make", "help"], cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    assert set(re.findall(r"^  make ([a-z]+) ", shown, re.MULTILINE)) == targets()


def test_a_commit_is_checked_by_tools_of_the_lock_and_fetches_nothing() -> None:
    repos = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in repos] == ["local"]
    hooks = repos[0]["hooks"]
    assert {hook["language"] for hook in hooks} == {"system"}
    run = {" ".join(hook["entry"].removeprefix(".venv/bin/").split()[:2]) for hook in hooks}
    assert {"ruff check", "ruff format", "mypy", "lint-imports"} <= run


def code(document: str) -> list[str]:
    """Blocks and words set as code in a Markdown file."""
    text = (REPOSITORY / document).read_text()
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return blocks + re.findall(r"`([^`\n]+)`", text)
