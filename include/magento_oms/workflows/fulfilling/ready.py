"""What follows when a fulfilment's papers are complete."""

from __future__ import annotations

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.config.store_models import MagentoShipmentAt
from magento_oms.domain.fulfilments import FulfilmentState
from magento_oms.storage import effects, fulfilments, orders
from magento_oms.storage.fulfilments import StoredFulfilment
from magento_oms.workflows.fulfilling import effects as fulfilling


def settle_papers(connection: Connection, config: InstanceConfig, fulfilment_id: int) -> None:
    """Derive a fulfilment's state after a paper or an AWB came; where it is ready now, plan what follows."""
    stored = became_ready(connection, fulfilment_id)
    if stored is None:
        return
    store = config.store(stored.store_id)
    if store is not None and store.magento_shipment_at is MagentoShipmentAt.PACKED:
        effects.plan(connection, fulfilling.create_shipment(config, stored), stored.order_id)


def became_ready(connection: Connection, fulfilment_id: int) -> StoredFulfilment | None:
    """Derive a fulfilment's state; what it was before, if it is ready only now. The caller has locked its order."""
    before = fulfilments.get(connection, fulfilment_id)
    if before is None or before.state not in (FulfilmentState.PACKED, FulfilmentState.READY):
        return None
    state = fulfilments.derive_state(connection, fulfilment_id)
    if state is not FulfilmentState.READY or before.state is FulfilmentState.READY:
        return None
    orders.add_event(connection, before.order_id, "ready", {"fulfilment": fulfilment_id})
    return before
