"""Who may call the OMS API. A token is shown once, when it is made; only its digest is kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import orjson
from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from magento_oms.storage.database import text

BEGINS = "oms_"


class Scope(StrEnum):
    """What a token may be used for."""

    FULFILMENTS_READ = "fulfilments:read"
    FULFILMENTS_WRITE = "fulfilments:write"
    STOCK_READ = "stock:read"
    STOCK_WRITE = "stock:write"
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    RETURNS_READ = "returns:read"
    RETURNS_WRITE = "returns:write"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Attributes:
        stores: whose orders are its business, as `instance` or `instance/store_id`; empty: all.
        locations: of which warehouses; empty: all.
    """

    id: int
    name: str
    scopes: frozenset[str]
    stores: tuple[str, ...]
    locations: tuple[str, ...]
    expires_at: datetime | None

    def may_see(self, instance: str, store_id: int, location: str | None = None) -> bool:
        """Whether something of this store (and location) is its business."""
        return (not self.stores or instance in self.stores or f"{instance}/{store_id}" in self.stores) and (
            location is None or self.works_at(location)
        )

    def works_at(self, location: str) -> bool:
        """Whether a location is its business."""
        return not self.locations or location in self.locations


def of_stores_sql(order: str) -> str:
    """The condition that a row with `instance` and `store_id` is of one of `:stores`, as `Caller` has them."""
    return (
        f"(cardinality(cast(:stores as text[])) = 0 or {order}.instance = any(:stores)"
        f" or {order}.instance || '/' || {order}.store_id = any(:stores))"
    )


def create(
    connection: Connection,
    name: str,
    scopes: Iterable[str],
    *,
    stores: Iterable[str] = (),
    locations: Iterable[str] = (),
    expires_at: datetime | None = None,
) -> str:
    """Make a token and return it; nobody can show it again.

    Args:
        stores, locations: see `Caller`.

    Raises:
        sqlalchemy.exc.IntegrityError: the name is taken.
    """
    token = f"{BEGINS}{secrets.token_urlsafe(32)}"
    connection.execute(
        text(
            "insert into api_token (name, digest, scopes, instances, locations, expires_at)"
            " values (:name, :digest, :scopes, :instances, :locations, :expires_at)"
        ),
        {
            "name": name,
            "digest": digest(token),
            "scopes": _json(scopes),
            "instances": _json(stores),
            "locations": _json(locations),
            "expires_at": expires_at,
        },
    )
    return token


def caller(connection: Connection, token: str) -> Caller | None:
    """Who holds a token; None: nobody, or it was revoked or has expired."""
    row = connection.execute(
        text(
            "update api_token set used_at = now() where digest = :digest and revoked_at is null"
            " and (expires_at is null or expires_at > now())"
            " returning id, name, scopes, instances, locations, expires_at"
        ),
        {"digest": digest(token)},
    ).one_or_none()
    if row is None:
        return None
    return Caller(row.id, row.name, frozenset(row.scopes), tuple(row.instances), tuple(row.locations), row.expires_at)


def revoke(connection: Connection, name: str) -> bool:
    """Make a token worthless; whether there was one."""
    return bool(
        connection.execute(
            text("update api_token set revoked_at = now() where name = :name and revoked_at is null"), {"name": name}
        ).rowcount
    )


def digest(token: str) -> bytes:
    """What is kept of a token: it has 256 bits of chance, so a plain hash will do."""
    return hashlib.sha256(token.encode()).digest()


def _json(values: Iterable[str]) -> Jsonb:
    return Jsonb(sorted(str(value) for value in values), dumps=orjson.dumps)
