"""Routing: the cheapest way to fill an order, whatever stock and rules there are."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magento_oms.domain.geography import kilometres, shared_digits, state_of_pincode
from magento_oms.domain.routing import explain
from magento_oms.domain.routing.plan import cost, split
from magento_oms.domain.routing.search import STEPS, SURELY_EXACT
from magento_oms.domain.routing.words import Decision, Demand, Place, Policy, Queue, Rules, Strategy

D = Decimal
S = Strategy
USUAL = Rules((S.FEWEST_PARCELS, S.NEAREST, S.PRIORITY), Policy.COMPLETE)


def place(code: str, km: float | None = 100, priority: int = 0, room: int | None = None, **stock: int) -> Place:
    """A location."""
    return Place(code, {sku: D(units) for sku, units in stock.items()}, km, 0, priority, room)


def want(**units: int) -> list[Demand]:
    """An order's lines."""
    return [Demand(number, sku, D(count)) for number, (sku, count) in enumerate(units.items(), 1)]


def shipped(decision: Decision) -> dict[str, dict[int, int]]:
    """Location → item → units."""
    return {part.location: {item: int(units) for item, units in part.quantities.items()} for part in decision.parts}


def test_one_parcel_from_afar_beats_two_from_near_by_if_parcels_count_first() -> None:
    places = [place("near", 10, A=1), place("nearer", 5, B=1), place("far", 900, A=1, B=1)]
    assert shipped(split(want(A=1, B=1), places, USUAL)) == {"far": {1: 1, 2: 1}}
    nearest = Rules((S.NEAREST, S.FEWEST_PARCELS), Policy.COMPLETE)
    assert shipped(split(want(A=1, B=1), places, nearest)) == {"nearer": {2: 1}, "near": {1: 1}}


def test_equal_ways_are_decided_by_the_next_strategy() -> None:
    places = [place("a", 50, priority=2, A=1), place("b", 50, priority=1, A=1)]
    assert list(shipped(split(want(A=1), places, USUAL))) == ["b"]
    prefix = Rules((S.NEAREST_PREFIX,), Policy.COMPLETE)
    places = [Place("a", {"A": D(1)}, None, 2), Place("b", {"A": D(1)}, None, 4)]
    assert list(shipped(split(want(A=1), places, prefix))) == ["b"]


def test_a_bundle_leaves_from_one_place_or_waits() -> None:
    wanted = [Demand(1, "A", D(2), bundle=9), Demand(2, "B", D(1), bundle=9), Demand(3, "C", D(1))]
    partly = Rules((S.FEWEST_PARCELS,), Policy.MANY_PARTIAL)
    apart = [place("a", A=2, C=1), place("b", B=1)]
    decision = split(wanted, apart, partly)
    assert shipped(decision) == {"a": {3: 1}}
    assert decision.unfilled == {1: D(2), 2: D(1)}
    assert "no location has all of its bundle" in explain.why_unfilled(1, wanted, apart, decision)
    assert split(wanted, apart, USUAL).parts == ()
    assert shipped(split(wanted, [*apart, place("c", A=2, B=1)], USUAL)) == {"a": {3: 1}, "c": {1: 2, 2: 1}}
    assert shipped(split(wanted, [*apart, Place("d", None)], USUAL)) == {"d": {1: 2, 2: 1, 3: 1}}
    refusing = Place("d", None, refused=frozenset({"B"}))
    assert shipped(split(wanted, [*apart, refusing], partly)) == {"a": {3: 1}}
    seen = explain.seen(wanted, apart, partly)
    assert explain.replayed(seen)[0] == wanted
    assert explain.replayed(seen | {"demand": [[1, "A", "2"]]})[0] == [Demand(1, "A", D(2))]  # as it was kept before


def test_units_of_a_bundle_are_not_given_twice() -> None:
    """The same SKU is in a bundle and on a line of its own, or in two bundles."""
    partly = Rules((S.FEWEST_PARCELS,), Policy.MANY_PARTIAL)
    wanted = [Demand(1, "A", D(3), bundle=9), Demand(2, "B", D(1), bundle=9), Demand(3, "A", D(3))]
    assert split(wanted, [place("a", A=5, B=1)], partly).parts == ()
    assert shipped(split(wanted, [place("a", A=6, B=1)], USUAL)) == {"a": {1: 3, 2: 1, 3: 3}}
    twice = [*wanted[:2], Demand(4, "B", D(1), bundle=8), Demand(5, "C", D(1), bundle=8)]
    assert split(twice, [place("a", A=3, B=1, C=1)], partly).parts == ()
    assert shipped(split(twice, [place("a", A=3, B=2, C=1)], USUAL)) == {"a": {1: 3, 2: 1, 4: 1, 5: 1}}


def test_a_quantity_may_come_from_two_places() -> None:
    places = [place("a", 1, A=3), place("b", 2, A=2)]
    decision = split(want(A=5), places, USUAL)
    assert shipped(decision) == {"a": {1: 3}, "b": {1: 2}}
    assert decision.exact


