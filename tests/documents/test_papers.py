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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader
from reportlab.pdfgen.canvas import Canvas

from commerce_sandbox.couriers.pdf import page
from magento_oms.documents.fonts import printable
from magento_oms.documents.invoice import amount_in_words, invoice_pdf
from magento_oms.documents.label import LabelContent, fitted_to_a4, label_pdf
from magento_oms.documents.manifest import ManifestContent, ManifestRow, manifest_pdf
from magento_oms.documents.parts import code128, money
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


def manifest(count: int, *, number: str = "M-PUNE-20261124-1", first: int = 1234567890100) -> ManifestContent:
    """A manifest of so many parcels, with AWBs of digits alone."""
    rows = tuple(
        ManifestRow(str(first + each), "000000123", "MB2627-000042", "411001", D(500), D(each)) for each in range(count)
    )
    return ManifestContent(number, "Delhivery", "main", date(2026, 11, 24), "Pune", ("Plot 7",), rows)


def test_an_invoice_reads_back() -> None:
    content = invoice(signed_qr="eyJhbGciOiJSUzI1NiJ9." * 40, irn="a" * 64, eway_bill="391000123456")
    pdf = checked_invoice(invoice_pdf(content), content)
    [read] = texts(pdf)
    for words in (
        "TAX INVOICE", "27AAPFU0939F1ZV", "Total 1,371.42 34.29 34.29 1,440.00", "Invoice total ₹ 1,440.00",
        "Paid by store credit -₹ 100.00", "To collect at the door ₹ 1,340.00", "Page 1 of 1",
        "One thousand, four hundred and forty rupees only",
    ):  # fmt: skip
        assert words in read
    assert barcodes(pdf) == ["MB2627-000042"]
    assert barcodes(pdf, scale=3, qr=True) == ["MB2627-000042", content.signed_qr]
    box = PdfReader(BytesIO(pdf)).pages[0].mediabox
    assert (round(box.width), round(box.height)) == (595, 842)  # A4


def test_a_reprint_is_byte_identical() -> None:
    assert invoice_pdf(invoice(5)) == invoice_pdf(invoice(5))
    assert label_pdf(LABEL) == label_pdf(LABEL)
    assert manifest_pdf(manifest(30)) == manifest_pdf(manifest(30))


def test_what_was_paid_beforehand_is_shown_and_store_credit_lowers_no_tax() -> None:
    content = invoice(store_credit=D(400), to_pay=D(1040), collect=D(0), payment="Prepaid")
    [read] = texts(checked_invoice(invoice_pdf(content), content))
    assert "Total 1,371.42 34.29 34.29 1,440.00" in read
    assert "Paid beforehand -₹ 1,040.00" in read
    assert "To collect at the door ₹ 0.00" in read


def test_a_supply_to_another_state_shows_igst_alone() -> None:
    goods = tuple(replace(line(n), cgst=D(0), sgst=D(0), igst=D("22.86")) for n in (1, 2))
    buyer = replace(BUYER, gstin="29AAPFU0939F1ZR", state="Karnataka", state_code="29")
    content = invoice(goods=goods, total=D(960), to_pay=D(860), collect=D(860), buyer=buyer, supply_code="29")
    [read] = texts(checked_invoice(invoice_pdf(content), content))
    assert "GST % IGST Total" in read
    assert "Total 914.28 45.72 960.00" in read
    assert "GSTIN 29AAPFU0939F1ZR" in read


def test_a_seller_without_gstin_gives_a_bill_of_supply() -> None:
    goods = tuple(replace(line(n), cgst=D(0), sgst=D(0), rate=D(0), taxable=D(480)) for n in (1, 2))
    content = invoice(
        document=DocumentType.BILL_OF_SUPPLY, goods=goods, total=D(960), to_pay=D(860), collect=D(860),
        seller=replace(SELLER, gstin=""),
    )  # fmt: skip
    [read] = texts(checked_invoice(invoice_pdf(content), content))
    assert "BILL OF SUPPLY" in read
    assert "CGST" not in read


def test_two_hundred_lines_go_over_pages_with_carried_totals() -> None:
    content = invoice(200)
    pages = texts(checked_invoice(invoice_pdf(content), content))
    assert len(pages) > 5
    for this, following in pairwise(pages[:-1]):
        carried = this.split("Carried forward ")[1].split(" ")[0]
        assert f"Brought forward {carried}" in following
    assert f"Total {money(content.sum_of('taxable'))}" in " ".join(pages[-2:])
    assert f"Page 2 of {len(pages)}" in pages[1]


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
    assert printable("محمد").isascii()  # lines run from the left here


