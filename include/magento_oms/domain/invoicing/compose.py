"""The figures of a fulfilment's invoice: its part of what Magento charged, taken so that all parts add up to the order.

Magento's own figures are carried, never computed anew; only what it does not tell (GST contained in prices that it
charges no tax on, GST of shipping) is. Rules: CGST Act s. 15 (value), s. 8 (a charge for shipping follows the goods'
rate), IGST Act s. 10 (place of supply).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from magento_oms.domain.invoicing.content import InvoiceLine
from magento_oms.domain.money import share, to_paisa

ZERO = Decimal(0)
HUNDRED = Decimal(100)
SMALL = Decimal(1)
"""Rupees: below it a difference is rounding."""


@dataclass(frozen=True, slots=True)
class LinePart:
    """The units of an order line that are invoiced now.

    Attributes:
        ordered, before, now: units of the line, of what was invoiced before, of this invoice.
        payable, tax, discount: of the whole line; `payable` after discount, GST included.
        gst_percent: contained in the price where Magento charges no tax.
    """

    item_id: int
    sku: str
    name: str
    hsn: str
    ordered: Decimal
    before: Decimal
    now: Decimal
    payable: Decimal
    tax: Decimal
    tax_percent: Decimal
    discount: Decimal
    gst_percent: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class OrderMoney:
    """The order's amounts beyond its lines' own, in rupees.

    Attributes:
        whole: what the amounts are shared by (see `weights`).
        before, after: of that, what is invoiced before and after this invoice.
        all_lines: Σ payable of all lines, virtual ones included.
    """

    whole: Decimal
    before: Decimal
    after: Decimal
    all_lines: Decimal
    shipping: Decimal
    other_charges: Decimal
    store_credit: Decimal
    grand_total: Decimal
    to_collect: Decimal


@dataclass(frozen=True, slots=True)
class Figures:
    """An invoice's figures."""

    goods: tuple[InvoiceLine, ...]
    charges: tuple[InvoiceLine, ...]
    rounding: Decimal
    total: Decimal
    store_credit: Decimal
    to_pay: Decimal
    collect: Decimal


@dataclass(frozen=True, slots=True)
class Cut:
    """What a line that is shipped weighs: its `payable` (of the whole line), and its units: all, before, now."""

    payable: Decimal
    ordered: Decimal
    before: Decimal
    now: Decimal


def weights(lines: Sequence[Cut], virtual: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    """What an order's amounts are shared by: the whole, and of it what was before and what is after an invoice.

    Goods weigh what is paid for them; where all are free, units count. What is paid for virtual lines comes with the
    first invoice.
    """
    free = not any(line.payable for line in lines)
    first = not any(line.before for line in lines)

    def weight(line: Cut, units: Decimal) -> Decimal:
        return units if free else line.payable * units / line.ordered

    before = sum((weight(line, line.before) for line in lines), ZERO)
    after = sum((weight(line, line.before + line.now) for line in lines), ZERO)
    whole = sum((weight(line, line.ordered) for line in lines), ZERO)
    return whole + virtual, before + (ZERO if first else virtual), after + virtual


def compose(parts: Sequence[LinePart], virtual: Sequence[LinePart], order: OrderMoney, *, taxed: str) -> Figures:
    """The figures of the invoice of some units of an order.

    Args:
        parts: what is shipped.
        virtual: lines that no one ships, invoiced along with the first fulfilment.
        taxed: `intra` (CGST + SGST), `inter` (IGST), or `none` (a seller without GSTIN).
    """
    goods = tuple(_goods(part, taxed) for part in (*parts, *virtual))

    def mine(amount: Decimal) -> Decimal:
        return share(amount, order.before, order.after - order.before, order.whole)

    rest = order.grand_total + order.store_credit - order.all_lines - order.shipping - order.other_charges
    # A discount on shipping is in the order's discount, and in no line's.
    off_shipping = rest if rest < -SMALL and -rest <= order.shipping else ZERO
    rate = max((line.rate for line in goods), default=ZERO)
    charges = tuple(
        _charge(name, mine(amount), rate, taxed)
        for name, amount in (("Shipping", order.shipping + off_shipping), ("Other charges", order.other_charges))
        if amount
    )
    # What is paid is cut first: no part of it is below zero. The paise that lines and charges lose by being cut each by
    # itself are rounding.
    store_credit, to_pay = mine(order.store_credit), mine(order.grand_total)
    total = to_pay + store_credit
    rounding = total - sum((line.total for line in goods + charges), ZERO)
    # What is due at the door is the whole order, as a rule: then each parcel collects what its invoice says.
    collect = to_pay if order.to_collect == order.grand_total else mine(order.to_collect)
    return Figures(goods, charges, rounding, total, store_credit, to_pay, collect)


def _goods(part: LinePart, taxed: str) -> InvoiceLine:
    total = share(part.payable, part.before, part.now, part.ordered)
    discount = share(part.discount, part.before, part.now, part.ordered)
    if part.tax:
        tax, rate = share(part.tax, part.before, part.now, part.ordered), part.tax_percent
    else:
        rate = part.gst_percent
        tax = to_paisa(total * rate / (HUNDRED + rate))
    price = to_paisa((part.payable + part.discount) / part.ordered)
    return _line(part.item_id, part.sku, part.name, part.hsn, part.now, price, discount, total, tax, rate, taxed)


def _charge(name: str, amount: Decimal, rate: Decimal, taxed: str) -> InvoiceLine:
    tax = to_paisa(amount * rate / (HUNDRED + rate))
    return _line(None, "", name, "", Decimal(1), amount, ZERO, amount, tax, rate, taxed)


def _line(
    item_id: int | None,
    sku: str,
    name: str,
    hsn: str,
    quantity: Decimal,
    price: Decimal,
    discount: Decimal,
    total: Decimal,
    tax: Decimal,
    rate: Decimal,
    taxed: str,
) -> InvoiceLine:
    """CGST and SGST are equal, so that an odd paisa of tax makes the taxable value a paisa less."""
    cgst = sgst = to_paisa(tax / 2) if taxed == "intra" else ZERO
    igst = tax if taxed == "inter" else ZERO
    shown = rate if taxed != "none" else ZERO
    return InvoiceLine(
        item_id, sku, name, hsn, quantity, price, discount, total - cgst - sgst - igst, shown, cgst, sgst, igst, total
    )
