"""A fulfilment's invoice as PDF: what CGST rule 46 wants on it, on A4."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from num2words import num2words
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Image, Paragraph, Spacer, Table, TableStyle

from magento_oms.documents.fonts import BOLD
from magento_oms.documents.parts import (
    BASE,
    LINE,
    SHADE,
    WIDTH,
    code128,
    figure,
    lines,
    money,
    qr,
    render,
    table,
    words,
)
from magento_oms.domain.invoicing.content import CreditNoteContent, DocumentType, InvoiceContent, InvoiceLine, Party

TITLES = {DocumentType.TAX_INVOICE: "TAX INVOICE", DocumentType.BILL_OF_SUPPLY: "BILL OF SUPPLY"}
INVOICE_TOTAL, TO_COLLECT = "Invoice total", "To collect at the door"
ZERO = Decimal(0)
Printed = InvoiceContent | CreditNoteContent


def invoice_pdf(content: InvoiceContent, *, logo: Path | None = None) -> bytes:
    """The printed invoice. The same content and logo give the same bytes."""
    return render(
        lambda: _story(content, logo),
        title=f"Invoice {content.number}",
        foot=f"{TITLES[content.document].title()} {content.number} · order {content.order_number}",
    )


def amount_in_words(amount: Decimal) -> str:
    """In rupees and paise, lakh and crore."""
    told = num2words(amount.quantize(Decimal("0.01")), lang="en_IN", to="currency", currency="INR")
    told = told.removesuffix(", zero paise")
    return f"{told[0].upper()}{told[1:]} only"


def _story(content: InvoiceContent, logo: Path | None) -> Sequence[Flowable]:
    story: list[Flowable] = [_head(content, logo), Spacer(1, 3 * mm), party_boxes(content), Spacer(1, 3 * mm)]
    story += [goods_table(content), Spacer(1, 2 * mm), _end(content)]
    return story


def _head(content: InvoiceContent, logo: Path | None) -> Table:
    left: list[Flowable] = []
    if logo is not None:
        picture = Image(str(logo))
        shrink = min(50 * mm / picture.imageWidth, 16 * mm / picture.imageHeight)
        left.append(
            Image(str(logo), width=picture.imageWidth * shrink, height=picture.imageHeight * shrink, hAlign="LEFT")
        )
    seller = content.seller
    left += lines([seller.name, *address_lines(seller)], first_bold=True)
    facts = [
        ("Invoice no.", content.number),
        ("Invoice date", f"{content.issued_on:%d %b %Y}"),
        ("Order no.", content.order_number),
        ("Order date", f"{content.ordered_on:%d %b %Y}"),
        ("Place of supply", f"{content.supply_state} ({content.supply_code})"),
        ("Payment", content.payment),
        ("Reverse charge", "No"),
        ("E-way bill", content.eway_bill),
        ("IRN", content.irn),
    ]
    rows = [[words(name, size=7), words(told, bold=True)] for name, told in facts if told]
    right: list[Flowable] = [
        words(TITLES[content.document], size=13, bold=True, align="right"),
        words("Original for recipient", size=7, align="right"),
        Spacer(1, 2 * mm),
        code128(content.number, width=WIDTH * 0.45 - 2 * mm, height=9 * mm, widest=0.33 * mm),
        Spacer(1, 1 * mm),
        table(rows, (24 * mm, WIDTH * 0.45 - 26 * mm)),
    ]
    return table([[left, right]], (WIDTH * 0.55, WIDTH * 0.45))


def party_boxes(content: Printed) -> Table:
    """Whom it is billed to, and where the goods go."""
    cells = [
        [words(title, size=7), *lines([party.name, *address_lines(party)], first_bold=True)]
        for title, party in (("Bill to", content.buyer), ("Ship to", content.ship_to))
    ]
    return table(
        [cells],
        (WIDTH / 2, WIDTH / 2),
        ("BOX", (0, 0), (-1, -1), 0.5, LINE),
        ("INNERGRID", (0, 0), (-1, -1), 0.5, LINE),
    )


def address_lines(party: Party) -> list[str]:
    """An address as it is printed, with GSTIN and phone."""
    return [
        *party.lines,
        f"{party.city} {party.pincode}",
        f"{party.state} ({party.state_code})" if party.state_code else party.state,
        f"GSTIN {party.gstin}" if party.gstin else "",
        f"Phone {party.phone}" if party.phone else "",
    ]


def goods_table(content: Printed) -> Table:
    """Goods and charges, line by line."""
    inter = any(line.igst for line in content.lines)
    taxed = content.document is DocumentType.TAX_INVOICE
    taxes = [] if not taxed else ["IGST"] if inter else ["CGST", "SGST"]
    header = [
        "#",
        "Description",
        "HSN",
        "Qty",
        "Price",
        "Discount",
        "Taxable",
        *(["GST %"] if taxed else []),
        *taxes,
        "Total",
    ]
    figures = (16 * mm,) * len(taxes)
    fixed = (7 * mm, 15 * mm, 10 * mm, 18 * mm, 16 * mm, 19 * mm, *((10 * mm,) if taxed else ()), *figures, 20 * mm)
    widths = (fixed[0], WIDTH - sum(fixed), *fixed[1:])
    rows = [_row(number, line, taxed, inter) for number, line in enumerate(content.lines, 1)]
    sums = [content.sum_of(name) for name in ("taxable", *(name.lower() for name in taxes), "total")]
    told = [money(amount) for amount in sums]
    total = ["", words("Total", bold=True), "", "", "", "", told[0], *([""] if taxed else []), *told[1:]]
    return _CarriedTable(header, rows, [line.total for line in content.lines], widths, total)


def _row(number: int, line: InvoiceLine, taxed: bool, inter: bool) -> list[Any]:
    taxes = [] if not taxed else [money(line.igst)] if inter else [money(line.cgst), money(line.sgst)]
    name: list[Paragraph] = [words(line.name)]
    if line.sku:
        name.append(words(line.sku, size=6.5))
    return [
        str(number),
        name,
        line.hsn,
        figure(line.quantity) if line.item_id is not None else "",
        money(line.price) if line.item_id is not None else "",
        money(line.discount) if line.discount else "",
        money(line.taxable),
        *([figure(line.rate)] if taxed else []),
        *taxes,
        money(line.total),
    ]


class _CarriedTable(Table):
    """The lines; where they go on on another page, the sum is carried forward."""

    def __init__(
        self,
        header: Sequence[str],
        rows: Sequence[Sequence[Any]],
        amounts: Sequence[Decimal],
        widths: Sequence[float],
        total: Sequence[Any] | None,
        brought: Decimal | None = None,
        carried: Decimal | None = None,
    ) -> None:
        self._parts = (header, rows, amounts, widths, brought, total)
        blank = [""] * (len(header) - 3)
        body = [list(row) for row in rows]
        marked = []
        if brought is not None:
            body.insert(0, ["", words("Brought forward", bold=True), *blank, money(brought)])
            marked.append(1)
        if carried is not None:
            body.append(["", words("Carried forward", bold=True), *blank, money(carried)])
            marked.append(len(body))
        if total is not None:
            body.append(list(total))
            marked.append(len(body))
        style = [
            *BASE,
            ("FONT", (0, 0), (-1, 0), BOLD, 7.5),
            ("BACKGROUND", (0, 0), (-1, 0), SHADE),
            ("ALIGN", (3, 0), (-1, -1), "RIGHT"),
            ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
            ("BOX", (0, 0), (-1, -1), 0.5, LINE),
            *(("FONT", (0, row), (-1, row), BOLD, 8) for row in marked),
        ]
        super().__init__([list(header), *body], colWidths=list(widths), style=TableStyle(style), repeatRows=1)

    def split(self, width: float, height: float) -> list[Any]:
        """Two tables; the upper one ends with the sum so far, with which the lower one begins."""
        header, rows, amounts, widths, brought, total = self._parts
        self.wrap(width, height)
        heights: list[float] = self._rowHeights  # type: ignore[attr-defined]  # of reportlab's own
        before = 1 + (brought is not None)
        room = height - 8 * mm - sum(heights[:before])
        fits = 0
        while fits < len(rows) and room >= heights[before + fits]:
            room -= heights[before + fits]
            fits += 1
        if not 0 < fits < len(rows):
            return []
        so_far = (brought or ZERO) + sum(amounts[:fits], ZERO)
        upper = _CarriedTable(header, rows[:fits], amounts[:fits], widths, None, brought, so_far)
        return [upper, _CarriedTable(header, rows[fits:], amounts[fits:], widths, total, so_far)]


def _end(content: InvoiceContent) -> Table:
    left: list[Flowable] = [
        words("Amount in words", size=7),
        words(amount_in_words(content.total), bold=True),
        Spacer(1, 2 * mm),
        table_by_rate(content),
        Spacer(1, 2 * mm),
        words("Prices and discounts include GST. Computer generated; valid without a signature.", size=7),
    ]
    if content.signed_qr:
        left += [Spacer(1, 2 * mm), qr(content.signed_qr, 48 * mm)]
    discount, before = content.sum_of("discount"), content.to_pay - content.collect
    sums = [
        ("Goods before discount", sum((line.total + line.discount for line in content.goods), ZERO)),
        ("Discount", -discount if discount else None),
        *((charge.name, charge.total) for charge in content.charges),
        ("Rounding", content.rounding or None),
        (INVOICE_TOTAL, content.total),
        ("Paid by store credit", -content.store_credit if content.store_credit else None),
        ("Paid beforehand", -before if before else None),
        (TO_COLLECT, content.collect),
    ]
    shown = [(name, amount) for name, amount in sums if amount is not None]
    rows = [[words(name), rupees(amount, content.currency)] for name, amount in shown]
    strong = [number for number, (name, _) in enumerate(shown) if name in (INVOICE_TOTAL, TO_COLLECT)]
    right = table(
        rows,
        (WIDTH * 0.25, WIDTH * 0.17),
        ("ALIGN", (1, 0), (1, -1), "RIGHT"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.3, LINE),
        *(("FONT", (1, row), (1, row), BOLD, 9) for row in strong),
        *(("BACKGROUND", (0, row), (-1, row), SHADE) for row in strong),
    )
    return table([[left, right]], (WIDTH * 0.57, WIDTH * 0.43))


def rupees(amount: Decimal, currency: str) -> str:
    """An amount with its currency."""
    return f"{'-' if amount < 0 else ''}{currency.replace('INR', '₹')} {money(abs(amount))}"


def table_by_rate(content: Printed) -> Table:
    """Taxable value and GST by rate."""
    rates = sorted({line.rate for line in content.lines})
    if content.document is not DocumentType.TAX_INVOICE:
        return table([[words("The seller is not registered under GST and charges none.", size=7)]], (WIDTH * 0.55,))
    rows = [["GST %", "Taxable", "CGST", "SGST", "IGST"]]
    for rate in rates:
        of_rate = [line for line in content.lines if line.rate == rate]
        sums = [sum((getattr(line, name) for line in of_rate), ZERO) for name in ("taxable", "cgst", "sgst", "igst")]
        rows.append([figure(rate), *map(money, sums)])
    return table(
        rows,
        (14 * mm, 22 * mm, 18 * mm, 18 * mm, 18 * mm),
        ("FONT", (0, 0), (-1, -1), "FiraGO", 7),
        ("BACKGROUND", (0, 0), (-1, 0), SHADE),
        ("ALIGN", (0, 0), (-1, -1), "RIGHT"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.3, LINE),
        hAlign="LEFT",
    )
