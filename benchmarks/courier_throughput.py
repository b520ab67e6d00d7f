"""Parcels booked a second at an aggregator that answers in 150 ms, against its rate limit as the ceiling.

The stand-in keeps Eshipz's published limit, 300 requests in two minutes, and answers everything beyond with 429. Sides:
our push (order with AWB, label, pickup, each recorded in Postgres), and the same calls made bare, one after another,
with a pause after each as the limit wants it. A parcel takes two requests of the API; the label comes from a storage.

`python -m benchmarks.courier_throughput [--parcels 200]`
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import text

from aggregator_hooks.client import Lent
from aggregator_hooks.connection import AccountConnection
from aggregator_hooks.registry import VENDORS
from benchmarks.harness import Goal, Report
from benchmarks.stack import postgres, sandbox
from careful_http.memory import MemoryBreaker, MemoryBudget, MemoryTokenStore
from commerce_sandbox.couriers.client import CourierClient
from magento_oms.config.account_models import ACCOUNT_BUDGETS
from magento_oms.config.models import InstanceConfig
from magento_oms.domain.parcels import NewParcel, ParcelContents
from magento_oms.ports import Aggregator, Booking, Budget, Direction, ParcelItem, ParcelSize
from magento_oms.storage import instances, parcels
from magento_oms.storage.breaker import SharedBreaker
from magento_oms.storage.budget import SharedBudget
from magento_oms.storage.database import engine
from magento_oms.storage.migrate import upgrade
from magento_oms.workflows.couriers import plans
from magento_oms.workflows.couriers.assign_awb import AssignAwb
from magento_oms.workflows.couriers.book_parcel import BookParcel
from magento_oms.workflows.couriers.facts import Configs, booking_facts
from magento_oms.workflows.couriers.fetch_label import FetchLabel
from magento_oms.workflows.couriers.schedule_pickup import SchedulePickup
from magento_oms.workflows.push import push

LIMIT, WINDOW = 300, 120.0
CEILING = LIMIT / WINDOW
"""Requests a second."""
CALLS = 2
"""Requests of a parcel: the shipment and its pickup."""
LATENCY_MS = 150
D = Decimal
CONTENTS = ParcelContents((ParcelItem("TEE-S", "Tee", 1, D(500)),), ParcelSize(D(18), D(12), D(10), D(500)))

BUYER = {
    "name": "Asha Rao", "lines": ["12, MG Road"], "city": "Nashik", "region": "Maharashtra", "pincode": "422001",
    "country": "IN", "phone": "9800000001",
}  # fmt: skip


def configuration() -> InstanceConfig:
    """An instance with one location and one account."""
    address = {"lines": ["Plot 7"], "city": "Pune", "state": "Maharashtra", "pincode": "411001"}
    courier = {"code": "bluedart", "account": "1000000001", "service": "eTailCODAir"}
    return InstanceConfig.model_validate(
        {
            "code": "loom", "name": "Loom", "url": "https://loom.example.in",
            "stores": [{
                "store_id": 1, "code": "default", "name": "Loom", "live_from": datetime(2026, 11, 1, tzinfo=UTC),
                "locations": [{"code": "pune", "name": "Pune", "address": address, "phone": "9876543210"}],
                "aggregators": [
                    {"aggregator": "eshipz", "account": "ez", "connection_id": "ez", "couriers": [courier]}
                ],
            }],
        }
    )  # fmt: skip


def plan_parcels(url: str, config: InstanceConfig, count: int) -> None:
    """Orders with a parcel each, ready to be booked."""
    with engine(url).begin() as connection:
        instances.configure(connection, config)
        for number in range(1, count + 1):
            order_id = connection.execute(
                text(
                    "insert into sales_order (instance, entity_id, increment_id, store_id, state, magento_state,"
                    " magento_status, placed_at, magento_updated_at, read_at, digest, history, shadow, virtual,"
                    " required_by, payment_method, payment_kind, currency, subtotal, shipping, cod_fee, discount,"
                    " store_credit, tax, other_charges, grand_total, total_due, buyer)"
                    " values ('loom', :n, :increment, 1,"
                    " 'packed', 'processing', 'processing', now(), now(), now(), '', false, false, false, now(),"
                    " 'cashondelivery', 'cod', 'INR', 500, 0, 0, 0, 0, 0, 0, 500, 500, cast(:buyer as jsonb))"
                    " returning id"
                ),
                {
                    "n": number,
                    "increment": f"{number:09d}",
                    "buyer": json.dumps({"name": "Asha Rao", "email": "asha@example.com", "shipping": BUYER}),
                },
            ).scalar_one()
            new = NewParcel(order_id, Direction.FORWARD, "pune", CONTENTS, value=D(500), cod=D(500))
            plans.plan_booking(connection, parcels.create(connection, new), "ez", "eshipz")


def account(url: str, root: str, code: str, budget: Budget, database: str | None) -> Aggregator:
    """The hook to an account of the stand-in."""
    vendor = VENDORS["eshipz"]
    connection = AccountConnection(vendor.title, root, "", "sandbox-eshipz-token")
    # Eshipz has a fixed token: nothing is stored, so that no key of encryption is needed here.
    tokens = MemoryTokenStore()
    breaker = SharedBreaker(database, f"courier:{code}") if database else MemoryBreaker(code)
    return vendor.open(connection, code, Lent(tokens, breaker, budget))


def ours(url: str, root: str, config: InstanceConfig, count: int) -> float:
    """Book all of them; seconds."""
    configs: Configs = {config.code: config}
    kinds = (BookParcel(configs), AssignAwb(configs), FetchLabel(configs), SchedulePickup(configs))
    usual = ACCOUNT_BUDGETS["eshipz"]
    hook = account(url, root, "ez", SharedBudget(url, "courier:ez", usual.per_second, burst=usual.burst), url)
    started = time.perf_counter()
    while True:
        push(
            url, "courier:ez", hook, {kind.name: kind for kind in kinds},
            holder="bench", settle_delay=timedelta(seconds=60), at_once=8,
        )  # fmt: skip
        with engine(url).connect() as connection:
            left = connection.execute(
                text("select count(*) from effect where state not in ('done', 'failed')")
            ).scalar()
        if not left:
            return time.perf_counter() - started


def bare(url: str, root: str, config: InstanceConfig, bookings: list[Booking]) -> float:
    """The same calls one after another, each after the pause that the limit wants; seconds."""
    hook = account(url, root, "bare", MemoryBudget("bare"), None)
    started = time.perf_counter()
    due = started
    for booking in bookings:
        for call in ("book", "pickup"):
            time.sleep(max(0.0, due - time.perf_counter()))
            due += 1 / CEILING
            if call == "book":
                booked = hook.create_order(booking)
                hook.label(booked)
            else:
                hook.schedule_pickup(booking, booked, date(2026, 11, 24))
    return time.perf_counter() - started


def read_bookings(url: str, config: InstanceConfig) -> list[Booking]:
    """The parcels as the hook is given them."""
    from dataclasses import replace

    from magento_oms.storage.effects import ClaimedEffect

    made = []
    with engine(url).connect() as connection:
        for row in connection.execute(text("select id, details from effect where kind = 'book_parcel' order by id")):
            effect = ClaimedEffect(row.id, "courier:ez", "book_parcel", "", 1, None, row.details, "send", 1, 0, "")
            facts = booking_facts(connection, effect, {config.code: config})
            made.append(replace(facts.booking, courier=facts.couriers[0]))
    return made


def main() -> int:
    """Run and report; the exit code tells whether the goals were reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parcels", type=int, default=200)
    given = parser.parse_args()
    report = Report("courier_throughput", figures={"parcels": given.parcels, "latency ms": LATENCY_MS})
    with postgres() as server:
        database = server.create_database("oms")
        upgrade(database)
        config = configuration()
        plan_parcels(database, config, given.parcels)
        with sandbox(server, profile="none") as (store, _):
            accounts = {name: CourierClient(store.base_url, name) for name in ("ez", "bare")}
            limit = {"requests": LIMIT, "seconds": WINDOW}
            for each in accounts.values():
                each.set_up(vendor="eshipz", latency_ms=LATENCY_MS, rate_limit=limit)
            bookings = read_bookings(database, config)[: max(1, given.parcels // 4)]
            bare_seconds = bare(database, accounts["bare"].url, config, bookings)
            seconds = ours(database, accounts["ez"].url, config, given.parcels)
            calls = [call for call in accounts["ez"].calls() if not call["path"].startswith("/files/")]
            booked = sum(times for (kind, _), times in accounts["ez"].effects().items() if kind == "awb")
    too_fast = sum(call["status"] == 429 for call in calls)
    rate = given.parcels * CALLS / seconds
    report.figures |= {
        "booked": booked, "booked a second": round(given.parcels / seconds, 2), "requests a second": round(rate, 3),
        "ceiling, requests a second": CEILING, "answers with 429": too_fast, "seconds": round(seconds, 1),
        "bare, parcels a second": round(len(bookings) / bare_seconds, 2),
    }  # fmt: skip
    right = booked == given.parcels and not too_fast
    report.goals = [Goal("courier_throughput", rate / CEILING if right else 0.0, 0.95)]
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
