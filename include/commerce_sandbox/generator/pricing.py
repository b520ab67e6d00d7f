"""What an order costs, in whole paise, the way Magento adds it up.

Tax is worked out row by row after discount; what rounding a row drops is carried to the next row of the same rate.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from commerce_sandbox.generator.catalogue import Article

_SHIPPING_TAX_PERCENT = 18


@dataclass(slots=True)
class Row:
    """One order line to be: what is bought and, once priced, what it costs (paise).

    Attributes:
        priced: whether the row carries money; else its parent or its children do.
        price: one piece without tax. `total` and `tax_full` are before discount, `tax` is after it.
        compensation: the discount's own tax share in stores whose prices include tax.
    """

    article: Article
    quantity: int
    parent: Row | None = None
    choice: int = 0
    priced: bool = True
    price: int = 0
    price_incl_tax: int = 0
    total: int = 0
    total_incl_tax: int = 0
    discount: int = 0
    tax: int = 0
    compensation: int = 0
    children: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Discount:
    """A coupon: `percent` of every row, or `paise` off the whole basket, shared out by value."""

    code: str
    percent: int = 0
    paise: int = 0


@dataclass(slots=True)
class Bill:
    """An order's totals in paise; `discount` is positive here."""

    subtotal: int = 0
    subtotal_incl_tax: int = 0
    shipping: int = 0
    shipping_tax: int = 0
    tax: int = 0
    compensation: int = 0
    discount: int = 0
    fee: int = 0
    store_credit: int = 0
    taxes: dict[int, int] = field(default_factory=dict)

    @property
    def before_credit(self) -> int:
        """Everything but store credit."""
        return self.subtotal + self.shipping + self.tax + self.compensation - self.discount + self.fee

    @property
    def grand_total(self) -> int:
        """What is left to pay for the order."""
        return self.before_credit - self.store_credit


class _Carry:
    """Rounds hundredths of a paisa to paise, carrying the remainder by tax rate."""

    def __init__(self) -> None:
        self._left: dict[int, int] = {}

    def __call__(self, hundredths: int, rate: int) -> int:
        amount = hundredths + self._left.get(rate, 0)
        rounded = (amount + 50) // 100
        self._left[rate] = amount - 100 * rounded
        return rounded


def price(
    rows: list[Row],
    *,
    prices_include_tax: bool = False,
    discount: Discount | None = None,
    shipping: int = 0,
    shipping_taxed: bool = False,
) -> Bill:
    """Price the rows in place and add them up; fee and store credit are the caller's to set."""
    own = [row for row in rows if row.priced]
    for row in own:
        _price_row(row, prices_include_tax=prices_include_tax)
    _discount_rows(own, discount, prices_include_tax=prices_include_tax)
    carry = _Carry()
    bill = Bill(shipping=shipping)
    for row in own:
        rate = row.article.tax_percent
        if prices_include_tax:
            taxed = row.total_incl_tax - row.discount
            row.tax = taxed - _without_tax(taxed, rate)
            row.compensation = row.total_incl_tax - row.total - row.tax
        else:
            row.tax = carry((row.total - row.discount) * rate, rate)
        bill.taxes[rate] = bill.taxes.get(rate, 0) + row.tax
    if shipping_taxed and shipping:
        bill.shipping_tax = (shipping * _SHIPPING_TAX_PERCENT + 50) // 100
        bill.taxes[_SHIPPING_TAX_PERCENT] = bill.taxes.get(_SHIPPING_TAX_PERCENT, 0) + bill.shipping_tax
    bill.subtotal = sum(row.total for row in own)
    bill.subtotal_incl_tax = sum(row.total_incl_tax for row in own)
    bill.tax = sum(row.tax for row in own) + bill.shipping_tax
    bill.compensation = sum(row.compensation for row in own)
    bill.discount = sum(row.discount for row in own)
    for row in rows:
        if row.children and not row.priced:
            _sum_up(row, row.children)
    return bill


def _price_row(row: Row, *, prices_include_tax: bool) -> None:
    rate = row.article.tax_percent
    if prices_include_tax:
        row.price_incl_tax = row.article.paise
        row.price = _without_tax(row.price_incl_tax, rate)
        row.total_incl_tax = row.price_incl_tax * row.quantity
        row.total = _without_tax(row.total_incl_tax, rate)
    else:
        row.price = row.article.paise
        row.price_incl_tax = row.price + (row.price * rate + 50) // 100
        row.total = row.price * row.quantity
        row.total_incl_tax = row.price_incl_tax * row.quantity


def _discount_rows(rows: list[Row], discount: Discount | None, *, prices_include_tax: bool) -> None:
    """Share the discount out; the last row of a fixed one takes the remainder, so the sum is exact."""
    if discount is None:
        return
    bases = [row.total_incl_tax if prices_include_tax else row.total for row in rows]
    if discount.percent:
        carry = _Carry()
        for row, base in zip(rows, bases, strict=True):
            row.discount = min(carry(base * discount.percent, 0), base)
        return
    whole = sum(bases)
    left = min(discount.paise, whole)
    for row, base in zip(rows, bases, strict=True):
        row.discount = min((2 * discount.paise * base + whole) // (2 * whole) if whole else 0, base, left)
        left -= row.discount
    for row, base in zip(reversed(rows), reversed(bases), strict=True):
        more = min(left, base - row.discount)
        row.discount += more
        left -= more


def _sum_up(parent: Row, children: Iterable[Row]) -> None:
    """A bundle priced by its parts shows their sums, but no discount."""
    for child in children:
        each = child.quantity // parent.quantity
        parent.price += child.price * each
        parent.price_incl_tax += child.price_incl_tax * each
        parent.total += child.total
        parent.total_incl_tax += child.total_incl_tax
        parent.tax += child.tax


def _without_tax(paise: int, percent: int) -> int:
    """The part of an amount with tax that is not tax, rounded half up."""
    return (200 * paise + 100 + percent) // (2 * (100 + percent))
