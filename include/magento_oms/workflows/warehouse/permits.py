"""E-way bills and IRNs that orders wait for: given by a person, or got from a source that is configured."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import Connection

from magento_oms.storage import fulfilments, invoices, orders
from magento_oms.workflows.warehouse.problems import Kind, WarehouseProblem


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

    Raises:
        WarehouseProblem: the fulfilment is not packed, or has another one already.
    """
    stored = fulfilments.get(connection, fulfilment_id, lock=True)
    invoice = invoices.of_fulfilment(connection, fulfilment_id)
    if stored is None or invoice is None:
        raise WarehouseProblem(Kind.MISSING, f"Fulfilment {fulfilment_id} has no invoice: it is not packed yet.")
    if not number.strip():
        raise WarehouseProblem(Kind.INVALID, "The number is empty.")
    before = invoice.content.eway_bill if kind == "eway_bill" else invoice.content.irn
    if before and before != number:
        raise WarehouseProblem(Kind.CONFLICT, f"Fulfilment {fulfilment_id} has {kind} {before} already.")
    invoices.give_permit(connection, fulfilment_id, kind, number, signed_qr=signed_qr, by=by)
    details = {"fulfilment": fulfilment_id, "kind": kind, "number": number, "by": by}
    orders.add_event(connection, stored.order_id, "permit", details)
    orders.release_hold(connection, stored.order_id, f"{kind}:{fulfilment_id}")
    return stored.increment_id
