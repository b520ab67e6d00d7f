"""From an order placed in a store to its row in the OMS and its acknowledgement on Magento, through real Airflow.

Two Airflows run side by side with the same settings and a Postgres each: one with our DAGs for three instances (polled
every 5, 2 and 5 seconds), one without any. Measured: what ours costs more when idle; latencies of orders placed at
random times; and latencies while a backfill of 200 windows runs.

`python -m benchmarks.live_latency [--orders N] [--mean-gap SECONDS] [--idle SECONDS]`
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import psutil
import psycopg

from benchmarks.harness import Goal, Report, percentile
from commerce_sandbox.client import SandboxClient
from magento_oms.local.supervisor import LocalStack, Plan
from magento_oms.storage.database import psycopg_url

POLLS = {"five": 5.0, "two": 2.0, "quiet": 5.0}
GOALS = {"five": (8.0, 12.0), "two": (5.0, 8.0)}
WINDOWS = 200

INSTANCE = """
code: {code}
name: {code}
url: ${{{variable}_URL}}
live_poll_seconds: {poll}
stores:
  - {{store_id: 1, code: default, name: {code}, live_from: 2026-01-01T00:00:00Z}}
"""


@dataclass(slots=True)
class Latencies:
    """Seconds from placing to the row in the OMS, and to the acknowledgement."""

    stored: list[float] = field(default_factory=list)
    acknowledged: list[float] = field(default_factory=list)


def main() -> int:
    """Run and report; the exit code tells whether the goals were reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=60)
    parser.add_argument("--mean-gap", type=float, default=4.0)
    parser.add_argument("--idle", type=float, default=60.0)
    given = parser.parse_args()
    report = Report("live_latency", figures={"orders per instance": given.orders})
    with tempfile.TemporaryDirectory(prefix="oms-bench-") as folder, ExitStack() as running:
        place = Path(folder)
        place.chmod(0o755)
        ours = running.enter_context(LocalStack(_plan(place / "ours")).running())
        bare = running.enter_context(LocalStack(_bare(place / "bare")).running())
        print("both Airflows run; letting them settle", flush=True)
        _idle(report, ours, bare, given.idle)
        quiet = _place(ours, ["five", "two"], given.orders, given.mean_gap)
        for code, found in quiet.items():
            _note(report, code, found)
        _under_backfill(report, ours, quiet["two"], given.mean_gap)
    return report.finish()


def _plan(state: Path) -> Plan:
    instances = state.parent / "instances"
    instances.mkdir()
    for code, poll in POLLS.items():
        (instances / f"{code}.yaml").write_text(INSTANCE.format(code=code, variable=code.upper(), poll=poll))
    return Plan(state, instances, tuple(POLLS))


def _bare(state: Path) -> Plan:
    empty = state.parent / "none"
    empty.mkdir()
    return Plan(state, empty, (), dags=False)


def _idle(report: Report, ours: LocalStack, bare: LocalStack, seconds: float) -> None:
    """Cores used by each Airflow with its Postgres while nothing happens, at the same time."""
    _wait(ours, 45)
    before = {"ours": _core_seconds(ours), "bare": _core_seconds(bare)}
    started = time.monotonic()
    _wait(ours, seconds)
    took = time.monotonic() - started
    used = {
        "ours": (_core_seconds(ours) - before["ours"]) / took,
        "bare": (_core_seconds(bare) - before["bare"]) / took,
    }
    report.figures["idle cores"] = {name: round(cores, 3) for name, cores in used.items()}
    more = used["ours"] - used["bare"]
    report.figures["idle cores more"] = round(more, 3)
    report.goals.append(Goal("live_latency.idle_cores_more_of_0.10", more / 0.10, 1.0, at_least=False))


def _core_seconds(stack: LocalStack) -> float:
    """Of all processes but the sandbox, with what their ended children used."""
    used = 0.0
    for name, pid in stack.pids().items():
        if name == "sandbox":
            continue
        process = psutil.Process(pid)
        for each in [process, *process.children(recursive=True)]:
            try:
                times = each.cpu_times()
            except psutil.NoSuchProcess:
                continue
            used += times.user + times.system + times.children_user + times.children_system
    return used


