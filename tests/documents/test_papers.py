"""Documents are what they should be on paper: read back, shaped, carried over pages, the same again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image
from pypdf import PdfReader
from reportlab.pdfgen.canvas import Canvas

from commerce_sandbox.couriers.pdf import page
from magento_oms.documents.fonts import printable
from magento_oms.documents.invoice import amount_in_words, invoice_pdf
from magento_oms.documents.label import LabelContent, fitted_to_a4, label_pdf
from magento_oms.documents.manifest import ManifestContent, ManifestRow, manifest_pdf
from magento_oms.documents.parts import money
from magento_oms.documents.read_back import (
    DocumentWrong,
    barcodes,
    checked_invoice,
    checked_label,
    checked_manifest,
    is_pdf,
    texts,
)
from magento_oms.domain.invoicing.content import DocumentType, InvoiceContent, InvoiceLine, Party

D = Decimal
SELLER = Party(
    "Bhiwandi warehouse", ("Plot 7",), "Bhiwandi", "Maharashtra", "27", "421302", "9876500001", "", "27AAPFU0939F1ZV"
)
BUYER = Party("प्रिया विद्यार्थी", ("१२, राष्ट्रपति मार्ग",), "पुणे", "Maharashtra", "27", "411001", "9876543210")


def line(number: int, name: str = "Cotton Kurta कुर्ता") -> InvoiceLine:
    """A line of goods at 5 % GST."""
    return InvoiceLine(
        number, f"SKU-{number:03}", name, "6109", D(2), D(250), D(20), D("457.14"), D(5), D("11.43"), D("11.43"), D(0),
        D(480),
    )  # fmt: skip


def invoice(count: int = 3, **more: object) -> InvoiceContent:
    """An invoice of so many lines."""
    goods = tuple(line(number) for number in range(1, count + 1))
    total = sum((each.total for each in goods), D(0))
    made = InvoiceContent(
        DocumentType.TAX_INVOICE, "MB2627-000042", date(2026, 11, 24), "000000123", date(2026, 11, 23), SELLER, BUYER,
        BUYER, "Maharashtra", "27", goods, (), D(0), total, D(100), total - 100, total - 100, "Cash on delivery",
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


LABEL = LabelContent(
    "AWB1234567890", "Delhivery", "000000123-P5", "000000123", "MB2627-000042", BUYER.name, BUYER.lines, "411001",
    "9876543210", "Bhiwandi warehouse", ("Plot 7",), D(1390), D(500), (("SKU-1", "Kurta", 2),), "hi",
)  # fmt: skip


def test_an_invoice_reads_back() -> None:
    content = invoice(signed_qr="eyJhbGciOi...", irn="a" * 64, eway_bill="391000123456")
    pdf = checked_invoice(invoice_pdf(content), content)
    [read] = texts(pdf)
    for words in ("TAX INVOICE", "27AAPFU0939F1ZV", "₹ 1,440.00", "To collect at the door", "Paid by store credit"):
        assert words in read
    assert barcodes(pdf) == ["MB2627-000042"]
    box = PdfReader(BytesIO(pdf)).pages[0].mediabox
    assert (round(box.width), round(box.height)) == (595, 842)  # A4


def test_a_reprint_is_byte_identical() -> None:
    assert invoice_pdf(invoice(5)) == invoice_pdf(invoice(5))
    assert label_pdf(LABEL) == label_pdf(LABEL)


def test_two_hundred_lines_go_over_pages_with_carried_totals() -> None:
    content = invoice(200)
    pages = texts(checked_invoice(invoice_pdf(content), content))
    assert len(pages) > 5
    for this, following in pairwise(pages[:-1]):
        carried = this.split("Carried forward ")[1].split(" ")[0]
        assert f"Brought forward {carried}" in following
    assert money(content.total) in pages[-1]


@pytest.mark.parametrize(
    "name", ["x" * 40, "W" * 255, "very " * 50, "<b>not markup</b> & more", "ಕನ್ನಡ தமிழ் ગુજરાતી", "a\x00b\nc"]
)
def test_odd_names_are_printed(name: str) -> None:
    content = invoice(1, goods=(line(1, name),), total=D(480), to_pay=D(380), collect=D(380))
    checked_invoice(invoice_pdf(content), content)


def test_what_the_font_lacks_is_written_in_latin_letters() -> None:
    assert printable("ಬೆಂಗಳೂರು") != ""
    assert printable("ಬೆಂಗಳೂರು").isascii()
    assert printable("कुर्ता ₹") == "कुर्ता ₹"


def test_devanagari_is_shaped() -> None:
    """क + virama + ष is one glyph, unless a non-joiner keeps its letters apart: without shaping both look the same."""
    conjunct = replace(LABEL, to_name="क्ष" * 10)
    apart = replace(LABEL, to_name="क\u094d\u200cष" * 10)
    seen = []
    for content in (conjunct, apart):
        document = pypdfium2.PdfDocument(label_pdf(content))
        seen.append(document[0].render(scale=2, grayscale=True).to_pil().tobytes())
        document.close()
    assert seen[0] != seen[1]


def test_a_document_that_says_something_else_is_not_released() -> None:
    content = invoice()
    with pytest.raises(DocumentWrong, match=r"9,999\.00"):
        checked_invoice(invoice_pdf(content), replace(content, total=D(9999)))
    with pytest.raises(DocumentWrong, match="OTHER"):
        checked_label(label_pdf(LABEL), replace(LABEL, awb="OTHER"))


def test_a_logo_is_printed(tmp_path: Path) -> None:
    logo = tmp_path / "logo.png"
    Image.new("RGB", (400, 100), "#aa2200").save(logo)
    content = invoice()
    pdf = checked_invoice(invoice_pdf(content, logo=logo), content)
    assert len(PdfReader(BytesIO(pdf)).pages[0].images) == 1


def test_labels_and_manifests_read_back() -> None:
    [read] = texts(checked_label(label_pdf(LABEL), LABEL))
    assert "1,390.00" in read
    rows = tuple(
        ManifestRow(f"AWB12345678{number:02}", "000000123", "MB2627-000042", "411001", D(500), D(number))
        for number in range(60)
    )
    content = ManifestContent("M-PUNE-20261124-1", "Delhivery", "main", date(2026, 11, 24), "Pune", ("Plot 7",), rows)
    assert len(texts(checked_manifest(manifest_pdf(content), content))) > 1


@pytest.mark.parametrize("size", [(298, 420), (842, 595), (144, 2000)])
def test_a_courier_s_label_is_fitted_to_a4_with_nothing_cut_off(size: tuple[int, int]) -> None:
    out = BytesIO()
    canvas = Canvas(out, pagesize=size)
    canvas.drawString(2, 4, "BOTTOM")
    canvas.drawString(2, size[1] - 12, "TOP")
    canvas.save()
    fitted = fitted_to_a4(out.getvalue())
    assert [round(side) for side in PdfReader(BytesIO(fitted)).pages[0].mediabox[2:]] == [595, 842]
    [read] = texts(fitted)
    assert "TOP" in read
    assert "BOTTOM" in read


@pytest.mark.parametrize("content", [b"", b"<html>", b"%PDF-1.4 broken", b"\x89PNG\r\n"])
def test_what_is_no_pdf_is_told(content: bytes) -> None:
    assert not is_pdf(content)
    with pytest.raises(DocumentWrong, match="no PDF that can be read"):
        fitted_to_a4(content)
    assert is_pdf(page("AWB1"))


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (D("1490"), "One thousand, four hundred and ninety rupees only"),
        (D("123456.75"), "One lakh, twenty-three thousand, four hundred and fifty-six rupees, seventy-five paise only"),
    ],
)
def test_amounts_in_words(amount: Decimal, said: str) -> None:
    assert amount_in_words(amount) == said


def test_money_is_grouped_as_in_india() -> None:
    assert [money(D(value)) for value in ("0", "999.5", "1234567.891", "-50000")] == [
        "0.00", "999.50", "12,34,567.89", "-50,000.00",
    ]  # fmt: skip
