"""Stock through real Airflow processes: a warehouse tells, the watcher wakes, Magento sells it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.airflow.whole_stack import Stack

from magento_oms.workflows.warehouse.take_stock import take_stock

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]


def test_what_a_warehouse_tells_is_on_magento_within_seconds(stack: Stack) -> None:
    store = stack.sandbox("stocked")
    skus = ("STACK-A", "STACK-B")
    store.put_products(
        [{"id": 9000 + number, "sku": sku, "name": sku, "type_id": "simple"} for number, sku in enumerate(skus)], 0
    )
    store.place_orders(1, store_id=1, payment="cod", shape="simple")  # its live run takes the configuration in
    stack.wait_for(
        "the OMS knows the instance's warehouses",
        lambda: bool(stack.rows("select 1 from store_location where instance = 'stocked'")),
        90,
    )

    def written() -> dict[str, int]:
        return {
            effect["detail"]["sku"]: int(effect["detail"]["quantity"]) for effect in store.effects(kind="source item")
        }

    def told(quantity: int) -> None:
        take_stock(stack.local.oms_url, "nagpur", dict.fromkeys(skus, Decimal(quantity)))
        stack.wait_for(f"Magento has {quantity} of each", lambda: {written().get(sku) for sku in skus} == {quantity})

    told(7)
    told(4)
    assert stack.rows("select distinct told from stock_figure where sku = any(%s)", list(skus)) == [(Decimal(4),)]
