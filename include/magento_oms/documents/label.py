"""Parcel labels on A4: our own where the courier gives none, and the courier's own made to fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from io import BytesIO

from pypdf import PageObject, PdfWriter, Transformation
from pypdf.errors import PyPdfError
from pypdf.generic import RectangleObject
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Spacer

from magento_oms.documents.parts import INK, LINE, WIDTH, code128, figure, lines, money, qr, render, table, words
from magento_oms.documents.read_back import DocumentWrong

EDGE = 6 * mm
MOST_PAGES = 20

WORDS = {
    "en": {
        "to": "Deliver to",
        "from": "If undelivered, return to",
        "cod": "CASH ON DELIVERY: collect",
        "prepaid": "PREPAID: collect nothing",
        "order": "Order",
        "invoice": "Invoice",
        "weight": "Weight",
        "phone": "Phone",
        "items": "Contents",
    },
    "hi": {
        "to": "प्राप्तकर्ता",
        "from": "वितरण न होने पर लौटाएँ",
        "cod": "COD · नकद भुगतान: लेना है",
        "prepaid": "PREPAID · भुगतान हो चुका है",
        "order": "ऑर्डर",
        "invoice": "बीजक",
        "weight": "वज़न",
        "phone": "फ़ोन",
        "items": "सामग्री",
    },
}


@dataclass(frozen=True, slots=True)
class LabelContent:
    """What is on a label. Personal data. Money in rupees, `weight_g` in grams."""

    awb: str
    courier: str
    reference: str
    order_number: str
    invoice_number: str
    to_name: str = field(repr=False)
    to_lines: tuple[str, ...] = field(repr=False)
    to_pincode: str
    to_phone: str = field(repr=False)
    from_name: str
    from_lines: tuple[str, ...]
    cod: Decimal
    weight_g: Decimal
    items: tuple[tuple[str, str, int], ...]
    language: str = "en"


def label_pdf(content: LabelContent) -> bytes:
    """Our own label. The same content gives the same bytes."""
    return render(lambda: _story(content), title=f"Label {content.awb}", foot=content.reference)


def fitted_to_a4(label: bytes) -> bytes:
    """A courier's label with each of its pages on an A4 one, as large as it fits; nothing is cut off.

    Raises:
        DocumentWrong: it is no PDF that can be read.
    """
    try:
        writer = PdfWriter(clone_from=BytesIO(label))
        if not 0 < len(writer.pages) <= MOST_PAGES:
            raise DocumentWrong(f"The courier's label has {len(writer.pages)} pages.")
        for page in writer.pages:
            page.transfer_rotation_to_content()
            _fit(page)
        out = BytesIO()
        writer.write(out)
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DocumentWrong(f"The courier's label is no PDF that can be read ({type(error).__name__}).") from error
    return out.getvalue()


def _fit(page: PageObject) -> None:
    box = page.cropbox
    width, height = float(box.width), float(box.height)
    if width <= 0 or height <= 0:
        raise DocumentWrong("A page of the courier's label has no size.")
    scale = min((A4[0] - 2 * EDGE) / width, (A4[1] - 2 * EDGE) / height)
    moved = Transformation().translate(-float(box.left), -float(box.bottom)).scale(scale)
    page.add_transformation(moved.translate((A4[0] - width * scale) / 2, A4[1] - EDGE - height * scale))
    for name in ("mediabox", "cropbox", "trimbox", "bleedbox", "artbox"):
        setattr(page, name, RectangleObject((0, 0, *A4)))


def _story(content: LabelContent) -> Sequence[Flowable]:
    said = WORDS[content.language]
    barcode = code128(content.awb, width=WIDTH - 44 * mm, height=18 * mm, widest=0.5 * mm)
    payment = f"{said['cod']} ₹ {money(content.cod)}" if content.cod else said["prepaid"]
    head = table(
        [
            [
                [
                    words(content.courier, size=14, bold=True),
                    Spacer(1, 2 * mm),
                    barcode,
                    words(content.awb, size=14, bold=True),
                ],
                qr(content.awb, 32 * mm),
            ]
        ],
        (WIDTH - 40 * mm, 40 * mm),
    )
    to: list[Flowable] = [
        words(said["to"]),
        *lines([content.to_name, *content.to_lines], size=13, first_bold=True),
        words(content.to_pincode, size=20, bold=True),
        words(f"{said['phone']} {content.to_phone}", size=11),
    ]
    facts = [
        (said["order"], content.order_number),
        (said["invoice"], content.invoice_number),
        (said["weight"], f"{figure(content.weight_g)} g"),
    ]
    rows: list[list[Flowable | list[Flowable]]] = [
        [head],
        [[words(payment, size=17, bold=True, white=bool(content.cod))]],
        [to],
        [[words(f"{name}: {told}", size=10) for name, told in facts]],
        [[words(said["from"]), *lines([content.from_name, *content.from_lines], size=9, first_bold=True)]],
        [_items(content, said["items"])],
    ]
    # A rider must see at a glance that there is money to take.
    dark = [("BACKGROUND", (0, 1), (-1, 1), INK)] if content.cod else []
    return [table(rows, (WIDTH,), ("GRID", (0, 0), (-1, -1), 0.8, LINE), *dark)]


def _items(content: LabelContent, title: str) -> list[Flowable]:
    shown = content.items[:25]
    rest = len(content.items) - len(shown)
    told: list[Flowable] = [words(title)]
    told += [words(f"{quantity} × {name} ({sku})") for sku, name, quantity in shown]
    if rest:
        told.append(words(f"+ {rest}"))
    return told
