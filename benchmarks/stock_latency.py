"""From a change of stock in the OMS to the moment at which Magento has it, through real Airflow processes.

A warehouse tells another quantity of a SKU at random times; measured is when the store wrote it, by the same clock.

`python -m benchmarks.stock_latency [--changes N] [--mean-gap SECONDS]`
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median

import yaml

from benchmarks.harness import Goal, Report, percentile
from commerce_sandbox.client import SandboxClient
from magento_oms.config.models import InstanceConfig
from magento_oms.local.supervisor import LocalStack, Plan
from magento_oms.storage import instances
from magento_oms.storage.database import close_connections, engine
from magento_oms.workflows.warehouse.take_stock import take_stock

GOAL = 5.0
SKUS = 50
INSTANCE = """
code: shop
name: Shop
url: ${SHOP_URL}
stores:
  - store_id: 1
    code: default
    name: Shop
    live_from: 2026-01-01T00:00:00Z
    locations:
      - {code: pune, name: Pune, address: {lines: [Plot 7], city: Pune, state: Maharashtra, pincode: "411001"}}
"""


def main() -> int:
    """Run and report; the exit code tells whether the goal was reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=60)
    parser.add_argument("--mean-gap", type=float, default=4.0)
    given = parser.parse_args()
    report = Report("stock_latency", figures={"changes": given.changes, "mean gap, seconds": given.mean_gap})
    with tempfile.TemporaryDirectory(prefix="oms-bench-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        (place / "instances").mkdir()
        (place / "instances" / "shop.yaml").write_text(INSTANCE)
        plan = Plan(place / "stack", place / "instances", ("shop",), sandbox_arguments=("--profile", "recorded"))
        with LocalStack(plan).running() as stack:
            _measure(report, stack, given.changes, given.mean_gap)
    return report.finish()


def _measure(report: Report, stack: LocalStack, changes: int, mean_gap: float) -> None:
    store = SandboxClient(stack.sandbox_url, "shop")
    store.put_products(
        [
            {"id": 100 + number, "sku": _sku(number), "name": _sku(number), "type_id": "simple"}
            for number in range(SKUS)
        ],
        0,
    )
    _configured(stack)
    take_stock(stack.oms_url, "pune", {_sku(number): Decimal(1) for number in range(SKUS)})
    _wait_for(stack, store, {(_sku(number), 1) for number in range(SKUS)}, 120)
    print("the first push was made; changes begin", flush=True)
    _wait(stack, 20)
    dice = random.Random(11)
    told: dict[tuple[str, int], datetime] = {}
    for number in range(changes):
        _wait(stack, dice.expovariate(1 / mean_gap))
        sku, quantity = _sku(dice.randrange(SKUS)), 1000 + number
        told[sku, quantity] = datetime.now(UTC)
        take_stock(stack.oms_url, "pune", {sku: Decimal(quantity)})
    latest = dict(told.keys())
    _wait_for(stack, store, set(latest.items()), 60)
    written = _written(store)
    # A figure that was followed by a newer one before it was told is told as the newer one.
    seconds = [
        min(at for (of, figure), at in written.items() if of == sku and figure >= quantity) - moment.timestamp()
        for (sku, quantity), moment in told.items()
    ]
    report.figures["stock change → on Magento"] = (
        f"median {median(seconds):.2f} s, p95 {percentile(seconds, 0.95):.2f} s, longest {max(seconds):.2f} s"
    )
    report.goals.append(Goal("stock_latency.p95_of_5s", percentile(seconds, 0.95) / GOAL, 1.0, at_least=False))
    close_connections(stack.oms_url)


def _configured(stack: LocalStack) -> None:
    """The OMS knows the instance's locations as soon as one of its DAGs has run; here nobody waits for that."""
    read = yaml.safe_load(INSTANCE.replace("${SHOP_URL}", f"{stack.sandbox_url}/shop"))
    with engine(stack.oms_url).begin() as connection:
        instances.configure(connection, InstanceConfig.model_validate(read))


def _written(store: SandboxClient) -> dict[tuple[str, int], float]:
    """(SKU, quantity) → when the store first wrote it, seconds of the epoch."""
    found: dict[tuple[str, int], float] = {}
    for effect in store.effects(kind="source item"):
        key = (str(effect["detail"]["sku"]), int(effect["detail"]["quantity"]))
        found.setdefault(key, datetime.fromisoformat(effect["at"]).timestamp())
    return found


def _wait_for(stack: LocalStack, store: SandboxClient, wanted: set[tuple[str, int]], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not wanted <= _written(store).keys():
        if time.monotonic() > end:
            raise RuntimeError(f"after {seconds} s Magento was not told: {sorted(wanted - _written(store).keys())[:5]}")
        _wait(stack, 1)


def _wait(stack: LocalStack, seconds: float) -> None:
    end = time.monotonic() + seconds
    while True:
        for happened in stack.look_after():
            print(happened, flush=True)
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, 0.5))


def _sku(number: int) -> str:
    return f"SHOP-{number:03}"


if __name__ == "__main__":
    sys.exit(main())