NAMES = st.text(
    st.characters(min_codepoint=32, max_codepoint=126) | st.sampled_from("कगषत्र्ािुंمح₹é—\t\n-'\"<>&;"),
    min_size=1,
    max_size=200,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=NAMES, address=NAMES, goods=NAMES)
def test_whatever_people_typed_is_printed_and_reads_back(name: str, address: str, goods: str) -> None:
    buyer = replace(BUYER, name=name, lines=(address,))
    content = invoice(1, goods=(line(1, goods),), total=D(480), to_pay=D(380), collect=D(380), buyer=buyer)
    checked_invoice(invoice_pdf(content), content)
    label = replace(LABEL, to_name=name, to_lines=(address, goods), items=(("SKU-1", goods, 1),))
    checked_label(label_pdf(label), label)


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


def test_an_invoice_that_says_something_else_is_not_released() -> None:
    content = invoice(2)
    pdf = invoice_pdf(content)
    wrong: list[tuple[dict[str, object], str]] = [
        ({"total": D(9999)}, r"9,999\.00"),
        ({"collect": D(8888)}, r"8,888\.00"),
        ({"goods": (line(1), replace(line(2), taxable=D("457.15")))}, r"457\.15"),
        ({"goods": (line(1), replace(line(2), name="Silk saree"))}, "Silk saree"),
        ({"seller": replace(SELLER, gstin="29AAPFU0939F1ZR")}, "29AAPFU0939F1ZR"),
        ({"number": "MB2627-000043"}, "MB2627-000043"),
        ({"signed_qr": "eyJ"}, "eyJ"),
        ({"eway_bill": "391000123456"}, "391000123456"),
    ]
    for change, said in wrong:
        with pytest.raises(DocumentWrong, match=said):
            checked_invoice(pdf, replace(content, **change))  # type: ignore[arg-type]


def test_a_label_or_manifest_that_says_something_else_is_not_released() -> None:
    pdf = label_pdf(LABEL)
    for change, said in (
        ({"awb": "OTHER"}, "OTHER"),
        ({"cod": D(5)}, r"5\.00"),
        ({"to_phone": "9000000000"}, "9000000000"),
    ):
        with pytest.raises(DocumentWrong, match=said):
            checked_label(pdf, replace(LABEL, **change))
    listed = manifest_pdf(manifest(3))
    with pytest.raises(DocumentWrong, match="1234567890103"):
        checked_manifest(listed, manifest(4))


def test_a_barcode_that_no_scanner_reads_keeps_a_document_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The words are all right; the bars are not."""
    from magento_oms.documents import label

    monkeypatch.setattr(label, "code128", lambda value, **sizes: code128("9" + value[1:], **sizes))
    with pytest.raises(DocumentWrong, match="a scanner does not read 'AWB1234567890'"):
        checked_label(label_pdf(LABEL), LABEL)


def test_a_logo_is_printed(tmp_path: Path) -> None:
    logo = tmp_path / "logo.png"
    Image.new("RGB", (400, 100), "#aa2200").save(logo)
    content = invoice()
    pdf = checked_invoice(invoice_pdf(content, logo=logo), content)
    assert len(PdfReader(BytesIO(pdf)).pages[0].images) == 1


@pytest.mark.parametrize("awb", ["1234567890123", "7D109382214", "SF1234567890IN", "A" * 30, "1" * 40])
@pytest.mark.parametrize("language", ["en", "hi"])
def test_labels_read_back_whatever_the_awb_is_like(awb: str, language: str) -> None:
    content = replace(LABEL, awb=awb, language=language)
    pdf = checked_label(label_pdf(content), content)
    assert "1,390.00" in texts(pdf)[0]
    assert barcodes(pdf, scale=3, qr=True) == [awb, awb]


def test_a_prepaid_label_says_that_nothing_is_collected() -> None:
    [english] = texts(label_pdf(replace(LABEL, cod=D(0), language="en")))
    assert "PREPAID: collect nothing" in english
    assert "PREPAID" in texts(label_pdf(replace(LABEL, cod=D(0))))[0]
    assert "COD" in texts(label_pdf(LABEL))[0]


@pytest.mark.parametrize("number", ["M-PUNE-20261124-1", f"M-{'W' * 31}-20261124-100"])
def test_a_manifest_s_barcodes_are_all_read(number: str) -> None:
    content = manifest(60, number=number)
    pages = texts(checked_manifest(manifest_pdf(content), content))
    assert len(pages) > 1
    assert "60 parcels, ₹ 1,770.00 to collect" in pages[0]


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
