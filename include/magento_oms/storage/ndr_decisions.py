"""What people decided about parcels that could not be delivered. Append only; personal data."""

from __future__ import annotations

import orjson
from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from magento_oms.ports import NdrAction, NdrRequest
from magento_oms.storage.database import text


def add(connection: Connection, booking_id: int, request: NdrRequest, by: str) -> int:
    """Keep a decision; its id."""
    decision_id: int = connection.execute(
        text(
            "insert into ndr_decision (booking_id, action, comment, on_day, phone, address_lines, decided_by)"
            " values (:booking_id, :action, :comment, :day, :phone, :lines, :by) returning id"
        ),
        {
            "booking_id": booking_id,
            "action": str(request.action),
            "comment": request.comment,
            "day": request.on,
            "phone": request.phone,
            "lines": Jsonb(list(request.address_lines), dumps=orjson.dumps),
            "by": by,
        },
    ).scalar_one()
    return decision_id


def get(connection: Connection, decision_id: int) -> NdrRequest:
    """One decision."""
    row = connection.execute(
        text("select action, comment, on_day, phone, address_lines from ndr_decision where id = :id"),
        {"id": decision_id},
    ).one()
    return NdrRequest(NdrAction(row.action), row.comment, row.on_day, row.phone, tuple(row.address_lines))
