"""The cheapest set of places that together hold what is wanted: branch and bound, exact up to a stated number of steps.

Amounts are whole numbers here (of ten-thousandths of a unit, see `plan`), as most time is spent comparing them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

Cost = tuple[float, ...]
"""Compared from left to right; costs of places add up."""

SURELY_EXACT = 12
"""Up to so many locations that hold something of an order no better way exists than the one that is found."""

STEPS = 2**SURELY_EXACT
"""Partial ways that are looked at; each is another set of places, so that twelve places never need more. Of more places
most ways are ruled out unseen: an order of five lines over fifty is nearly always decided exactly too, and what was cut
short is said to be.
"""


class Holder(NamedTuple):
    """A place as the search sees it.

    Attributes:
        holds: of each SKU, no more than is wanted.
        cost: of using it.
        whole: a bit for each SKU of which it holds all that is wanted.
        partly: whether of some SKU it holds less than is wanted, but not nothing.
    """

    name: str
    holds: tuple[int, ...]
    cost: Cost
    whole: int
    partly: bool


def holder(name: str, holds: Sequence[int], wanted: Sequence[int], cost: Cost) -> Holder:
    """A place that holds so much."""
    whole, partly, bit = 0, False, 1
    for held, want in zip(holds, wanted, strict=True):
        if held:
            if held >= want:
                whole |= bit
            else:
                partly = True
        bit <<= 1
    return Holder(name, tuple(holds), cost, whole, partly)


@dataclass(frozen=True, slots=True)
class Cover:
    """The places to use, cheapest first; none: the search was cut short before it found a way.

    Attributes:
        exact: whether no cheaper way exists.
        steps: partial ways that were looked at.
    """

    chosen: tuple[Holder, ...]
    exact: bool
    steps: int


def cheapest_cover(wanted: Sequence[int], holders: Sequence[Holder], *, at_most: int | None = None) -> Cover | None:
    """The cheapest places that together hold all that is wanted; None: no places do, or too many would be needed.

    Between ways that cost the same, the same one each time, whatever order the places are given in.
    """
    useful = _without_twins(wanted, sorted(holders, key=lambda each: (each.cost, each.name)))
    search = _Search(wanted, useful, at_most)
    search.start()
    exact, steps = search.steps <= STEPS, min(search.steps, STEPS)
    if search.best is None:
        return None if exact else Cover((), exact, steps)
    return Cover(tuple(sorted(search.best, key=lambda each: (each.cost, each.name))), exact, steps)


def _without_twins(wanted: Sequence[int], ranked: Sequence[Holder]) -> list[Holder]:
    """Leaves out places that cheaper ones make superfluous: one that holds at least as much in whole, or so many that
    hold the same that together they hold all that is wanted of it.
    """
    wholes: list[int] = []  # of places that hold all that is wanted of some SKUs, and nothing of the others
    kept: list[Holder] = []
    seen: dict[tuple[int, ...], int] = {}
    for each in ranked:
        if each.partly:
            seen[each.holds] = seen.get(each.holds, 0) + 1
            enough = max(-(-want // held) for want, held in zip(wanted, each.holds, strict=True) if held)
            if seen[each.holds] > enough:
                continue
        elif not each.whole or any(each.whole & other == each.whole for other in wholes):
            continue
        else:
            wholes.append(each.whole)
        kept.append(each)
    return kept


class _Search:
    def __init__(self, wanted: Sequence[int], holders: list[Holder], at_most: int | None) -> None:
        self._wanted = tuple(wanted)
        self._holders = holders
        self._at_most = at_most if at_most is not None else len(holders)
        self._skus = range(len(self._wanted))
        self.best: list[Holder] | None = None
        self._best_cost: Cost = ()
        self.steps = 0

    def start(self) -> None:
        if not self._wanted:
            self.best = []
            return
        self._greedy()
        nothing = (0.0,) * len(self._holders[0].cost) if self._holders else ()
        self._descend(self._wanted, [], nothing, list(range(len(self._holders))))

    def _greedy(self) -> None:
        """A first way, to measure others by: the place that holds most of what is left, again and again."""
        left, chosen, unused = self._wanted, list[Holder](), list(self._holders)
        while any(left) and unused and len(chosen) < self._at_most:
            best = max(unused, key=lambda each: sum(map(min, each.holds, left)))
            if not sum(map(min, best.holds, left)):
                return
            unused.remove(best)
            chosen.append(best)
            left = _minus(left, best.holds)
        if not any(left) and chosen:
            self._keep(chosen, tuple(map(sum, zip(*(each.cost for each in chosen), strict=True))))

    def _keep(self, chosen: list[Holder], cost: Cost) -> None:
        if self.best is None or cost < self._best_cost:
            self.best, self._best_cost = chosen, cost

    def _descend(self, left: tuple[int, ...], chosen: list[Holder], cost: Cost, free: list[int]) -> None:
        """Try what can follow on `chosen`; `free` are the places that may still be used, cheapest first.

        Costs are compared from left to right and add up, so that no two places cost less than the first two of `free`.
        """
        self.steps += 1
        if self.steps > STEPS or not free:
            return
        holders = self._holders
        cheapest = holders[free[0]].cost
        if (alone := self._alone(left, free)) is not None:
            self._keep([*chosen, alone], _sum(cost, alone.cost))
        if len(free) < 2 or len(chosen) + 2 > self._at_most:
            return
        if self.best is not None and _sum(_sum(cost, cheapest), holders[free[1]].cost) >= self._best_cost:
            return
        # Every other way uses one of these places, and one more. Once all ways with one were looked at, it is left out.
        gone: set[int] = set()
        for index in self._scarcest(left, free):
            each = holders[index]
            spent = _sum(cost, each.cost)
            if self.steps > STEPS or (self.best is not None and _sum(spent, cheapest) >= self._best_cost):
                return
            after = _minus(left, each.holds)
            gone.add(index)
            if any(after):
                self._descend(after, [*chosen, each], spent, [other for other in free if other not in gone])

    def _alone(self, left: tuple[int, ...], free: list[int]) -> Holder | None:
        """The cheapest place that holds all that is left."""
        wanted = sum(1 << sku for sku in self._skus if left[sku])
        for index in free:
            each = self._holders[index]
            # One that does not hold all that was wanted may still hold all that is left.
            if each.whole & wanted == wanted or (each.partly and all(map(int.__ge__, each.holds, left))):
                return each
        return None

    def _scarcest(self, left: tuple[int, ...], free: list[int]) -> list[int]:
        """The places that hold the SKU that the fewest hold, cheapest first; none: one of the SKUs cannot be filled."""
        best: list[int] = []
        for sku in self._skus:
            if not left[sku]:
                continue
            suppliers = [index for index in free if self._holders[index].holds[sku]]
            if sum([self._holders[index].holds[sku] for index in suppliers]) < left[sku]:
                return []
            if not best or len(suppliers) < len(best):
                best = suppliers
        return best


def _sum(one: Cost, other: Cost) -> Cost:
    return tuple([a + b for a, b in zip(one, other, strict=True)])


def _minus(left: tuple[int, ...], held: tuple[int, ...]) -> tuple[int, ...]:
    return tuple([want - have if want > have else 0 for want, have in zip(left, held, strict=True)])
