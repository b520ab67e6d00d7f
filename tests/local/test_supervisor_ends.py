"""A supervisor in a process of its own, as `make demo` runs it: what dies comes back, and nothing outlives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil
import psycopg
import pytest
from tests.local.conftest import alive

from magento_oms.local.supervisor import REPOSITORY, answers

SUPERVISES = """
import json, signal, sys, time
from pathlib import Path
from magento_oms.local.supervisor import LocalStack, Plan
def interrupt(*_): raise KeyboardInterrupt
signal.signal(signal.SIGTERM, interrupt)
plan = Plan(Path(sys.argv[1]), Path(sys.argv[2]), ("heritage",), airflow=False)
try:
    with LocalStack(plan).running() as stack:
        def tell(happened):
            facts = {"pids": stack.pids(), "sandbox": stack.sandbox_url, "oms": stack.oms_url, "happened": happened}
            print(json.dumps(facts), flush=True)
        tell([])
        while True:
            happened = stack.look_after()
            if happened:
                tell(happened)
            time.sleep(0.05)
except KeyboardInterrupt:
    print(json.dumps({"stopped": True}), flush=True)
"""


@dataclass(slots=True)
class Supervisor:
    """A supervisor in a process of its own."""

    process: subprocess.Popen[str]
    output: IO[str]

    def says(self) -> dict[str, Any]:
        """The next thing that it says."""
        line = self.output.readline()
        assert line, f"it ended with code {self.process.wait()}"
        found: dict[str, Any] = json.loads(line)
        return found


@pytest.fixture
def supervise(open_folder: Path) -> Iterator[Callable[[], Supervisor]]:
    """Starts supervisors on one state folder."""
    started: list[Supervisor] = []

    def start() -> Supervisor:
        process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISES, str(open_folder / "state"), str(REPOSITORY / "instances" / "demo")],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        started.append(Supervisor(process, process.stdout))
        return started[-1]

    yield start
    for one in started:
        one.process.send_signal(signal.SIGTERM)
        one.process.wait(60)
        one.output.close()


def all_of(pids: dict[str, int]) -> set[int]:
    """These processes and all below them."""
    found = set()
    for pid in pids.values():
        found |= {pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))}
    return found


def wait_for_sandbox(facts: dict[str, Any]) -> None:
    """Until the sandbox answers, twenty seconds at most."""
    end = time.monotonic() + 20
    while not answers(f"{facts['sandbox']}/_sandbox/health"):
        assert time.monotonic() < end, "the sandbox does not answer"
        time.sleep(0.05)


def query(facts: dict[str, Any], statement: str) -> tuple[Any, ...] | None:
    with psycopg.connect(facts["oms"].replace("+psycopg", "")) as connection:
        return connection.execute(statement).fetchone()


def test_what_dies_comes_back_and_all_end_in_good_order_when_asked(
    supervise: Callable[[], Supervisor], open_folder: Path
) -> None:
    supervisor = supervise()
    facts = supervisor.says()

    os.kill(facts["pids"]["sandbox"], signal.SIGKILL)
    before, facts = facts, supervisor.says()
    assert facts["happened"][0].startswith("sandbox ended with code -9 and was started again")
    assert facts["pids"]["sandbox"] != before["pids"]["sandbox"]
    wait_for_sandbox(facts)

    os.kill(facts["pids"]["postgres"], signal.SIGKILL)
    facts = supervisor.says()
    assert facts["happened"] == ["Postgres ended with code -9 and was started again"]
    assert query(facts, "select count(*) from sales_order") == (0,)

    processes = all_of(facts["pids"])
    supervisor.process.send_signal(signal.SIGTERM)
    assert supervisor.says() == {"stopped": True}
    assert supervisor.process.wait(30) == 0
    assert alive(processes) == set()
    assert not (open_folder / "state" / "postgres" / "data" / "postmaster.pid").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_nothing_outlives_a_killed_supervisor_and_the_next_one_starts_afresh(
    supervise: Callable[[], Supervisor],
) -> None:
    first = supervise()
    facts = first.says()
    processes = all_of(facts["pids"])
    assert alive(processes) == processes
    with psycopg.connect(facts["oms"].replace("+psycopg", "")) as connection:
        connection.execute("create table of_the_first_run (number integer)")
    first.process.kill()
    first.process.wait()
    facts = supervise().says()  # at once: it waits for what the first has left behind
    assert alive(processes) == set()
    assert query(facts, "select to_regclass('of_the_first_run')") == (None,)
    wait_for_sandbox(facts)
