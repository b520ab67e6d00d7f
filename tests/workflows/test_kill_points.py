"""A worker is SIGKILLed before and after every point of a pull and of an acknowledgement; the next run makes it whole.

The store is the sandbox behind HTTP, in a process of its own, reached by the real hook; its ledger is the judge.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pytest
from tests.workflows.kill_child import Job, Line
from tests.workflows.oms import Oms

from commerce_sandbox.client import ADMIN_PASSWORD, ADMIN_USER, SandboxClient
from magento_oms.local.postgres import PostgresServer, free_port

ROOT = Path(__file__).parents[2]
KILLED = -signal.SIGKILL
NOT_COMPARED = ("digest", "magento_updated_at")
"""They tell when Magento last changed the order, which is another time in every run."""


class Workers:
    """Forks workers and tells how they ended."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, job: Line) -> int:
        """The exit code of a worker that did the job."""
        asked, answered = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answered is not None
        asked.write(job.line())
        asked.flush()
        return int(answered.readline())


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the processes of the proof write what they have to say."""
    return tmp_path_factory.mktemp("kill") / "said.txt"


@pytest.fixture(scope="module")
def sandbox(postgres_server: PostgresServer, said: Path) -> Iterator[SandboxClient]:
    """A sandbox in a process of its own."""
    name = f"sandbox_{secrets.token_hex(6)}"
    url, port = postgres_server.create_database(name), free_port()
    with (
        said.open("a") as log,
        started(["-m", "commerce_sandbox", "--port", str(port)], log, COMMERCE_SANDBOX_DATABASE_URL=url),
    ):
        client = SandboxClient(f"http://127.0.0.1:{port}")
        client.wait_until_ready(60)
        yield client
    postgres_server.drop_database(name)


@pytest.fixture(scope="module")
def workers(said: Path) -> Iterator[Workers]:
    """A warm process that forks the workers, so that each begins within milliseconds."""
    with said.open("a") as log, started(["-m", "tests.workflows.kill_child"], log) as process:
        yield Workers(process)


class started:  # noqa: N801  (reads as a verb)
    """A Python process that is ended with the block, by its own id."""

    def __init__(self, arguments: list[str], log: IO[str], **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=ROOT,
            env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
        )

    def __enter__(self) -> subprocess.Popen[str]:
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=20)


class Proof:
    """One scenario, run again and again from its start: a store with new orders, and an empty OMS."""

    def __init__(
        self, sandbox: SandboxClient, workers: Workers, new_url: Callable[[], str], orders: list[dict[str, Any]]
    ) -> None:
        self._sandbox = sandbox
        self._workers = workers
        self._new_url = new_url
        self._orders = orders
        self._store = sandbox
        self._oms = Oms("")

    def begin(self) -> Job:
        """A store and an OMS of their own."""
        self._store = self._sandbox.at(f"s{secrets.token_hex(4)}")
        self._store.set_up()
        for options in self._orders:
            self._store.place_orders(1, store_id=1, created_at="2026-01-05 10:00:00", **options)
        self._oms = Oms(self._new_url())
        return Job(self._oms.url, self._store.store_url, ADMIN_USER, ADMIN_PASSWORD)

    def run(self, job: Job) -> int:
        """The exit code of a worker."""
        return self._workers.run(job)

    def time_passes(self) -> None:
        """Leases and claims of the killed worker run out."""
        self._oms.run("update lease set expires_at = now() - interval '1 second'")
        self._oms.kill_workers()

    def outcome(self) -> dict[str, Any]:
        """What both sides have at the end."""
        rows = [
            {name: value for name, value in row.items() if name not in NOT_COMPARED} for row in self._oms.business()
        ]
        events = self._oms.rows(
            "select o.entity_id, e.kind, count(*) as times from order_event e join sales_order o on o.id = e.order_id"
            " group by 1, 2 order by 1, 2"
        )
        return {
            "orders and lines": rows,
            "time lines": events,
            "effects": [(row["subject"], row["generation"], row["state"]) for row in self._oms.effects()],
            "quarantine": self._oms.quarantined(),
            "leases": self._oms.count("lease"),
            "store's ledger": {key: count for key, count in self._store.counts_by_order().items() if key[0] != "place"},
            "comments": {
                row["entity_id"]: [
                    history["comment"]
                    for history in self._store.order(row["entity_id"])["order"]["status_histories"]
                    if "oms-ack" in str(history["comment"])
                ]
                for row in self._oms.rows("select entity_id from sales_order order by 1")
            },
        }


SMALL = [
    {"seed": 1, "payment": "cod", "shape": "simple"},
    {"seed": 3, "payment": "prepaid", "shape": "simple", "state": "processing", "status": "processing"},
]


@pytest.mark.timeout(900)
def test_worker_killed_at_every_point_loses_and_doubles_nothing(
    sandbox: SandboxClient, workers: Workers, next_oms_database: Callable[[], str], tmp_path: Path, said: Path
) -> None:
    prove(
        Proof(sandbox, workers, next_oms_database, SMALL), tmp_path / "points", said, ROOT / "build" / "kill-points.txt"
    )


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_more_orders_of_every_shape(
    sandbox: SandboxClient, workers: Workers, next_oms_database: Callable[[], str], tmp_path: Path, said: Path
) -> None:
    orders = [
        {"seed": 10 + number, "payment": "cod", "shape": shape}
        for number, shape in enumerate(("simple", "configurable", "bundle", "virtual", "virtual_only", "odd"))
    ]
    prove(
        Proof(sandbox, workers, next_oms_database, [*orders, *SMALL]),
        tmp_path / "points",
        said,
        ROOT / "build" / "kill-points-soak.txt",
    )


def prove(proof: Proof, points_file: Path, said: Path, listed: Path) -> None:
    """Find the points, kill a worker before and after each, and compare what the next run leaves behind."""
    job = proof.begin()
    assert proof.run(replace(job, points_file=str(points_file))) == 0, said.read_text()
    points = points_file.read_text().splitlines()
    assert proof.run(replace(job, steps=["pull"])) == 0, said.read_text()
    expected = proof.outcome()
    assert {state for _, _, state in expected["effects"]} == {"done"}, expected
    assert {row["state"] for row in expected["orders and lines"] if "increment_id" in row} <= {
        "acknowledged",
        "shipped",
    }

    survived, differing = [], []
    for point in points:
        for when in ("before", "after"):
            job = proof.begin()
            if (ended := proof.run(replace(job, point=point, when=when))) != KILLED:
                survived.append(f"{when} {point}: ended with {ended}")
                continue
            proof.time_passes()
            ended = proof.run(replace(job, steps=["pull", "push", "pull"]))
            found = proof.outcome()
            if ended or found != expected:
                names = [name for name in expected if found[name] != expected[name]]
                differing.append(f"{when} {point}: the next run ended with {ended}; {names} differ: {found}")
    listed.parent.mkdir(exist_ok=True)
    listed.write_text(
        f"{len(points)} points, a worker killed before and after each ({time.strftime('%Y-%m-%d')})\n\n"
        + "\n".join(points)
        + "\n"
    )
    assert not survived, "\n".join(survived)
    assert not differing, f"expected {expected}\n" + "\n".join(differing[:3]) + said.read_text()
