"""The effect that prints a fulfilment's invoice, reads it back, and invoices exactly its lines on Magento."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.documents.invoice import invoice_pdf
from magento_oms.documents.read_back import checked_invoice
from magento_oms.domain.fulfilments import FulfilmentState
from magento_oms.ports import AlreadyDone, MagentoOrderActions, PermanentError
from magento_oms.storage import fulfilments, invoices, orders, papers
from magento_oms.storage.database import text
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.storage.fulfilments import CarriedLine, StoredFulfilment
from magento_oms.storage.invoices import StoredInvoice
from magento_oms.workflows.effect_kinds import NotWanted, Result
from magento_oms.workflows.fulfilling import cancel_units
from magento_oms.workflows.fulfilling import effects as fulfilling
from magento_oms.workflows.fulfilling.items import acted_on, left_to_invoice
from magento_oms.workflows.fulfilling.ready import settle_papers
from magento_oms.workflows.fulfilling.stopped import refuse_stopped

THERE_ALREADY = "-"
PAPER = "invoice"


@dataclass(frozen=True, slots=True)
class InvoiceSubject:
    """What is needed to invoice one fulfilment.

    Attributes:
        reference: in the comment of Magento's invoice, so that it is found again.
        paper: the printed invoice, where it was released before.
    """

    stored: StoredFulfilment
    invoice: StoredInvoice
    reference: str
    lines: list[CarriedLine]
    logo: Path | None
    paper: bytes | None


class CreateInvoice:
    """See the module."""

    name = fulfilling.CREATE_INVOICE

    def __init__(self, config: InstanceConfig, folder: Path | None = None) -> None:
        self._config = config
        self._folder = folder

    def read(self, connection: Connection, effect: ClaimedEffect) -> InvoiceSubject:
        """What `send` and `find` need to know."""
        stored = fulfilments.get(connection, int(effect.details["fulfilment"]))
        invoice = invoices.of_fulfilment(connection, stored.id) if stored else None
        if stored is None or invoice is None:
            raise PermanentError(f"Fulfilment {effect.details['fulfilment']} has no invoice in the OMS.")
        store = self._config.store(stored.store_id)
        logo = store.invoice.logo if store else None
        return InvoiceSubject(
            stored,
            invoice,
            reference=f"[oms-invoice-{stored.instance}-{stored.id}]",
            lines=_with_virtual(connection, stored, invoice, fulfilments.lines(connection, [stored.id])[stored.id]),
            logo=self._folder / logo if logo and self._folder else None,
            paper=papers.get(connection, PAPER, subject_of(stored.id)),
        )

    def send(self, magento: MagentoOrderActions, subject: InvoiceSubject) -> Result:
        """Print and check the document first: what cannot be printed is not invoiced.

        Raises:
            PermanentError: the document does not read back, or Magento refuses.
        """
        stored = subject.stored
        if stored.order_state == "cancelled" or stored.state is FulfilmentState.CANCELLED:
            raise NotWanted(f"fulfilment {stored.id} of order {stored.increment_id} was cancelled")
        paper = subject.paper or checked_invoice(
            invoice_pdf(subject.invoice.content, logo=subject.logo), subject.invoice.content
        )
        order = magento.order(stored.entity_id)
        refuse_stopped(order, stored)
        items = left_to_invoice(order, acted_on(order, subject.lines))
        if not items:
            found = _ours(magento, subject)
            return _result(found or THERE_ALREADY, paper, "Magento has its invoice already")
        comment = f"Invoice {subject.invoice.number} {subject.reference}"
        try:
            made = magento.invoice(subject.stored.entity_id, items=items, comment=comment)
        except AlreadyDone:
            made = _ours(magento, subject) or THERE_ALREADY
        return _result(made, paper, f"Magento invoice {made}")

    def find(self, magento: MagentoOrderActions, subject: InvoiceSubject) -> Result | None:
        """Look for an invoice with our comment."""
        found = _ours(magento, subject)
        if found is None:
            return None
        paper = subject.paper or checked_invoice(
            invoice_pdf(subject.invoice.content, logo=subject.logo), subject.invoice.content
        )
        return _result(found, paper, f"found on Magento as invoice {found}")

    def settle(self, connection: Connection, subject: InvoiceSubject, result: Result) -> None:
        """Release the document, and note what was invoiced."""
        fulfilments.get(connection, subject.stored.id, lock=True)
        papers.release(connection, PAPER, subject_of(subject.stored.id), result.facts["paper"])
        invoices.note_magento(connection, subject.invoice.id, result.facts["magento"])
        connection.execute(
            text(
                # Of a line that several fulfilments share, those that are invoiced.
                "update order_line l set invoiced = least(l.ordered, greatest(l.invoiced, made.units))"
                " from (select f.item_id, sum(f.quantity) as units from fulfilment_line f"
                "  join invoice i on i.fulfilment_id = f.fulfilment_id"
                "  where f.order_id = :order_id and i.magento_invoice <> '' group by f.item_id) made"
                " where l.order_id = :order_id and l.item_id = made.item_id"
            ),
            {"order_id": subject.stored.order_id},
        )
        orders.add_event(
            connection,
            subject.stored.order_id,
            "invoiced",
            {"fulfilment": subject.stored.id, "invoice": subject.invoice.number, "how": result.outcome},
        )
        cancel_units.wake(connection, subject.stored.order_id)
        settle_papers(connection, self._config, subject.stored.id)


def subject_of(fulfilment_id: int) -> str:
    """What a fulfilment's papers are kept under."""
    return f"fulfilment:{fulfilment_id}"


def _with_virtual(
    connection: Connection, stored: StoredFulfilment, invoice: StoredInvoice, lines: list[CarriedLine]
) -> list[CarriedLine]:
    """The fulfilment's lines, and the order's virtual lines that are on its invoice."""
    on_it = [line.item_id for line in invoice.content.goods]
    rows = connection.execute(
        text(
            "select item_id, act_on_item_id, sku, name, ordered, ordered - cancelled as quantity from order_line"
            " where order_id = :id and kind = 'virtual' and ordered > cancelled and item_id = any(:on_it)"
        ),
        {"id": stored.order_id, "on_it": on_it},
    )
    none = Decimal(0)
    virtual = [
        CarriedLine(row.item_id, row.act_on_item_id, row.sku, row.name, row.ordered, row.quantity, none, none, none)
        for row in rows
    ]
    return lines + virtual


def _ours(magento: MagentoOrderActions, subject: InvoiceSubject) -> str | None:
    for invoice in magento.invoices_of(subject.stored.entity_id):
        if any(subject.reference in str(row.get("comment") or "") for row in invoice.get("comments") or ()):
            return str(invoice["entity_id"])
    return None


def _result(magento_invoice: str, paper: bytes, outcome: str) -> Result:
    return Result(outcome, facts={"magento": magento_invoice, "paper": paper})
