"""What of an invoice a credit note takes back: all of it, or units of its lines, so that all parts add up to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from magento_oms.domain.invoicing.content import InvoiceContent, InvoiceLine
from magento_oms.domain.money import share

ZERO = Decimal(0)
Units = Mapping[int, Decimal]
"""Item id → units."""


class TooMuchCredited(ValueError):
    """More would be credited than the invoice has. The text names item and figures."""


@dataclass(frozen=True, slots=True)
class Credited:
    """The figures of a credit note."""

    goods: tuple[InvoiceLine, ...]
    charges: tuple[InvoiceLine, ...]
    rounding: Decimal
    total: Decimal


def credited(
    invoice: InvoiceContent, units: Units | None = None, before: Units | None = None, *, charges_too: bool = True
) -> Credited:
    """The figures of the credit note on `units` of an invoice.

    Args:
        units: None: all that is left, with the charges (shipping and others) and the rounding. Units of lines are
            credited without charges.
        before: what earlier credit notes on this invoice took back.
        charges_too: whether charges and rounding are credited with all that is left; they may have been before.

    Raises:
        TooMuchCredited: units that are not on the invoice, or were credited before; or nothing is left.
    """
    before = before or {}
    left = {
        line.item_id: line.quantity - before.get(line.item_id, ZERO)
        for line in invoice.goods
        if line.item_id is not None
    }
    wanted = left if units is None else units
    for item_id, quantity in wanted.items():
        if quantity > left.get(item_id, ZERO) or quantity < 0:
            raise TooMuchCredited(
                f"{quantity} of item {item_id} are to be credited, {left.get(item_id, ZERO)} are left on invoice"
                f" {invoice.number}"
            )
    goods = tuple(
        _part(line, before.get(line.item_id, ZERO), wanted[line.item_id])
        for line in invoice.goods
        if line.item_id is not None and wanted.get(line.item_id, ZERO) > 0
    )
    whole = units is None and charges_too
    charges = invoice.charges if whole else ()
    if not goods and not charges:
        raise TooMuchCredited(f"nothing is left to credit on invoice {invoice.number}")
    rounding = invoice.rounding if whole else ZERO
    return Credited(goods, charges, rounding, sum((line.total for line in goods + charges), ZERO) + rounding)


def _part(line: InvoiceLine, before: Decimal, now: Decimal) -> InvoiceLine:
    """Of each figure the share, so that CGST and SGST stay equal and the total is their sum."""
    if not before and now == line.quantity:
        return line

    def mine(amount: Decimal) -> Decimal:
        return share(amount, before, now, line.quantity)

    taxable, cgst, sgst, igst = mine(line.taxable), mine(line.cgst), mine(line.sgst), mine(line.igst)
    return replace(
        line,
        quantity=now,
        discount=mine(line.discount),
        taxable=taxable,
        cgst=cgst,
        sgst=sgst,
        igst=igst,
        total=taxable + cgst + sgst + igst,
    )
