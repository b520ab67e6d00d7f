"""Processes that are looked after: restarted, reported, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.local.conftest import alive

from magento_oms.local import processes
from magento_oms.local.guard import GRACE_SECONDS, Guard
from magento_oms.local.processes import Child, ProcessTrouble

FOREVER = "import time; print('up', flush=True); time.sleep(60)"


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Child]]:
    """Makes children that run a piece of Python; they are stopped afterwards. Pauses are short."""
    monkeypatch.setattr(processes, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(processes, "STOP_SECONDS", 2.0)
    made: list[Child] = []
    guard = Guard()

    def child(code: str, **more: object) -> Child:
        log = tmp_path / f"child-{len(made)}.log"
        options: dict[str, object] = {"ready": lambda: "up" in log.read_text(), "ready_seconds": 10.0} | more
        made.append(Child("worker", [sys.executable, "-c", code], dict(os.environ), log, guard=guard, **options))  # type: ignore[arg-type]
        made[-1]._pause = processes.FIRST_PAUSE
        return made[-1]

    yield child
    for one in made:
        one.stop()
    guard.stop()


def pid_of(child: Child) -> int:
    assert child.process is not None
    return child.process.pid


def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def restarted(child: Child, times: int = 1) -> list[str]:
    """Look after a child until it was started `times` more; what was said."""
    said: list[str] = []

    def look() -> bool:
        text = child.look_after()
        if text:
            said.append(text)
        return len(said) >= times

    wait_for(look)
    return said


def test_a_child_that_is_killed_is_started_again(make: Callable[..., Child]) -> None:
    child = make(FOREVER)
    child.start()
    child.wait_until_ready()
    first = pid_of(child)
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: child.process is not None and child.process.poll() is not None)
    (said,) = restarted(child)
    assert said.startswith("worker ended with code -9 and was started again")
    assert str(child.log) in said
    assert child.restarts == 1
    assert pid_of(child) != first
    assert child.look_after() == ""


def test_a_child_that_keeps_ending_is_tried_less_and_less_often_and_its_log_is_shown(
    make: Callable[..., Child],
) -> None:
    child = make("import sys; print('no such database'); sys.exit(3)")
    child.start()
    begun = time.monotonic()
    said = restarted(child, 4)
    # 0.05 + 0.1 + 0.2 + 0.4 s of pauses
    assert time.monotonic() - begun > 0.75
    assert "no such database" not in said[0]
    assert "ended with code 3 and was started again, 3 times in a row" in said[2]
    assert "no such database" in said[2]


def test_what_a_dead_child_left_behind_is_ended_before_it_is_started_again(make: Callable[..., Child]) -> None:
    child = make(
        "import subprocess, sys, time\n"
        "left = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print('up', left.pid, flush=True)\n"
        "time.sleep(60)"
    )
    child.start()
    child.wait_until_ready()
    left = int(child.log.read_text().split()[1])
    os.kill(pid_of(child), signal.SIGKILL)
    restarted(child)
    wait_for(lambda: not alive([left]))


def test_a_child_that_ends_before_it_is_ready_is_reported_with_the_end_of_its_log(make: Callable[..., Child]) -> None:
    child = make("import sys; print('the port is taken'); sys.exit(7)")
    child.start()
    with pytest.raises(ProcessTrouble, match=r"(?s)worker ended with code 7.*the port is taken"):
        child.wait_until_ready()


def test_a_child_that_never_becomes_ready_is_reported(make: Callable[..., Child]) -> None:
    child = make("import time; print('thinking', flush=True); time.sleep(60)", ready=lambda: False, ready_seconds=0.5)
    child.start()
    with pytest.raises(ProcessTrouble, match=r"(?s)worker is not ready after 0\.5 s.*thinking"):
        child.wait_until_ready()


def test_stopping_asks_once_and_insists_where_it_is_ignored(make: Callable[..., Child]) -> None:
    child = make(
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: print('asked', flush=True))\n"
        "print('up', flush=True)\n"
        "while True: time.sleep(1)"
    )
    child.start()
    child.wait_until_ready()
    pid = pid_of(child)
    child.ask_to_end()
    child.stop()
    assert not alive([pid])
    assert child.log.read_text().count("asked") == 1
    assert child.process is None


SUPERVISES = """
import os, sys, time
from pathlib import Path
import psutil
from magento_oms.local.guard import Guard
from magento_oms.local.processes import Child
guard, children = Guard(), []
for number, code in enumerate(sys.argv[2:]):
    log = Path(sys.argv[1], f"{number}.log")
    child = Child("worker", [sys.executable, "-c", code], dict(os.environ), log, lambda: "up" in log.read_text(), guard)
    if children:  # somebody ends the guard
        (old,) = [one for one in psutil.Process().children() if any("guard.py" in part for part in one.cmdline())]
        old.kill()
        time.sleep(0.2)
    child.start()
    child.wait_until_ready()
    children.append(child)
print(*(child.process.pid for child in children), flush=True)
time.sleep(60)
"""
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
other = os.fork()
if other:
    print("up", other, flush=True)
time.sleep(60)
"""


def killed_supervisor(logs: Path, *codes: str) -> list[int]:
    """A supervisor started children that run `codes`, and was killed; the children's process ids."""
    parent = subprocess.Popen([sys.executable, "-c", SUPERVISES, str(logs), *codes], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert alive(pids) == set(pids) != set()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    return pids


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
def test_children_end_with_a_killed_supervisor_at_once(tmp_path: Path) -> None:
    pids = killed_supervisor(tmp_path, FOREVER)
    wait_for(lambda: not alive(pids), seconds=GRACE_SECONDS / 2)


def test_children_that_do_not_want_to_end_are_ended_with_all_below_them(tmp_path: Path) -> None:
    pids = killed_supervisor(tmp_path, STUBBORN)
    below = int((tmp_path / "0.log").read_text().split()[1])
    assert alive([below])
    wait_for(lambda: not alive([*pids, below]), seconds=GRACE_SECONDS + 5)


def test_a_guard_that_was_ended_is_replaced_and_knows_all_groups(tmp_path: Path) -> None:
    pids = killed_supervisor(tmp_path, STUBBORN, STUBBORN)
    assert len(pids) == 2
    wait_for(lambda: not alive(pids), seconds=GRACE_SECONDS + 5)
