"""Registered customers. What is personal is encrypted with the product's key, and erased when its time has come."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from magento_oms.domain.catalogue import MagentoCustomer
from magento_oms.storage.database import text
from magento_oms.storage.tokens import fernet, keys

_UPSERT = text(
    "insert into customer (instance, customer_id, updated_at, created_at, website_id, store_id, group_id, gstin,"
    " personal, digest) values (:instance, :customer_id, :updated_at, :created_at, :website_id, :store_id, :group_id,"
    " :gstin, :personal, :digest) on conflict (instance, customer_id) do update set updated_at = excluded.updated_at,"
    " created_at = excluded.created_at, website_id = excluded.website_id, store_id = excluded.store_id,"
    " group_id = excluded.group_id, gstin = excluded.gstin, personal = excluded.personal, digest = excluded.digest,"
    " gone_at = null"
)


def digest(raw: bytes) -> bytes:
    """Of a customer's JSON text; without our key nobody can try out which person it may be of."""
    key = hashlib.sha256(keys()[0].encode()).digest()
    return hashlib.blake2b(raw, key=key, digest_size=16).digest()


def digests(connection: Connection, instance: str, customer_ids: Sequence[int]) -> dict[int, bytes | None]:
    """What these customers, if they are stored and not gone, were made from."""
    rows = connection.execute(
        text(
            "select customer_id, digest from customer"
            " where instance = :instance and customer_id = any(:ids) and gone_at is null"
        ),
        {"instance": instance, "ids": list(customer_ids)},
    )
    return {row.customer_id: None if row.digest is None else bytes(row.digest) for row in rows}


def save(
    connection: Connection, instance: str, customers: Sequence[tuple[MagentoCustomer, bytes]], keep_from: datetime
) -> None:
    """Write customers, each with its digest; of one who did not change since `keep_from` nothing personal."""
    if not customers:
        return
    cipher = fernet()
    rows = [
        {
            "instance": instance,
            "customer_id": customer.customer_id,
            "updated_at": customer.updated_at,
            "created_at": customer.created_at,
            "website_id": customer.website_id,
            "store_id": customer.store_id,
            "group_id": customer.group_id,
            "gstin": customer.gstin,
            "personal": cipher.encrypt(json.dumps(customer.personal).encode())
            if customer.updated_at >= keep_from
            else None,
            "digest": told,
        }
        for customer, told in sorted(customers, key=lambda each: each[0].customer_id)
    ]
    connection.execute(_UPSERT, rows)


def personal(connection: Connection, instance: str, customer_id: int) -> dict[str, Any] | None:
    """Name, e-mail and addresses; None where they are erased, or there is no such customer."""
    found = connection.execute(
        text("select personal from customer where instance = :instance and customer_id = :id"),
        {"instance": instance, "id": customer_id},
    ).scalar()
    if found is None:
        return None
    told: dict[str, Any] = json.loads(fernet().decrypt(bytes(found)))
    return told


def erase(connection: Connection, instance: str, keep: timedelta) -> int:
    """Erase what is personal of customers who did not change for so long, or whom Magento no longer has; how many."""
    return connection.execute(
        text(
            "update customer set personal = null where instance = :instance and personal is not null"
            " and (updated_at < now() - :keep or gone_at is not null)"
        ),
        {"instance": instance, "keep": keep},
    ).rowcount


def gone(connection: Connection, instance: str, seen: Sequence[int], up_to: int) -> int:
    """Mark customers up to an id that a reading of all of them did not meet; how many."""
    return connection.execute(
        text(
            "update customer set gone_at = now() where instance = :instance and gone_at is null"
            " and customer_id <= :up_to and not customer_id = any(:seen)"
        ),
        {"instance": instance, "seen": list(seen), "up_to": up_to},
    ).rowcount
