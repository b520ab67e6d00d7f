"""E-way bills and IRNs that orders wait for.

The OMS asks no provider by itself: a person gives them on the command line, or the connector of a GST provider (GSP) or
an ERP by the OMS API, which also tells what waits and what is on the invoice.
"""

from __future__ import annotations

import re
from typing import Literal

from sqlalchemy import Connection

from magento_oms.storage import fulfilments, invoices, orders
from magento_oms.workflows.warehouse.problems import Kind, WarehouseProblem

_SHAPES = {
    "eway_bill": (re.compile(r"[0-9]{12}"), "e-way bill number: it has twelve digits"),
    "irn": (re.compile(r"[0-9a-f]{64}"), "IRN: it has 64 hexadecimal digits"),
}


def give(
    connection: Connection,
    fulfilment_id: int,
    kind: Literal["eway_bill", "irn"],
    number: str,
    *,
    signed_qr: str = "",
    by: str,
) -> str:
    """Keep a permit and let the order go on; its increment id.

    Args:
        signed_qr: what the QR code on an invoice with an IRN says; needed with it (CGST rule 46, sixth proviso).

    Raises:
        WarehouseProblem: the fulfilment is not packed, has another one already, or the number is none.
    """
    stored = fulfilments.get(connection, fulfilment_id, lock=True)
    invoice = invoices.of_fulfilment(connection, fulfilment_id)
    if stored is None or invoice is None:
        raise WarehouseProblem(Kind.MISSING, f"Fulfilment {fulfilment_id} has no invoice: it is not packed yet.")
    shape, told = _SHAPES[kind]
    if not shape.fullmatch(number):
        raise WarehouseProblem(Kind.INVALID, f"{number!r} is no {told}.")
    if kind == "irn" and not signed_qr:
        raise WarehouseProblem(Kind.INVALID, "An IRN comes with the text of its signed QR code, which is printed.")
    before = invoice.content.eway_bill if kind == "eway_bill" else invoice.content.irn
    if before and before != number:
        raise WarehouseProblem(Kind.CONFLICT, f"Fulfilment {fulfilment_id} has {kind} {before} already.")
    invoices.give_permit(connection, fulfilment_id, kind, number, signed_qr=signed_qr, by=by)
    details = {"fulfilment": fulfilment_id, "kind": kind, "number": number, "by": by}
    orders.add_event(connection, stored.order_id, "permit", details)
    orders.release_hold(connection, stored.order_id, f"{kind}:{fulfilment_id}")
    return stored.increment_id
