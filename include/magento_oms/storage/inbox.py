"""The inbox: raw payloads as they came, compressed, so that what could not be understood can be replayed."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Connection

from magento_oms.domain.intake import Payload
from magento_oms.ports import OrderPage
from magento_oms.storage.database import copy_into, new_ids, text


def insert(connection: Connection, instance: str, payloads: Sequence[Payload], source: str = "orders") -> list[int]:
    """Keep raw payloads, compressed; the new inbox ids, in order."""
    ids = new_ids(connection, "inbox", len(payloads))
    if ids:
        columns = ("id", "instance", "source", "entity_id", "digest", "read_at", "payload")
        with copy_into(connection, "inbox", columns) as copy:
            for inbox_id, item in zip(ids, payloads, strict=True):
                packed = zlib.compress(item.raw, 1)
                copy.write_row((inbox_id, instance, source, item.entity_id, item.digest, item.read_at, packed))
    return ids


def known(
    connection: Connection, instance: str, payloads: Sequence[Payload], source: str = "orders"
) -> dict[bytes, int]:
    """Inbox ids of those of these payloads that are kept already, by digest."""
    rows = connection.execute(
        text(
            "select digest, max(id) from inbox where instance = :instance and source = :source"
            " and entity_id = any(:ids) and digest = any(:digests) group by digest"
        ),
        {
            "instance": instance,
            "source": source,
            "ids": [item.entity_id for item in payloads],
            "digests": [item.digest for item in payloads],
        },
    )
    return {bytes(found): inbox_id for found, inbox_id in rows}


def newest(connection: Connection, instance: str, entity_ids: Sequence[int]) -> OrderPage:
    """The newest payloads that are kept of these orders, as a page; without those of which none is kept any more."""
    rows = connection.execute(
        text(
            "select distinct on (entity_id) payload, read_at from inbox where instance = :instance"
            " and source = 'orders' and entity_id = any(:ids) order by entity_id, read_at desc, id desc"
        ),
        {"instance": instance, "ids": list(entity_ids)},
    ).all()
    raw = [unpacked(bytes(row.payload)) for row in rows]
    parsed = [json.loads(each, parse_float=Decimal) for each in raw]
    return OrderPage(parsed, raw, max((row.read_at for row in rows), default=datetime.now(UTC)), last=True)


def unpacked(payload: bytes) -> bytes:
    """The JSON text that `inbox.payload` holds."""
    return zlib.decompress(payload)
