"""Why an order is split as it is: words and figures for people, and what a replay with other strategies needs."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from decimal import Decimal
from typing import Any

from magento_oms.domain.routing.plan import cost
from magento_oms.domain.routing.search import Cost
from magento_oms.domain.routing.words import Decision, Demand, Part, Place, Queue, Rules, Strategy

TOLD = 12
"""Locations that an explanation names."""


def seen(demands: Sequence[Demand], places: Sequence[Place], rules: Rules) -> dict[str, Any]:
    """What routing saw, as JSON. Only the stock of what was wanted is kept."""
    wanted = {demand.sku for demand in demands}
    return {
        "strategies": [str(strategy) for strategy in rules.strategies],
        "policy": str(rules.policy),
        "max_parcels": rules.max_parcels,
        "demand": [[demand.item_id, demand.sku, str(demand.quantity), demand.bundle] for demand in demands],
        "places": [
            {
                "code": place.code,
                "stock": None
                if place.stock is None
                else {sku: str(held) for sku, held in place.stock.items() if sku in wanted and held},
                "km": None if place.kilometres is None else round(place.kilometres, 1),
                "shared_digits": place.shared_digits,
                "priority": place.priority,
                "room": place.room,
                "refused": sorted(place.refused),
            }
            for place in places
        ],
    }


def replayed(kept: Mapping[str, Any]) -> tuple[list[Demand], list[Place]]:
    """What `seen` kept, to be decided upon again."""
    demands = [Demand(item_id, sku, Decimal(quantity), *bundle) for item_id, sku, quantity, *bundle in kept["demand"]]
    places = [
        Place(
            code=place["code"],
            stock=None if place["stock"] is None else {sku: Decimal(held) for sku, held in place["stock"].items()},
            kilometres=place["km"],
            shared_digits=place["shared_digits"],
            priority=place["priority"],
            room=place["room"],
            refused=frozenset(place["refused"]),
        )
        for place in kept["places"]
    ]
    return demands, places


def outcome(decision: Decision) -> dict[str, Any]:
    """What was decided, as JSON."""
    return {
        "parts": {
            part.location: {str(item): str(quantity) for item, quantity in part.quantities.items()}
            for part in decision.parts
        },
        "unfilled": {str(item): str(quantity) for item, quantity in decision.unfilled.items()},
        "queue": str(decision.queue) if decision.queue else "",
        "exact": decision.exact,
        "ways": decision.ways,
    }


def why_here(
    part: Part, demands: Sequence[Demand], places: Sequence[Place], rules: Rules, decision: Decision
) -> dict[str, Any]:
    """Why this location ships this part."""
    place = next(place for place in places if place.code == part.location)
    total = sum((demand.quantity for demand in demands), Decimal(0))
    units = sum(part.quantities.values(), Decimal(0))
    found = (
        f"no better way exists ({decision.ways} looked at)"
        if decision.exact
        else f"the best of {decision.ways} ways that were looked at; the search was cut short"
    )
    parcels = len(decision.parts)
    return {
        "why": f"{_figure(units)} of {_figure(total)} units, in {parcels} parcel{'s' if parcels > 1 else ''}: {found}, "
        f"compared by {', then '.join(_SAID[strategy] for strategy in rules.strategies)}.",
        "here": _described(place),
    }


def tried(demands: Sequence[Demand], places: Sequence[Place], rules: Rules, decision: Decision) -> list[dict[str, str]]:
    """What became of each location: those that ship, then those that could have, the best first, then the others.

    Of many locations the first dozen are told of by name.
    """
    shipping = {part.location for part in decision.parts}

    def rank(place: Place) -> tuple[bool, bool, Cost]:
        return place.code not in shipping, place.room == 0 or not _could(place, demands), cost(place, rules.strategies)

    ranked = sorted(places, key=rank)
    told = [{"location": place.code, "result": _fate(place, demands, shipping)} for place in ranked[:TOLD]]
    if more := len(ranked) - len(told):
        useful = sum(place.room != 0 and _could(place, demands) for place in ranked[TOLD:])
        told.append(
            {
                "location": f"{more} more",
                "result": f"{useful} of them could give some of it" if useful else "have none of it",
            }
        )
    return told


def why_unfilled(item_id: int, demands: Sequence[Demand], places: Sequence[Place], decision: Decision) -> str:
    """Why a line waits, in words."""
    if decision.queue is Queue.NO_LOCATION:
        return "The store has no location that ships."
    demand = next(demand for demand in demands if demand.item_id == item_id)
    offers = [(place.code, _offer(place, demand.sku)) for place in places]
    there = sum((offer for _, offer in offers if offer is not None), Decimal(0))
    named = ", ".join(f"{code} {'any' if offer is None else _figure(offer)}" for code, offer in offers)
    missing = decision.unfilled[item_id]
    if there >= demand.quantity or any(offer is None for _, offer in offers):
        full = [place.code for place in places if place.room == 0]
        if full:
            return f"{', '.join(full)} cannot be given more today; of {demand.sku} there is: {named}."
        if not decision.exact:
            return (
                f"{demand.sku} is there ({named}), but none of {decision.ways} ways had few enough parcels; the search "
                "was cut short."
            )
        if demand.bundle is not None:
            return f"{demand.sku} is there ({named}), but no location has all of its bundle, which leaves as a whole."
        return f"{demand.sku} is there ({named}), but another line of the order is not, or it needs too many parcels."
    return f"{_figure(missing)} of {_figure(demand.quantity)} {demand.sku} missing; there is: {named}."


_SAID = {
    Strategy.FEWEST_PARCELS: "fewest parcels",
    Strategy.NEAREST: "distance",
    Strategy.NEAREST_PREFIX: "pincode digits shared",
    Strategy.PRIORITY: "the locations' priority",
}


def _described(place: Place) -> str:
    distance = "distance unknown" if place.kilometres is None else f"{place.kilometres:.0f} km"
    room = "" if place.room is None else f", room for {place.room} more today"
    return f"{distance}, {place.shared_digits} pincode digits shared, priority {place.priority}{room}"


def _fate(place: Place, demands: Sequence[Demand], shipping: Container[str]) -> str:
    """What became of a location that might have shipped it."""
    if place.code in shipping:
        return f"ships a part; {_described(place)}"
    if place.room == 0:
        return "cannot be given more today"
    if not _could(place, demands):
        return f"sent back {', '.join(sorted(place.refused))}" if place.refused else "has none of it"
    offers = {demand.sku: _offer(place, demand.sku) for demand in demands}
    held = ", ".join(f"{sku} {'any' if offer is None else _figure(offer)}" for sku, offer in offers.items())
    return f"could give {held}; {_described(place)}"


def _could(place: Place, demands: Sequence[Demand]) -> bool:
    """Whether a location has some of it."""
    return any(
        demand.sku not in place.refused and (place.stock is None or place.stock.get(demand.sku, 0) > 0)
        for demand in demands
    )


def _offer(place: Place, sku: str) -> Decimal | None:
    """What a location may give; None: any quantity."""
    if sku in place.refused:
        return Decimal(0)
    if place.stock is None:
        return None
    return max(place.stock.get(sku, Decimal(0)), Decimal(0))


def _figure(quantity: Decimal) -> str:
    return f"{quantity.normalize():f}"
