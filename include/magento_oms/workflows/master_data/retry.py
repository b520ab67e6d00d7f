"""A product, customer or SKU in quarantine, once more."""

from __future__ import annotations

import json
from decimal import Decimal

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import MasterPage, PermanentError
from magento_oms.storage import inbox, quarantine
from magento_oms.storage.database import autocommit, text
from magento_oms.storage.quarantine import Entry
from magento_oms.workflows.master_data.customers import take_in_customers
from magento_oms.workflows.master_data.products import take_in_products
from magento_oms.workflows.master_data.waiting import wake_waiting


def retry_row(url: str, entry: Entry, config: InstanceConfig) -> tuple[bool, str]:
    """Whether the entry is resolved by the present rules and configuration, and that in words.

    Raises:
        PermanentError: its payload is not kept any more.
    """
    noun = entry.subject.partition(":")[0]
    if noun in ("product", "customer"):
        page = _kept_page(url, entry)
        (take_in_products if noun == "product" else take_in_customers)(url, config, page)
    wake_waiting(url, config)
    with autocommit(url) as connection:
        now = quarantine.get(connection, entry.id)
    if now is not None and now.resolved_at is not None:
        return True, now.resolution or "understood"
    return False, f"{entry.reason} {entry.way_out}"


def _kept_page(url: str, entry: Entry) -> MasterPage:
    with autocommit(url) as connection:
        row = connection.execute(
            text("select payload, read_at from inbox where id = :id"), {"id": entry.inbox_id}
        ).first()
    if row is None:
        raise PermanentError(
            f"The payload of {entry.subject} of {entry.instance} is not kept any more.",
            way_out=f"Save it in Magento's admin, so that it comes again; `magento-oms quarantine dismiss {entry.id}`"
            " closes the entry.",
        )
    raw = inbox.unpacked(bytes(row.payload))
    return MasterPage([json.loads(raw, parse_float=Decimal)], [raw], row.read_at, last=True)
