"""Credit notes as they were issued, and their numbers: a gapless series of their own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from psycopg.types.json import Jsonb
from pydantic import TypeAdapter
from sqlalchemy import Connection, RowMapping

from magento_oms.domain.invoicing.content import CreditNoteContent
from magento_oms.storage.database import text

SERIES = "credit_note"
"""Document type of the series; the numbers are taken by `storage.invoices.next_serial`."""

_CONTENT = TypeAdapter(CreditNoteContent)


@dataclass(frozen=True, slots=True)
class StoredCreditNote:
    """A credit note."""

    id: int
    order_id: int
    invoice_id: int
    subject: str
    number: str
    issued_at: datetime
    content: CreditNoteContent


def insert(
    connection: Connection,
    content: CreditNoteContent,
    *,
    order_id: int,
    invoice_id: int,
    subject: str,
    seller: str,
    financial_year: str,
    serial: int,
    issued_at: datetime,
) -> int:
    """Write a credit note; its id."""
    note_id: int = connection.execute(
        text(
            "insert into credit_note (order_id, invoice_id, subject, seller, financial_year, serial, number, issued_at,"
            " content, total) values (:order_id, :invoice_id, :subject, :seller, :year, :serial, :number, :issued_at,"
            " :content, :total) returning id"
        ),
        {
            "order_id": order_id,
            "invoice_id": invoice_id,
            "subject": subject,
            "seller": seller,
            "year": financial_year,
            "serial": serial,
            "number": content.number,
            "issued_at": issued_at,
            "content": Jsonb(_CONTENT.dump_python(content, mode="json")),
            "total": content.total,
        },
    ).scalar_one()
    return note_id


def get(connection: Connection, note_id: int) -> StoredCreditNote | None:
    """One credit note."""
    return _one(connection, "id = :value", note_id)


def of_subject(connection: Connection, subject: str) -> StoredCreditNote | None:
    """The credit note for something (`fulfilment:<id>`, `return:<id>`); None: there is none."""
    return _one(connection, "subject = :value", subject)


def of_order(connection: Connection, order_id: int) -> list[StoredCreditNote]:
    """All credit notes of an order, the first one first."""
    rows = connection.execute(text("select * from credit_note where order_id = :id order by id"), {"id": order_id})
    return [_stored(row) for row in rows.mappings()]


def credited_before(connection: Connection, invoice_id: int) -> tuple[dict[int, Decimal], bool]:
    """Item id → units that credit notes took back from an invoice, and whether its charges were credited."""
    units: dict[int, Decimal] = {}
    charges = False
    for row in connection.execute(text("select * from credit_note where invoice_id = :id"), {"id": invoice_id}):
        content = _CONTENT.validate_python(row.content)
        charges = charges or bool(content.charges)
        for line in content.goods:
            if line.item_id is not None:
                units[line.item_id] = units.get(line.item_id, Decimal(0)) + line.quantity
    return units, charges


def _one(connection: Connection, where: str, value: int | str) -> StoredCreditNote | None:
    row = (
        connection.execute(text(f"select * from credit_note where {where}"), {"value": value})  # noqa: S608  (constants)
        .mappings()
        .one_or_none()
    )
    return _stored(row) if row else None


def _stored(row: RowMapping) -> StoredCreditNote:
    return StoredCreditNote(
        row["id"],
        row["order_id"],
        row["invoice_id"],
        row["subject"],
        row["number"],
        row["issued_at"],
        _CONTENT.validate_python(row["content"]),
    )
