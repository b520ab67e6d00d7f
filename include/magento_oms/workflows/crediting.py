"""Crediting invoices: a credit note is a document like the invoice, with a gapless series of its own.

Whoever takes back what was invoiced (a fulfilment called off, units that came back) calls `issue` in the transaction
of that change, with the order locked; the same subject again changes nothing. Its paper is printed, read back and
released by the effect that tells Magento of it, or by `printed` when somebody asks for it sooner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.documents.credit_note import credit_note_pdf
from magento_oms.documents.read_back import checked_credit_note
from magento_oms.domain.intake import PlannedEffect
from magento_oms.domain.invoicing.content import CreditNoteContent
from magento_oms.domain.invoicing.credit import credited
from magento_oms.domain.invoicing.numbers import INDIA, financial_year, invoice_number
from magento_oms.storage import credit_notes, effects, invoices, orders, papers
from magento_oms.storage.credit_notes import StoredCreditNote
from magento_oms.storage.database import autocommit, engine, text
from magento_oms.storage.invoices import StoredInvoice

TELL_CREDIT_NOTE = "tell_credit_note"
PAPER = "credit_note"


@dataclass(frozen=True, slots=True)
class ToCredit:
    """An invoice that is to be credited, as `issue` takes it. `units`: None for all that is left."""

    invoice: StoredInvoice
    subject: str
    reason: str
    units: Mapping[int, Decimal] | None = None


def issue_all(connection: Connection, config: InstanceConfig, wanted: Iterable[ToCredit]) -> list[StoredCreditNote]:
    """Credit several invoices. Call it when nothing else is left to be locked but the orders, which are, and the stock,
    which was written: series are taken last, and in one order, so that nobody waits for each other in a circle.
    """
    return [
        issue(connection, config, each.invoice, subject=each.subject, reason=each.reason, units=each.units)
        for each in sorted(wanted, key=lambda each: (each.invoice.seller, each.invoice.id, each.subject))
    ]


def issue(
    connection: Connection,
    config: InstanceConfig,
    invoice: StoredInvoice,
    *,
    subject: str,
    reason: str,
    units: Mapping[int, Decimal] | None = None,
    now: datetime | None = None,
) -> StoredCreditNote:
    """Credit an invoice, or units of it, and plan to tell Magento. Issued before for the same subject: that one.

    Args:
        subject: what it is for, such as `fulfilment:<id>` or `return:<id>`: credited once.
        reason: in words, as it is printed.
        units: item id → units; None: all that is left, with shipping and other charges.

    Raises:
        TooMuchCredited: more than the invoice has left.
        SeriesIsFull: the year's numbers are used up.
    """
    if (known := credit_notes.of_subject(connection, subject)) is not None:
        return known
    order = connection.execute(
        text("select entity_id, store_id, shadow from sales_order where id = :id for update"),
        {"id": invoice.order_id},
    ).one()
    moment = now or datetime.now(UTC)
    before, charges_credited = credit_notes.credited_before(connection, invoice.id)
    figures = credited(invoice.content, units, before, charges_too=not charges_credited)
    year = financial_year(moment)
    serial = invoices.next_serial(connection, invoice.seller, credit_notes.SERIES, year)
    store = config.store(order.store_id)
    prefix = store.invoice.credit_note_prefix if store else "CN"
    of = invoice.content
    content = CreditNoteContent(
        document=of.document,
        number=invoice_number(prefix, year, serial),
        issued_on=moment.astimezone(INDIA).date(),
        reason=reason,
        invoice_number=of.number,
        invoiced_on=of.issued_on,
        order_number=of.order_number,
        ordered_on=of.ordered_on,
        seller=of.seller,
        buyer=of.buyer,
        ship_to=of.ship_to,
        supply_state=of.supply_state,
        supply_code=of.supply_code,
        goods=figures.goods,
        charges=figures.charges,
        rounding=figures.rounding,
        total=figures.total,
        currency=of.currency,
        irn=of.irn,
    )
    note_id = credit_notes.insert(
        connection,
        content,
        order_id=invoice.order_id,
        invoice_id=invoice.id,
        subject=subject,
        seller=invoice.seller,
        financial_year=year,
        serial=serial,
        issued_at=moment,
    )
    details = {"credit_note": content.number, "invoice": of.number, "total": str(content.total), "reason": reason}
    orders.add_event(connection, invoice.order_id, "credited", details)
    lane = f"magento:{config.code}:order:{order.entity_id}"
    effect = PlannedEffect(
        f"magento:{config.code}",
        TELL_CREDIT_NOTE,
        f"credit_note:{note_id}",
        lane,
        withheld=order.shadow,
        even_if_stopped=True,
        details={"credit_note": note_id},
    )
    effects.plan(connection, effect, invoice.order_id)
    return StoredCreditNote(note_id, invoice.order_id, invoice.id, subject, content.number, moment, content)


def paper_of(note_id: int) -> str:
    """What a credit note's paper is kept under."""
    return f"credit_note:{note_id}"


def print_checked(content: CreditNoteContent) -> bytes:
    """The paper, read back. Raises DocumentWrong where it does not say what it should."""
    return checked_credit_note(credit_note_pdf(content), content)


def printed(url: str, note_id: int) -> bytes | None:
    """The paper of a credit note, printed and released the first time it is asked for; None: there is no such note."""
    with autocommit(url) as connection:
        if kept := papers.get(connection, PAPER, paper_of(note_id)):
            return kept
        stored = credit_notes.get(connection, note_id)
    if stored is None:
        return None
    paper = print_checked(stored.content)
    with engine(url).begin() as connection:
        papers.release(connection, PAPER, paper_of(note_id), paper)
    return paper
