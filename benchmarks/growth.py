"""What one idle wake of the live pull costs with 1 thousand, 100 thousand and 1 million orders in the OMS.

The tables are filled with copies of a real stored order; then a live pull that finds nothing new, a look at the due
effects, and a look of the watcher are measured: time, requests to the store, and rows touched (Postgres' own counters).

`python -m benchmarks.growth [--largest N]`
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from statistics import median

import psycopg

from benchmarks.harness import Goal, Report
from benchmarks.stack import config_for, postgres, sandbox
from commerce_sandbox.client import ADMIN_PASSWORD, ADMIN_USER, SandboxClient
from magento_hook.connection import AuthKind, MagentoConnection
from magento_hook.store import MagentoStore, open_magento
from magento_oms.config.models import InstanceConfig
from magento_oms.storage.database import psycopg_url
from magento_oms.storage.effects import DUE_TARGETS
from magento_oms.storage.migrate import upgrade
from magento_oms.workflows.order_pull import pull_live, pull_one

SIZES = (1_000, 100_000, 1_000_000)
WAKES = 15

COPIES = """
insert into sales_order (instance, entity_id, increment_id, store_id, state, magento_state, magento_status, placed_at,
  magento_updated_at, read_at, digest, history, shadow, virtual, required_by, payment_method, payment_kind, currency,
  subtotal, shipping, cod_fee, discount, store_credit, tax, other_charges, grand_total, total_due, buyer,
  acknowledged_at)
select instance, 1000000 + n, 'C' || n, store_id, 'acknowledged', magento_state, magento_status,
  placed_at - n * interval '1 second', magento_updated_at - n * interval '1 second', read_at, digest, history, shadow,
  virtual, required_by, payment_method, payment_kind, currency, subtotal, shipping, cod_fee, discount, store_credit,
  tax, other_charges, grand_total, total_due, '{}', now()
from sales_order, generate_series(%(first)s::int, %(last)s::int) as n where entity_id = %(model)s;
"""
EFFECTS = """
insert into effect (target, kind, subject, lane, order_id, state, finished_at)
select 'magento:bench', 'acknowledge_order', 'order:' || entity_id, 'magento:bench:order:' || entity_id, id, 'done',
  now()
from sales_order where entity_id between 1000000 + %(first)s::int and 1000000 + %(last)s::int
"""
TOUCHED = """
select coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::bigint from pg_stat_user_tables
"""


@dataclass(frozen=True, slots=True)
class Wake:
    """One idle wake: seconds, requests to the store, rows touched in the OMS."""

    seconds: float
    requests: float
    rows: float


def main() -> int:
    """Run and report; the exit code tells whether the goals were reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=SIZES[-1])
    largest = parser.parse_args().largest
    report = Report("growth")
    with postgres() as server:
        url = server.create_database("oms")
        upgrade(url)
        with sandbox(server, profile="none") as (store, _):
            magento, config = _open(store)
            (order,) = store.place_orders(1, store_id=1, payment="cod", shape="simple")
            pull_one(url, magento, config, order.entity_id)
            time.sleep(3)  # until the row is old enough for the watermark
            wakes = {}
            for size in [size for size in SIZES if size <= largest]:
                _grow(url, size, order.entity_id)
                wakes[size] = _wake(url, store, magento, config)
                report.figures[f"{size:,} orders"] = (
                    f"{wakes[size].seconds * 1000:.1f} ms, {wakes[size].requests:g} requests, "
                    f"{wakes[size].rows:g} rows touched"
                )
    smallest, biggest = wakes[min(wakes)], wakes[max(wakes)]
    for name in ("seconds", "requests", "rows"):
        ratio = max(getattr(biggest, name), 1e-9) / max(getattr(smallest, name), 1e-9)
        report.goals.append(Goal(f"growth.{name}_of_an_idle_wake", ratio, 1.2, at_least=False))
    return report.finish()


def _open(store: SandboxClient) -> tuple[MagentoStore, InstanceConfig]:
    connection = MagentoConnection(store.store_url, AuthKind.ADMIN_TOKEN, username=ADMIN_USER, password=ADMIN_PASSWORD)
    return open_magento(connection, instance="bench"), config_for(store)


def _grow(url: str, size: int, model: int) -> None:
    """Fill up to `size` orders, each with its finished acknowledgement."""
    with psycopg.connect(psycopg_url(url), autocommit=True) as connection:
        row = connection.execute("select count(*) from sales_order").fetchone()
        first = row[0] if row else 0
        while first < size:
            last = min(first + 50_000, size) - 1
            span = {"first": first, "last": last, "model": model}
            connection.execute(COPIES, span)
            connection.execute(EFFECTS, span)
            first = last + 1
            print(f"  {first:,} orders", flush=True)
        connection.execute("vacuum analyze")


def _wake(url: str, store: SandboxClient, magento: MagentoStore, config: InstanceConfig) -> Wake:
    """The median of several idle wakes, without the first, which settles the watermark."""
    pull_live(url, magento, config, holder="bench")
    seconds = []
    rows = 0
    calls = len(store.calls())
    for _ in range(WAKES):
        before = _touched(url)
        started = time.perf_counter()
        pull_live(url, magento, config, holder="bench")
        with psycopg.connect(psycopg_url(url)) as connection:
            connection.execute(DUE_TARGETS).fetchall()
        seconds.append(time.perf_counter() - started)
        rows += _touched(url) - before
    return Wake(median(seconds), (len(store.calls()) - calls) / WAKES, rows / WAKES)


def _touched(url: str) -> int:
    """Rows that Postgres has read since the beginning. Statistics arrive a moment after the session that made them."""
    time.sleep(1.2)
    with psycopg.connect(psycopg_url(url)) as connection:
        connection.execute("select pg_stat_force_next_flush()")
        row = connection.execute(TOUCHED).fetchone()
    return int(row[0]) if row else 0


if __name__ == "__main__":
    sys.exit(main())
