"""A credit note on paper: read back, on A4, the same again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest
from pypdf import PdfReader

from magento_oms.documents.credit_note import credit_note_pdf
from magento_oms.documents.read_back import DocumentWrong, barcodes, checked_credit_note, texts
from magento_oms.domain.invoicing.content import CreditNoteContent, DocumentType, InvoiceLine, Party

D = Decimal
SELLER = Party("Bhiwandi warehouse", ("Plot 7",), "Bhiwandi", "Maharashtra", "27", "421302", gstin="27AAPFU0939F1ZV")
BUYER = Party("प्रिया विद्यार्थी", ("१२, राष्ट्रपति मार्ग",), "पुणे", "Maharashtra", "27", "411001", "9876543210")
KURTA = InvoiceLine(
    10,
    "SKU-1",
    "Cotton Kurta कुर्ता",
    "6109",
    D(2),
    D(250),
    D(20),
    D("457.14"),
    D(5),
    D("11.43"),
    D("11.43"),
    D(0),
    D(480),
)
SHIPPING = InvoiceLine(
    None, "", "Shipping", "", D(1), D("52.50"), D(0), D(50), D(5), D("1.25"), D("1.25"), D(0), D("52.50")
)
NOTE = CreditNoteContent(
    document=DocumentType.TAX_INVOICE,
    number="CN2627-000007",
    issued_on=date(2026, 11, 26),
    reason="The customer cancelled before the goods left.",
    invoice_number="MB2627-000042",
    invoiced_on=date(2026, 11, 24),
    order_number="000000123",
    ordered_on=date(2026, 11, 23),
    seller=SELLER,
    buyer=BUYER,
    ship_to=BUYER,
    supply_state="Maharashtra",
    supply_code="27",
    goods=(KURTA,),
    charges=(SHIPPING,),
    rounding=D("0.01"),
    total=D("532.51"),
)


def test_a_credit_note_reads_back() -> None:
    pdf = checked_credit_note(credit_note_pdf(NOTE), NOTE)
    [read] = texts(pdf)
    for words in ("CREDIT NOTE", "MB2627-000042", "24 Nov 2026", "27AAPFU0939F1ZV", "₹ 532.51", NOTE.reason):
        assert words in read
    assert barcodes(pdf) == ["CN2627-000007"]
    box = PdfReader(BytesIO(pdf)).pages[0].mediabox
    assert (round(box.width), round(box.height)) == (595, 842)  # A4
    assert credit_note_pdf(NOTE) == pdf


def test_of_an_unregistered_seller_it_has_no_gst() -> None:
    bare = replace(KURTA, taxable=D(480), cgst=D(0), sgst=D(0), rate=D(0))
    plain = replace(NOTE, document=DocumentType.BILL_OF_SUPPLY, goods=(bare,), charges=(), rounding=D(0), total=D(480))
    [read] = texts(checked_credit_note(credit_note_pdf(plain), plain))
    assert "CGST" not in read


def test_a_long_one_is_carried_over_pages() -> None:
    many = replace(NOTE, goods=tuple(replace(KURTA, item_id=n, sku=f"SKU-{n}") for n in range(80)), total=D("38452.51"))
    pages = texts(checked_credit_note(credit_note_pdf(many), many))
    assert len(pages) > 1
    assert "Carried forward" in pages[0]
    assert "Brought forward" in pages[1]


def test_a_wrong_one_is_not_released() -> None:
    with pytest.raises(DocumentWrong, match="cannot be read on it"):
        checked_credit_note(credit_note_pdf(NOTE), replace(NOTE, total=D("99.99")))
