"""Reading a document back before it is released: what a person and a scanner will read must be what was meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pypdfium2
import zxingcpp

from magento_oms.documents.fonts import RENDERING
from magento_oms.ports import PermanentError

if TYPE_CHECKING:
    from magento_oms.documents.label import LabelContent
    from magento_oms.documents.manifest import ManifestContent
    from magento_oms.domain.invoicing.content import InvoiceContent

SCALE = 2.0
"""Pixels a point: a Code128 of 0.3 mm bars is read from a page of 1,190 × 1,684 pixels."""


class DocumentWrong(PermanentError):
    """A document does not say what it should. It is not released."""

    def __init__(self, what: str) -> None:
        super().__init__(what, way_out="Tell the maintainers, with the order's number; the goods can wait.")


_READ = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.Code128])
FINE = 3.0
"""Pixels a point where many narrow barcodes are on a page."""


def checked_invoice(pdf: bytes, content: InvoiceContent) -> bytes:
    """The same PDF, once it reads back: number, parties' GSTINs, every total, and the barcode.

    Raises:
        DocumentWrong: it does not.
    """
    from magento_oms.documents.parts import money

    wanted = [content.number, content.order_number, money(content.total), money(content.to_pay)]
    wanted += [content.seller.gstin, content.buyer.gstin, content.irn, content.eway_bill]
    wanted += [money(content.sum_of("taxable")), *(money(line.total) for line in content.lines)]
    wanted += [money(amount) for amount in (content.store_credit, content.collect) if amount]
    return _checked(pdf, f"Invoice {content.number}", wanted, content.number)


def checked_label(pdf: bytes, content: LabelContent) -> bytes:
    """The same PDF, once it reads back: AWB as text and barcode, pincode, and what to collect."""
    from magento_oms.documents.parts import money

    wanted = [content.awb, content.to_pincode, money(content.cod) if content.cod else "", content.order_number]
    return _checked(pdf, f"The label of AWB {content.awb}", wanted, content.awb)


def checked_manifest(pdf: bytes, content: ManifestContent) -> bytes:
    """The same PDF, once it reads back: its number, and every AWB."""
    wanted = [content.number, *(row.awb for row in content.rows)]
    return _checked(pdf, f"Manifest {content.number}", wanted, *wanted)


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


def barcodes(pdf: bytes, page: int = 0, *, scale: float = SCALE) -> list[str]:
    """What a scanner reads on a page."""
    with RENDERING:
        document = pypdfium2.PdfDocument(pdf)
        try:
            picture = document[page].render(scale=scale, grayscale=True).to_pil().copy()
        finally:
            document.close()
    return [found.text for found in zxingcpp.read_barcodes(picture, _READ, try_rotate=False, try_invert=False)]


def _checked(pdf: bytes, name: str, wanted: Iterable[str], *scanned: str) -> bytes:
    pages = texts(pdf)
    read = _bare(" ".join(pages))
    missing = [words for words in wanted if words and _bare(words) not in read]
    if missing:
        raise DocumentWrong(f"{name} was printed, but {missing[0]!r} cannot be read on it.")
    if len(scanned) == 1:
        seen = set(barcodes(pdf))
    else:
        seen = {code for page in range(len(pages)) for code in barcodes(pdf, page, scale=FINE)}
    if unseen := [code for code in scanned if code not in seen]:
        raise DocumentWrong(f"{name} was printed, but a scanner does not read {unseen[0]!r} on it.")
    return pdf


def _bare(words: str) -> str:
    """Without blanks: a long word may be broken over lines."""
    return "".join(words.split())
