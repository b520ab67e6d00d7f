"""The local set-up as a whole, without Airflow (tests/airflow has that): begins afresh, mends itself, one at a time."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from magento_oms.local.folder_lock import FolderBusy
from magento_oms.local.service_user import open_to_all
from magento_oms.local.supervisor import LocalStack, Plan
from magento_oms.storage.database import psycopg_url

NOBODY = "nobody"


@pytest.fixture
def plan(open_folder: Path) -> Plan:
    """Postgres and the OMS's tables only."""
    return Plan(open_folder / "state", open_folder / "instances", (), airflow=False)


def orders(stack: LocalStack) -> int:
    """Rows of the OMS, asked as the OMS's own role."""
    with psycopg.connect(psycopg_url(stack.oms_url)) as connection:
        found = connection.execute("select count(*) from sales_order").fetchone()
    assert found is not None
    return int(found[0])


def test_it_begins_afresh_and_leaves_nothing_running(plan: Plan) -> None:
    for _ in range(2):
        with LocalStack(plan).running() as stack:
            pid = stack.postgres.pid
            assert orders(stack) == 0
            leftover = plan.state / "left from before"
            assert not leftover.exists()
            leftover.write_text("old")
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_second_one_in_the_same_folder_is_refused_and_empties_nothing(plan: Plan) -> None:
    with LocalStack(plan).running() as first:
        kept = plan.state / "kept"
        kept.write_text("mine")
        with pytest.raises(FolderBusy, match=rf"Process {os.getpid()} works in .*state\. Stop it first"):
            LocalStack(plan)._start()
        assert kept.read_text() == "mine"
        assert orders(first) == 0


def test_postgres_is_started_again_when_it_was_killed(plan: Plan) -> None:
    with LocalStack(plan).running() as stack:
        assert stack.look_after() == []
        killed = stack.postgres.pid
        os.kill(killed, signal.SIGKILL)
        happened: list[str] = []
        end = time.monotonic() + 30
        while not happened and time.monotonic() < end:
            happened = stack.look_after()
            time.sleep(0.05)
        assert happened == ["Postgres ended with code -9 and was started again"]
        assert stack.postgres.pid != killed
        assert orders(stack) == 0


def test_no_file_of_the_state_shows_its_passwords_to_others(plan: Plan) -> None:
    with LocalStack(plan).running() as stack:
        password = stack.oms_url.partition("//oms:")[2].partition("@")[0]
        assert len(password) > 20
        for path in plan.state.rglob("*"):
            if path.is_file() and path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
                assert password.encode() not in path.read_bytes(), path


def test_the_demo_explains_itself(tmp_path: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "magento_oms.local.demo", "--help"],
        env={"PATH": os.environ["PATH"], "COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for option in ("--once", "--orders", "--seconds", "--faults"):
        assert option in shown
    assert list(tmp_path.iterdir()) == []


# Not as root ----------------------------------------------------------------------------------------------------------


def base_python() -> Path | None:
    """A Python of this version that everyone may run, as that of root's own folders is not."""
    own = Path(sys.executable).resolve()
    for path in (own, Path(f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}")):
        if path.exists() and open_to_all(path.resolve()):
            return path
    return None


def may_become_nobody() -> bool:
    try:
        pwd.getpwnam(NOBODY)
    except KeyError:
        return False
    entered = (Path(__file__).parent, Path(psycopg.__file__).parent)
    return os.geteuid() == 0 and bool(shutil.which("setpriv") and base_python()) and all(map(open_to_all, entered))


NOT_AS_ROOT = pytest.mark.skipif(
    not may_become_nobody(), reason="only root can become `nobody`, who must be able to enter this checkout"
)

RUNS_A_STACK = """
import sys
from pathlib import Path
import psutil
from magento_oms.local.supervisor import LocalStack, Plan
from magento_oms.local.trouble import LocalTrouble
state = Path(sys.argv[1])
try:
    with LocalStack(Plan(state, state, (), airflow=False)).running() as stack:
        print(psutil.Process(stack.postgres.pid).username())
except LocalTrouble as trouble:
    print(trouble)
    sys.exit(3)
"""


@pytest.fixture
def python_of_nobody(open_folder: Path) -> Path:
    """An environment with the packages of this one, whose Python everyone may run."""
    base, environment = base_python(), open_folder / "environment"
    assert base is not None
    subprocess.run([base, "-m", "venv", "--without-pip", environment], check=True, capture_output=True)
    [packages] = environment.glob("lib/python3.*/site-packages")
    borrowed = Path(psycopg.__file__).parents[1]
    (packages / "borrowed.pth").write_text(f"import site; site.addsitedir({str(borrowed)!r})\n")
    return environment / "bin" / "python"


def stack_of_nobody(python: Path, state: Path) -> subprocess.CompletedProcess[str]:
    group = str(pwd.getpwnam(NOBODY).pw_gid)
    return subprocess.run(
        [
            *("setpriv", f"--reuid={NOBODY}", f"--regid={group}", "--clear-groups"),
            *(python, "-c", RUNS_A_STACK, state),
        ],
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@NOT_AS_ROOT
def test_it_runs_as_another_user_than_root_twice_in_a_row(open_folder: Path, python_of_nobody: Path) -> None:
    home = open_folder / "of nobody"
    home.mkdir()
    shutil.chown(home, NOBODY)
    for _ in range(2):
        done = stack_of_nobody(python_of_nobody, home / "state")
        assert (done.returncode, done.stdout.split()) == (0, [NOBODY]), done.stdout + done.stderr


@NOT_AS_ROOT
def test_what_root_left_behind_is_told_to_another_user_in_a_sentence(plan: Plan, python_of_nobody: Path) -> None:
    with LocalStack(plan).running():
        pass
    done = stack_of_nobody(python_of_nobody, plan.state)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "belongs to another user" in done.stdout
    assert "Remove" in done.stdout
