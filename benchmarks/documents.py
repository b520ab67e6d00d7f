"""Documents printed and read back, a second of one core.

Sides, interleaved: shaped invoices rendered (five lines, a Hindi address with conjuncts, a logo); the same rendered and
read back, as they are before release; labels rendered and read back; and a bare page with one line of text, as the cost
of reportlab itself. Every document has other figures.

`python -m benchmarks.documents [--count 60] [--rounds 5]`
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from benchmarks.harness import Cost, Goal, Report, interleaved, measured, median_core
from magento_oms.documents.invoice import invoice_pdf
from magento_oms.documents.label import LabelContent, label_pdf
from magento_oms.documents.read_back import checked_invoice, checked_label
from magento_oms.domain.invoicing.content import DocumentType, InvoiceContent, InvoiceLine, Party

D = Decimal
SELLER = Party(
    "Bhiwandi warehouse", ("Plot 7",), "Bhiwandi", "Maharashtra", "27", "421302", "9876500001", "", "27AAPFU0939F1ZV"
)
BUYER = Party(
    "प्रिया विद्यार्थी", ("१२, राष्ट्रपति मार्ग, क्षत्रिय चौक", "श्रृंगार सदन, द्वितीय तल"), "पुणे", "Maharashtra", "27", "411001",
    "9876543210",
)  # fmt: skip
LABELS, LABEL_SECONDS = 1000, 60.0


def invoice(number: int) -> InvoiceContent:
    """An invoice of five lines; each has figures of its own."""
    goods = tuple(
        InvoiceLine(
            item, f"KURTA-{number}-{item}", "Cotton Kurta कुर्ता, Handblock Print, M", "621142", D(2), D(250), D(20),
            D("457.14") + number, D(5), D("11.43"), D("11.43"), D(0), D(480) + number,
        )
        for item in range(1, 6)
    )  # fmt: skip
    charges = (
        InvoiceLine(None, "", "Shipping", "", D(1), D(99), D(0), D("94.28"), D(5), D("2.36"), D("2.36"), D(0), D(99)),
    )
    total = sum((line.total for line in goods + charges), D(0))
    return InvoiceContent(
        DocumentType.TAX_INVOICE, f"MB2627-{number:06}", date(2026, 11, 24), f"{number:09}", date(2026, 11, 23), SELLER,
        BUYER, BUYER, "Maharashtra", "27", goods, charges, D(0), total, D(100), total - 100, total - 100,
        "Cash on delivery",
    )  # fmt: skip


def label(number: int) -> LabelContent:
    """A label in Hindi."""
    return LabelContent(
        f"{1234567800000 + number}", "Delhivery", f"{number:09}-P1", f"{number:09}", f"MB2627-{number:06}", BUYER.name,
        BUYER.lines, "411001", "9876543210", SELLER.name, SELLER.lines, D(1390) + number, D(500),
        (("KURTA-1", "Cotton Kurta कुर्ता", 2),), "hi",
    )  # fmt: skip


def bare_page(number: int) -> bytes:
    """What reportlab itself costs: a page with a line in one of its own fonts."""
    out = BytesIO()
    canvas = Canvas(out, pagesize=A4)
    canvas.drawString(72, 720, f"Invoice {number}")
    canvas.save()
    return out.getvalue()


def main() -> int:
    """Run and report; the exit code tells whether the goals were reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=60, help="documents of a round")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    made = 0

    def side(work: Callable[[int], object]) -> Callable[[], Cost]:
        def run() -> Cost:
            nonlocal made
            with measured() as cost:
                for _ in range(given.count):
                    made += 1
                    work(made)
            return cost

        return run

    with TemporaryDirectory() as folder:
        logo = Path(folder) / "logo.png"
        Image.new("RGB", (600, 200), "#aa2200").save(logo)

        def released(number: int) -> bytes:
            content = invoice(number)
            return checked_invoice(invoice_pdf(content, logo=logo), content)

        def labelled(number: int) -> bytes:
            content = label(number)
            return checked_label(label_pdf(content), content)

        costs = interleaved(
            given.rounds,
            {
                "invoices": side(lambda number: invoice_pdf(invoice(number), logo=logo)),
                "invoices read back": side(released),
                "labels read back": side(labelled),
                "bare pages": side(bare_page),
            },
        )
    rates = {name: given.count / median_core(cost) for name, cost in costs.items()}
    label_seconds = LABELS / rates["labels read back"]
    report = Report("documents")
    report.figures = {f"{name} a second of a core": round(rate, 1) for name, rate in rates.items()}
    report.figures["core-milliseconds of an invoice, read back"] = round(1000 / rates["invoices read back"], 1)
    report.figures[f"seconds for {LABELS} labels on a core"] = round(label_seconds, 1)
    report.goals = [
        Goal("documents rendered", rates["invoices"], 15),
        Goal("documents read_back", rates["invoices read back"], 8),
        Goal(f"documents {LABELS}_labels", label_seconds, LABEL_SECONDS, at_least=False),
    ]
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
