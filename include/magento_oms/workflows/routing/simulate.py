"""Trying other strategies on past orders: what routing saw is decided upon again, and both ways are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from magento_oms.domain.routing import explain
from magento_oms.domain.routing.plan import split
from magento_oms.domain.routing.words import Demand, Place, Policy, Rules, Strategy
from magento_oms.storage import routing
from magento_oms.storage.database import autocommit
from magento_oms.storage.routing import Span

Units = dict[int, Decimal]
"""Item id → units."""


@dataclass(slots=True)
class Tally:
    """What decisions come to, over all orders.

    Attributes:
        split: orders that go out in more than one parcel.
        unfilled_lines: that no location had got at the end of the time.
        kilometres: over all parcels whose distance is known.
        not_exact: decisions that were the best found, not surely the best.
    """

    orders: int = 0
    parcels: int = 0
    split: int = 0
    unfilled_lines: int = 0
    kilometres: float = 0.0
    not_exact: int = 0


@dataclass(frozen=True, slots=True)
class Compared:
    """As it was, and as it would have been; `changed` orders would have gone another way."""

    was: Tally
    would: Tally
    changed: int


@dataclass(slots=True)
class _Way:
    """How an order goes, over all decisions about it."""

    left: Units = field(default_factory=dict)
    parts: list[tuple[str, Units]] = field(default_factory=list)
    kilometres: float = 0.0
    not_exact: int = 0

    def take(self, parts: Mapping[str, Units], left: Units, places: Sequence[Place], *, exact: bool) -> None:
        """Note a decision: who ships what, and what is left."""
        distance = {place.code: place.kilometres or 0.0 for place in places}
        self.parts += parts.items()
        self.kilometres += sum(distance.get(code, 0.0) for code in parts)
        self.left = {item: units for item, units in left.items() if units}
        self.not_exact += not exact


@dataclass(slots=True)
class _Replay:
    """An order as it went, and as it would have gone."""

    was: _Way = field(default_factory=_Way)
    would: _Way = field(default_factory=_Way)


def simulate(
    url: str,
    instance: str,
    *,
    store_id: int | None,
    since: datetime,
    until: datetime,
    strategies: Sequence[Strategy],
    policy: Policy | None = None,
    max_parcels: int | None = None,
    step: Callable[[int, int], None] = lambda done, of: None,
) -> Compared:
    """Decide upon the orders of a time again; nothing is changed.

    Stock is what each decision saw. What was left of an order is decided upon again when it was in truth, so that an
    order which the other way fills at once needs no second look; what locations sent back is sent back in both.

    Args:
        policy, max_parcels: None: as they were.
        step: told how many of the decisions were looked at.
    """
    orders: dict[int, _Replay] = {}
    span = Span(instance, store_id, since, until)
    with autocommit(url) as connection:
        of = routing.count_decisions(connection, span)
    after, done = 0, 0
    while True:
        with autocommit(url) as connection:
            page = list(routing.decisions(connection, span, after))
        if not page:
            return _compared(orders.values())
        for _, order_id, seen, outcome in page:
            rules = _rules(seen, strategies, policy, max_parcels)
            _decide(orders.setdefault(order_id, _Replay()), seen, outcome, rules)
        after, done = page[-1][0], done + len(page)
        step(done, of)


def _decide(order: _Replay, seen: dict[str, Any], outcome: dict[str, Any], rules: Rules) -> None:
    demands, places = explain.replayed(seen)
    missing = dict(order.would.left)
    for demand in demands:
        # More than was left is new to routing: the whole line at first, later what a location sent back.
        new = demand.quantity - order.was.left.get(demand.item_id, Decimal(0))
        if new > 0:
            missing[demand.item_id] = missing.get(demand.item_id, Decimal(0)) + new
    parts = {code: _units(items) for code, items in outcome["parts"].items()}
    order.was.take(parts, _units(outcome["unfilled"]), places, exact=outcome["exact"])
    wanted = [Demand(each.item_id, each.sku, missing[each.item_id]) for each in demands if missing.get(each.item_id)]
    if not wanted:
        return
    decision = split(wanted, places, rules)
    order.would.take(
        {part.location: part.quantities for part in decision.parts},
        missing | {each.item_id: decision.unfilled.get(each.item_id, Decimal(0)) for each in wanted},
        places,
        exact=decision.exact,
    )


def _compared(orders: Iterable[_Replay]) -> Compared:
    was, would, changed = Tally(), Tally(), 0
    for order in orders:
        for tally, way in ((was, order.was), (would, order.would)):
            tally.orders += 1
            tally.parcels += len(way.parts)
            tally.split += len(way.parts) > 1
            tally.unfilled_lines += len(way.left)
            tally.kilometres += way.kilometres
            tally.not_exact += way.not_exact
        changed += _plain(order.was) != _plain(order.would)
    return Compared(was, would, changed)


def _plain(way: _Way) -> list[tuple[str, list[tuple[int, Decimal]]]]:
    return sorted((code, sorted(units.items())) for code, units in way.parts)


def _units(kept: Mapping[str, str]) -> Units:
    return {int(item): Decimal(units) for item, units in kept.items()}


def _rules(
    seen: dict[str, Any], strategies: Sequence[Strategy], policy: Policy | None, max_parcels: int | None
) -> Rules:
    before = Rules(tuple(map(Strategy, seen["strategies"])), Policy(seen["policy"]), seen["max_parcels"])
    return replace(
        before,
        strategies=tuple(strategies) or before.strategies,
        policy=policy or before.policy,
        max_parcels=before.max_parcels if max_parcels is None else max_parcels,
    )
