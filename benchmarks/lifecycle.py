"""Orders a second from the store to the courier's hands, through real Airflow processes, and what one costs.

Four stores with an account at an aggregator each, everything on one machine: Postgres, Airflow, the gateway, and the
stand-ins, whose stores answer as slowly as the recorded Magento on two cores. A warehouse works by the OMS API. Every
order is pulled, routed, acknowledged, packed, invoiced, booked (order, AWB, label, pickup), put on a manifest, handed
over, and shipped on Magento.

1. Sustained, once Airflow's first timed runs are over: orders are placed at a fixed rate; the rate at which they leave
   (between the first and the last twentieth), and core-seconds of all our processes an order, idle ones included. The
   stand-ins, their share of Postgres, and the warehouse are not counted.
2. Burst: ten times the goal's intake, or as much as the stand-ins take, for `--burst` seconds (ten minutes with
   `--full`): how long until an order is stored, and until everything has left. The stand-ins' own ledgers tell whether
   anything was lost or doubled.

With `--direct` no Airflow runs: three processes call what the tasks call. That measures our own code; what Airflow's
processes and task starts cost beside it is what the run without it measures.

`python -m benchmarks.lifecycle [--direct] [--orders 600] [--rate 2.4] [--burst 30] [--full]`
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path
from statistics import median

import psutil
import psycopg

from benchmarks.core_seconds import core_seconds
from benchmarks.harness import Goal, Report, percentile
from commerce_sandbox.client import SandboxClient
from commerce_sandbox.couriers.client import CourierClient
from magento_oms.local.demo_ledger import check_couriers, check_invoice_numbers
from magento_oms.local.demo_warehouse import DemoWarehouse
from magento_oms.local.supervisor import LocalStack, Plan
from magento_oms.storage.database import psycopg_url

STORES = {"north": "shiprocket", "south": "clickpost", "east": "shipway", "west": "eshipz"}
SHARES = {"north": 7, "south": 6, "east": 5, "west": 2}
"""Of twenty orders. Eshipz allows 300 requests in two minutes, and a parcel takes four; the others publish no bound,
and get ten requests a second, as an account of this size would be told to.
"""
BOUNDS = {"eshipz": "{per_second: 2.46, burst: 3}"}
OTHER_BOUND = "{per_second: 10, burst: 10}"
PICKUPS = {"shiprocket": "Primary", "shipway": "56024"}
SHAPES = {"simple": 60, "configurable": 25, "bundle": 10, "many": 5}
"""Of every hundred orders; `many` has dozens of lines. None that nobody ships."""
METADATA = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
WORKERS = ("pull", "magento", "courier")
GOAL_RATE = 2.0
GOAL_CORE = 0.4
GOAL_STORED = 30.0
BURST_RATE = 10 * GOAL_RATE
GIVE_UP = 1800.0
"""Seconds without a single order leaving."""

INSTANCE = """
code: {code}
name: {code}
url: ${{{variable}_URL}}
stores:
  - store_id: 1
    code: default
    name: {code}
    live_from: 2026-01-01T00:00:00Z
    locations:
      - code: house_{code}
        name: Warehouse {code}
        address: {{lines: ["Plot 7"], city: Pune, state: Maharashtra, pincode: "411001"}}
        phone: "9876500001"
        gstin: 27AAPFU0939F1ZV
        stock: unlimited
    invoice: {{prefix: {prefix}, hsn: "6109", gst_percent: 5}}
    aggregators:
      - aggregator: {aggregator}
        account: {code}_ship
        connection_id: {code}_ship
        pickup_locations: {{{pickup}}}
        request_budget: {bound}
"""

OUTCOMES = """
with waits as materialized (select x.order_id, q.instance, q.subject from quarantine q
  left join effect x on x.id = q.effect_id where q.resolved_at is null)
select o.instance, o.entity_id, o.stored_at, a.finished_at as acknowledged_at, f.left_at,
  coalesce(f.parts > f.shipped, true) as missing,
  o.state = 'held' or o.id in (select order_id from waits where order_id is not null)
    or (o.instance, 'order:' || o.entity_id) in (select instance, subject from waits) as aside
from sales_order o left join lateral (
  select count(*) as parts, count(e.id) as shipped, max(e.finished_at) as left_at from fulfilment f
    left join effect e on e.kind = 'create_shipment' and e.subject = 'fulfilment:' || f.id and e.state = 'done'
      and e.target = 'magento:' || o.instance
  where f.order_id = o.id and f.state <> 'cancelled') f on true
