"""Routing decisions a second: in memory, and persisted; and the parcels saved against a greedy split.

Orders of five lines over fifty locations all over India that each hold a part of the assortment. In memory: ours
against the split that Magento's own source selection makes (locations by distance, each gives what it has of every line
until all is filled), interleaved, on the same orders. Persisted: such orders claimed, decided upon and written, with
fulfilments, reservations, explanations, time lines and effects, on a real Postgres.

`python -m benchmarks.routing [--orders 2000] [--persisted 1500] [--rounds 5]`
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import indian_pincode
from sqlalchemy import text

from benchmarks.harness import Cost, Goal, Report, interleaved, measured, median_core
from benchmarks.stack import postgres
from magento_oms.config.models import InstanceConfig
from magento_oms.domain.geography import kilometres, shared_digits
from magento_oms.domain.routing.plan import split
from magento_oms.domain.routing.words import Decision, Demand, Place, Policy, Rules, Strategy
from magento_oms.storage import instances, stock
from magento_oms.storage.database import engine
from magento_oms.storage.migrate import upgrade
from magento_oms.workflows.routing.route_orders import route_due

D = Decimal
LOCATIONS, LINES, ASSORTMENT = 50, 5, 400
RULES = Rules((Strategy.FEWEST_PARCELS, Strategy.NEAREST, Strategy.PRIORITY), Policy.COMPLETE)
STATES = ("MAHARASHTRA", "KARNATAKA", "DELHI", "TAMIL NADU", "WEST BENGAL", "GUJARAT", "TELANGANA", "UTTAR PRADESH")

Order = tuple[list[Demand], list[Place]]


class World:
    """Locations with their stock, and orders from all over India. The seed makes it the same each time."""

    def __init__(self, seed: int = 5) -> None:
        self.random = random.Random(seed)
        self.skus = [f"SKU-{number:03}" for number in range(ASSORTMENT)]
        self.pincodes = [code for state in STATES for code in self._some(state, 200)]
        self.locations = {f"wh{number:02}": self.random.choice(self.pincodes) for number in range(LOCATIONS)}
        self.stock = {
            code: {sku: D(self.random.choice((1, 2, 5, 20))) for sku in self.skus if self.random.random() < 0.4}
            for code in self.locations
        }

    def _some(self, state: str, count: int) -> list[str]:
        known = [code for code in sorted(indian_pincode.get_pincodes(state=state)) if kilometres(code, "411001")]
        return self.random.sample(known, min(count, len(known)))

    def basket(self) -> tuple[str, list[tuple[str, int]]]:
        """Where an order goes, and its lines."""
        skus = self.random.sample(self.skus, LINES)
        return self.random.choice(self.pincodes), [(sku, self.random.choice((1, 1, 1, 2, 3))) for sku in skus]

    def order(self) -> Order:
        """An order as routing sees it."""
        pincode, lines = self.basket()
        demands = [Demand(number, sku, D(count)) for number, (sku, count) in enumerate(lines, 1)]
        places = [
            Place(
                code,
                {sku: self.stock[code].get(sku, D(0)) for sku, _ in lines},
                kilometres(there, pincode),
                shared_digits(there, pincode),
            )
            for code, there in self.locations.items()
        ]
        return demands, places


def greedy(demands: Sequence[Demand], places: Sequence[Place]) -> set[str]:
    """Locations that Magento's distance-priority selection would ship from: the nearest gives all it has, and so on."""
    used = set()
    left = {demand.sku: demand.quantity for demand in demands}
    for place in sorted(places, key=lambda each: each.kilometres or 0.0):
        for sku, missing in left.items():
            given = min(missing, (place.stock or {}).get(sku, D(0)))
            if given > 0:
                left[sku] -= given
                used.add(place.code)
    return used


def configuration(world: World) -> InstanceConfig:
    """An instance with all the locations."""
    locations = [
        {
            "code": code,
            "name": code.upper(),
            "address": {"lines": ["Plot 7"], "city": "City", "state": "Maharashtra", "pincode": pincode},
        }
        for code, pincode in world.locations.items()
    ]
    store = {
        "store_id": 1, "code": "default", "name": "Loom", "live_from": datetime(2026, 11, 1, tzinfo=UTC),
        "locations": locations,
    }  # fmt: skip
    return InstanceConfig.model_validate(
        {"code": "loom", "name": "Loom", "url": "https://loom.example.in", "stores": [store]}
    )


