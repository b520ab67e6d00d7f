"""What tests ask of a whole stack."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import psycopg

from commerce_sandbox.client import SandboxClient
from magento_oms.local.demo_shop_server import ShopServer
from magento_oms.local.supervisor import LocalStack
from magento_oms.storage.database import psycopg_url


class Stack:
    """The running stack, with what tests ask of it."""

    def __init__(self, stack: LocalStack, shop: ShopServer) -> None:
        self.local = stack
        self.shop = shop
        self._token = ""

    @property
    def _state(self) -> Path:
        return Path(self.local.environment["AIRFLOW_HOME"]).parent

    def sandbox(self, code: str) -> SandboxClient:
        """The control of one store."""
        return SandboxClient(self.local.sandbox_url, code)

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the OMS database."""
        with psycopg.connect(psycopg_url(self.local.oms_url)) as connection:
            return connection.execute(statement, values).fetchall()

    def order(self, code: str, entity_id: int) -> tuple[str, Any] | None:
        """State and time of the acknowledgement of a stored order."""
        found = self.rows(
            "select state, acknowledged_at from sales_order where instance = %s and entity_id = %s", code, entity_id
        )
        return (found[0][0], found[0][1]) if found else None

    def wait_for(self, what: str, condition: Callable[[], bool], seconds: float = 60) -> float:
        """Wait, looking after the processes; how long it took."""
        started = time.monotonic()
        while not condition():
            self.local.look_after()
            if time.monotonic() - started > seconds:
                raise AssertionError(f"not within {seconds:.0f} s: {what}; logs under {self._state}")
            time.sleep(0.2)
        return time.monotonic() - started

    def api(self, method: str, path: str, body: object = None) -> Any:
        """Airflow's REST API."""
        if not self._token:
            with urlopen(f"{self.local.airflow_url}/auth/token", timeout=30) as answer:
                self._token = json.load(answer)["access_token"]
        request = Request(
            f"{self.local.airflow_url}/api/v2{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            with urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except HTTPError as error:
            log = (self._state / "logs" / "api-server.log").read_text(errors="replace")
            error.add_note(f"{error.read().decode(errors='replace')[:1000]}; log: {log[-3000:]}")
            raise

    def airflow(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Airflow's own command."""
        return subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            env=self.local.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Runs of a DAG, the newest first."""
        found: list[dict[str, Any]] = self.api("GET", f"/dags/{dag_id}/dagRuns?order_by=-run_after&limit=100")[
            "dag_runs"
        ]
        return found

    def calm_down(self) -> None:
        """Wait until the timed workflows have run for the first time: all of them are due when Airflow starts."""

        def calm() -> bool:
            runs = self.api("GET", "/dags/~/dagRuns?limit=100&order_by=-run_after")["dag_runs"]
            timed = [run for run in runs if run["run_type"] == "scheduled"]
            begun = {run["dag_id"] for run in timed} >= {"order_pull__mela", "order_pull__heritage"}
            return begun and not any(run["state"] in ("queued", "running") for run in timed)

        self.wait_for("the first timed runs have ended", calm, 240)

    def rows_changed(self, statement: str) -> int:
        """Change the OMS database behind everyone's back."""
        with psycopg.connect(psycopg_url(self.local.oms_url)) as connection:
            return connection.execute(statement).rowcount

    def hurry(self, target: str) -> bool:
        """Make what waits to be looked up due now (a test does not wait for the settle delay). Always False."""
        self.rows_changed(f"update effect set due_at = now() where state = 'unknown' and target = '{target}'")
        return False


def kill_busy_workers(stack: Stack) -> bool:
    """SIGKILL the executor's workers that carry out a task, and the tasks under them."""
    scheduler = psutil.Process(stack.local.pids()["scheduler"])
    busy = [worker for worker in scheduler.children() if worker.children()]
    for worker in busy:
        for process in [*worker.children(recursive=True), worker]:
            os.kill(process.pid, signal.SIGKILL)
    return bool(busy)
