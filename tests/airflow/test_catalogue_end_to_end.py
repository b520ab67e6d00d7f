"""Products through real Airflow processes: an order whose SKU nobody knows waits for the catalogue, and goes on."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.airflow.whole_stack import Stack

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]

SKU = "STACK-LATE"
DAG = "master_data_pull__stocked"


def run_of_the_dag(stack: Stack, **params: object) -> float:
    """Run it by hand, to its end; how long that took, seconds."""
    made = stack.api("POST", f"/dags/{DAG}/dagRuns", {"logical_date": None, "conf": params})

    def ended() -> bool:
        state = stack.api("GET", f"/dags/{DAG}/dagRuns/{made['dag_run_id']}")["state"]
        assert state != "failed"
        return bool(state == "success")

    return stack.wait_for(f"{DAG} has run", ended, 120)


def with_another_sku(order: dict[str, Any]) -> dict[str, Any]:
    """The same order once more, of a product that the store has not."""
    new = copy.deepcopy(order)
    new["entity_id"] += 5000
    new["increment_id"] = f"{int(order['increment_id']) + 5000:09}"
    for item in new["items"]:
        item |= {"item_id": item["item_id"] + 50_000, "order_id": new["entity_id"], "sku": SKU, "product_id": 99_001}
    return new


def test_an_order_with_an_unknown_sku_waits_for_the_catalogue_and_goes_on_by_itself(stack: Stack) -> None:
    store = stack.sandbox("stocked")
    (known,) = store.place_orders(1, store_id=1, payment="cod", shape="simple", lines=1)  # brings the catalogue along
    run_of_the_dag(stack, everything=True)

    (late,) = store.place_documents([with_another_sku(store.order(known.entity_id)["order"])])

    def holds() -> list[tuple[Any, ...]]:
        return stack.rows(
            "select h.code, h.released_at is not null from order_hold h join sales_order o on o.id = h.order_id"
            " where o.instance = 'stocked' and o.entity_id = %s",
            late.entity_id,
        )

    stack.wait_for("the order is held for its SKU", lambda: holds() == [("unknown_sku", False)])
    assert stack.rows("select 1 from awaited_sku where instance = 'stocked' and sku = %s", SKU)

    now = datetime.now(UTC)
    late_product = {"id": 99_001, "sku": SKU, "name": "Late", "type_id": "simple", "status": 1, "price": 99}
    store.put_products([late_product | dict.fromkeys(("created_at", "updated_at"), f"{now:%Y-%m-%d %H:%M:%S}")], 5)
    window = {"from": (now - timedelta(hours=1)).isoformat(), "to": (now + timedelta(minutes=1)).isoformat()}
    run_of_the_dag(stack, **window)
    # The run itself let it go on: not one that came later.
    assert holds() == [("unknown_sku", True)]
    assert (stack.order("stocked", late.entity_id) or ("",))[0] not in ("held", "new")
    assert stack.rows("select 1 from awaited_sku where instance = 'stocked'") == []