def test_two_lines_of_one_sku_share_its_stock() -> None:
    demands = [Demand(1, "A", D(2)), Demand(2, "A", D(2))]
    assert shipped(split(demands, [place("a", A=4)], USUAL)) == {"a": {1: 2, 2: 2}}
    assert split(demands, [place("a", A=3)], USUAL).queue is Queue.WAITS_FOR_STOCK


@pytest.mark.parametrize(
    ("policy", "parts", "unfilled", "queue"),
    [
        (Policy.COMPLETE, {}, {1: D(2), 2: D(1)}, Queue.WAITS_FOR_STOCK),
        (Policy.SINGLE_PARTIAL, {"a": {1: 1}}, {1: D(1), 2: D(1)}, Queue.PERSON_DECIDES),
        (Policy.MANY_PARTIAL, {"a": {1: 1}}, {1: D(1), 2: D(1)}, Queue.WAITS_FOR_STOCK),
    ],
)
def test_policies(policy: Policy, parts: dict[str, dict[int, int]], unfilled: dict[int, Decimal], queue: Queue) -> None:
    decision = split(want(A=2, B=1), [place("a", A=1)], Rules((S.FEWEST_PARCELS,), policy))
    assert (shipped(decision), decision.unfilled, decision.queue) == (parts, unfilled, queue)


def test_capacity_refusals_and_the_bound_on_parcels() -> None:
    full, open_ = place("full", 1, room=0, A=9), place("open", 900, room=1, A=9)
    assert list(shipped(split(want(A=1), [full, open_], USUAL))) == ["open"]
    refused = Place("refused", {"A": D(9)}, 1, refused=frozenset({"A"}))
    assert list(shipped(split(want(A=1), [refused, open_], USUAL))) == ["open"]
    assert split(want(A=1), [refused], USUAL).queue is Queue.PERSON_DECIDES
    assert split(want(A=1), [], USUAL).queue is Queue.NO_LOCATION
    two = [place("a", A=1), place("b", B=1)]
    assert split(want(A=1, B=1), two, Rules(USUAL.strategies, Policy.COMPLETE, max_parcels=1)).parts == ()
    partly = split(want(A=1, B=1), two, Rules(USUAL.strategies, Policy.MANY_PARTIAL, max_parcels=1))
    assert len(partly.parts) == 1
    assert sum(partly.unfilled.values()) == 1


def test_many_small_stocks_fill_a_large_order() -> None:
    """Places that hold the same are no twins while all of them are needed."""
    places = [place(f"p{number:02}", number, A=1) for number in range(10)]
    decision = split(want(A=8), places, USUAL)
    assert list(shipped(decision)) == [f"p{number:02}" for number in range(8)]
    assert decision.exact


def test_a_part_of_an_order_may_come_from_as_many_places_as_are_allowed() -> None:
    places = [place("a", 1, A=5), place("b", 2, A=3), place("c", 3, A=3)]
    decision = split(want(A=20), places, Rules(USUAL.strategies, Policy.MANY_PARTIAL, max_parcels=2))
    assert shipped(decision) == {"a": {1: 5}, "b": {1: 3}}
    assert decision.unfilled == {1: D(12)}


def hard(count: int) -> tuple[list[Demand], list[Place], Rules]:
    """An order whose lines need many of so many places, all alike in kilometres."""
    places = [
        place(f"p{n:02}", 100 + n % 3, **{sku: (n * 7 + k * 5) % 4 for k, sku in enumerate("ABCDE")})
        for n in range(count)
    ]
    return want(A=12, B=12, C=12, D=12, E=12), places, Rules((S.NEAREST, S.FEWEST_PARCELS), Policy.COMPLETE)


def test_twelve_places_are_decided_upon_exactly() -> None:
    demands, places, rules = hard(SURELY_EXACT)
    decision = split(demands, places, rules)
    assert decision.exact
    best = cheapest_by_force(demands, places, rules)
    used = [cost(p, rules.strategies) for p in places if p.code in shipped(decision)]
    assert tuple(map(sum, zip(*used, strict=True))) == best


def test_beyond_that_the_best_that_was_found_is_taken_and_said_so() -> None:
    demands, places, rules = hard(50)
    decision = split(demands, places, rules)
    assert not decision.exact
    assert decision.ways == STEPS
    assert not decision.unfilled
    why = explain.why_here(decision.parts[0], demands, places, rules, decision)
    assert f"the best of {STEPS} ways that were looked at; the search was cut short" in why["why"]


def test_the_way_does_not_depend_on_the_order_of_the_places() -> None:
    places = [place(f"p{number}", 10, A=1, B=number % 2) for number in range(6)]
    first = split(want(A=1, B=1), places, USUAL)
    assert split(want(A=1, B=1), places[::-1], USUAL) == first


def test_a_place_without_counted_stock_ships_anything() -> None:
    decision = split(want(A=7, B=1), [Place("make_to_order", None, 5)], USUAL)
    assert shipped(decision) == {"make_to_order": {1: 7, 2: 1}}


