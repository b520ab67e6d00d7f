"""From a cancellation in a store to the stopped fulfilment in the OMS, through real Airflow processes.

Orders are placed, routed to a warehouse and, every other one, packed; then the customer cancels them at random times.
The store is polled every 5 seconds. Measured: how long until the fulfilment is cancelled in the OMS, as another process
sees it: from then on it cannot be packed, booked or handed over.

`python -m benchmarks.cancel_latency [--orders N] [--mean-gap SECONDS]`
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import psycopg

from benchmarks.harness import Goal, Report, percentile
from commerce_sandbox.client import SandboxClient
from magento_oms.config.load import load_instances
from magento_oms.local.supervisor import LocalStack, Plan
from magento_oms.storage import holds
from magento_oms.storage.database import engine, psycopg_url
from magento_oms.workflows.warehouse.pack import Box, pack

CODE = "bench"
GOAL_SECONDS = 8.0
LOOK_SECONDS = 0.05
START_SECONDS = 300.0
"""Airflow's start included."""

INSTANCE = """
code: bench
name: Bench
url: ${BENCH_URL}
live_poll_seconds: 5
stores:
  - store_id: 1
    code: default
    name: Bench
    live_from: 2026-01-01T00:00:00Z
    invoice: {prefix: BN, gst_percent: 5}
    locations:
      - code: pune
        name: Pune warehouse
        address: {lines: [Plot 7], city: Pune, state: Maharashtra, pincode: "411001"}
        phone: "9876543210"
        gstin: 27AAPFU0939F1ZV
        stock: unlimited
    aggregators:
      - {aggregator: eshipz, account: bench_ez, connection_id: bench_ez}
"""


def main() -> int:
    """Run and report; the exit code tells whether the goal was reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=60)
    parser.add_argument("--mean-gap", type=float, default=3.0)
    given = parser.parse_args()
    report = Report("cancel_latency", figures={"orders": given.orders})
    with tempfile.TemporaryDirectory(prefix="oms-bench-") as folder, ExitStack() as running:
        place = Path(folder)
        place.chmod(0o755)
        instances = place / "instances"
        instances.mkdir()
        (instances / f"{CODE}.yaml").write_text(INSTANCE)
        stack = running.enter_context(LocalStack(Plan(place / "stack", instances, (CODE,))).running())
        connection = running.enter_context(psycopg.connect(psycopg_url(stack.oms_url), autocommit=True))
        orders = _routed_orders(stack, connection, given.orders)
        _pack_every_other(stack, connection, instances)
        found = _cancel(stack, connection, orders, given.mean_gap)
    slowest = percentile(found, 0.95)
    report.figures["stopped"] = f"median {median(found):.2f} s, p95 {slowest:.2f} s, longest {max(found):.2f} s"
    report.goals.append(
        Goal(f"cancel_latency.poll_5s_p95_of_{GOAL_SECONDS:.0f}s", slowest / GOAL_SECONDS, 1.0, at_least=False)
    )
    return report.finish()


def _routed_orders(stack: LocalStack, connection: psycopg.Connection, count: int) -> list[int]:
    """Orders that a warehouse has on its list; their ids at the store."""
    client = SandboxClient(stack.sandbox_url, CODE)
    placed = [each.entity_id for each in client.place_orders(count, store_id=1, payment="cod", shape="simple")]
    end, told = time.monotonic() + START_SECONDS, (-1, -1, -1)
    while True:
        row = connection.execute(
            "select count(distinct o.id), count(distinct f.order_id), count(distinct o.id)"
            " filter (where o.acknowledged_at is not null) from sales_order o"
            " left join fulfilment f on f.order_id = o.id"
        ).fetchone()
        read, routed, acknowledged = row or (0, 0, 0)
        if (read, routed, acknowledged) != told:
            told = (read, routed, acknowledged)
            print(
                f"  of {count} orders {read} are in the OMS, {routed} routed, {acknowledged} acknowledged", flush=True
            )
        if min(told) == count:
            return placed
        if time.monotonic() > end:
            raise RuntimeError(f"the orders were not routed and acknowledged within {START_SECONDS:.0f} s")
        _wait(stack, 1)


def _pack_every_other(stack: LocalStack, connection: psycopg.Connection, instances: Path) -> None:
    """Half of them are in boxes, with invoices, when they are cancelled. Magento is not told of the invoices: it would
    not let the customer cancel then.
    """
    os.environ["BENCH_URL"] = stack.environment["BENCH_URL"]
    [config] = load_instances(instances).good
    with engine(stack.oms_url).begin() as holding:
        holds.hold(holding, "*", "the benchmark cancels at the store", "bench")
    rows = connection.execute("select id from fulfilment where id % 2 = 0 order by id").fetchall()
    for (fulfilment_id,) in rows:
        lines = connection.execute(
            "select item_id, quantity from fulfilment_line where fulfilment_id = %s", (fulfilment_id,)
        ).fetchall()
        with engine(stack.oms_url).begin() as writing:
            pack(writing, config, fulfilment_id, f"S{fulfilment_id}", [Box(dict(lines))], by="bench")
    print(f"{len(rows)} of them are packed", flush=True)


def _cancel(stack: LocalStack, connection: psycopg.Connection, orders: list[int], mean_gap: float) -> list[float]:
    """Cancel the orders one by one, and tell how long each took to be stopped."""
    dice = random.Random(7)
    client = SandboxClient(stack.sandbox_url, CODE)
    waiting: dict[int, float] = {}
    found: list[float] = []
    left = list(orders)
    next_at = time.monotonic()
    end = next_at + len(orders) * mean_gap * 3 + 120
    looked_after = 0.0
    while left or waiting:
        now = time.monotonic()
        if now > end:
            raise RuntimeError(f"{len(waiting)} cancelled orders were not stopped in time")
        if left and now >= next_at:
            entity_id = left.pop()
            client.change_order(entity_id, "cancel")
            waiting[entity_id] = time.monotonic()
            next_at = now + dice.expovariate(1 / mean_gap)
        rows = connection.execute(
            "select o.entity_id from sales_order o where o.entity_id = any(%s) and not exists ("
            " select 1 from fulfilment f where f.order_id = o.id and f.state <> 'cancelled')",
            (list(waiting),),
        ).fetchall()
        for (entity_id,) in rows:
            found.append(time.monotonic() - waiting.pop(entity_id))
        if now - looked_after > 1:
            for happened in stack.look_after():
                print(happened, flush=True)
            looked_after = now
        time.sleep(LOOK_SECONDS)
    return found


def _wait(stack: LocalStack, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for happened in stack.look_after():
            print(happened, flush=True)
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
