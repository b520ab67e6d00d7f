"""Cancellations as they were noted, with their reasons, and the parcels that are expected back because of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from magento_oms.domain.cancellation import Cause, Wish
from magento_oms.ports import ParcelStatus
from magento_oms.storage.database import text

Units = Mapping[int, Decimal]


@dataclass(frozen=True, slots=True)
class StoredCancellation:
    """A cancellation. `units` were cancelled then, `too_late` had left; `outcomes` is what became of it, in words."""

    id: int
    cause: Cause
    reason: str
    by: str
    units: dict[int, Decimal]
    too_late: dict[int, Decimal]
    outcomes: tuple[dict[str, Any], ...]
    noted_at: datetime


def add(
    connection: Connection, order_id: int, wish: Wish, too_late: Units, outcomes: Sequence[Mapping[str, Any]]
) -> int:
    """Note a cancellation; its id."""
    cancellation_id: int = connection.execute(
        text(
            "insert into cancellation (order_id, cause, reason, by, units, too_late, outcomes)"
            " values (:order_id, :cause, :reason, :by, :units, :too_late, :outcomes) returning id"
        ),
        {
            "order_id": order_id,
            "cause": str(wish.cause),
            "reason": wish.reason,
            "by": wish.by,
            "units": _json(_plain(wish.units)),
            "too_late": _json(_plain(too_late)),
            "outcomes": _json([dict(each) for each in outcomes]),
        },
    ).scalar_one()
    return cancellation_id


def of_order(connection: Connection, order_id: int) -> list[StoredCancellation]:
    """All cancellations of an order, the first one first."""
    rows = connection.execute(text("select * from cancellation where order_id = :id order by id"), {"id": order_id})
    return [
        StoredCancellation(
            row.id,
            Cause(row.cause),
            row.reason,
            row.by,
            _units(row.units),
            _units(row.too_late),
            tuple(row.outcomes),
            row.noted_at,
        )
        for row in rows
    ]


def noted_too_late(connection: Connection, order_id: int) -> dict[int, Decimal]:
    """Item id → units of which it was noted that they had left."""
    sums: dict[int, Decimal] = {}
    for each in of_order(connection, order_id):
        for item_id, units in each.too_late.items():
            sums[item_id] = sums.get(item_id, Decimal(0)) + units
    return sums


def expect_back(connection: Connection, parcel_id: int, order_id: int, cancellation_id: int, *, asked: bool) -> bool:
    """Expect a parcel back; whether it was not expected before."""
    return bool(
        connection.execute(
            text(
                "insert into expected_rto (parcel_id, order_id, cancellation_id, asked)"
                " values (:parcel_id, :order_id, :cancellation_id, :asked) on conflict do nothing"
            ),
            {"parcel_id": parcel_id, "order_id": order_id, "cancellation_id": cancellation_id, "asked": asked},
        ).rowcount
    )


def expected_back(connection: Connection, order_id: int) -> list[dict[str, Any]]:
    """The parcels of an order that are, or were, expected back."""
    rows = connection.execute(
        text(
            "select e.parcel_id, p.fulfilment_id, e.asked, e.since, e.ended_at, e.ended_as from expected_rto e"
            " join parcel p on p.id = e.parcel_id where e.order_id = :id order by e.parcel_id"
        ),
        {"id": order_id},
    ).mappings()
    return [dict(row) for row in rows]


def end_expectation(connection: Connection, parcel_id: int, status: ParcelStatus) -> bool:
    """A parcel has ended; whether it was expected back until now."""
    return bool(
        connection.execute(
            text(
                "update expected_rto set ended_at = now(), ended_as = :status"
                " where parcel_id = :id and ended_at is null"
            ),
            {"id": parcel_id, "status": str(status)},
        ).rowcount
    )


def _plain(units: Units) -> dict[str, str]:
    return {str(item_id): f"{quantity.normalize():f}" for item_id, quantity in sorted(units.items()) if quantity}


def _units(kept: Mapping[str, str]) -> dict[int, Decimal]:
    return {int(item_id): Decimal(quantity) for item_id, quantity in kept.items()}


def _json(value: Any) -> Jsonb:
    return Jsonb(value, dumps=orjson.dumps)
