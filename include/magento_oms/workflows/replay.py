"""Orders once more from the payloads that the inbox keeps, to be decided upon by the present rules."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from magento_oms.ports import OrderPage
from magento_oms.storage import inbox
from magento_oms.storage.database import text


def kept_pages(connection: Connection, instance: str, entity_ids: Sequence[int]) -> list[OrderPage]:
    """The newest kept payloads of these orders; those that were read at one time in one page. An order whose payload is
    not kept any more is in none.
    """
    rows = connection.execute(
        text(
            "select distinct on (entity_id) payload, read_at from inbox where instance = :instance"
            " and source = 'orders' and entity_id = any(:ids) order by entity_id, read_at desc, id desc"
        ),
        {"instance": instance, "ids": list(entity_ids)},
    )
    pages: defaultdict[datetime, list[bytes]] = defaultdict(list)
    for row in rows:
        pages[row.read_at].append(inbox.unpacked(bytes(row.payload)))
    return [
        OrderPage([json.loads(one, parse_float=Decimal) for one in raw], raw, read_at, last=True)
        for read_at, raw in sorted(pages.items())
    ]
