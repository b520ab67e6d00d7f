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
from magento_oms.local.processes import Child, ProcessTrouble

FOREVER = "import time; print('up', flush=True); time.sleep(60)"


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Child]]:
    """Makes children that run a piece of Python; they are stopped afterwards. Pauses are short."""
    monkeypatch.setattr(processes, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(processes, "STOP_SECONDS", 2.0)
    made: list[Child] = []

    def child(code: str, **more: object) -> Child:
        log = tmp_path / f"child-{len(made)}.log"
        options: dict[str, object] = {"ready": lambda: "up" in log.read_text(), "ready_seconds": 10.0} | more
        made.append(Child("worker", [sys.executable, "-c", code], dict(os.environ), log, **options))  # type: ignore[arg-type]
        made[-1]._pause = processes.FIRST_PAUSE
        return made[-1]

    yield child
    for one in made:
        one.stop()


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


STARTS_ONE = """
import os, sys, time
from pathlib import Path
from magento_oms.local.processes import Child
log = Path(sys.argv[1])
child = Child("worker", [sys.executable, "-c", "import time; time.sleep(60)"], dict(os.environ), log, lambda: True)
child.start()
print(child.process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_children_end_with_a_killed_supervisor(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", STARTS_ONE, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert alive([pid])
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not alive([pid]))
