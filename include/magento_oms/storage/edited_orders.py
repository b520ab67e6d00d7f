"""Orders that Magento's edit replaced by new ones, and those that wait for it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from magento_oms.domain.states import OrderState
from magento_oms.storage.database import text


def states_of(connection: Connection, instance: str, increment_ids: Sequence[str]) -> dict[str, OrderState]:
    """States of the stored ones of these orders, by increment id."""
    rows = connection.execute(
        text("select increment_id, state from sales_order where instance = :instance and increment_id = any(:ids)"),
        {"instance": instance, "ids": list(increment_ids)},
    )
    return {row.increment_id: OrderState(row.state) for row in rows}


def waiting_for(connection: Connection, instance: str, increment_ids: Sequence[str]) -> list[int]:
    """Entity ids of those of these orders that wait for the one that they replace to be cancelled."""
    if not any(increment_ids):
        return []
    return list(
        connection.execute(
            text(
                "select o.entity_id from sales_order o join order_hold h on h.order_id = o.id"
                " where o.instance = :instance and o.increment_id = any(:ids) and h.code = 'replaces_order'"
                " and h.released_at is null"
            ),
            {"instance": instance, "ids": list(increment_ids)},
        ).scalars()
    )
