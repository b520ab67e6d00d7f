"""Orders compared three ways: time and memory after the rows are fetched, how both grow, and what it asks of Magento.

1. 10,000 and 100,000 orders with their lines and parcels, each in a process of its own: frames, comparison, report.
   One order in a hundred differs; every planted difference must be found, and nothing else.
2. A store with thousands of orders, all in the OMS: a clean day by counting, and the same day read whole, which tells
   what a clean day costs; then one order is lost, and found.

`python -m benchmarks.reconcile [--orders N]`
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from sqlalchemy import Connection, text

from benchmarks.harness import Goal, Report
from benchmarks.stack import config_for, postgres, sandbox
from commerce_sandbox.client import ADMIN_PASSWORD, ADMIN_USER, SandboxClient
from magento_hook.connection import AuthKind, MagentoConnection
from magento_hook.store import MagentoStore, open_magento
from magento_oms.config.models import InstanceConfig
from magento_oms.storage.database import engine
from magento_oms.storage.migrate import upgrade
from magento_oms.workflows.order_pull import pull_window
from magento_oms.workflows.reconcile.couriers import CourierSide
from magento_oms.workflows.reconcile.daily import Summary, reconcile_orders

FEW, MANY = 10_000, 100_000
ROUNDS = 3
LINES = 2
ONE_IN = 100
"""One order in so many differs."""
PLACED = datetime(2026, 11, 20, tzinfo=UTC)


def main() -> int:
    """Run and report; the exit code tells whether the goals were reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000, help="in the store of the second part")
    parser.add_argument("--compare", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.compare:
        print(json.dumps(_compare(arguments.compare)))
        return 0
    report = Report("reconcile")
    _growth(report)
    _requests(report, arguments.orders)
    return report.finish()


# 1. Comparing rows --------------------------------------------------------------------------------------------------


def _growth(report: Report) -> None:
    taken: dict[int, list[dict[str, float]]] = {FEW: [], MANY: []}
    for number in range(ROUNDS):
        for size in (FEW, MANY) if number % 2 == 0 else (MANY, FEW):
            command = [sys.executable, "-m", "benchmarks.reconcile", "--compare", str(size)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            taken[size].append(json.loads(done.stdout))
            print(f"  round {number + 1}, {size:,} orders: {taken[size][-1]}", flush=True)
    seconds = {size: median(each["seconds"] for each in runs) for size, runs in taken.items()}
    memory = max(each["peak_mib"] for each in taken[MANY])
    for size in (FEW, MANY):
        report.figures[f"{size:,} orders compared"] = f"{seconds[size]:.2f} s"
    report.figures[f"peak memory with {MANY:,} orders"] = f"{memory:.0f} MiB"
    report.goals += [
        Goal("reconcile.seconds_of_100_000_orders", seconds[MANY], 60, at_least=False),
        Goal("reconcile.peak_MiB_of_100_000_orders", memory, 1024, at_least=False),
        Goal("reconcile.time_of_ten_times_the_orders", seconds[MANY] / seconds[FEW], 11, at_least=False),
        Goal(
            "reconcile.planted_differences_found",
            float(all(each["exact"] for run in taken.values() for each in run)),
            1,
        ),
    ]


def _compare(size: int) -> dict[str, float]:
    """Rows are made first; what is measured begins where they would have been fetched."""
    from magento_oms.documents.reconciliation_report import Report as Page
    from magento_oms.documents.reconciliation_report import write
    from magento_oms.workflows.reconcile import compare
    from magento_oms.workflows.reconcile.words import COLUMNS

    money = (500_0000, 500_0000, 450_0000, 50_0000, 0, 21_4000)
    magento = [(n, f"{n:09}", "complete", True, False, 1000 + n, 1, *money) for n in range(1, size + 1)]
    ours = [
        (n, f"{n:09}", "processing" if n % ONE_IN == 0 else "complete", 1000 + n, False, False, *money, 0)
        for n in range(1, size + 1)
    ]
    lines = [
        (n, n * 10 + place, f"SKU-{(n * 7 + place) % 5000}", 2_0000, 2_0000, 2_0000, 0, 0)
        for n in range(1, size + 1)
        for place in range(LINES)
    ]
    parcels = [
        (n, f"{n:09}", n, 1, f"AWB{n}", "delivered", "delivered", False, False, True, 500_0000, 500_0000)
        for n in range(1, size + 1)
    ]
    started = time.perf_counter()
    found = compare.joined(
        [
            compare.differences(
                compare.frame(magento, compare.MAGENTO_ORDERS),
                compare.frame(lines, compare.LINES),
                compare.frame(ours, compare.OMS_ORDERS),
                compare.frame(lines, compare.LINES),
            ),
            compare.courier_differences(compare.frame(parcels, compare.PARCELS)),
        ]
    )
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in found[list(COLUMNS)].itertuples(index=False)]
    page = Page(
        kind="orders", title="Orders", instance="bench", store="Bench", store_id=1, start=PLACED, end=PLACED, zone=UTC,
        made_at=PLACED, proof="", agrees=False, facts={}, columns=("kind", *[n for n in COLUMNS if n != "kind"]),
        rows=rows,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        write(page, Path(folder))
    seconds = time.perf_counter() - started
    exact = len(found) == size // ONE_IN and set(found["kind"]) == {"state"}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": round(seconds, 3), "peak_mib": round(peak, 1), "exact": float(exact)}


# 2. What it asks of Magento ------------------------------------------------------------------------------------------


def _requests(report: Report, orders: int) -> None:
    with postgres() as server, tempfile.TemporaryDirectory() as folder:
        url = server.create_database("oms")
        upgrade(url)
        with sandbox(server, profile="none") as (store, _):
            every = 86_000 / orders
            store.fill_orders(orders, created_at=f"{PLACED:%Y-%m-%d %H:%M:%S}", every_seconds=every)
            magento, config = _open(store)
            window = (PLACED, PLACED + timedelta(days=1))
            pulled = pull_window(url, magento, config, start=window[0], end=window[1], run_id="bench")
            report.figures["orders in the store and in the OMS"] = pulled.counts.new
            clean = _run(report, "clean day", store, url, magento, config, Path(folder))
            whole = _run(report, "the same day read whole", store, url, magento, config, Path(folder), full=True)
            assert clean.rows >= 1
            with engine(url).begin() as connection:
                lost = connection.execute(
                    text("select id from sales_order order by id offset :n limit 1"), {"n": orders // 3}
                )
                _lose(connection, lost.scalar_one())
            found = _run(report, "a day with one lost order", store, url, magento, config, Path(folder))
            report.goals += [
                Goal("reconcile.rows_of_a_clean_day_of_reading_it", clean.rows / whole.rows, 0.01, at_least=False),
                Goal("reconcile.lost_order_found_and_healed", float(found.healed == 1 and found.lost == 0), 1),
            ]


class _Cost:
    """What a run asked of Magento, and what it came to."""

    def __init__(self, summary: Summary, rows: int, requests: int) -> None:
        self.rows = rows
        self.requests = requests
        self.lost = sum(each.lost for each in summary.stores)
        self.healed = sum(each.healed for each in summary.stores)


def _run(
    report: Report,
    name: str,
    store: SandboxClient,
    url: str,
    magento: MagentoStore,
    config: InstanceConfig,
    folder: Path,
    *,
    full: bool = False,
) -> _Cost:
    """One reconciliation; a count costs Magento one row, so rows are what is counted: one a count, and those read."""
    before = len(store.calls())
    started = time.perf_counter()
    summary = reconcile_orders(
        url,
        magento,
        config,
        spans=[(PLACED, PLACED + timedelta(days=1))],
        open_account=_no_account,
        folder=folder,
        run_id="bench",
        full=full,
    )
    seconds = time.perf_counter() - started
    requests = len(store.calls()) - before
    read = sum(each.rows_read for each in summary.stores)
    cost = _Cost(summary, read + requests, requests)
    proof = "; ".join(each.proof for each in summary.stores)
    report.figures[name] = f"{requests} requests to Magento, {cost.rows} rows, {seconds:.1f} s: {proof}"
    print(f"  {name}: {report.figures[name]}", flush=True)
    return cost


def _lose(connection: Connection, order_id: int) -> None:
    """Take an order out of the OMS with all that hangs on it."""
    for table in ("order_event", "order_hold", "effect", "order_line"):
        connection.execute(text(f"delete from {table} where order_id = :id"), {"id": order_id})
    connection.execute(text("delete from sales_order where id = :id"), {"id": order_id})


def _open(store: SandboxClient) -> tuple[MagentoStore, InstanceConfig]:
    connection = MagentoConnection(store.store_url, AuthKind.ADMIN_TOKEN, username=ADMIN_USER, password=ADMIN_PASSWORD)
    return open_magento(connection, instance="bench"), config_for(store)


@contextmanager
def _no_account(code: str) -> Iterator[CourierSide]:
    raise AssertionError(f"no parcel of this benchmark is at {code}")
    yield


if __name__ == "__main__":
    sys.exit(main())
