"""The cheapest set of places that together hold what is wanted: branch and bound, exact up to a stated number of steps.

Amounts are whole numbers here (of ten-thousandths of a unit, see `plan`), as most time is spent comparing them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Cost = tuple[float, ...]
"""Compared from left to right; costs of places add up."""

STEPS = 4000
"""Partial ways that are looked at. Three parcels over fifty locations are always found exactly within it."""

MAY_SHARE = 6
"""Of places that are alike in what they hold, so many may have to share one SKU."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A place as the search sees it: what it holds of each SKU (no more than is wanted), and the cost of using it."""

    name: str
    holds: tuple[int, ...]
    cost: Cost


@dataclass(frozen=True, slots=True)
class Cover:
    """The places to use, cheapest first."""

    chosen: tuple[Holder, ...]
    exact: bool
    steps: int


def cheapest_cover(wanted: Sequence[int], holders: Sequence[Holder], *, at_most: int | None = None) -> Cover | None:
    """The cheapest places that together hold all that is wanted; None: no places do, or too many would be needed.

    Between ways that cost the same, the one with the names that come first.
    """
    useful = _without_twins(wanted, sorted(holders, key=lambda holder: (holder.cost, holder.name)))
    search = _Search(wanted, useful, at_most)
    search.start()
    if search.best is None:
        return None
    chosen = tuple(sorted(search.best, key=lambda holder: (holder.cost, holder.name)))
    return Cover(chosen, exact=search.steps <= STEPS, steps=search.steps)


def _without_twins(wanted: Sequence[int], ranked: Sequence[Holder]) -> list[Holder]:
    """Leaves out places that a cheaper one makes superfluous: it holds the same, or more."""
    whole: list[Holder] = []  # each holds all that is wanted of some SKUs, and nothing of the others
    kept: list[Holder] = []
    seen: dict[tuple[int, ...], int] = {}
    for holder in ranked:
        if not any(holder.holds):
            continue
        if all(held in (0, want) for held, want in zip(holder.holds, wanted, strict=True)):
            if any(_covers(other.holds, holder.holds) for other in whole):
                continue
            whole.append(holder)
        else:
            seen[holder.holds] = seen.get(holder.holds, 0) + 1
            if seen[holder.holds] > MAY_SHARE:
                continue
        kept.append(holder)
    return kept


def _covers(more: tuple[int, ...], less: tuple[int, ...]) -> bool:
    return all(a >= b for a, b in zip(more, less, strict=True))


class _Search:
    def __init__(self, wanted: Sequence[int], holders: list[Holder], at_most: int | None) -> None:
        self._wanted = tuple(wanted)
        self._holders = holders
        self._at_most = at_most if at_most is not None else len(holders)
        self._skus = range(len(self._wanted))
        width = len(holders[0].cost) if holders else 0
        self._nothing: Cost = (0.0,) * width
        self._least: Cost = tuple(min(holder.cost[i] for holder in holders) for i in range(width)) if holders else ()
        self.best: list[Holder] | None = None
        self._best_cost: Cost = ()
        self.steps = 0

    def start(self) -> None:
        if not self._wanted:
            self.best = []
            return
        self._greedy()
        self._descend(self._wanted, [], self._nothing, list(range(len(self._holders))))

    def _greedy(self) -> None:
        """A first way, to measure others by: the place that holds most of what is left, again and again."""
        left, chosen, cost = self._wanted, list[Holder](), self._nothing
        unused = list(self._holders)
        while any(left) and unused and len(chosen) < self._at_most:
            best = max(unused, key=lambda holder: sum(map(min, holder.holds, left)))
            if not sum(map(min, best.holds, left)):
                return
            unused.remove(best)
            chosen.append(best)
            cost = _sum(cost, best.cost)
            left = _minus(left, best.holds)
        if not any(left):
            self.best, self._best_cost = chosen, cost

    def _descend(self, left: tuple[int, ...], chosen: list[Holder], cost: Cost, free: list[int]) -> None:
        """Try what can follow on `chosen`; `free` are the places that may still be used, cheapest first."""
        self.steps += 1
        if self.steps > STEPS:
            return
        if not any(left):
            if self.best is None or cost < self._best_cost:
                self.best, self._best_cost = list(chosen), cost
            return
        more = self._at_least(left, free)
        if more is None or len(chosen) + more > self._at_most:
            return
        if self.best is not None and _sum(cost, tuple(least * more for least in self._least)) >= self._best_cost:
            return
        scarce, suppliers = self._scarcest(left, free)
        if scarce is None:
            return
        # Every way uses one of these places. Once all ways with one of them were looked at, it is left out.
        gone: set[int] = set()
        for index in suppliers:
            holder = self._holders[index]
            rest = [other for other in free if other != index and other not in gone]
            chosen.append(holder)
            self._descend(_minus(left, holder.holds), chosen, _sum(cost, holder.cost), rest)
            chosen.pop()
            gone.add(index)
            if self.steps > STEPS:
                return

    def _at_least(self, left: tuple[int, ...], free: list[int]) -> int | None:
        """How many more places are needed at the least: one, or two where none holds all that is left."""
        if not free:
            return None
        for index in free:
            if all(map(int.__ge__, self._holders[index].holds, left)):
                return 1
        return 2

    def _scarcest(self, left: tuple[int, ...], free: list[int]) -> tuple[int | None, list[int]]:
        """The wanted SKU that the fewest places hold, and those places; None: one of the SKUs cannot be filled."""
        best: tuple[int | None, list[int]] = (None, [])
        for sku in self._skus:
            if not left[sku]:
                continue
            suppliers = [index for index in free if self._holders[index].holds[sku]]
            if sum(self._holders[index].holds[sku] for index in suppliers) < left[sku]:
                return None, []
            if best[0] is None or len(suppliers) < len(best[1]):
                best = (sku, suppliers)
        return best


def _sum(one: Cost, other: Cost) -> Cost:
    return tuple([a + b for a, b in zip(one, other, strict=True)])


def _minus(left: tuple[int, ...], held: tuple[int, ...]) -> tuple[int, ...]:
    return tuple([want - have if want > have else 0 for want, have in zip(left, held, strict=True)])
