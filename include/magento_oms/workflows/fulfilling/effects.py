"""Planning what Magento and the store are told, always in the transaction of the change that calls for it."""

from __future__ import annotations

from magento_oms.config.models import InstanceConfig
from magento_oms.domain.intake import PlannedEffect
from magento_oms.storage.fulfilments import StoredFulfilment

CREATE_INVOICE = "create_invoice"
CREATE_SHIPMENT = "create_shipment"
FETCH_SHIPMENT = "fetch_shipment"
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


def _towards_magento(
    config: InstanceConfig,
    stored: StoredFulfilment,
    kind: str,
    *,
    even_if_stopped: bool = False,
) -> PlannedEffect:
    """In the lane of the order: Magento gets one request about an order at a time."""
    return PlannedEffect(
        f"magento:{config.code}",
        kind,
        f"fulfilment:{stored.id}",
        lane=f"magento:{config.code}:order:{stored.entity_id}",
        withheld=stored.shadow,
        even_if_stopped=even_if_stopped,
        details={"fulfilment": stored.id},
    )
