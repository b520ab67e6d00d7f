"""Instances and stores as the configuration says, and what was learnt about them."""

from __future__ import annotations

from typing import Any

import orjson
from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig, LocationConfig, StoreConfig
from magento_oms.storage import inventory
from magento_oms.storage.database import text


def configure(connection: Connection, config: InstanceConfig) -> bool:
    """Bring the tables to what the configuration says; whether anything had to change. Cheap where nothing did.

    Stores and locations that left the configuration stay: orders refer to them.
    """
    stored = connection.execute(
        text("select config_digest from instance where code = :code"), {"code": config.code}
    ).scalar()
    if stored == config.digest:
        return False
    connection.execute(
        text(
            "insert into instance (code, name, url, config_digest) values (:code, :name, :url, :digest)"
            " on conflict (code) do update set name = excluded.name, url = excluded.url,"
            " config_digest = excluded.config_digest, configured_at = now()"
        ),
        {"code": config.code, "name": config.name, "url": str(config.url), "digest": config.digest},
    )
    for store in config.stores:
        connection.execute(
            text(
                "insert into store (instance, store_id, code, name, live_from, mode, told, returns)"
                " values (:instance, :store_id, :code, :name, :live_from, :mode, :told, :returns)"
                " on conflict (instance, store_id) do update set code = excluded.code, name = excluded.name,"
                " live_from = excluded.live_from, mode = excluded.mode, told = excluded.told,"
                " returns = excluded.returns"
            ),
            {
                "instance": config.code, "store_id": store.store_id, "code": store.code, "name": store.name,
                "live_from": store.live_from, "mode": str(store.mode),
                "told": Jsonb(_told(store), dumps=orjson.dumps),
                "returns": Jsonb(store.returns.model_dump(mode="json"), dumps=orjson.dumps),
            },
        )  # fmt: skip
        for location in store.locations:
            _configure_location(connection, config.code, store.store_id, location)
    inventory.look_at_all(connection, config.code)
    return True


def _told(store: StoreConfig) -> dict[str, object]:
    """Event lists as `storage/notices.py` reads them, and whether returns are acknowledged."""
    wanted = store.notifications
    return {
        "magento_comment": list(wanted.magento_comment),
        "store_url": list(wanted.store_url) if store.notification_url is not None else [],
        "return_ack": store.return_ack_url is not None,
    }


def _configure_location(connection: Connection, instance: str, store_id: int, location: LocationConfig) -> None:
    address: dict[str, Any] = location.address.model_dump(mode="json") | {
        "contact": location.contact,
        "phone": location.phone or "",
        "email": location.email,
    }
    connection.execute(
        text(
            "insert into location (code, name, gstin, address, fractions)"
            " values (:code, :name, :gstin, :address, :fractions) on conflict (code) do update set"
            " name = excluded.name, gstin = excluded.gstin, address = excluded.address, fractions = excluded.fractions"
        ),
        {
            "code": location.code,
            "name": location.name,
            "gstin": location.gstin,
            "fractions": location.fractions,
            "address": Jsonb(address, dumps=orjson.dumps),
        },
    )
    connection.execute(
        text(
            "insert into store_location (instance, store_id, location, msi_source, counted, priority)"
            " values (:instance, :store_id, :location, :msi_source, :counted, :priority)"
            " on conflict (instance, store_id, location) do update set msi_source = excluded.msi_source,"
            " counted = excluded.counted, priority = excluded.priority"
        ),
        {
            "instance": instance,
            "store_id": store_id,
            "location": location.code,
            "msi_source": location.msi_source,
            "counted": location.stock == "counted",
            "priority": location.priority,
        },
    )


def acknowledgement_found(connection: Connection, instance: str) -> str | None:
    """The strategy that the first live order proved; None until then."""
    return connection.execute(
        text("select acknowledgement_found from instance where code = :code"), {"code": instance}
    ).scalar()


def note_acknowledgement(connection: Connection, instance: str, strategy: str) -> None:
    """Remember the strategy that worked."""
    connection.execute(
        text(
            "update instance set acknowledgement_found = :strategy"
            " where code = :code and acknowledgement_found is distinct from :strategy"
        ),
        {"code": instance, "strategy": strategy},
    )
