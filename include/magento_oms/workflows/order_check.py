"""Reading an order again before something is done that cannot be taken back: was it cancelled, held or edited since?"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence

import structlog

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import MagentoOrders, OrderFilter, OrderPage, OutsideError
from magento_oms.storage.database import autocommit, text
from magento_oms.workflows.effect_kinds import NotNow, NotWanted
from magento_oms.workflows.intake import take_in

log = structlog.get_logger(__name__)

FRESH_SECONDS = 5.0
"""What was read so lately need not be read again."""
REMEMBERED = 5000
"""Orders; beyond these what is not fresh any more is forgotten."""

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
        if not self._is_fresh(instance, entity_id):
            config = self._configs[instance]
            self._take_in(config, self._store(config).page_of(entity_id))
        self._judge(instance, entity_id)

    def read_ahead(self, instance: str, entity_ids: Sequence[int]) -> None:
        """Read orders by one request, so that none is read again in the next seconds.

        What cannot be read so is read one by one, which tells what is wrong.
        """
        if (config := self._configs.get(instance)) is None:
            return
        wanted = tuple(entity_id for entity_id in entity_ids if not self._is_fresh(instance, entity_id))
        if not wanted:
            return
        where = OrderFilter(entity_ids=wanted)
        try:
            page = self._store(config).page_after(None, where, page_size=len(wanted), by="entity_id")
        except OutsideError as error:
            log.warning("orders are read one by one", instance=instance, error=type(error).__name__)
            return
        self._take_in(config, page)

    def _is_fresh(self, instance: str, entity_id: int) -> bool:
        return time.monotonic() - self._read.get((instance, entity_id), float("-inf")) <= FRESH_SECONDS

    def _take_in(self, config: InstanceConfig, page: OrderPage) -> None:
        """What was read just now, which is fresh for a while."""
        take_in(self._url, config, page)
        now = time.monotonic()
        with self._lock:
            if len(self._read) > REMEMBERED:
                self._read = {order: at for order, at in self._read.items() if now - at <= FRESH_SECONDS}
            self._read.update(((config.code, int(order["entity_id"])), now) for order in page.orders)

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
