"""Labels of dropdown attributes: products carry the number of an option, people and invoices need what it says."""

from __future__ import annotations

from collections.abc import Collection

from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from magento_oms.domain.catalogue import Labels
from magento_oms.storage.database import text


def labels(connection: Connection, instance: str, attributes: Collection[str]) -> Labels:
    """The labels of those of the attributes that are dropdowns, as they were last read."""
    rows = connection.execute(
        text(
            "select attribute, labels from attribute_label"
            " where instance = :instance and attribute = any(:attributes) and labels <> '{}'"
        ),
        {"instance": instance, "attributes": sorted(attributes)},
    )
    return {row.attribute: row.labels for row in rows}


def save(connection: Connection, instance: str, read: Labels) -> None:
    """Keep what was read of attributes, empty where they are no dropdowns."""
    for attribute, of_options in sorted(read.items()):
        connection.execute(
            text(
                "insert into attribute_label (instance, attribute, labels) values (:instance, :attribute, :labels)"
                " on conflict (instance, attribute) do update set labels = excluded.labels, read_at = now()"
            ),
            {"instance": instance, "attribute": attribute, "labels": Jsonb(dict(of_options))},
        )