left join effect a on a.order_id = o.id and a.kind = 'acknowledge_order' and a.state = 'done'
"""
"""Of every order: when it was stored and acknowledged, when its last part was shipped on Magento, and whether a person
has it: odd addresses, and consignments that want an e-way bill."""

STARTED = """
select split_part(dag_id, '__', 1), count(*) from task_instance where start_date >= %s group by 1 order by 1
"""

Placed = dict[tuple[str, int], datetime]


@dataclass(slots=True)
class Phase:
    """Orders placed, and what became of them: seconds to the OMS and to the acknowledgement, and when each left."""

    placed: Placed = field(default_factory=dict)
    stored: list[float] = field(default_factory=list)
    acknowledged: list[float] = field(default_factory=list)
    left: dict[tuple[str, int], datetime] = field(default_factory=dict)
    aside: set[tuple[str, int]] = field(default_factory=set)

    @property
    def open(self) -> int:
        """Orders that neither left nor wait for a person."""
        return len(self.placed.keys() - self.left.keys() - self.aside)


class Bench:
    """The running stack with a warehouse."""

    def __init__(self, stack: LocalStack, workers: Sequence[subprocess.Popen[bytes]]) -> None:
        self.stack = stack
        self.workers = workers
        self.dice = random.Random(7)
        self.warehouse = DemoWarehouse(stack.gateway_url, stack.oms_url)
        self.stores = {code: SandboxClient(stack.sandbox_url, code) for code in STORES}
        self.accounts = [CourierClient(stack.sandbox_url, f"{code}_ship") for code in STORES]
        for account in self.accounts:
            account.set_up(latency_ms=150)

    @property
    def processes(self) -> dict[str, int]:
        """Name → id of everything that runs."""
        return self.stack.pids() | dict(zip(WORKERS, (worker.pid for worker in self.workers), strict=False))

    def tasks_since(self, moment: datetime) -> dict[str, int]:
        """How many tasks of each workflow Airflow started since `moment`."""
        if "scheduler" not in self.processes:
            return {}
        with psycopg.connect(psycopg_url(self.stack.environment[METADATA])) as connection:
            return dict(connection.execute(STARTED, (moment,)).fetchall())

    def place(self, phase: Phase, code: str, orders: int) -> None:
        """Place orders at a store: half of them paid, half to be paid at the door."""
        now = datetime.now(UTC)
        payment = self.dice.choice(("cod", "prepaid"))
        (shape,) = self.dice.choices(tuple(SHAPES), tuple(SHAPES.values()))
        for order in self.stores[code].place_orders(orders, store_id=1, payment=payment, shape=shape):
            phase.placed[code, order.entity_id] = now

    def work(self, seconds: float) -> None:
        """Let time pass: processes are looked after, and the warehouse works."""
        end = time.monotonic() + seconds
        while True:
            for happened in self.stack.look_after():
                print(happened, flush=True)
            if any(worker.poll() is not None for worker in self.workers):
                raise RuntimeError("A worker ended by itself.")
            self.warehouse.work()
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 1.0))

    def finish(self, phase: Phase) -> None:
        """Wait until every order has left, or waits for a person.

        Raises:
            RuntimeError: nothing leaves any more.
        """
        last, changed, told, pause = -1, time.monotonic(), 0.0, 1.0
        while True:
            self.work(pause)
            looked = time.monotonic()
            self.look(phase)
            pause = max(1.0, 20 * (time.monotonic() - looked))  # to look is not to disturb
            if phase.open != last:
                last, changed = phase.open, time.monotonic()
            if not phase.open:
                return
            if time.monotonic() - changed > GIVE_UP:
                raise RuntimeError(f"{phase.open} orders do not leave. Logs are in the stack's folder.")
            if time.monotonic() - told > 15:
                told = time.monotonic()
                print(f"  {phase.open} of {len(phase.placed)} orders on their way", flush=True)

    def look(self, phase: Phase) -> None:
        """Read what became of the orders."""
        with psycopg.connect(psycopg_url(self.stack.oms_url)) as connection:
            rows = connection.execute(OUTCOMES).fetchall()
        phase.stored, phase.acknowledged, phase.left, phase.aside = [], [], {}, set()
        for instance, entity_id, stored_at, acknowledged_at, left_at, missing, aside in rows:
            key = (instance, entity_id)
            if key not in phase.placed:
                continue
            phase.stored.append((stored_at - phase.placed[key]).total_seconds())
            if acknowledged_at is not None:
                phase.acknowledged.append((acknowledged_at - phase.placed[key]).total_seconds())
            if left_at is not None and not missing:
                phase.left[key] = left_at
            elif aside:
                phase.aside.add(key)


def main() -> int:
    """Run and report; the exit code tells whether the goals were reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--orders",
        type=int,
        default=600,
        help="of the sustained phase: four minutes, or a full hour's windows count too much",
    )
    parser.add_argument("--rate", type=float, default=2.4, help="orders a second that are placed in it")
    parser.add_argument("--burst", type=float, default=30.0, help="seconds of the burst")
    parser.add_argument(
        "--full", action="store_true", help="a burst of ten minutes; its drain takes three quarters of an hour"
    )
    parser.add_argument("--direct", action="store_true", help="without Airflow: only our own code")
    given = parser.parse_args()
    burst = 600.0 if given.full else given.burst
    how = "called directly, without Airflow" if given.direct else "through Airflow's processes"
    report = Report("lifecycle_direct" if given.direct else "lifecycle")
    report.figures |= {"how": how, "stores": len(STORES), "load of the machine before": psutil.getloadavg()[0]}
    with tempfile.TemporaryDirectory(prefix="oms-bench-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        with LocalStack(plan(place, airflow=not given.direct)).running() as stack, ExitStack() as ours:
            workers = [ours.enter_context(worker(stack, name)) for name in WORKERS] if given.direct else []
            bench = Bench(stack, workers)
            print("everything runs; one order of each store to warm up", flush=True)
            warm = Phase()
            for code in STORES:
                bench.place(warm, code, 1)
            bench.finish(warm)
            if not given.direct:
                calm_down(bench)
            sustained(report, bench, given.orders, given.rate)
            after_burst(report, bench, burst)
    return report.finish()


@contextmanager
def worker(stack: LocalStack, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of `lifecycle_worker`."""
    with Path(stack.environment["AIRFLOW_HOME"]).with_name(f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.lifecycle_worker", name], env=stack.environment, stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


def plan(place: Path, *, airflow: bool) -> Plan:
    """Four stores, each with an account at another aggregator."""
    instances = place / "instances"
    instances.mkdir()
    for number, (code, aggregator) in enumerate(STORES.items()):
        pickup = f'house_{code}: "{PICKUPS[aggregator]}"' if aggregator in PICKUPS else ""
        (instances / f"{code}.yaml").write_text(
            INSTANCE.format(
                code=code,
                variable=code.upper(),
                prefix=f"L{number}",
                aggregator=aggregator,
                pickup=pickup,
                bound=BOUNDS.get(aggregator, OTHER_BOUND),
            )
        )
    couriers = tuple((aggregator, f"{code}_ship", f"{code}_ship") for code, aggregator in STORES.items())
    return Plan(
        place / "state", instances, tuple(STORES), couriers=couriers, gateway=True,
        airflow=airflow, sandbox_arguments=("--profile", "recorded"),
    )  # fmt: skip


def calm_down(bench: Bench) -> None:
    """Wait until Airflow's timed runs have ended: when it starts anew, all of them are due at once."""
    url = psycopg_url(bench.stack.environment[METADATA])
    busy = "select count(*) from dag_run where run_type = 'scheduled' and state in ('queued', 'running')"
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < 10.0:
        bench.work(2.0)
        with psycopg.connect(url) as connection:
            (runs,) = connection.execute(busy).fetchone() or (0,)
        if runs:
            quiet_since = time.monotonic()


def sustained(report: Report, bench: Bench, orders: int, rate: float) -> None:
    """Place orders at a fixed rate and see how fast they leave, and at what cost."""
    phase, before, started, began = Phase(), core_seconds(bench.processes), time.monotonic(), datetime.now(UTC)
    for number, code in enumerate(islice(_buyers(), orders)):
        bench.work(max(0.0, started + number / rate - time.monotonic()))
        bench.place(phase, code, 1)
        if number % 50 == 49:
            print(f"  {number + 1} orders placed", flush=True)
    bench.finish(phase)
    used = {name: seconds - before[name] for name, seconds in core_seconds(bench.processes).items()}
    left = list(phase.left.values())
    reached = middle_rate(left)
    ours = sum(seconds for name, seconds in used.items() if name != "stand-ins")
    a_piece = ours / len(left)
    ways = [(phase.left[key] - phase.placed[key]).total_seconds() for key in phase.left]
    report.figures |= {
        "sustained: placed a second": rate,
        "sustained: orders, of these kept for a person": (len(phase.placed), len(phase.aside)),
        "sustained: left a second, without the first and last twentieth": round(reached, 2),
        "sustained: seconds from placed to acknowledged, median, p95, longest": spread(phase.acknowledged),
        "sustained: seconds from placed to shipped, median, p95, longest": spread(ways),
        "sustained: core-seconds an order": round(a_piece, 3),
        "sustained: of these by process": {
            name: round(seconds / len(left), 3) for name, seconds in used.items() if name != "stand-ins"
        },
        "sustained: tasks started": bench.tasks_since(began),
        "stand-ins: core-seconds an order": round(used["stand-ins"] / len(left), 3),
    }  # fmt: skip
    report.goals += [
        Goal("lifecycle.orders_a_second", reached, GOAL_RATE),
        Goal("lifecycle.core_seconds_an_order_of_0.4", a_piece / GOAL_CORE, 1.0, at_least=False),
    ]


def middle_rate(moments: Sequence[datetime]) -> float:
    """How many a second, between the first twentieth and the last: without the start, and without one that lagged."""
    ordered = sorted(moments)
    cut = len(ordered) // 20
    middle = ordered[cut : len(ordered) - cut]
    return (len(middle) - 1) / (middle[-1] - middle[0]).total_seconds()


def after_burst(report: Report, bench: Bench, seconds: float) -> None:
    """Ten times the intake for a while, then until all of it has left."""
    phase, started = Phase(), time.monotonic()
    with ThreadPoolExecutor(len(STORES)) as buyers:
        placing = [buyers.submit(_rush, bench, phase, code, seconds) for code in STORES]
        while not all(each.done() for each in placing):
            bench.work(0.5)
    for each in placing:
        each.result()
    lasted, ended = time.monotonic() - started, datetime.now(UTC)
    bench.look(phase)
    print(
        f"  burst over: {len(phase.placed)} orders in {lasted:.0f} s, {len(phase.stored)} are stored (the "
        f"slowest after {max(phase.stored, default=0.0):.1f} s), {len(phase.acknowledged)} acknowledged, "
        f"{len(phase.left)} shipped",
        flush=True,
    )
    bench.finish(phase)
    drained = (max(phase.left.values()) - ended).total_seconds()
    wrong = [*lost(phase, bench), *doubled(bench)]
    report.figures |= {
        "burst: seconds, orders, placed a second": (
            round(lasted), len(phase.placed), round(len(phase.placed) / lasted, 1),
        ),
        "burst: stored after seconds, median, p95, longest": spread(phase.stored),
        "burst: acknowledged after seconds, median, p95, longest": spread(phase.acknowledged),
        "burst: kept for a person": len(phase.aside),
        "burst: drained in seconds": round(drained),
        "lost or doubled": len(wrong),
    }  # fmt: skip
    for problem in wrong[:10]:
        print(problem)
    kept = 1 - len(wrong) / len(phase.placed)
    report.goals += [
        Goal("lifecycle.burst_stored_p95_of_30s", percentile(phase.stored, 0.95) / GOAL_STORED, 1.0, at_least=False),
        Goal("lifecycle.neither_lost_nor_doubled", kept, 1.0),
    ]


def spread(seconds: Sequence[float]) -> tuple[float, float, float]:
    """Median, 95th percentile and the longest."""
    return round(median(seconds), 1), round(percentile(seconds, 0.95), 1), round(max(seconds), 1)


def _buyers() -> Iterator[str]:
    """The stores, each as often as its share, well mixed."""
    total, given = sum(SHARES.values()), dict.fromkeys(SHARES, 0)
    for number in count(1):
        code = max(SHARES, key=lambda each: SHARES[each] * number / total - given[each])
        given[code] += 1
        yield code


def _rush(bench: Bench, phase: Phase, code: str, seconds: float) -> None:
    """The buyers of one store, while the warehouse works."""
    started, a_second = time.monotonic(), round(BURST_RATE * SHARES[code] / sum(SHARES.values()))
    for second in range(round(seconds)):
        time.sleep(max(0.0, started + second - time.monotonic()))
        if time.monotonic() - started >= seconds:  # the stand-ins do not take that many
            return
        bench.place(phase, code, a_second)


def lost(phase: Phase, bench: Bench) -> Iterable[str]:
    """Orders that were placed and are not in the OMS."""
    with psycopg.connect(psycopg_url(bench.stack.oms_url)) as connection:
        there = set(connection.execute("select instance, entity_id from sales_order").fetchall())
    return [f"{code} {entity_id} is not in the OMS" for code, entity_id in phase.placed.keys() - there]


def doubled(bench: Bench) -> Iterable[str]:
    """What happened more than once, by the stand-ins' own ledgers."""
    found = [*check_invoice_numbers(bench.stack.oms_url), *check_couriers(bench.accounts, bench.stack.oms_url)]
    for code, store in bench.stores.items():
        counts: Mapping[tuple[str, int | None], int] = store.counts_by_order()
        found += [
            f"{code}: order {order_id} has {times} {kind}s"
            for (kind, order_id), times in counts.items()
            if kind in ("invoice", "shipment") and times > 1
        ]
    return found


if __name__ == "__main__":
    sys.exit(main())
