"""Orders that replace what returns bring back: joined, and held, in the transaction that takes them in."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from magento_oms.storage import orders
from magento_oms.storage.database import text


def hold_code(return_id: int) -> str:
    """Of the hold on a replacement."""
    return f"exchange:{return_id}"


def join_new(connection: Connection, instance: str, increment_ids: Iterable[str]) -> None:
    """Join orders that are in the OMS now to the returns that they replace, and hold them where that is wanted.

    None is on its way before it is held.
    """
    rows = connection.execute(
        text(
            "update return_exchange e set order_id = o.id from sales_order o"
            " where e.instance = :instance and e.replacement = any(:numbers) and e.order_id is null"
            " and o.instance = e.instance and o.increment_id = e.replacement"
            " returning e.return_id, o.id as order_id, e.hold, o.state"
        ),
        {"instance": instance, "numbers": list(increment_ids)},
    ).all()
    for row in rows:
        details = {"return": row.return_id, "held": row.hold}
        orders.add_event(connection, row.order_id, "replaces_return", details)
        if row.hold and row.state in ("open", "held", "allocated", "acknowledged"):
            reason = f"It replaces return {row.return_id}, which has not passed its quality check yet."
            orders.place_hold(connection, row.order_id, hold_code(row.return_id), reason)
            orders.derive_state(connection, row.order_id)
