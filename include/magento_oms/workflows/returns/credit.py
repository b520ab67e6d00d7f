"""Crediting what came back: a credit note of ours on the invoice that it was sold by."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.domain.returns import BACK, ReturnKind, ReturnState, UnitState
from magento_oms.storage import credit_notes, invoices, returns
from magento_oms.storage.credit_notes import StoredCreditNote
from magento_oms.storage.database import text
from magento_oms.storage.invoices import StoredInvoice
from magento_oms.storage.returns import StoredReturn, StoredUnit
from magento_oms.workflows import crediting
from magento_oms.workflows.crediting import ToCredit

ZERO = Decimal(0)


def credit(connection: Connection, config: InstanceConfig, return_id: int) -> list[StoredCreditNote]:
    """Credit units of a return that is judged: of a customer's return those that passed, of an RTO all that is back.

    Credited before, nothing happens. Units that no invoice of ours has left are not credited: what was sold before the
    OMS went live.
    """
    stored = returns.get(connection, return_id, lock=True)
    if stored is None or stored.state is not ReturnState.PROCESSED:
        return []
    units = [unit for unit in returns.units(connection, [return_id])[return_id] if _is_credited(stored, unit)]
    wanted = [
        (_to_credit(connection, stored, invoice, mine), mine)
        for invoice, mine in _by_invoice(connection, stored, units)
        if mine
    ]
    of_subject = {to_credit.subject: mine for to_credit, mine in wanted}
    notes = crediting.issue_all(connection, config, [to_credit for to_credit, _ in wanted])
    for note in notes:
        returns.note_credited(connection, [unit.id for unit in of_subject[note.subject]], note.id)
    return notes


def _is_credited(stored: StoredReturn, unit: StoredUnit) -> bool:
    wanted = BACK if stored.kind is ReturnKind.RETURN_TO_ORIGIN else {UnitState.PASSED}
    return unit.credit_note_id is None and unit.state in wanted


def _by_invoice(
    connection: Connection, stored: StoredReturn, units: list[StoredUnit]
) -> list[tuple[StoredInvoice, list[StoredUnit]]]:
    """Each unit with an invoice that has it left; of an RTO the one of its own parcel comes first."""
    fulfilments = connection.execute(
        text(
            "select f.id from fulfilment f join invoice i on i.fulfilment_id = f.id"
            " where f.order_id = :order order by f.id is not distinct from"
            " (select fulfilment_id from parcel where id = :parcel) desc, f.id"
        ),
        {"order": stored.order_id, "parcel": stored.parcel_id},
    ).scalars()
    found = []
    waiting = list(units)
    for fulfilment_id in list(fulfilments):
        invoice = invoices.of_fulfilment(connection, fulfilment_id)
        if invoice is None:
            continue
        before, _ = credit_notes.credited_before(connection, invoice.id)
        left: defaultdict[int, Decimal] = defaultdict(lambda: ZERO)
        for line in invoice.content.goods:
            if line.item_id is not None:
                left[line.item_id] += line.quantity - before.get(line.item_id, ZERO)
        mine = []
        for unit in list(waiting):
            if left[unit.item_id] >= 1:
                left[unit.item_id] -= 1
                mine.append(unit)
                waiting.remove(unit)
        found.append((invoice, mine))
    return found


def _to_credit(
    connection: Connection, stored: StoredReturn, invoice: StoredInvoice, units: list[StoredUnit]
) -> ToCredit:
    """Of an RTO that brings back all that is left of an invoice, charges are credited too: nothing was delivered. The
    same units are credited once.
    """
    counted: defaultdict[int, Decimal] = defaultdict(lambda: ZERO)
    for unit in units:
        counted[unit.item_id] += 1
    before, _ = credit_notes.credited_before(connection, invoice.id)
    whole = all(
        line.item_id is None or counted[line.item_id] >= line.quantity - before.get(line.item_id, ZERO)
        for line in invoice.content.goods
    )
    return ToCredit(
        invoice,
        f"return:{stored.id}:{min(unit.id for unit in units)}",
        stored.reason or "Returned by the customer",
        None if whole and stored.kind is ReturnKind.RETURN_TO_ORIGIN else dict(counted),
    )