def test_every_decision_says_why() -> None:
    demands, places = want(A=1, B=1), [place("a", 10, A=1, B=1), place("b", 20, A=1), place("c", 5)]
    decision = split(demands, places, USUAL)
    why = explain.why_here(decision.parts[0], demands, places, USUAL, decision)
    assert why["why"].startswith("2 of 2 units, in 1 parcel: no better way exists")
    assert "fewest parcels, then distance" in why["why"]
    told = {each["location"]: each["result"] for each in explain.tried(demands, places, USUAL, decision)}
    assert list(told) == ["a", "b", "c"]
    assert told["a"].startswith("ships a part; 10 km")
    assert told["b"].startswith("could give A 1, B 0; 20 km")
    assert told["c"] == "has none of it"
    nothing = split(want(A=3), [place("a", A=1)], USUAL)
    assert explain.why_unfilled(1, want(A=3), [place("a", A=1)], nothing) == "3 of 3 A missing; there is: a 1."


def test_of_many_places_the_best_are_named() -> None:
    places = [place(f"p{number:02}", number, A=1) for number in range(30)] + [place("full", 0, room=0, A=1)]
    told = explain.tried(want(A=1), places, USUAL, split(want(A=1), places, USUAL))
    assert [each["location"] for each in told] == [*(f"p{number:02}" for number in range(12)), "19 more"]
    assert told[-1]["result"] == "18 of them could give some of it"


PLACES = st.lists(
    st.builds(
        lambda a, b, c, km, priority: place("", km, priority, A=a, B=b, C=c),
        *[st.integers(0, 3)] * 3,
        km=st.sampled_from([1.0, 10.0, 100.0]),
        priority=st.integers(0, 2),
    ),
    max_size=8,
).map(lambda places: [Place(f"p{n}", p.stock, p.kilometres, 0, p.priority) for n, p in enumerate(places)])
DEMANDS = st.lists(st.integers(1, 3), min_size=1, max_size=3).map(
    lambda counts: [Demand(n, "ABC"[n - 1], D(count)) for n, count in enumerate(counts, 1)]
)
STRATEGIES = st.permutations(list(Strategy)).flatmap(lambda order: st.integers(1, 4).map(lambda n: tuple(order[:n])))


def cheapest_by_force(demands: Sequence[Demand], places: Sequence[Place], rules: Rules) -> tuple[float, ...] | None:
    """The cost of the cheapest set of places that fill everything, found by trying all sets."""
    best = None
    for size in range(1, min(len(places), rules.max_parcels or len(places)) + 1):
        for chosen in combinations(places, size):
            held = {d.sku: sum((p.stock or {}).get(d.sku, D(0)) for p in chosen) for d in demands}
            if all(held[d.sku] >= d.quantity for d in demands):
                total = tuple(map(sum, zip(*(cost(p, rules.strategies) for p in chosen), strict=True)))
                best = total if best is None or total < best else best
    return best


@settings(max_examples=400, deadline=None)
@given(demands=DEMANDS, places=PLACES, strategies=STRATEGIES, bound=st.none() | st.integers(1, 3))
def test_no_cheaper_way_exists(
    demands: list[Demand], places: list[Place], strategies: tuple[Strategy, ...], bound: int | None
) -> None:
    rules = Rules(strategies, Policy.COMPLETE, bound)
    decision = split(demands, places, rules)
    best = cheapest_by_force(demands, places, rules)
    assert (best is None) == (not decision.parts)
    if best is None:
        return
    assert decision.exact
    used = [next(p for p in places if p.code == part.location) for part in decision.parts]
    assert tuple(map(sum, zip(*(cost(p, strategies) for p in used), strict=True))) == pytest.approx(best)


@settings(max_examples=300, deadline=None)
@given(demands=DEMANDS, places=PLACES, policy=st.sampled_from(list(Policy)), bound=st.none() | st.integers(1, 2))
def test_nothing_is_promised_twice_and_nothing_is_forgotten(
    demands: list[Demand], places: list[Place], policy: Policy, bound: int | None
) -> None:
    decision = split(demands, places, Rules((S.FEWEST_PARCELS, S.NEAREST), policy, bound))
    for demand in demands:
        given_ = sum((part.quantities.get(demand.item_id, D(0)) for part in decision.parts), D(0))
        assert given_ + decision.unfilled.get(demand.item_id, D(0)) == demand.quantity
    for part in decision.parts:
        stock = next(p.stock for p in places if p.code == part.location) or {}
        for demand in demands:
            assert part.quantities.get(demand.item_id, D(0)) <= stock.get(demand.sku, D(0))
    assert bound is None or len(decision.parts) <= bound
    rules = Rules((S.FEWEST_PARCELS, S.NEAREST), policy, bound)
    assert split(*explain.replayed(explain.seen(demands, places, rules)), rules) == decision


def test_pincodes() -> None:
    near, far = kilometres("421302", "411001"), kilometres("421302", "560001")
    assert near is not None
    assert far is not None
    assert near < far
    assert kilometres("421302", "000000") is None
    assert shared_digits("411001", "411038") == 4
    assert state_of_pincode("560001") == "KARNATAKA"
    assert state_of_pincode("abc") is None
