"""Credit memos as Magento has them: read once, known by their id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from magento_oms.storage.database import text


@dataclass(frozen=True, slots=True)
class ReadMemo:
    """A credit memo that was read. `items`: order item id → quantity."""

    instance: str
    memo_id: int
    order_id: int
    increment_id: str
    created_at: datetime
    grand_total: Decimal
    items: Mapping[int, Decimal]


def known(connection: Connection, instance: str, memo_ids: Iterable[int]) -> set[int]:
    """Those of the credit memos that were read before."""
    return set(
        connection.execute(
            text("select memo_id from credit_memo where instance = :instance and memo_id = any(:ids)"),
            {"instance": instance, "ids": list(memo_ids)},
        ).scalars()
    )


def insert(connection: Connection, memo: ReadMemo, *, return_id: int | None, ours: bool, taken: str) -> None:
    """Keep a credit memo, with what was made of it."""
    connection.execute(
        text(
            "insert into credit_memo (instance, memo_id, order_id, increment_id, created_at, grand_total, items,"
            " return_id, ours, taken) values (:instance, :memo_id, :order_id, :increment_id, :created_at, :grand_total,"
            " :items, :return_id, :ours, :taken) on conflict do nothing"
        ),
        {
            "instance": memo.instance,
            "memo_id": memo.memo_id,
            "order_id": memo.order_id,
            "increment_id": memo.increment_id,
            "created_at": memo.created_at,
            "grand_total": memo.grand_total,
            "items": Jsonb({str(item): str(count) for item, count in memo.items.items()}, dumps=orjson.dumps),
            "return_id": return_id,
            "ours": ours,
            "taken": taken,
        },
    )


def reference_in(memo: Mapping[str, Any], reference: str) -> bool:
    """Whether a comment of a credit memo, as Magento sends it, holds a reference."""
    return any(reference in str(row.get("comment") or "") for row in memo.get("comments") or ())
