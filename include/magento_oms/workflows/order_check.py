"""Reading an order again before something is done that cannot be taken back: was it cancelled, held or edited since?"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import MagentoOrders
from magento_oms.storage.database import autocommit, text
from magento_oms.workflows.effect_kinds import NotNow, NotWanted
from magento_oms.workflows.intake import take_in

FRESH_SECONDS = 5.0
"""What was read so lately need not be read again."""

Check = Callable[[str, int], None]
"""Instance and entity id of an order; see `OrderCheck`."""


class OrderCheck:
    """Reads an order from Magento into the OMS, unless that was done in the last seconds, and says whether to go on.

    May be used by several threads.

    Args:
        open_store: the store of an instance.
    """

    def __init__(
        self, url: str, configs: Mapping[str, InstanceConfig], open_store: Callable[[InstanceConfig], MagentoOrders]
    ) -> None:
        self._url = url
        self._configs = configs
        self._open = open_store
        self._stores: dict[str, MagentoOrders] = {}
        self._read: dict[tuple[str, int], float] = {}
        self._lock = threading.Lock()

    def __call__(self, instance: str, entity_id: int) -> None:
        """Raises NotWanted (cancelled), NotNow (on hold, or not understood), or any OutsideError of reading."""
        if time.monotonic() - self._read.get((instance, entity_id), float("-inf")) > FRESH_SECONDS:
            config = self._configs[instance]
            page = self._store(config).page_of(entity_id)
            take_in(self._url, config, page)
            with self._lock:
                self._read[instance, entity_id] = time.monotonic()
        self._judge(instance, entity_id)

    def _store(self, config: InstanceConfig) -> MagentoOrders:
        with self._lock:
            if config.code not in self._stores:
                self._stores[config.code] = self._open(config)
            return self._stores[config.code]

    def _judge(self, instance: str, entity_id: int) -> None:
        with autocommit(self._url) as connection:
            order = connection.execute(
                text("select id, increment_id, state from sales_order where instance = :i and entity_id = :e"),
                {"i": instance, "e": entity_id},
            ).one()
            trouble = connection.execute(
                text(
                    "select reason from quarantine where instance = :i and subject = :s and resolved_at is null limit 1"
                ),
                {"i": instance, "s": f"order:{entity_id}"},
            ).scalar()
        if order.state == "cancelled":
            raise NotWanted(f"order {order.increment_id} was cancelled")
        if order.state == "held":
            raise NotNow(f"Order {order.increment_id} is on hold.", "It goes on when the hold is released.")
        if trouble is not None:
            raise NotNow(
                f"Order {order.increment_id} is in quarantine: {trouble}",
                "`magento-oms quarantine list` tells the way out; it goes on by itself then.",
            )
