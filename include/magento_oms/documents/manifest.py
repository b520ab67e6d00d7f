"""The list of parcels that a courier takes from a warehouse, as PDF with a barcode a parcel; two sign it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Spacer

from magento_oms.documents.fonts import BOLD
from magento_oms.documents.parts import LINE, SHADE, WIDTH, code128, figure, lines, money, render, table, words

CODE = 56 * mm
"""Width of a parcel's barcode."""


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One parcel. No names: the courier needs none."""

    awb: str
    order_number: str
    invoice_number: str
    pincode: str
    weight_g: Decimal
    cod: Decimal


@dataclass(frozen=True, slots=True)
class ManifestContent:
    """A manifest. `day` is in India."""

    number: str
    courier: str
    account: str
    day: date
    location: str
    location_lines: tuple[str, ...]
    rows: tuple[ManifestRow, ...]


def manifest_pdf(content: ManifestContent) -> bytes:
    """The printed manifest. The same content gives the same bytes."""
    return render(lambda: _story(content), title=f"Manifest {content.number}", foot=f"Manifest {content.number}")


def _story(content: ManifestContent) -> Sequence[Flowable]:
    cod = sum((row.cod for row in content.rows), Decimal(0))
    head = table(
        [
            [
                [words("MANIFEST", size=13, bold=True), *lines([content.location, *content.location_lines])],
                [
                    code128(content.number, width=WIDTH * 0.62, height=9 * mm, widest=0.33 * mm),
                    words(content.number, bold=True),
                    words(f"{content.courier} · {content.account}"),
                    words(f"{content.day:%d %b %Y}"),
                    words(f"{len(content.rows)} parcels, ₹ {money(cod)} to collect", bold=True),
                ],
            ]
        ],
        (WIDTH * 0.36, WIDTH * 0.64),
    )
    rows: list[list[Any]] = [["#", "AWB", "", "Order", "Invoice", "Pincode", "Weight g", "Collect ₹"]]
    for number, row in enumerate(content.rows, 1):
        rows.append(
            [
                str(number),
                code128(row.awb, width=CODE - 2 * mm, height=8 * mm, widest=0.33 * mm),
                words(row.awb, bold=True),
                words(row.order_number),
                words(row.invoice_number),
                row.pincode,
                figure(row.weight_g),
                money(row.cod) if row.cod else "",
            ]
        )
    list_of_parcels = table(
        rows,
        (8 * mm, CODE, WIDTH - CODE - 106 * mm, 24 * mm, 28 * mm, 13 * mm, 14 * mm, 19 * mm),
        ("FONT", (0, 0), (-1, 0), BOLD, 7.5),
        ("BACKGROUND", (0, 0), (-1, 0), SHADE),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
        ("ALIGN", (5, 0), (-1, -1), "RIGHT"),
        ("VALIGN", (0, 1), (-1, -1), "MIDDLE"),
        # A scanner must not read two rows at once.
        ("TOPPADDING", (0, 1), (-1, -1), 6),
        ("BOTTOMPADDING", (0, 1), (-1, -1), 6),
        repeatRows=1,
    )
    signed = table(
        [[words("Handed over by (name, signature, time)"), words("Taken by the courier (name, signature, vehicle)")]],
        (WIDTH / 2, WIDTH / 2),
        ("LINEABOVE", (0, 0), (-1, -1), 0.5, LINE),
    )
    return [head, Spacer(1, 3 * mm), list_of_parcels, Spacer(1, 20 * mm), signed]
