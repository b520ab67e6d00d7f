"""Invoices as they were issued, their numbers, and what the law wants beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from psycopg.types.json import Jsonb
from pydantic import TypeAdapter
from sqlalchemy import Connection, RowMapping

from magento_oms.domain.invoicing.content import InvoiceContent
from magento_oms.storage.database import text

_CONTENT = TypeAdapter(InvoiceContent)


@dataclass(frozen=True, slots=True)
class StoredInvoice:
    """An invoice, with the permits that came since it was issued filled in. `seller`: whose series it is of."""

    id: int
    order_id: int
    fulfilment_id: int
    seller: str
    number: str
    issued_at: datetime
    content: InvoiceContent
    magento_invoice: str


def next_serial(connection: Connection, seller: str, document_type: str, financial_year: str) -> int:
    """The next number of a series. It is used up only if the transaction commits; others wait until it ends."""
    serial: int = connection.execute(
        text(
            "insert into invoice_series as s (seller, document_type, financial_year, last)"
            " values (:seller, :document_type, :year, 1)"
            " on conflict (seller, document_type, financial_year) do update set last = s.last + 1 returning last"
        ),
        {"seller": seller, "document_type": document_type, "year": financial_year},
    ).scalar_one()
    return serial


def insert(
    connection: Connection,
    content: InvoiceContent,
    *,
    order_id: int,
    fulfilment_id: int,
    seller: str,
    financial_year: str,
    serial: int,
    issued_at: datetime,
) -> int:
    """Write an invoice; its id."""
    invoice_id: int = connection.execute(
        text(
            "insert into invoice (order_id, fulfilment_id, seller, document_type, financial_year, serial, number,"
            " issued_at, content, total) values (:order_id, :fulfilment_id, :seller, :document_type, :year, :serial,"
            " :number, :issued_at, :content, :total) returning id"
        ),
        {
            "order_id": order_id,
            "fulfilment_id": fulfilment_id,
            "seller": seller,
            "document_type": str(content.document),
            "year": financial_year,
            "serial": serial,
            "number": content.number,
            "issued_at": issued_at,
            "content": Jsonb(_CONTENT.dump_python(content, mode="json")),
            "total": content.total,
        },
    ).scalar_one()
    return invoice_id


def of_fulfilment(connection: Connection, fulfilment_id: int) -> StoredInvoice | None:
    """The invoice of a fulfilment; None: it was not packed yet."""
    row = (
        connection.execute(
            text(
                "select i.*, e.number as eway_bill, r.number as irn, r.signed_qr from invoice i"
                " left join consignment_permit e on e.fulfilment_id = i.fulfilment_id and e.kind = 'eway_bill'"
                " left join consignment_permit r on r.fulfilment_id = i.fulfilment_id and r.kind = 'irn'"
                " where i.fulfilment_id = :id"
            ),
            {"id": fulfilment_id},
        )
        .mappings()
        .one_or_none()
    )
    return _stored(row) if row else None


def invoiced_items(connection: Connection, order_id: int) -> set[int]:
    """Item ids on the order's invoices, but those of fulfilments that were called off."""
    return set(
        connection.execute(
            text(
                "select distinct (line ->> 'item_id')::bigint from invoice i"
                " join fulfilment f on f.id = i.fulfilment_id,"
                " jsonb_array_elements(i.content -> 'goods') as line"
                " where i.order_id = :id and f.state <> 'cancelled'"
            ),
            {"id": order_id},
        ).scalars()
    )


def note_magento(connection: Connection, invoice_id: int, magento_invoice: str) -> None:
    """Keep the id of Magento's own invoice."""
    connection.execute(
        text("update invoice set magento_invoice = :magento where id = :id and magento_invoice = ''"),
        {"id": invoice_id, "magento": magento_invoice},
    )


def give_permit(
    connection: Connection, fulfilment_id: int, kind: str, number: str, *, signed_qr: str = "", by: str
) -> bool:
    """Keep an e-way bill's number or an IRN; whether it is new. One that is there stays."""
    return bool(
        connection.execute(
            text(
                "insert into consignment_permit (fulfilment_id, kind, number, signed_qr, given_by)"
                " values (:id, :kind, :number, :signed_qr, :by) on conflict do nothing"
            ),
            {"id": fulfilment_id, "kind": kind, "number": number, "signed_qr": signed_qr, "by": by},
        ).rowcount
    )


def _stored(row: RowMapping) -> StoredInvoice:
    content = _CONTENT.validate_python(row["content"])
    content = replace(content, eway_bill=row["eway_bill"] or "", irn=row["irn"] or "", signed_qr=row["signed_qr"] or "")
    return StoredInvoice(
        row["id"],
        row["order_id"],
        row["fulfilment_id"],
        row["seller"],
        row["number"],
        row["issued_at"],
        content,
        row["magento_invoice"],
    )
