"""1,000 and 10,000 changed SKUs, among 100,000, from the OMS to Magento, against what only sends them.

Sides, on the sandbox's recorded profile (a real Magento 2.4.7 on two cores with two PHP workers):

- ours: the push of stock, waiting for changes as a live task does. Its clock runs from the commit of the change until
  Magento has answered the last call, so it pays for hearing of it, finding what changed and computing the figures;
- a bare loop with the batch size and the connections that prove best of `BARE`, tried anew in this run: its clock runs
  from its first call to its last answer;
- PyMagento's batch call;
- one SKU a call, one after another: measured over 200 SKUs, times five, as each costs the same.

Starting a process and logging in at Magento is on nobody's clock. That ours reads a sample back afterwards, as no other
side does, is a figure of its own. The first push of an instance, which learns what the store takes, is another.

`python -m benchmarks.inventory_push [--skus N] [--rounds N]`
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from statistics import median

from sqlalchemy import text

from benchmarks.harness import Cost, Goal, Report, interleaved, median_wall
from benchmarks.stack import ENVIRONMENTS, PEERS, peer_python, postgres, sandbox, token
from commerce_sandbox.client import SandboxClient
from magento_oms.config.models import InstanceConfig
from magento_oms.storage import instances, inventory
from magento_oms.storage.database import close_connections, engine
from magento_oms.storage.inventory import PoolRows
from magento_oms.storage.migrate import upgrade
from magento_oms.workflows.inventory.figures import figures
from magento_oms.workflows.inventory.pools import told_pools
from magento_oms.workflows.warehouse.take_stock import take_stock

ONE_BY_ONE = 200
"""SKUs that one call each is measured with; the rest would take just as long each."""
PUBLISHED = 1300.0
"""Seconds per 1,000 SKUs that a merchant published of one call a SKU."""
BARE = {1000: ((500, 2), (1000, 1), (250, 4), (100, 4)), 10_000: ((1000, 2), (500, 4))}
"""Lines a call and connections that are tried, by changed SKUs."""


def main() -> int:
    """Run and report; the exit code tells whether the goals were reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skus", type=int, default=100_000, help="SKUs that the warehouse has")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    report = Report("inventory_push", figures={"SKUs": given.skus, "rounds": given.rounds})
    with postgres() as server:
        url = server.create_database("oms")
        upgrade(url)
        with sandbox(server, profile="none") as (store, _):
            sides = Sides(url, store)
            sides.fill(given.skus)
            _finding(report, sides)
            sides.forget()
            store.set_up(profile="recorded")
            with sides.waiting_push():
                report.figures["first push of 1,000, each SKU asked for at Magento"] = f"{sides.ours(1000).wall:.2f} s"
                sides.teach()
                for changed, rounds in ((1000, given.rounds), (10_000, max(1, given.rounds - 1))):
                    _compare(report, sides, changed, rounds)
        close_connections(url)
    return report.finish()


def stock_config(store: SandboxClient) -> InstanceConfig:
    """One store that sells what one warehouse has."""
    address = {"lines": ["Plot 7"], "city": "Pune", "state": "Maharashtra", "pincode": "411001"}
    view = {
        "store_id": 1,
        "code": "default",
        "name": "Bench",
        "live_from": "2020-01-01T00:00:00Z",
        "locations": [{"code": "pune", "name": "Pune", "address": address}],
    }
    return InstanceConfig.model_validate({"code": "bench", "name": "Bench", "url": store.store_url, "stores": [view]})


