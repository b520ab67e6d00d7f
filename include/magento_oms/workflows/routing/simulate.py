"""Trying other strategies on past orders: what routing saw is decided upon again, and both ways are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from magento_oms.domain.routing import explain
from magento_oms.domain.routing.plan import split
from magento_oms.domain.routing.words import Place, Policy, Rules, Strategy
from magento_oms.storage import routing
from magento_oms.storage.database import engine


@dataclass(slots=True)
class Tally:
    """What decisions come to, added up. `kilometres` over all parcels whose distance is known."""

    orders: int = 0
    parcels: int = 0
    split: int = 0
    unfilled_lines: int = 0
    kilometres: float = 0.0
    not_exact: int = 0

    def add(self, parts: Sequence[str], unfilled: int, places: Sequence[Place], *, exact: bool) -> None:
        """Count one decision."""
        distance = {place.code: place.kilometres or 0.0 for place in places}
        self.orders += 1
        self.parcels += len(parts)
        self.split += len(parts) > 1
        self.unfilled_lines += unfilled
        self.kilometres += sum(distance.get(code, 0.0) for code in parts)
        self.not_exact += not exact


@dataclass(frozen=True, slots=True)
class Compared:
    """As it was, and as it would have been; `changed` orders would have gone another way."""

    was: Tally
    would: Tally
    changed: int


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
    step: Callable[[int], None] = lambda count: None,
) -> Compared:
    """Decide upon the orders of a time again. Stock is what each decision saw; nothing is changed.

    Args:
        policy, max_parcels: None: as they were.
        step: told how many decisions were looked at.
    """
    was, would, changed, after = Tally(), Tally(), 0, 0
    while True:
        with engine(url).connect() as connection:
            page = list(
                routing.decisions(
                    connection, instance=instance, store_id=store_id, since=since, until=until, after=after
                )
            )
        if not page:
            return Compared(was, would, changed)
        for _, _, seen, outcome in page:
            demands, places = explain.replayed(seen)
            was.add(list(outcome["parts"]), len(outcome["unfilled"]), places, exact=outcome["exact"])
            rules = _rules(seen, strategies, policy, max_parcels)
            decision = split(demands, places, rules)
            parts = {part.location: part.quantities for part in decision.parts}
            would.add(list(parts), len(decision.unfilled), places, exact=decision.exact)
            changed += parts != {
                code: {int(item): Decimal(units) for item, units in items.items()}
                for code, items in outcome["parts"].items()
            }
        after = page[-1][0]
        step(len(page))


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
