"""How an order is split over locations, by its store's rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from magento_oms.domain.routing.search import Cost, Cover, Holder, cheapest_cover, holder
from magento_oms.domain.routing.words import Decision, Demand, Part, Place, Policy, Queue, Rules, Strategy

GRAIN = 10_000
"""Magento keeps quantities to four places."""
FAR = 5000.0
"""Kilometres to a place whose pincode is not known: farther than any other in India."""
DIGITS = 6


def split(demands: Sequence[Demand], places: Sequence[Place], rules: Rules) -> Decision:
    """Decide which location ships what.

    Every strategy is a cost that adds up over the parcels; ways are compared by the first strategy, then the next.
    """
    wanted = _by_sku(demands)
    able = [place for place in places if place.room is None or place.room > 0]
    whole = {sku: Decimal(grains) / GRAIN for sku, grains in wanted.items()}
    holders = [each for place in able if (each := _holder(place, wanted, whole, rules.strategies)) is not None]
    fillable = {
        sku: min(quantity, sum([each.holds[number] for each in holders]))
        for number, (sku, quantity) in enumerate(wanted.items())
    }
    if rules.policy is Policy.COMPLETE and fillable != wanted:
        return _nothing(demands, _queue(rules, places, demands))
    if fillable != wanted:
        amounts = list(fillable.values())
        holders = [holder(each.name, tuple(map(min, each.holds, amounts)), amounts, each.cost) for each in holders]
    cover, fillable = _cover(fillable, holders, rules)
    if cover is None or not cover.chosen:
        nothing = _nothing(demands, _queue(rules, places, demands))
        return nothing if cover is None else replace(nothing, exact=cover.exact, ways=cover.steps)
    parts, unfilled = _dealt(demands, list(fillable), cover)
    queue = _queue(rules, places, demands) if unfilled else None
    return Decision(parts, unfilled, queue, exact=cover.exact, ways=cover.steps)


_COSTS: dict[Strategy, Callable[[Place], float]] = {
    Strategy.FEWEST_PARCELS: lambda place: 1.0,
    Strategy.NEAREST: lambda place: FAR if place.kilometres is None else place.kilometres,
    Strategy.NEAREST_PREFIX: lambda place: float(DIGITS - place.shared_digits),
    Strategy.PRIORITY: lambda place: float(place.priority),
}


def cost(place: Place, strategies: Sequence[Strategy]) -> Cost:
    """What a parcel from this place costs, by each strategy."""
    return tuple([_COSTS[strategy](place) for strategy in strategies])


def _by_sku(demands: Sequence[Demand]) -> dict[str, int]:
    """SKU → grains wanted. Two lines may name one SKU."""
    wanted: dict[str, int] = {}
    for demand in demands:
        wanted[demand.sku] = wanted.get(demand.sku, 0) + int(demand.quantity * GRAIN)
    return wanted


def _holder(
    place: Place, wanted: dict[str, int], whole: Mapping[str, Decimal], strategies: Sequence[Strategy]
) -> Holder | None:
    """A place as the search sees it; None: it has nothing of the order."""
    stock, refused = place.stock, place.refused
    if stock is None:
        holds = list(wanted.values())
    else:
        holds = []
        for sku, want in wanted.items():
            held = stock.get(sku)
            if held is None:
                holds.append(0)
            elif held >= whole[sku]:
                holds.append(want)
            else:
                holds.append(int(held * GRAIN) if held > 0 else 0)
    if refused:
        holds = [0 if sku in refused else held for sku, held in zip(wanted, holds, strict=True)]
    if not any(holds):
        return None
    return holder(place.code, holds, tuple(wanted.values()), cost(place, strategies))


def _cover(fillable: dict[str, int], holders: Sequence[Holder], rules: Rules) -> tuple[Cover | None, dict[str, int]]:
    """The cheapest cover of what can be filled. Where a store bounds its parcels, a part of it may have to do."""
    wanted = list(fillable.values())
    if not any(wanted):
        return None, fillable
    cover = cheapest_cover(wanted, holders, at_most=rules.max_parcels)
    if (cover is not None and cover.chosen) or rules.policy is Policy.COMPLETE or rules.max_parcels is None:
        return cover, fillable
    chosen, unused, left = list[Holder](), list(holders), tuple(wanted)
    while unused and len(chosen) < rules.max_parcels:
        best = max(unused, key=lambda each: (sum(map(min, each.holds, left)), tuple(-part for part in each.cost)))
        if not sum(map(min, best.holds, left)):
            break
        unused.remove(best)
        chosen.append(best)
        left = tuple(max(want - have, 0) for want, have in zip(left, best.holds, strict=True))
    filled = {sku: want - rest for (sku, want), rest in zip(fillable.items(), left, strict=True)}
    return Cover(tuple(chosen), exact=False, steps=len(chosen)), filled


def _dealt(demands: Sequence[Demand], skus: Sequence[str], cover: Cover) -> tuple[tuple[Part, ...], dict[int, Decimal]]:
    """Who ships how much of which line: a line comes from one place where one of the chosen can give all of it."""
    stock = {holder.name: dict(zip(skus, holder.holds, strict=True)) for holder in cover.chosen}
    parts: dict[str, dict[int, Decimal]] = {holder.name: {} for holder in cover.chosen}
    unfilled: dict[int, Decimal] = {}
    for demand in demands:
        left = int(demand.quantity * GRAIN)
        whole = [name for name, held in stock.items() if held[demand.sku] >= left]
        for name in whole[:1] or stock:
            given = min(left, stock[name][demand.sku])
            if given:
                stock[name][demand.sku] -= given
                parts[name][demand.item_id] = Decimal(given) / GRAIN
                left -= given
        if left:
            unfilled[demand.item_id] = Decimal(left) / GRAIN
    return tuple(Part(name, quantities) for name, quantities in parts.items() if quantities), unfilled


def _nothing(demands: Sequence[Demand], queue: Queue) -> Decision:
    return Decision((), {demand.item_id: demand.quantity for demand in demands}, queue)


def _queue(rules: Rules, places: Sequence[Place], demands: Sequence[Demand]) -> Queue:
    if not places:
        return Queue.NO_LOCATION
    if all(demand.sku in place.refused for place in places for demand in demands):
        return Queue.PERSON_DECIDES
    return Queue.PERSON_DECIDES if rules.policy is Policy.SINGLE_PARTIAL else Queue.WAITS_FOR_STOCK
