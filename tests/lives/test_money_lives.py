"""Random cuts of random orders into fulfilments and boxes: the parts always add up to the order, to the paisa.

Pure: no database, nothing outside. Over 8,000 packings with the quick tests, 32,000 in the soak.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from magento_oms.domain.invoicing.compose import Cut, Figures, LinePart, OrderMoney, compose, weights
from magento_oms.domain.money import allot

D = Decimal
ZERO = D(0)
rates = st.sampled_from((0, 5, 12, 18))
paise = st.integers(0, 5_000_00).map(lambda amount: D(amount) / 100)


class Cuts(RuleBasedStateMachine):
    """One order that is packed bit by bit."""

    steps: ClassVar[list[int]] = [0]

    @initialize(
        lines=st.lists(st.tuples(st.integers(1, 7), paise, paise, rates), min_size=1, max_size=5),
        virtual=st.lists(paise, max_size=2),
        shipping=paise,
        charges=paise,
        rounding=st.integers(-40, 40),
        credit=st.integers(0, 100),
        cod=st.booleans(),
        taxed=st.sampled_from(("intra", "inter", "none")),
    )  # fmt: skip
    def order_is_placed(
        self,
        lines: list[tuple[int, Decimal, Decimal, int]],
        virtual: list[Decimal],
        shipping: Decimal,
        charges: Decimal,
        rounding: int,
        credit: int,
        cod: bool,
        taxed: str,
    ) -> None:
        self.lines = lines
        self.virtual = virtual
        self.taxed = taxed
        self.shipping, self.charges = shipping, charges
        goods = sum((payable for _, payable, _, _ in lines), ZERO) + sum(virtual, ZERO)
        whole = max(goods + shipping + charges + D(rounding) / 100, ZERO)
        self.credit = (whole * credit / 100).quantize(D("0.01"))
        self.grand_total = whole - self.credit
        self.to_collect = self.grand_total if cod else ZERO
        self.packed = [0] * len(lines)
        self.figures: list[Figures] = []

    @rule(take=st.lists(st.integers(0, 7), min_size=5, max_size=5), boxes=st.lists(paise, min_size=1, max_size=4))
    def some_units_are_packed(self, take: list[int], boxes: list[Decimal]) -> None:
        self.pack(
            [min(units, self.lines[i][0] - self.packed[i]) for i, units in enumerate(take[: len(self.lines)])], boxes
        )

    def pack(self, now: Sequence[int], boxes: list[Decimal]) -> None:
        """Invoice so many units of each line."""
        if not any(now):
            return
        self.steps[0] += 1
        before = list(self.packed)
        after = [packed + units for packed, units in zip(before, now, strict=True)]
        parts = [self.part(i, before[i], units) for i, units in enumerate(now) if units]
        virtual = [
            LinePart(100 + i, f"V{i}", "", "", D(1), ZERO, D(1), payable, ZERO, ZERO, ZERO)
            for i, payable in enumerate(self.virtual)
            if not any(before)
        ]
        figures = compose(parts, virtual, self.money(before, after), taxed=self.taxed)
        assert figures.total - figures.store_credit == figures.to_pay
        shown = sum((line.total for line in figures.goods + figures.charges), ZERO) + figures.rounding
        assert shown == figures.total
        for line in figures.goods + figures.charges:
            assert line.taxable + line.cgst + line.sgst + line.igst == line.total
        assert figures.collect >= 0, figures
        assert sum(allot(figures.collect, boxes), ZERO) == figures.collect
        self.packed = after
        self.figures.append(figures)

    def part(self, i: int, before: int, now: int) -> LinePart:
        """Units of a line."""
        ordered, payable, discount, percent = self.lines[i]
        tax = (payable * percent / (100 + percent)).quantize(D("0.01")) if percent == 18 else ZERO
        return LinePart(
            i, f"S{i}", "", "", D(ordered), D(before), D(now), payable, tax, D(percent), discount, D(percent)
        )

    def money(self, before: Sequence[int], after: Sequence[int]) -> OrderMoney:
        """The order's amounts."""
        cuts = [
            Cut(line[1], D(line[0]), D(had), D(has - had))
            for line, had, has in zip(self.lines, before, after, strict=True)
        ]
        virtual = sum(self.virtual, ZERO)
        whole, packed, now = weights(cuts, virtual)
        return OrderMoney(
            whole=whole,
            before=packed,
            after=now,
            all_lines=sum((line[1] for line in self.lines), virtual),
            shipping=self.shipping,
            other_charges=self.charges,
            store_credit=self.credit,
            grand_total=self.grand_total,
            to_collect=self.to_collect,
        )

    def teardown(self) -> None:
        """All is packed: the invoices are the order."""
        if not hasattr(self, "figures"):
            return
        self.pack([line[0] - packed for line, packed in zip(self.lines, self.packed, strict=True)], [ZERO])
        assert sum((each.to_pay for each in self.figures), ZERO) == self.grand_total
        assert sum((each.store_credit for each in self.figures), ZERO) == self.credit
        assert sum((each.collect for each in self.figures), ZERO) == self.to_collect


SETTINGS: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "print_blob": False,
    "suppress_health_check": list(HealthCheck),
    "phases": (Phase.generate, Phase.shrink),
}


def run(number: int, *, orders: int) -> None:
    """Cut so many orders."""
    Cuts.steps[0] = 0
    run_state_machine_as_test(
        seed(number)(Cuts), settings=settings(max_examples=orders, stateful_step_count=12, **SETTINGS)
    )
    assert Cuts.steps[0] >= 2 * orders


@pytest.mark.parametrize("number", range(4))
def test_parts_of_any_order_add_up(number: int) -> None:
    run(number, orders=1_000)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(100, 104))
def test_parts_of_many_orders_add_up(number: int) -> None:
    run(number, orders=4_000)
