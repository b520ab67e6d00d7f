"""Taking customers in: a page of payloads becomes rows whose personal part is encrypted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import partial

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.mapping.magento_catalogue import magento_customer
from magento_oms.ports import MasterPage
from magento_oms.storage import customers
from magento_oms.storage.database import autocommit, engine
from magento_oms.workflows.master_data.counts import MasterCounts, MasterRow, store_each


def take_in_customers(url: str, config: InstanceConfig, page: MasterPage) -> MasterCounts:
    """Take a page of customers in. Repeating a page changes nothing."""
    rows = [
        MasterRow(payload, raw, customers.digest(raw), page.server_time)
        for payload, raw in zip(page.rows, page.raw, strict=True)
    ]
    with autocommit(url) as connection:
        known = customers.digests(connection, config.code, [row.row_id for row in rows])
    fresh = [row for row in rows if known.get(row.row_id) != row.digest]
    counts = store_each(url, config.code, "customer", fresh, partial(_store, config=config, known=known.keys()))
    return counts + MasterCounts(read=len(rows), unchanged=len(rows) - len(fresh))


def erase_old(url: str, config: InstanceConfig) -> int:
    """Erase what is personal of customers whose time has come; of how many."""
    with engine(url).begin() as connection:
        return customers.erase(connection, config.code, _kept(config))


def _store(
    connection: Connection, rows: Sequence[MasterRow], *, config: InstanceConfig, known: Collection[int]
) -> MasterCounts:
    told = [(magento_customer(row.payload), row.digest) for row in rows]
    customers.save(connection, config.code, told, rows[0].read_at - _kept(config))
    new = sum(row.row_id not in known for row in rows)
    return MasterCounts(new=new, changed=len(rows) - new)


def _kept(config: InstanceConfig) -> timedelta:
    return timedelta(days=config.customers.keep_days)
