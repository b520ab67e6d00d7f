"""What all documents are made of: page, paragraphs, tables, figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache, partial
from html import escape
from io import BytesIO
from typing import Any, Literal

from reportlab.graphics.barcode.code128 import Code128
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Table, TableStyle

from magento_oms.documents.fonts import BOLD, REGULAR, RENDERING, needs_shaping, printable, register

INK = HexColor("#1a1a1a")
PAPER = HexColor("#ffffff")
GREY = HexColor("#666666")
LINE = HexColor("#bbbbbb")
SHADE = HexColor("#f2f2f2")
MARGIN = 12 * mm
WIDTH = A4[0] - 2 * MARGIN
QUIET = 10
"""Bars' widths that are left white on either side of a Code128."""
Align = Literal["left", "right", "center"]
_ALIGNED: dict[Align, Literal[0, 1, 2]] = {"left": 0, "center": 1, "right": 2}  # as reportlab.lib.enums has them


@cache
def _style(size: float, bold: bool, align: Align, shaped: bool, white: bool) -> ParagraphStyle:
    return ParagraphStyle(
        f"{size}{bold}{align}{shaped}{white}",
        fontName=BOLD if bold else REGULAR,
        fontSize=size,
        leading=size * 1.3,
        alignment=_ALIGNED[align],
        textColor=PAPER if white else INK,
        shaping=1 if shaped else 0,
        splitLongWords=1,
    )


def words(told: str, *, size: float = 8, bold: bool = False, align: Align = "left", white: bool = False) -> Paragraph:
    """A paragraph; nothing in the text is taken for markup."""
    text = printable(told)
    return Paragraph(escape(text), _style(size, bold, align, needs_shaping(text), white))


def lines(told: Sequence[str], *, size: float = 8, first_bold: bool = False) -> list[Paragraph]:
    """A paragraph a line; empty ones are left out."""
    kept = [line for line in told if line.strip()]
    return [words(line, size=size, bold=first_bold and number == 0) for number, line in enumerate(kept)]


def money(amount: Decimal) -> str:
    """In rupees and paise, grouped as in India: 12,34,567.50."""
    sign = "-" if amount < 0 else ""
    whole, _, paise = f"{abs(amount):.2f}".partition(".")
    head, tail = whole[:-3], whole[-3:]
    while len(head) > 2:
        head, tail = head[:-2], f"{head[-2:]},{tail}"
    return f"{sign}{f'{head},{tail}' if head else tail}.{paise}"


def figure(quantity: Decimal) -> str:
    """Without superfluous zeros."""
    return f"{quantity.normalize():f}"


def table(rows: Sequence[Sequence[Any]], widths: Sequence[float], *style: tuple[Any, ...], **more: Any) -> Table:
    """A table in our font; cells are paragraphs or plain figures."""
    return Table([list(row) for row in rows], colWidths=list(widths), style=TableStyle([*BASE, *style]), **more)


def code128(value: str, *, width: float, height: float, widest: float = 0.42 * mm) -> Code128:
    """A Code128 with its quiet zones in a given width; its bars are as wide as fits, up to `widest`."""
    modules = Code128(value, barWidth=1, quiet=0).width
    bar = min(widest, width / (modules + 2 * QUIET))
    return Code128(value, barWidth=bar, barHeight=height, lquiet=QUIET * bar, rquiet=QUIET * bar)


def qr(value: str, size: float) -> Drawing:
    """A QR code; a long one with less to spare for dirt, so that its modules stay large enough to be read."""
    widget = QrCodeWidget(value, barLevel="M" if len(value) < 200 else "L")
    x1, y1, x2, y2 = widget.getBounds()
    drawing = Drawing(size, size, transform=[size / (x2 - x1), 0, 0, size / (y2 - y1), 0, 0])
    drawing.add(widget)
    return drawing


BASE: tuple[tuple[Any, ...], ...] = (
    ("FONT", (0, 0), (-1, -1), REGULAR, 8),
    ("TEXTCOLOR", (0, 0), (-1, -1), INK),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (-1, -1), 3),
    ("RIGHTPADDING", (0, 0), (-1, -1), 3),
    ("TOPPADDING", (0, 0), (-1, -1), 2),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
)


class _Pages(Canvas):
    """Draws the foot of each page once it is known how many there are."""

    def __init__(self, *given: Any, foot: str, **more: Any) -> None:
        super().__init__(*given, **more)
        self._foot = foot
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802  (reportlab's)
        """Keep the page for the end."""
        self._pages.append(dict(self.__dict__))
        self._startPage()  # type: ignore[attr-defined]  # of reportlab's own

    def save(self) -> None:
        """Write all pages."""
        for number, page in enumerate(self._pages, 1):
            self.__dict__.update(page)
            self.setFont(REGULAR, 7)
            self.setFillColor(GREY)
            self.drawString(MARGIN, MARGIN, self._foot)
            self.drawRightString(A4[0] - MARGIN, MARGIN, f"Page {number} of {len(self._pages)}")
            super().showPage()
        super().save()


def render(story: Callable[[], Sequence[Flowable]], *, title: str, foot: str) -> bytes:
    """The PDF of a story; the same story gives the same bytes."""
    with RENDERING:
        register()
        out = BytesIO()
        document = SimpleDocTemplate(
            out,
            pagesize=A4,
            leftMargin=MARGIN,
            rightMargin=MARGIN,
            topMargin=MARGIN,
            bottomMargin=MARGIN + 5 * mm,
            title=printable(title),
            invariant=1,
        )
        document.build(list(story()), canvasmaker=partial(_Pages, foot=printable(foot)))
        return out.getvalue()
