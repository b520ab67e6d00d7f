"""10,000 orders from the sandbox into the OMS, against what only reads them.

Sides: our windowed pull (inbox, orders, lines, events, effects, all in Postgres), a bare keep-alive loop over the same
pages with one and with two connections, PyMagento and my-magento (each in its own environment, only reading). With the
recorded profile (12 ms of server time an order, two workers) and at zero latency, where the bare loop also copies each
order's raw JSON into a Postgres table.

`python -m benchmarks.order_pull [--orders N] [--rounds N]`
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from benchmarks.harness import Cost, Goal, Report, interleaved, measured, median_core, median_wall
from benchmarks.stack import ENVIRONMENTS, PEERS, fill, peer_python, postgres, sandbox, token
from commerce_sandbox.client import SandboxClient
from magento_oms.local.postgres import PostgresServer
from magento_oms.storage.database import psycopg_url
from magento_oms.storage.migrate import upgrade

PAGE = 100


def main() -> int:
    """Run and report; the exit code tells whether the goals were reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    report = Report("order_pull", figures={"orders": given.orders, "rounds": given.rounds})
    with postgres() as server:
        upgrade(server.create_database("oms"))
        with sandbox(server, profile="none") as (store, _):
            fill(store, given.orders)
            sides = Sides(server, store, given.orders)
            _zero_latency(report, sides, given.rounds)
            store.set_up(profile="recorded")
            _recorded(report, sides, max(1, given.rounds - 1))
    return report.finish()


class Sides:
    """Each side reads all orders once, in a process of its own, and proves how many it read."""

    def __init__(self, server: PostgresServer, store: SandboxClient, orders: int) -> None:
        self._server = server
        self._store = store
        self._orders = orders
        self._token = token(store)
        self._oms = server.url("oms")
        self._raw = psycopg_url(server.create_database("bare"))
        with psycopg.connect(self._raw) as connection:
            connection.execute("create table bare_order (entity_id bigint, payload text)")

    def ours(self) -> Cost:
        """Our pull, as a task runs it, into an empty OMS."""
        tables = "sales_order, order_line, order_event, order_hold, effect, inbox, quarantine, window_ledger cascade"
        with psycopg.connect(psycopg_url(self._oms)) as connection:
            connection.execute(f"truncate {tables}")
        cost = self._run([sys.executable, "-m", "benchmarks.pull_once", self._oms, self._store.base_url])
        with psycopg.connect(psycopg_url(self._oms)) as connection:
            row = connection.execute("select count(*) from sales_order").fetchone()
            self._check(row[0] if row else 0)
        return cost

    def bare(self, connections: int, *, copy: bool = False) -> Cost:
        """The bare loop."""
        if copy:
            with psycopg.connect(self._raw) as connection:
                connection.execute("truncate bare_order")
        script = str(PEERS / "read_bare.py")
        arguments = [self._store.store_url, self._token, str(PAGE), str(connections), str(self._orders)]
        return self._run([sys.executable, script, *arguments, *([self._raw] if copy else [])], proves=True)

    def peer(self, name: str, script: str, page: int = PAGE) -> Cost:
        """Another client, only reading."""
        python = peer_python(name)
        command = [python, str((PEERS / script).absolute()), self._store.store_url, self._token, str(page)]
        return self._run(command, proves=True, cwd=ENVIRONMENTS)  # some leave a log file where they run

    def _run(self, command: list[str], *, proves: bool = False, cwd: Path | None = None) -> Cost:
        with measured() as cost:
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
        if done.returncode:
            raise RuntimeError(f"{command[1]} failed: {done.stderr[-2000:]}")
        if proves:
            self._check(int(done.stdout.split()[-1]))
        return cost

    def _check(self, read: int) -> None:
        if read != self._orders:
            raise RuntimeError(f"{read} orders were read, {self._orders} are there")


def _zero_latency(report: Report, sides: Sides, rounds: int) -> None:
    print("zero latency:")
    costs = interleaved(
        rounds,
        {
            "ours": sides.ours,
            "bare_copy": lambda: sides.bare(1, copy=True),
            "pymagento": lambda: sides.peer("pymagento", "read_pymagento.py"),
            "my_magento": lambda: sides.peer("my_magento", "read_my_magento.py"),
        },
    )
    _note(report, "zero_latency", costs, sides)
    ratio = median_wall(costs["bare_copy"]) / median_wall(costs["ours"])
    report.goals.append(Goal("order_pull.zero_latency_vs_bare_copy", ratio, 0.5))


def _recorded(report: Report, sides: Sides, rounds: int) -> None:
    print("recorded profile:")
    costs = interleaved(
        rounds,
        {
            "ours": sides.ours,
            "bare_2": lambda: sides.bare(2),
            "pymagento": lambda: sides.peer("pymagento", "read_pymagento.py"),
        },
        warm_up=False,
    )
    _note(report, "recorded", costs, sides)
    ours = median_wall(costs["ours"])
    report.goals.append(Goal("order_pull.recorded_vs_bare_two_connections", median_wall(costs["bare_2"]) / ours, 0.95))
    report.goals.append(Goal("order_pull.recorded_vs_pymagento", median_wall(costs["pymagento"]) / ours, 1.8))


def _note(report: Report, profile: str, costs: dict[str, list[Cost]], sides: Sides) -> None:
    orders = report.figures["orders"]
    for name, side in costs.items():
        report.figures[f"{profile} {name}"] = (
            f"{orders / median_wall(side):.0f} orders/s, {median_core(side) / orders * 1000:.2f} core-ms an order"
        )


def span() -> tuple[datetime, datetime]:
    """The window that holds all orders of the benchmark."""
    now = datetime.now(UTC)
    return now - timedelta(days=60), now + timedelta(days=1)


if __name__ == "__main__":
    sys.exit(main())
