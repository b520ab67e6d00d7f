"""Invoices: numbers, financial years, and figures that add up to the order however it is split."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magento_oms.domain.invoicing.compose import Cut, Figures, LinePart, OrderMoney, compose, weights
from magento_oms.domain.invoicing.numbers import SeriesIsFull, financial_year, invoice_number
from magento_oms.domain.money import share

D = Decimal


@pytest.mark.parametrize(
    ("moment", "year"),
    [
        (datetime(2026, 3, 31, 18, 29, tzinfo=UTC), "2025-26"),  # 23:59 in India
        (datetime(2026, 3, 31, 18, 30, tzinfo=UTC), "2026-27"),  # midnight in India
        (datetime(2099, 12, 1, tzinfo=UTC), "2099-00"),
    ],
)
def test_the_financial_year_begins_in_april_in_india(moment: datetime, year: str) -> None:
    assert financial_year(moment) == year


def test_numbers_have_sixteen_characters_at_the_most() -> None:
    assert invoice_number("MB", "2026-27", 42) == "MB2627-000042"
    assert invoice_number("ABCDEF", "2026-27", 99_999) == "ABCDEF2627-99999"
    assert invoice_number("", "2026-27", 1_234_567) == "2627-1234567"
    with pytest.raises(SeriesIsFull, match="ABCDEF2627-100000 has 17 characters"):
        invoice_number("ABCDEF", "2026-27", 100_000)


@given(amount=st.decimals(0, 10**6, places=2), cuts=st.lists(st.integers(0, 50), min_size=1, max_size=8))
def test_shares_add_up_to_the_whole(amount: Decimal, cuts: list[int]) -> None:
    whole, before, parts = D(sum(cuts)), D(0), []
    for cut in cuts:
        parts.append(share(amount, before, D(cut), whole))
        before += cut
    assert sum(parts) == (amount if whole else D(len(cuts)) * amount)


PAISE = st.integers(1, 500_000).map(lambda paise: D(paise) / 100)


@st.composite
def orders(draw: st.DrawFn) -> tuple[list[tuple[int, Decimal, Decimal, Decimal]], OrderMoney, list[list[int]]]:
    """Lines (units, payable, tax, rate), the order's money, and in which portions its units are shipped."""
    lines = []
    for _ in range(draw(st.integers(1, 4))):
        payable, rate = draw(PAISE), draw(st.sampled_from([D(0), D(5), D(12), D(18)]))
        tax = (payable * rate / (100 + rate)).quantize(D("0.01"))
        lines.append((draw(st.integers(1, 4)), payable, tax, rate))
    goods = sum((line[1] for line in lines), D(0))
    shipping, other, credit = draw(PAISE) / 10, D(0), min(draw(st.sampled_from([D(0), D("10.01")])), goods)
    shipping = shipping.quantize(D("0.01"))
    noise = draw(st.sampled_from([D(0), D("0.01"), D("-0.02")]))
    total = goods + shipping + other - credit + noise
    money = OrderMoney(goods, D(0), D(0), goods, shipping, other, credit, total, total)
    portions = []
    for units, *_ in lines:
        first = draw(st.integers(0, units))
        portions.append([first, units - first])
    return lines, money, portions


@settings(max_examples=300, deadline=None)
@given(order=orders(), taxed=st.sampled_from(["intra", "inter", "none"]))
def test_the_invoices_of_a_split_order_add_up_to_it(
    order: tuple[list[tuple[int, Decimal, Decimal, Decimal]], OrderMoney, list[list[int]]], taxed: str
) -> None:
    lines, money, portions = order
    made: list[Figures] = []
    packed = [0] * len(lines)
    for turn in range(2):
        parts = [
            LinePart(n, f"S{n}", "", "", D(units), D(packed[n]), D(portions[n][turn]), payable, tax, rate, D(0))
            for n, (units, payable, tax, rate) in enumerate(lines)
            if portions[n][turn]
        ]
        if not parts:
            continue
        before = sum((line[1] * packed[n] / line[0] for n, line in enumerate(lines)), D(0))
        for n in range(len(lines)):
            packed[n] += portions[n][turn]
        after = sum((line[1] * packed[n] / line[0] for n, line in enumerate(lines)), D(0))
        whole = OrderMoney(
            money.whole, before, after, money.all_lines, money.shipping, money.other_charges, money.store_credit,
            money.grand_total, money.to_collect,
        )  # fmt: skip
        made.append(compose(parts, [], whole, taxed=taxed))
    assert sum(figures.to_pay for figures in made) == money.grand_total
    assert sum(figures.collect for figures in made) == money.to_collect
    assert sum(figures.store_credit for figures in made) == money.store_credit
    for figures in made:
        for line in figures.goods + figures.charges:
            assert line.taxable + line.cgst + line.sgst + line.igst == line.total
            assert line.cgst == line.sgst
            assert taxed == "intra" or line.cgst == 0
            assert taxed == "inter" or line.igst == 0


def test_shipping_of_free_goods_is_charged_once() -> None:
    """Nothing is paid for the goods: what is shared by their value would be charged with each parcel."""
    made = []
    for before in (D(0), D(1)):
        part = LinePart(1, "GIFT", "", "", D(2), before, D(1), D(0), D(0), D(0), D(0))
        whole, was, now = weights([Cut(D(0), D(2), before, D(1))], D(0))
        money = OrderMoney(whole, was, now, D(0), D(50), D(0), D(0), D(50), D(50))
        made.append(compose([part], [], money, taxed="intra"))
    assert [figures.total for figures in made] == [25, 25]
    assert [figures.collect for figures in made] == [25, 25]


def test_store_credit_that_virtual_goods_are_paid_with_leaves_nothing_below_zero() -> None:
    made = []
    gift = LinePart(9, "CARD", "", "", D(1), D(0), D(1), D(50), D(0), D(0), D(0))
    for before in (D(0), D(1)):
        part = LinePart(1, "KURTA", "", "", D(2), before, D(1), D(100), D(0), D(0), D(0))
        whole, was, now = weights([Cut(D(100), D(2), before, D(1))], D(50))
        money = OrderMoney(whole, was, now, D(150), D(0), D(0), D(120), D(30), D(30))
        made.append(compose([part], [gift] if not before else [], money, taxed="intra"))
    assert [figures.to_pay for figures in made] == [20, 10]
    assert [figures.store_credit for figures in made] == [80, 40]
