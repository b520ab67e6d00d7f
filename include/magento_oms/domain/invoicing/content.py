"""What is printed on an invoice: figures, names and addresses, frozen when it is issued. Personal data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

ZERO = Decimal(0)


class DocumentType(StrEnum):
    """What the law calls it. A seller without a GSTIN charges no GST and gives a bill of supply."""

    TAX_INVOICE = "tax_invoice"
    BILL_OF_SUPPLY = "bill_of_supply"


@dataclass(frozen=True, slots=True)
class Party:
    """Seller or buyer, as it is printed. `state_code` is GST's."""

    name: str = field(repr=False)
    lines: tuple[str, ...] = field(repr=False)
    city: str
    state: str
    state_code: str
    pincode: str
    phone: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    gstin: str = ""


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """Goods, or a charge (no `item_id`). Money in rupees, for all units together.

    `total` = `taxable` + `cgst` + `sgst` + `igst`, to the paisa; `price` of one unit and `discount` with GST, as the
    customer saw them.
    """

    item_id: int | None
    sku: str
    name: str
    hsn: str
    quantity: Decimal
    price: Decimal
    discount: Decimal
    taxable: Decimal
    rate: Decimal
    cgst: Decimal
    sgst: Decimal
    igst: Decimal
    total: Decimal


class _Priced(Protocol):
    @property
    def goods(self) -> tuple[InvoiceLine, ...]: ...

    @property
    def charges(self) -> tuple[InvoiceLine, ...]: ...


class Sums:
    """What documents of goods and charges have in common."""

    __slots__ = ()

    @property
    def lines(self: _Priced) -> tuple[InvoiceLine, ...]:
        """Goods and charges."""
        return self.goods + self.charges

    def sum_of(self: _Priced, name: str) -> Decimal:
        """The sum of one figure over goods and charges."""
        return sum((getattr(line, name) for line in self.goods + self.charges), ZERO)


@dataclass(frozen=True, slots=True)
class InvoiceContent(Sums):
    """An invoice. `issued_on` and `ordered_on` are days in the store's zone.

    Attributes:
        supply_state: where the goods are supplied to; it decides between CGST + SGST and IGST.
        rounding: what the order's total holds beyond the sum of its parts.
        total: value of the supply, GST included. Store credit is a means of payment: it never lowers it.
        store_credit: paid by it.
        to_pay: `total` less `store_credit`.
        collect: of that, at the door.
    """

    document: DocumentType
    number: str
    issued_on: date
    order_number: str
    ordered_on: date
    seller: Party
    buyer: Party
    ship_to: Party
    supply_state: str
    supply_code: str
    goods: tuple[InvoiceLine, ...]
    charges: tuple[InvoiceLine, ...]
    rounding: Decimal
    total: Decimal
    store_credit: Decimal
    to_pay: Decimal
    collect: Decimal
    payment: str
    currency: str = "INR"
    irn: str = ""
    signed_qr: str = field(default="", repr=False)
    eway_bill: str = ""


@dataclass(frozen=True, slots=True)
class CreditNoteContent(Sums):
    """A credit note on (a part of) one invoice: CGST Act s. 34, rule 53. Figures as on the invoice, positive.

    Attributes:
        document: of the invoice: whether there is GST to be credited.
        issued_on, invoiced_on, ordered_on: days in India.
        reason: in words, as it is printed.
        irn: of the invoice that it credits.
    """

    document: DocumentType
    number: str
    issued_on: date
    reason: str
    invoice_number: str
    invoiced_on: date
    order_number: str
    ordered_on: date
    seller: Party
    buyer: Party
    ship_to: Party
    supply_state: str
    supply_code: str
    goods: tuple[InvoiceLine, ...]
    charges: tuple[InvoiceLine, ...]
    rounding: Decimal
    total: Decimal
    currency: str = "INR"
    irn: str = ""
