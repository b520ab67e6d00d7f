"""Stock towards Magento: an OMS with two warehouses, and a Magento in memory that keeps reservations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.workflows.fakes import FakeMagento
from tests.workflows.forward.conftest import HOSKOTE, PUNE, Forward, forward_config, goods
from tests.workflows.oms import Oms

from magento_oms.storage import instances
from magento_oms.storage.database import engine
from magento_oms.workflows.inventory.push_stock import StockSummary, push_stock
from magento_oms.workflows.turns import NO_LINGER, Linger
from magento_oms.workflows.warehouse.hand_over import hand_over

D = Decimal
SKUS = ("KURTA", "SAREE", "DHOTI")
ONE_SOURCE = [{**PUNE, "msi_source": None}, HOSKOTE]
TWO_SOURCES = [PUNE, {**HOSKOTE, "msi_source": "hoskote_src"}]


@dataclass
class Stocked:
    """A store that sells what the warehouses have."""

    forward: Forward

    @property
    def oms(self) -> Oms:
        return self.forward.oms

    @property
    def store(self) -> FakeMagento:
        return self.forward.store

    def push(self, *, linger: Linger = NO_LINGER, settle_delay: timedelta = timedelta(seconds=90)) -> StockSummary:
        """Tell Magento what changed."""
        return push_stock(
            self.oms.url, self.forward.config, self.store, holder="test", linger=linger, settle_delay=settle_delay
        )

    def place(self, *skus: str, quantity: int = 1) -> int:
        """An order that was taken in."""
        return self.forward.place(goods(*skus, quantity=quantity))

    def buy(self, *skus: str, quantity: int = 1) -> int:
        """An order that Magento has, and the OMS does not know of yet."""
        return self.store.place(items=goods(*skus, quantity=quantity))

    def take_in(self) -> None:
        """Take in all orders as they are."""
        self.oms.take_in(self.store, self.forward.config)

    def leave(self, entity_id: int) -> None:
        """Pack what is routed of an order, and hand it over; its papers are somebody else's tests."""
        for row in self.forward.fulfilments(entity_id):
            if row["state"] != "routed":
                continue
            with engine(self.oms.url).begin() as connection:
                connection.exec_driver_sql(
                    f"update fulfilment_line set packed = quantity where fulfilment_id = {row['id']}"
                )
                connection.exec_driver_sql(
                    f"update fulfilment set state = 'ready', packed_at = now() where id = {row['id']}"
                )
                connection.exec_driver_sql(
                    "update order_line l set packed = l.packed + f.quantity from fulfilment_line f"
                    f" where f.fulfilment_id = {row['id']} and f.order_id = l.order_id and f.item_id = l.item_id"
                )
            hand_over(self.oms.url, {self.forward.config.code: self.forward.config}, row["id"], by="test")

    def time_passes(self, seconds: float = 600) -> None:
        """What was late arrives; what waits for a later time is due."""
        self.store.arrive()
        self.oms.run(
            "update stock_figure set due_at = due_at - make_interval(secs => :s),"
            " sending_until = sending_until - make_interval(secs => :s),"
            " unsettled_until = unsettled_until - make_interval(secs => :s),"
            " again_at = again_at - make_interval(secs => :s)",
            s=seconds,
        )
        self.oms.let_effects_fall_due()

    def told(self, sku: str) -> dict[str, Decimal]:
        """What Magento's sources have of a SKU."""
        return {source: quantity for (of, source), quantity in sorted(self.store.has.items()) if of == sku}


@pytest.fixture
def stocked_of(oms: Oms, store: FakeMagento) -> Callable[..., Stocked]:
    """Makes a store with such locations and rules of stock."""

    def make(**more: Any) -> Stocked:
        config = forward_config(**({"locations": ONE_SOURCE} | more))
        with engine(oms.url).begin() as connection:
            instances.configure(connection, config)
        sources = {location.msi_source or "default" for location in config.stores[0].locations}
        store.sells(*SKUS, sources=sources)
        return Stocked(Forward(oms, store, config))

    return make


@pytest.fixture
def stocked(stocked_of: Callable[..., Stocked]) -> Stocked:
    """A store whose warehouses are one source."""
    return stocked_of()
