"""Routing: which location ships what of the orders that are due. Work inside the OMS; nothing outside is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import structlog
from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig, LocationConfig, StoreConfig
from magento_oms.domain.geography import kilometres, shared_digits
from magento_oms.domain.intake import PlannedEffect
from magento_oms.domain.quantities import Quantities
from magento_oms.domain.routing import explain
from magento_oms.domain.routing.plan import split
from magento_oms.domain.routing.words import Decision, Demand, Place, Queue
from magento_oms.domain.states import OrderFacts, line_state, order_state
from magento_oms.storage import effects, fulfilments, holds, quarantine, routing, stock
from magento_oms.storage.database import autocommit, engine, new_ids
from magento_oms.storage.fulfilments import NewFulfilment
from magento_oms.storage.orders import ROUTING
from magento_oms.storage.routing import OpenOrder, Routed
from magento_oms.workflows.intake_rules import acknowledgement
from magento_oms.workflows.turns import NO_LINGER, Linger, turn

log = structlog.get_logger(__name__)

TARGET = "routing"
BATCH = 50
LOOK_AGAIN = timedelta(minutes=30)
"""What waits for stock is woken when stock comes; this is for what else may have changed: a new day's capacity."""
NOT_CONFIGURED = "store_not_configured"
Configs = Mapping[str, InstanceConfig]


@dataclass(slots=True)
class RoutingSummary:
    """What a run did, for people."""

    orders: int = 0
    fulfilments: int = 0
    split: int = 0
    waiting: int = 0
    troubles: int = 0
    seconds: float = 0.0
    held: str = ""

    def as_dict(self) -> dict[str, object]:
        """Without what is empty."""
        return {name: value for name, value in asdict(self).items() if value} | {"orders": self.orders}