def _place(stack: LocalStack, codes: list[str], orders: int, mean_gap: float) -> dict[str, Latencies]:
    """Place orders at random times, wait until all are acknowledged, and tell how long each took."""
    dice = random.Random(7)
    placed: dict[str, dict[int, datetime]] = {code: {} for code in codes}
    for number in range(orders):
        for code in codes:
            _wait(stack, dice.expovariate(len(codes) / mean_gap))
            moment = datetime.now(UTC)
            (order,) = SandboxClient(stack.sandbox_url, code).place_orders(1, store_id=1, payment="cod", shape="simple")
            placed[code][order.entity_id] = moment
        if number % 10 == 9:
            print(f"  {number + 1} orders placed in each store", flush=True)
    end = time.monotonic() + 90
    while True:
        found = {code: _latencies(stack, code, placed[code]) for code in codes}
        if all(len(each.acknowledged) == orders for each in found.values()):
            return found
        if time.monotonic() > end:
            missing = {code: orders - len(each.acknowledged) for code, each in found.items()}
            raise RuntimeError(f"orders were not acknowledged within 90 s: {missing}")
        _wait(stack, 1)


def _latencies(stack: LocalStack, code: str, placed: dict[int, datetime]) -> Latencies:
    with psycopg.connect(psycopg_url(stack.oms_url)) as connection:
        rows = connection.execute(
            "select entity_id, stored_at, acknowledged_at from sales_order where instance = %s", (code,)
        ).fetchall()
    found = Latencies()
    for entity_id, stored_at, acknowledged_at in rows:
        if entity_id in placed:
            found.stored.append((stored_at - placed[entity_id]).total_seconds())
            if acknowledged_at:
                found.acknowledged.append((acknowledged_at - placed[entity_id]).total_seconds())
    return found


def _note(report: Report, code: str, found: Latencies) -> None:
    stored, acknowledged = percentile(found.stored, 0.95), percentile(found.acknowledged, 0.95)
    report.figures[f"poll {POLLS[code]:.0f} s"] = (
        f"in the OMS: median {median(found.stored):.2f} s, p95 {stored:.2f} s; "
        f"acknowledged: median {median(found.acknowledged):.2f} s, p95 {acknowledged:.2f} s"
    )
    for name, value, goal in zip(("stored", "acknowledged"), (stored, acknowledged), GOALS[code], strict=True):
        title = f"live_latency.poll_{POLLS[code]:.0f}s_{name}_p95_of_{goal:.0f}s"
        report.goals.append(Goal(title, value / goal, 1.0, at_least=False))


def _under_backfill(report: Report, stack: LocalStack, quiet: Latencies, mean_gap: float) -> None:
    """Latency of the instance polled every 2 s while its own windowed DAG works off 200 windows."""
    last = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=1)
    first = last - timedelta(hours=WINDOWS - 1)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "airflow", "backfill", "create", "--dag-id", "order_pull__two"),
            *("--from-date", first.isoformat(), "--to-date", last.isoformat(), "--reprocess-behavior", "none"),
        ],
        env=stack.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the backfill was refused: {done.stderr[-1500:]}")
    busy = _place(stack, ["two"], 20, mean_gap)["two"]
    with psycopg.connect(psycopg_url(stack.oms_url)) as connection:
        row = connection.execute("select count(*) from window_ledger where instance = 'two'").fetchone()
    report.figures["windows done meanwhile"] = row[0] if row else 0
    report.figures["under backfill"] = f"in the OMS: median {median(busy.stored):.2f} s"
    ratio = median(busy.stored) / median(quiet.stored)
    report.goals.append(Goal("live_latency.under_backfill_vs_quiet", ratio, 1.5, at_least=False))


def _wait(stack: LocalStack, seconds: float) -> None:
    end = time.monotonic() + seconds
    while True:
        for happened in stack.look_after():
            print(happened, flush=True)
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, 0.5))


if __name__ == "__main__":
    sys.exit(main())