def place_orders(url: str, world: World, first: int, count: int) -> None:
    """Orders that are due for routing."""
    orders, lines = [], []
    for number in range(first, first + count):
        pincode, basket = world.basket()
        buyer = f'{{"name": "A", "shipping": {{"pincode": "{pincode}"}}}}'
        orders.append({"n": number, "increment": f"{number:09d}", "buyer": buyer})
        lines += [
            {"n": number, "item": item, "sku": sku, "units": units} for item, (sku, units) in enumerate(basket, 1)
        ]
    with engine(url).begin() as connection:
        connection.execute(
            text(
                "insert into sales_order (instance, entity_id, increment_id, store_id, state, magento_state,"
                " magento_status, placed_at, magento_updated_at, read_at, digest, history, shadow, virtual,"
                " required_by, payment_method, payment_kind, currency, subtotal, shipping, cod_fee, discount,"
                " store_credit, tax, other_charges, grand_total, total_due, buyer, route_at)"
                " values ('loom', :n, :increment, 1, 'open', 'new', 'pending', now(), now(), now(), '', false, false,"
                " false, now(), 'cashondelivery', 'cod', 'INR', 500, 0, 0, 0, 0, 0, 0, 500, 500,"
                " cast(:buyer as jsonb), now())"
            ),
            orders,
        )
        connection.execute(
            text(
                "insert into order_line (order_id, item_id, act_on_item_id, kind, sku, name, state, ordered,"
                " allocated, packed, invoiced, shipped, cancelled, returned, refunded, price, row_total,"
                " row_total_incl_tax, tax, tax_percent, discount, payable)"
                " select id, :item, :item, 'physical', :sku, :sku, 'open', :units, 0, 0, 0, 0, 0, 0, 0, 100, 100,"
                " 100, 0, 0, 0, 100 from sales_order where instance = 'loom' and entity_id = :n"
            ),
            lines,
        )


def in_memory(orders: Sequence[Order], rounds: int) -> tuple[float, float, list[Decision]]:
    """Core-seconds of both sides over all orders, and what ours decided."""
    decisions: list[Decision] = []

    def ours() -> Cost:
        with measured() as cost:
            decisions[:] = [split(demands, places, RULES) for demands, places in orders]
        return cost

    def other() -> Cost:
        with measured() as cost:
            for demands, places in orders:
                greedy(demands, places)
        return cost

    sides: dict[str, Callable[[], Cost]] = {"ours": ours, "greedy": other}
    costs = interleaved(rounds, sides)
    return median_core(costs["ours"]), median_core(costs["greedy"]), decisions


def persisted(world: World, count: int, rounds: int) -> tuple[float, float, int]:
    """Orders routed a second on Postgres (median of the rounds), core-milliseconds of ours an order, and parcels."""
    with postgres() as server:
        url = server.create_database("oms")
        upgrade(url)
        config = configuration(world)
        with engine(url).begin() as connection:
            instances.configure(connection, config)
            for code, figures in world.stock.items():
                stock.set_absolute(connection, code, {sku: units * 100 for sku, units in figures.items()})
        walls, cores, each = [], [], max(1, count // rounds)
        for number in range(rounds):
            place_orders(url, world, 1 + number * each, each)
            with measured() as cost:
                summary = route_due(url, {config.code: config}, holder="bench")
            walls.append(each / cost.wall)
            cores.append(1000 * cost.core / each)
            print(f"  round {number + 1} persisted: {summary.as_dict()}", flush=True)
        with engine(url).connect() as connection:
            parcels = connection.execute(text("select count(*) from fulfilment")).scalar_one()
            waiting = connection.execute(
                text("select count(*) from sales_order where state <> 'allocated'")
            ).scalar_one()
        if waiting:
            raise SystemExit(f"{waiting} orders were not allocated: the benchmark's stock is too small.")
    return sorted(walls)[len(walls) // 2], sorted(cores)[len(cores) // 2], parcels


def main() -> int:
    """Run and report; the exit code tells whether the goals were reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=2000, help="decided upon in memory, a round")
    parser.add_argument("--persisted", type=int, default=1500, help="routed on Postgres, all rounds together")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    world = World()
    orders = [world.order() for _ in range(given.orders)]
    core, greedy_core, decisions = in_memory(orders, given.rounds)
    ours = [{part.location for part in decision.parts} for decision in decisions]
    full = [number for number, decision in enumerate(decisions) if not decision.unfilled]
    parcels = sum(len(ours[number]) for number in full)
    greedy_parcels = sum(len(greedy(*orders[number])) for number in full)
    rate, each, kept = persisted(world, given.persisted, given.rounds)
    report = Report("routing")
    report.figures = {
        "orders": given.orders, "lines of each": LINES, "locations": LOCATIONS,
        "decided a second of a core, in memory": round(given.orders / core),
        "greedy split, orders a second of a core": round(given.orders / greedy_core),
        "parcels an order": round(parcels / len(full), 3),
        "parcels an order, greedy split": round(greedy_parcels / len(full), 3),
        "parcels saved": f"{greedy_parcels - parcels} of {greedy_parcels} ({1 - parcels / greedy_parcels:.0%})",
        "orders that wait for stock": given.orders - len(full),
        "not decided exactly": sum(not decision.exact for decision in decisions),
        "persisted a second": round(rate, 1), "core-milliseconds an order, persisted": round(each, 2),
        "parcels persisted": kept,
    }  # fmt: skip
    report.goals = [
        Goal("routing in_memory", given.orders / core, 1000),
        Goal("routing persisted", rate, 100),
        Goal("routing parcels_against_greedy", parcels / greedy_parcels, 1, at_least=False),
    ]
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