class Sides:
    """Each side tells the same SKUs, in a process of its own, and says how long it took."""

    def __init__(self, url: str, store: SandboxClient) -> None:
        self.url = url
        self.config = stock_config(store)
        self._store = store
        self._token = token(store)
        self._quantity = 100
        self.read_back: list[float] = []

    def fill(self, skus: int) -> None:
        """SKUs at the warehouse; the first 10,000 of them also in the store's catalogue."""
        with engine(self.url).begin() as connection:
            instances.configure(connection, self.config)
        take_stock(self.url, "pune", {_sku(number): Decimal(100) for number in range(skus)})
        self.forget()
        for first in range(0, 10_000, 1000):
            self._store.put_products([_product(number) for number in range(first, first + 1000)], 100)
        print(f"  {skus} SKUs at the warehouse, 10000 in the sandbox", flush=True)

    def forget(self) -> None:
        """Nothing has changed, and nothing was told."""
        with engine(self.url).begin() as connection:
            connection.execute(text("truncate stock_change, stock_figure"))
            connection.execute(text("analyze"))

    def teach(self) -> None:
        """What a day's work has left behind: a catalogue, and calls as long as the store likes them."""
        with engine(self.url).begin() as connection:
            connection.execute(
                text(
                    "insert into product (instance, sku, product_id, type_id, name, updated_at)"
                    " select 'bench', sku, row_number() over (), 'simple', sku, now() from stock on conflict do nothing"
                )
            )
        self.ours(10_000)

    @contextmanager
    def waiting_push(self) -> Iterator[None]:
        """Our push in a process of its own, which waits for changes as a live task does."""
        command = [sys.executable, "-m", "benchmarks.push_stock_waiting", self.url, self._store.base_url]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as self._push:
            try:
                self._hear("ready")
                yield
            finally:
                self._push.terminate()

    def change(self, changed: int) -> None:
        """The warehouse tells other quantities of so many SKUs."""
        self._quantity = self._quantity % 900 + 1
        take_stock(self.url, "pune", {_sku(number): Decimal(self._quantity) for number in range(changed)})

    def ours(self, changed: int) -> Cost:
        """From the commit of a change, which is not measured, until Magento has answered the last call."""
        self.change(changed)
        started = time.monotonic()
        told, last = 0, started
        while told < changed:
            last, lines = self._hear("told")
            told += lines
        self.read_back.append(self._hear("read")[0] - started)
        return Cost(last - started, 0.0)

    def _hear(self, what: str) -> tuple[float, int]:
        """Moment and lines of the next line of such a kind that our push prints."""
        assert self._push.stdout is not None
        for line in self._push.stdout:
            kind, moment, lines = line.split()
            if kind == what:
                return float(moment), int(lines)
        raise RuntimeError("our push has ended")

    def bare(self, changed: int, lines: int, connections: int) -> Cost:
        """The bare loop."""
        return self._peer("stock_bare.py", changed, lines, connections)

    def pymagento(self, changed: int) -> Cost:
        """PyMagento's one call for all."""
        return self._peer("stock_pymagento.py", changed, python=peer_python("pymagento"))

    def one_by_one(self) -> Cost:
        """A call a SKU, for some of them."""
        return self._peer("stock_one_by_one.py", ONE_BY_ONE)

    def _peer(self, script: str, *numbers: int, python: str = sys.executable) -> Cost:
        command = [python, str((PEERS / script).absolute()), self._store.store_url, self._token]
        command += [*map(str, numbers), "50"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ENVIRONMENTS)
        if done.returncode:
            raise RuntimeError(f"{script} failed: {done.stderr[-2000:]}")
        return Cost(float(done.stdout), 0.0)


def _finding(report: Report, sides: Sides) -> None:
    """How long it takes to know what changed, and the figures of it; nothing is sent, all is rolled back."""
    [pool] = told_pools(sides.config)
    rows = [PoolRows(pool.sources, pool.all_locations)]
    for changed in (1000, 10_000):
        sides.change(changed)
        took = []
        for _ in range(5):
            with engine(sides.url).connect() as connection:
                started = time.perf_counter()
                inventory.take_changes(connection, "bench", rows, settle_delay=timedelta(minutes=1))
                claimed = inventory.claim(connection, "bench", pool.sources, limit=100_000, lease=timedelta(minutes=1))
                skus = {each.sku for each in claimed}
                found = figures(connection, pool, skus)
                took.append(time.perf_counter() - started)
                connection.rollback()
            if len(found) != changed:
                raise RuntimeError(f"{len(found)} changed SKUs were found, {changed} had changed")
        seconds = sorted(took)[len(took) // 2]
        report.figures[f"finding {changed} changed SKUs with their figures"] = f"{seconds:.3f} s"
        report.goals.append(Goal(f"inventory_push.finding_{changed}_of_1s", seconds, 1.0, at_least=False))


def _compare(report: Report, sides: Sides, changed: int, rounds: int) -> None:
    tried = {each: sides.bare(changed, *each).wall for each in BARE[changed]}
    lines, connections = min(tried, key=lambda each: tried[each])
    print(
        f"{changed} changed SKUs; the bare loop is best with {lines} lines over {connections} connections", flush=True
    )
    others: dict[str, Callable[[], Cost]] = {
        "ours": lambda: sides.ours(changed),
        "bare": lambda: sides.bare(changed, lines, connections),
        "pymagento": lambda: sides.pymagento(changed),
    }
    if changed == 1000:
        others["one_by_one"] = sides.one_by_one
    sides.read_back.clear()
    costs = interleaved(rounds, others, warm_up=False)
    ours = median_wall(costs["ours"])
    for name, side in costs.items():
        scale = changed / ONE_BY_ONE if name == "one_by_one" else 1.0
        report.figures[f"{changed} {name}"] = f"{median_wall(side) * scale:.2f} s"
    report.figures[f"{changed} ours, until a sample was read back too"] = f"{median(sides.read_back):.2f} s"
    report.figures[f"{changed} bare"] += f" ({lines} lines over {connections} connections)"
    name = f"inventory_push.{changed}"
    report.goals.append(Goal(f"{name}_vs_best_bare", median_wall(costs["bare"]) / ours, 0.95))
    report.goals.append(Goal(f"{name}_vs_pymagento", median_wall(costs["pymagento"]) / ours, 1.5))
    if "one_by_one" in costs:
        one_by_one = median_wall(costs["one_by_one"]) * changed / ONE_BY_ONE
        report.goals.append(Goal(f"{name}_vs_one_by_one", one_by_one / ours, 30))
        report.goals.append(Goal(f"{name}_vs_published", PUBLISHED * changed / 1000 / ours, 300))


def _sku(number: int) -> str:
    return f"BENCH-{number:06}"


def _product(number: int) -> dict[str, object]:
    return {"id": 100_000 + number, "sku": _sku(number), "name": _sku(number), "type_id": "simple", "status": 1}


if __name__ == "__main__":
    sys.exit(main())
