"""`magento-oms sandbox`."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.conftest import Run

RECORDED = Path(__file__).parents[1] / "recorded" / "magento"
UNREACHABLE = "postgresql+psycopg://me:hush@127.0.0.1:1/x"


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Three of the recordings: a log, a login and a refused login."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for name in ("000_state_log", "001_token_ok", "002_token_wrong_password"):
        shutil.copy(RECORDED / f"{name}.json", folder)
    return folder


def verdicts(printed: str) -> dict[str, str]:
    return {row["file"][:3]: row["verdict"] for row in json.loads(printed)}


def test_recordings_are_replayed(run: Run, recordings: Path, new_database: Callable[[], str]) -> None:
    url = new_database()
    replayed = run("sandbox", "replay", recordings, "--database-url", url, "--json")
    assert verdicts(replayed.stdout) == {"000": "not applicable", "001": "alike", "002": "alike"}
    assert "2 alike, 0 different, 1 not applicable" in replayed.stderr
    changed = recordings / "002_token_wrong_password.json"
    exchange = json.loads(changed.read_text("utf-8"))
    exchange["response"]["status"] = 418
    changed.write_text(json.dumps(exchange))
    replayed = run("sandbox", "replay", recordings, "--database-url", url, "--json", code=1)
    assert verdicts(replayed.stdout)["002"] == "different"
    assert "418" in replayed.stdout


def test_a_replay_needs_no_database(run: Run, recordings: Path) -> None:
    assert "alike\t001_token_ok.json" in run("sandbox", "replay", recordings).stdout


def test_bad_recordings_are_named(run: Run, tmp_path: Path, new_database: Callable[[], str]) -> None:
    database = ("--database-url", new_database())
    assert "no directory" in run("sandbox", "replay", tmp_path / "no", *database, code=1).stderr
    (tmp_path / "bad").mkdir()
    assert "no recordings" in run("sandbox", "replay", tmp_path / "bad", *database, code=1).stderr
    (tmp_path / "bad" / "001_bad.json").write_text("{")
    assert "001_bad.json is no JSON" in run("sandbox", "replay", tmp_path / "bad", *database, code=1).stderr


def test_the_sandbox_says_what_it_lacks(run: Run, new_database: Callable[[], str]) -> None:
    database = ("--database-url", new_database())
    assert "--database-url" in run("sandbox", "run", code=1).stderr
    assert "none" in run("sandbox", "run", *database, "--profile", "warp", code=1).stderr
    assert "2.4.7" in run("sandbox", "run", *database, "--version", "1.9", code=1).stderr


@pytest.mark.parametrize("command", [("run", "--port", "0"), ("replay", str(RECORDED))])
@pytest.mark.parametrize(
    ("url", "told"), [(UNREACHABLE, "cannot be reached"), ("me:hush@somewhere", "postgresql://user")]
)
def test_trouble_with_its_database_is_told(run: Run, command: tuple[str, ...], url: str, told: str) -> None:
    error = run("sandbox", *command, "--database-url", url, code=1).stderr
    assert told in error
    assert "hush" not in error


def test_a_port_that_is_taken_is_named(run: Run, new_database: Callable[[], str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        error = run("sandbox", "run", "--database-url", new_database(), "--port", port, code=1).stderr
    assert f"127.0.0.1:{port}" in error
