"""Taking products in: a page of payloads becomes rows of the catalogue."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from functools import partial
from hashlib import blake2b

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.domain.catalogue import Labels
from magento_oms.mapping.magento_catalogue import magento_product
from magento_oms.ports import MasterPage
from magento_oms.storage import attribute_labels, catalogue
from magento_oms.storage.database import autocommit
from magento_oms.workflows.master_data.counts import MasterCounts, MasterRow, store_each


def take_in_products(url: str, config: InstanceConfig, page: MasterPage) -> MasterCounts:
    """Take a page of products in. One that cannot be understood goes to quarantine; the others go on. Repeating a page
    changes nothing; another configuration of attributes, or another label of an option, makes everything new.
    """
    with autocommit(url) as connection:
        labels = attribute_labels.labels(connection, config.code, config.catalogue.attributes)
        rules = config.catalogue.model_dump_json().encode() + json.dumps(labels, sort_keys=True).encode()
        rows = [
            MasterRow(payload, raw, blake2b(raw + rules, digest_size=16).digest(), page.server_time)
            for payload, raw in zip(page.rows, page.raw, strict=True)
        ]
        known = catalogue.digests(connection, config.code, [row.row_id for row in rows])
    fresh = [row for row in rows if known.get(row.row_id) != row.digest]
    store = partial(_store, config=config, labels=labels, known=known.keys())
    counts = store_each(url, config.code, "product", fresh, store)
    return counts + MasterCounts(read=len(rows), unchanged=len(rows) - len(fresh))


def _store(
    connection: Connection,
    rows: Sequence[MasterRow],
    *,
    config: InstanceConfig,
    labels: Labels,
    known: Collection[int],
) -> MasterCounts:
    products = [(magento_product(row.payload, config.catalogue, labels), row.digest) for row in rows]
    catalogue.save(connection, config.code, products, rows[0].read_at)
    new = sum(row.row_id not in known for row in rows)
    return MasterCounts(new=new, changed=len(rows) - new, noted=sum(bool(product.notes) for product, _ in products))
