"""How an order is split over locations, by its store's rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from magento_oms.domain.routing.search import Cost, Cover, Holder, cheapest_cover, holder
from magento_oms.domain.routing.words import Decision, Demand, Part, Place, Policy, Queue, Rules, Strategy

GRAIN = 10_000
"""Magento keeps quantities to four places."""
FAR = 5000.0
"""Kilometres to a place whose pincode is not known: farther than any other in India."""
DIGITS = 6


@dataclass(frozen=True, slots=True)
class _Goods:
    """Lines that are looked for together: all of one SKU, or the parts of a bundle that leaves from one place.

    Attributes:
        units: SKU → units.
        whole: one place gives all of it, or none.
        wanted: grains; of what is given as a whole, those of one.
    """

    lines: tuple[Demand, ...]
    units: dict[str, Decimal]
    whole: bool
    wanted: int

    def held_by(self, place: Place) -> int:
        """Grains that a place can give."""
        refused = place.refused
        if refused and any(sku in refused for sku in self.units):
            return 0
        stock = place.stock
        if stock is None:
            return self.wanted
        if self.whole:
            return self.wanted if all(stock.get(sku, 0) >= units for sku, units in self.units.items()) else 0
        sku = self.lines[0].sku
        held = stock.get(sku)
        if held is None or held <= 0:
            return 0
        return self.wanted if held >= self.units[sku] else int(held * GRAIN)


def split(demands: Sequence[Demand], places: Sequence[Place], rules: Rules) -> Decision:
    """Decide which location ships what.

    Every strategy is a cost that adds up over the parcels; ways are compared by the first strategy, then the next.
    """
    goods = _goods(demands)
    wanted = [each.wanted for each in goods]
    able = [place for place in places if place.room is None or place.room > 0]
    holders = [each for place in able if (each := _holder(place, goods, wanted, rules.strategies)) is not None]
    fillable = [min(want, sum([each.holds[number] for each in holders])) for number, want in enumerate(wanted)]
    if rules.policy is Policy.COMPLETE and fillable != wanted:
        return _nothing(demands, _queue(rules, places, demands))
    if fillable != wanted:
        holders = [holder(each.name, tuple(map(min, each.holds, fillable)), fillable, each.cost) for each in holders]
    cover = _cover(fillable, holders, rules)
    if cover is None or not cover.chosen:
        nothing = _nothing(demands, _queue(rules, places, demands))
        return nothing if cover is None else replace(nothing, exact=cover.exact, ways=cover.steps)
    parts, unfilled = _dealt(goods, cover)
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


def _goods(demands: Sequence[Demand]) -> list[_Goods]:
    """What an order needs. Two lines may name one SKU; one that a bundle also has parts of leaves with the bundle."""
    groups: dict[str, list[Demand]] = {}
    for demand in demands:
        groups.setdefault(demand.sku, []).append(demand)
    bundles = {demand.bundle for demand in demands if demand.bundle is not None}
    for bundle in bundles:
        names = [name for name, lines in groups.items() if any(line.bundle == bundle for line in lines)]
        groups[names[0]] = [line for name in names for line in groups.pop(name)]
    return [_together(lines) for lines in groups.values()]


def _together(lines: Sequence[Demand]) -> _Goods:
    units: dict[str, Decimal] = {}
    for line in lines:
        units[line.sku] = units[line.sku] + line.quantity if line.sku in units else line.quantity
    whole = any(line.bundle is not None for line in lines)
    wanted = GRAIN if whole else int(units[lines[0].sku] * GRAIN)
    return _Goods(tuple(lines), units, whole, wanted)


def _holder(
    place: Place, goods: Sequence[_Goods], wanted: Sequence[int], strategies: Sequence[Strategy]
) -> Holder | None:
    """A place as the search sees it; None: it has nothing of the order."""
    holds = [each.held_by(place) for each in goods]
    return holder(place.code, holds, wanted, cost(place, strategies)) if any(holds) else None


def _cover(wanted: Sequence[int], holders: Sequence[Holder], rules: Rules) -> Cover | None:
    """The cheapest cover of what can be filled. Where a store bounds its parcels, a part of it may have to do."""
    if not any(wanted):
        return None
    cover = cheapest_cover(wanted, holders, at_most=rules.max_parcels)
    if (cover is not None and cover.chosen) or rules.policy is Policy.COMPLETE or rules.max_parcels is None:
        return cover
    chosen, unused, left = list[Holder](), list(holders), tuple(wanted)
    while unused and len(chosen) < rules.max_parcels:
        best = max(unused, key=lambda each: (sum(map(min, each.holds, left)), tuple(-part for part in each.cost)))
        if not sum(map(min, best.holds, left)):
            break
        unused.remove(best)
        chosen.append(best)
        left = tuple(max(want - have, 0) for want, have in zip(left, best.holds, strict=True))
    return Cover(tuple(chosen), exact=False, steps=len(chosen))


def _dealt(goods: Sequence[_Goods], cover: Cover) -> tuple[tuple[Part, ...], dict[int, Decimal]]:
    """Who ships how much of which line: a line comes from one place where one of the chosen can give all of it."""
    parts: dict[str, dict[int, Decimal]] = {holder.name: {} for holder in cover.chosen}
    unfilled: dict[int, Decimal] = {}
    for number, each in enumerate(goods):
        stock = {holder.name: holder.holds[number] for holder in cover.chosen}
        if each.whole:
            giver = next((name for name, held in stock.items() if held >= each.wanted), None)
            given = unfilled if giver is None else parts[giver]
            given.update({line.item_id: line.quantity for line in each.lines})
            continue
        for line in each.lines:
            left = int(line.quantity * GRAIN)
            able = [name for name, held in stock.items() if held >= left]
            for name in able[:1] or stock:
                share = min(left, stock[name])
                if share:
                    stock[name] -= share
                    parts[name][line.item_id] = Decimal(share) / GRAIN
                    left -= share
            if left:
                unfilled[line.item_id] = Decimal(left) / GRAIN
    return tuple(Part(name, quantities) for name, quantities in parts.items() if quantities), unfilled


def _nothing(demands: Sequence[Demand], queue: Queue) -> Decision:
    return Decision((), {demand.item_id: demand.quantity for demand in demands}, queue)


def _queue(rules: Rules, places: Sequence[Place], demands: Sequence[Demand]) -> Queue:
    if not places:
        return Queue.NO_LOCATION
    if all(demand.sku in place.refused for place in places for demand in demands):
        return Queue.PERSON_DECIDES
    return Queue.PERSON_DECIDES if rules.policy is Policy.SINGLE_PARTIAL else Queue.WAITS_FOR_STOCK
