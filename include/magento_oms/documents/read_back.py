"""Reading a document back before it is released: what a person and a scanner will read must be what was meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import pypdfium2
import zxingcpp

from magento_oms.documents.fonts import RENDERING, printable
from magento_oms.ports import PermanentError

if TYPE_CHECKING:
    from magento_oms.documents.label import LabelContent
    from magento_oms.documents.manifest import ManifestContent
    from magento_oms.domain.invoicing.content import CreditNoteContent, InvoiceContent

LOOKS = ((2.0, 0.5), (2.0, 0.0), (3.0, 0.0), (4.5, 0.0))
"""Pixels a point, and how much of the page, from its foot, is left out; the quickest first. Most barcodes are read from
the upper half of a page of 1,190 × 1,684 pixels.
"""


class DocumentWrong(PermanentError):
    """A document does not say what it should. It is not released."""

    def __init__(self, what: str) -> None:
        super().__init__(what, way_out="Tell the maintainers, with the order's number; the goods can wait.")


_READ = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.Code128])
_READ_BOTH = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.Code128, zxingcpp.BarcodeFormat.QRCode])


def checked_invoice(pdf: bytes, content: InvoiceContent) -> bytes:
    """The same PDF, once it reads back: number, parties, every line and total, the barcode and the signed QR code.

    Raises:
        DocumentWrong: it does not.
    """
    from magento_oms.documents.parts import money

    wanted = [content.number, content.order_number, money(content.total), money(content.collect)]
    wanted += [content.seller.gstin, content.buyer.gstin, content.irn, content.eway_bill]
    wanted += [content.seller.name, content.buyer.name, content.ship_to.name, content.ship_to.pincode]
    for line in content.lines:
        wanted += [line.name, line.sku, line.hsn, *map(money, (line.taxable, line.total))]
    wanted += [money(content.sum_of(name)) for name in ("taxable", "cgst", "sgst", "igst")]
    wanted += [money(content.store_credit)] if content.store_credit else []
    return _checked(pdf, f"Invoice {content.number}", wanted, content.number, qr=content.signed_qr)


def checked_credit_note(pdf: bytes, content: CreditNoteContent) -> bytes:
    """The same PDF, once it reads back: its number, the invoice's, GSTINs, every total, and the barcode.

    Raises:
        DocumentWrong: it does not.
    """
    from magento_oms.documents.parts import money

    wanted = [content.number, content.invoice_number, content.order_number, money(content.total)]
    wanted += [content.seller.gstin, content.buyer.gstin, content.irn, money(content.sum_of("taxable"))]
    wanted += [money(line.total) for line in content.lines]
    return _checked(pdf, f"Credit note {content.number}", wanted, content.number)


def checked_label(pdf: bytes, content: LabelContent) -> bytes:
    """The same PDF, once it reads back: AWB as text, barcode and QR code, the address, and what to collect.

    Raises:
        DocumentWrong: it does not.
    """
    from magento_oms.documents.parts import money

    wanted = [content.awb, content.to_pincode, money(content.cod) if content.cod else "", content.order_number]
    wanted += [content.to_name, *content.to_lines, content.to_phone]
    return _checked(pdf, f"The label of AWB {content.awb}", wanted, content.awb, qr=content.awb)


def checked_manifest(pdf: bytes, content: ManifestContent) -> bytes:
    """The same PDF, once it reads back: its number, every AWB, and the sum to collect.

    Raises:
        DocumentWrong: it does not.
    """
    from magento_oms.documents.parts import money

    scanned = [content.number, *(row.awb for row in content.rows)]
    wanted = [*scanned, money(sum((row.cod for row in content.rows), Decimal(0)))]
    return _checked(pdf, f"Manifest {content.number}", wanted, *scanned)


def is_pdf(content: bytes) -> bool:
    """Whether it is a PDF with a page that can be read."""
    if content.lstrip()[:5] != b"%PDF-":
        return False
    try:
        with RENDERING:
            document = pypdfium2.PdfDocument(content)
            try:
                return len(document) > 0
            finally:
                document.close()
    except pypdfium2.PdfiumError:
        return False


def texts(pdf: bytes) -> list[str]:
    """The text of each page, blanks joined."""
    with RENDERING:  # pdfium is not made for several threads
        document = pypdfium2.PdfDocument(pdf)
        try:
            return [" ".join(page.get_textpage().get_text_bounded().split()) for page in document]
        finally:
            document.close()


def barcodes(pdf: bytes, page: int = 0, *, scale: float = 2.0, left_out: float = 0.0, qr: bool = False) -> list[str]:
    """What a scanner reads on a page: Code128, and QR codes where they are asked for.

    Args:
        scale: pixels a point.
        left_out: share of the page, from its foot, that is not looked at.
    """
    with RENDERING:
        document = pypdfium2.PdfDocument(pdf)
        try:
            whole = document[page]
            foot = whole.get_height() * left_out
            picture = whole.render(scale=scale, grayscale=True, crop=(0, foot, 0, 0)).to_pil().copy()
        finally:
            document.close()
    formats = _READ_BOTH if qr else _READ
    return [found.text for found in zxingcpp.read_barcodes(picture, formats, try_rotate=False, try_invert=False)]


def _checked(pdf: bytes, name: str, wanted: Iterable[str], *scanned: str, qr: str = "") -> bytes:
    pages = texts(pdf)
    read = _bare(" ".join(pages))
    # Of shaped letters the glyphs are kept, not what they were made of: only the figures beside them are compared.
    plain = [told for told in map(printable, wanted) if told.isascii()]
    missing = [told for told in plain if _bare(told) not in read]
    if missing:
        raise DocumentWrong(f"{name} was printed, but {missing[0]!r} cannot be read on it.")
    if unseen := _unseen(pdf, len(pages), scanned, qr):
        raise DocumentWrong(f"{name} was printed, but a scanner does not read {unseen[0]!r} on it.")
    return pdf


def _unseen(pdf: bytes, pages: int, scanned: Sequence[str], qr: str) -> list[str]:
    """What a scanner does not read. Pages are looked at more closely only while something is missing."""
    left = [*scanned, *([qr] if qr and qr not in scanned else [])]
    twice = bool(qr) and qr in scanned  # as a barcode and as a QR code
    for scale, left_out in LOOKS:
        for page in range(pages):
            seen = barcodes(pdf, page, scale=scale, left_out=left_out, qr=bool(qr))
            left = [code for code in left if code not in seen]
            twice = twice and seen.count(qr) < 2
            if not left and not twice:
                return []
    return left or [qr]


def _bare(words: str) -> str:
    """Without blanks, and without hyphens, which pdfium tells otherwise at a line's end: a long word may be broken."""
    return "".join(letter for letter in words if letter.isprintable() and letter not in " -")
