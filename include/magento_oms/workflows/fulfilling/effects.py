"""Planning what Magento and the store are told, always in the transaction of the change that calls for it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.domain.intake import PlannedEffect
from magento_oms.storage import effects
from magento_oms.storage.fulfilments import StoredFulfilment

CREATE_INVOICE = "create_invoice"
CREATE_SHIPMENT = "create_shipment"
FETCH_SHIPMENT = "fetch_shipment"
TELL_MAGENTO = "tell_magento"
NOTIFY_STORE = "notify_store"
MANIFEST = "aggregator_manifest"


def create_invoice(config: InstanceConfig, stored: StoredFulfilment) -> PlannedEffect:
    """The effect that invoices a fulfilment on Magento, and prints its invoice."""
    return _towards_magento(config, stored, CREATE_INVOICE)


def create_shipment(config: InstanceConfig, stored: StoredFulfilment) -> PlannedEffect:
    """The effect that ships a fulfilment on Magento."""
    return _towards_magento(config, stored, CREATE_SHIPMENT)


def fetch_shipment(config: InstanceConfig, stored: StoredFulfilment) -> PlannedEffect:
    """The effect that reads a fulfilment's shipment back from Magento and compares it."""
    return _towards_magento(config, stored, FETCH_SHIPMENT, even_if_stopped=True)


def tell(
    connection: Connection,
    config: InstanceConfig,
    stored: StoredFulfilment,
    event: str,
    *,
    parcel_id: int | None = None,
) -> None:
    """Tell Magento and the store of an event, as the store wants."""
    store = config.store(stored.store_id)
    if store is None:
        return
    about = f"parcel:{parcel_id}" if parcel_id is not None else f"fulfilment:{stored.id}"
    details = {"fulfilment": stored.id, "event": event} | ({} if parcel_id is None else {"parcel": parcel_id})
    if event in store.notifications.magento_comment:
        effect = _towards_magento(config, stored, TELL_MAGENTO, subject=f"{about}:{event}", even_if_stopped=True)
        effects.plan(connection, _with(effect, details), stored.order_id)
    if store.notification_url is not None and event in store.notifications.store_url:
        effect = PlannedEffect(
            notify_target(config.code),
            NOTIFY_STORE,
            f"{about}:{event}",
            lane=f"notify:{config.code}:{about}",
            withheld=stored.shadow,
            even_if_stopped=True,
            details=details,
        )
        effects.plan(connection, effect, stored.order_id)


def notify_target(instance: str) -> str:
    """Events of an instance's stores are effects towards this."""
    return f"notify:{instance}"


def _with(effect: PlannedEffect, details: dict[str, Any]) -> PlannedEffect:
    return PlannedEffect(
        effect.target,
        effect.kind,
        effect.subject,
        effect.lane,
        withheld=effect.withheld,
        even_if_stopped=effect.even_if_stopped,
        details=details,
    )


def _towards_magento(
    config: InstanceConfig,
    stored: StoredFulfilment,
    kind: str,
    *,
    subject: str = "",
    even_if_stopped: bool = False,
) -> PlannedEffect:
    """In the lane of the order: Magento gets one request about an order at a time."""
    return PlannedEffect(
        f"magento:{config.code}",
        kind,
        subject or f"fulfilment:{stored.id}",
        lane=f"magento:{config.code}:order:{stored.entity_id}",
        withheld=stored.shadow,
        even_if_stopped=even_if_stopped,
        details={"fulfilment": stored.id},
    )
