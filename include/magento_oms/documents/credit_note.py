"""A credit note as PDF: what CGST rule 53 wants on it, on A4."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Spacer, Table

from magento_oms.documents.fonts import BOLD
from magento_oms.documents.invoice import (
    address_lines,
    amount_in_words,
    goods_table,
    party_boxes,
    rupees,
    table_by_rate,
)
from magento_oms.documents.parts import LINE, SHADE, WIDTH, code128, lines, render, table, words
from magento_oms.domain.invoicing.content import CreditNoteContent

ZERO = Decimal(0)


def credit_note_pdf(content: CreditNoteContent) -> bytes:
    """The printed credit note. The same content gives the same bytes."""
    return render(
        lambda: _story(content),
        title=f"Credit note {content.number}",
        foot=f"Credit note {content.number} · invoice {content.invoice_number} · order {content.order_number}",
    )


def _story(content: CreditNoteContent) -> Sequence[Flowable]:
    gap = Spacer(1, 3 * mm)
    return [_head(content), gap, party_boxes(content), gap, goods_table(content), Spacer(1, 2 * mm), _end(content)]


def _head(content: CreditNoteContent) -> Table:
    facts = [
        ("Credit note no.", content.number),
        ("Date", f"{content.issued_on:%d %b %Y}"),
        ("Against invoice", content.invoice_number),
        ("Invoice date", f"{content.invoiced_on:%d %b %Y}"),
        ("Order no.", content.order_number),
        ("Order date", f"{content.ordered_on:%d %b %Y}"),
        ("Place of supply", f"{content.supply_state} ({content.supply_code})"),
        ("Invoice's IRN", content.irn),
    ]
    rows = [[words(name, size=7), words(told, bold=True)] for name, told in facts if told]
    right: list[Flowable] = [
        words("CREDIT NOTE", size=13, bold=True, align="right"),
        words("Original for recipient", size=7, align="right"),
        Spacer(1, 2 * mm),
        code128(content.number, width=WIDTH * 0.45 - 2 * mm, height=9 * mm, widest=0.33 * mm),
        Spacer(1, 1 * mm),
        table(rows, (24 * mm, WIDTH * 0.45 - 26 * mm)),
    ]
    left = lines([content.seller.name, *address_lines(content.seller)], first_bold=True)
    return table([[left, right]], (WIDTH * 0.55, WIDTH * 0.45))


def _end(content: CreditNoteContent) -> Table:
    left: list[Flowable] = [
        words("Reason", size=7),
        words(content.reason, bold=True),
        Spacer(1, 1 * mm),
        words("Amount in words", size=7),
        words(amount_in_words(content.total), bold=True),
        Spacer(1, 2 * mm),
        table_by_rate(content),
        Spacer(1, 2 * mm),
        words("Computer generated; valid without a signature.", size=7),
    ]
    sums = [
        ("Goods", sum((line.total for line in content.goods), ZERO)),
        *((charge.name, charge.total) for charge in content.charges),
        ("Rounding", content.rounding or None),
        ("Credited in all", content.total),
    ]
    shown = [(name, amount) for name, amount in sums if amount is not None]
    rows = [[words(name), rupees(amount, content.currency)] for name, amount in shown]
    last = len(rows) - 1
    right = table(
        rows,
        (WIDTH * 0.25, WIDTH * 0.17),
        ("ALIGN", (1, 0), (1, -1), "RIGHT"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.3, LINE),
        ("FONT", (1, last), (1, last), BOLD, 9),
        ("BACKGROUND", (0, last), (-1, last), SHADE),
    )
    return table([[left, right]], (WIDTH * 0.57, WIDTH * 0.43))