def route_due(
    url: str,
    configs: Configs,
    *,
    holder: str,
    linger: Linger = NO_LINGER,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> RoutingSummary:
    """Route the orders that are due, then wait a little for more.

    Raises:
        AnotherRunHasTheTurn: another run does it already.
    """
    summary = RoutingSummary()
    with turn(url, TARGET, signal=ROUTING, holder=holder, linger=linger) as mine:
        while mine.goes_on():
            with autocommit(url) as connection:
                summary.held = holds.held(connection, TARGET) or ""
            if summary.held:
                break
            mine.rest(worked=_route_batch(url, configs, summary, now()))
    summary.seconds = mine.seconds()
    return summary


def _route_batch(url: str, configs: Configs, summary: RoutingSummary, now: datetime) -> bool:
    with engine(url).begin() as connection:
        routing.wake_for_stock(connection)
    with engine(url).begin() as connection:
        orders = routing.claim(connection, BATCH)
        if orders:
            _Batch(connection, configs, now, summary).route(orders)
    return bool(orders)


class _Batch:
    """Routes orders in one transaction; each sees what the ones before it were promised."""

    def __init__(self, connection: Connection, configs: Configs, now: datetime, summary: RoutingSummary) -> None:
        self._connection = connection
        self._configs = configs
        self._now = now
        self._summary = summary
        self._free: dict[tuple[str, str], Decimal] = {}
        self._given: dict[str, int] = {}
        self._routed = Routed()
        self._new: list[tuple[OpenOrder, str, dict[int, Decimal], dict[str, object]]] = []
        self._promised: dict[tuple[str, str], Decimal] = {}
        self._effects: list[tuple[int, PlannedEffect]] = []

    def route(self, orders: Sequence[OpenOrder]) -> None:
        stores = {order.id: self._store(order) for order in orders}
        self._read_stock(orders, [store for store in stores.values() if store])
        for order in orders:
            store = stores[order.id]
            if store is None:
                self._not_configured(order)
            else:
                self._route(order, store)
        self._write()

    def _store(self, order: OpenOrder) -> StoreConfig | None:
        config = self._configs.get(order.instance)
        return config.store(order.store_id) if config else None

    def _read_stock(self, orders: Sequence[OpenOrder], stores: Sequence[StoreConfig]) -> None:
        locations = {location.code for store in stores for location in store.locations}
        skus = {line.sku for order in orders for line in order.lines if line.missing}
        self._free = stock.available_for_update(self._connection, sorted(locations), sorted(skus))
        bounded = {
            location.code: self._midnight(store)
            for store in stores
            for location in store.locations
            if location.capacity_per_day is not None
        }
        self._given = routing.given_since(self._connection, bounded) if bounded else {}

    def _midnight(self, store: StoreConfig) -> datetime:
        there = self._now.astimezone(store.zone)
        return there.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)

    def _not_configured(self, order: OpenOrder) -> None:
        self._summary.troubles += 1
        routing.put_aside(self._connection, order.id)
        quarantine.open_(
            self._connection,
            instance=order.instance,
            store_id=order.store_id,
            subject=f"order:{order.entity_id}",
            code=NOT_CONFIGURED,
            reason="The order cannot be routed: its store is not validly configured.",
            way_out=f"Correct instances/{order.instance}.yaml (`magento-oms config check` tells what is wrong), then "
            "`magento-oms quarantine retry`.",
        )

    def _route(self, order: OpenOrder, store: StoreConfig) -> None:
        demands = [Demand(line.item_id, line.sku, line.missing, line.bundle) for line in order.lines if line.missing]
        if not demands:
            self._settle(order, {}, None)
            return
        self._summary.orders += 1
        rules = store.routing.rules
        skus = [demand.sku for demand in demands]
        places = [self._place(order, location, skus) for location in store.locations]
        decision = split(demands, places, rules)
        tried = explain.tried(demands, places, rules, decision)
        for part in decision.parts:
            why = explain.why_here(part, demands, places, rules, decision) | {"tried": tried}
            self._promise(order, part.location, part.quantities, why)
        self._summary.split += len(decision.parts) > 1
        news = self._keep_waiting(order, demands, places, decision)
        if decision.parts or news:  # what waits as before is looked at every half hour, and not noted each time
            self._routed.decisions.append((order.id, explain.seen(demands, places, rules), explain.outcome(decision)))
        given: dict[int, Decimal] = {}
        for part in decision.parts:
            for item_id, units in part.quantities.items():
                given[item_id] = given.get(item_id, Decimal(0)) + units
        again = self._now + LOOK_AGAIN if decision.queue is Queue.WAITS_FOR_STOCK else None
        self._settle(order, given, again)
        if decision.parts and not (order.acknowledged or order.routed_before):
            config = self._configs[order.instance]
            self._effects.append((order.id, acknowledgement(config, order.entity_id, shadow=order.shadow)))

    def _place(self, order: OpenOrder, location: LocationConfig, skus: Sequence[str]) -> Place:
        held = None
        if location.stock == "counted":
            code, reserve, free = location.code, location.reserve, self._free
            held = {sku: free[code, sku] - reserve for sku in skus if (code, sku) in free}
        room = None
        if location.capacity_per_day is not None:
            room = max(location.capacity_per_day - self._given.get(location.code, 0), 0)
        pincode = location.address.pincode
        return Place(
            location.code,
            held,
            kilometres(pincode, order.pincode),
            shared_digits(pincode, order.pincode),
            location.priority,
            room,
            order.refused.get(location.code, frozenset()),
        )

    def _promise(self, order: OpenOrder, location: str, quantities: dict[int, Decimal], why: dict[str, object]) -> None:
        """In shadow mode nobody ships it, so that nothing is reserved and no warehouse is told."""
        if order.shadow:
            return
        self._new.append((order, location, quantities, why))
        self._given[location] = self._given.get(location, 0) + 1
        skus = {line.item_id: line.sku for line in order.lines}
        for item_id, units in quantities.items():
            key = (location, skus[item_id])
            self._free[key] = self._free.get(key, Decimal(0)) - units
            self._promised[key] = self._promised.get(key, Decimal(0)) + units

    def _keep_waiting(
        self, order: OpenOrder, demands: Sequence[Demand], places: Sequence[Place], decision: Decision
    ) -> bool:
        """Put what no location gets into its queue; whether that is news."""
        news: dict[str, str] = {}
        for item_id, units in decision.unfilled.items():
            sku = next(demand.sku for demand in demands if demand.item_id == item_id)
            reason = explain.why_unfilled(item_id, demands, places, decision)
            queue = decision.queue or Queue.WAITS_FOR_STOCK
            self._routed.unfilled.append((order.id, item_id, sku, units, str(queue), reason))
            if order.waiting.get(item_id) != reason:
                news[str(item_id)] = reason
        if decision.unfilled:
            self._summary.waiting += 1
        if news:
            self._routed.events.append((order.id, "waits", {"queue": str(decision.queue), "items": news}))
        return bool(news)

    def _settle(self, order: OpenOrder, given: dict[int, Decimal], look_at: datetime | None) -> None:
        """The states that follow."""
        lines: dict[str, list[Quantities]] = {"physical": [], "virtual": []}
        for line in order.lines:
            after = line.quantities
            if units := given.get(line.item_id):
                after = after.allocate(units)
                self._routed.allocated.append((order.id, line.item_id, units, str(line_state(after))))
            lines[line.kind].append(after)
        facts = OrderFacts(
            tuple(lines["physical"]),
            tuple(lines["virtual"]),
            order.state == "history",
            order.holds,
            order.acknowledged,
        )
        self._routed.states.append((order.id, str(order_state(facts)), look_at))

    def _write(self) -> None:
        ids = new_ids(self._connection, "fulfilment", len(self._new))
        new = [
            NewFulfilment(new_id, order.id, location, quantities, why)
            for new_id, (order, location, quantities, why) in zip(ids, self._new, strict=True)
        ]
        fulfilments.insert(self._connection, new)
        for each in new:
            units = sum(each.quantities.values(), Decimal(0))
            details = {
                "fulfilment": each.id,
                "location": each.location,
                "units": str(units),
                "why": each.explanation["why"],
            }
            self._routed.events.append((each.order_id, "routed", details))
        self._summary.fulfilments += len(new)
        stock.reserve(self._connection, self._promised)
        routing.save(self._connection, self._routed)
        effects.plan_many(self._connection, self._effects)
