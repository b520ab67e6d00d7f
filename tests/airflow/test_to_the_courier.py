"""An order through real Airflow processes: routed, packed by the OMS API, invoiced, booked, handed over, told of."""

from __future__ import annotations

import re
import time

import pytest
from tests.airflow.whole_stack import Stack, kill_busy_workers

from commerce_sandbox.couriers.client import CourierClient
from magento_oms.local.demo_warehouse import DemoWarehouse
from magento_oms.local.supervisor import WEBHOOK_SECRET, webhook_path

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]

ACCOUNT = "mela_ez"
"""What ships for mela's first store."""


@pytest.fixture(scope="module")
def warehouse(stack: Stack) -> DemoWarehouse:
    """Packs and hands over whatever is routed."""
    return DemoWarehouse(stack.local.gateway_url, stack.local.oms_url)


@pytest.fixture
def courier(stack: Stack) -> CourierClient:
    """The account's stand-in, which moves parcels by itself."""
    account = CourierClient(stack.local.sandbox_url, ACCOUNT)
    account.set_up(seconds_a_step=1)
    return account


def place(stack: Stack, count: int) -> list[int]:
    """Orders of mela's first store with an address that a courier takes (some that are generated have none)."""
    found: list[int] = []
    while len(found) < count:
        (placed,) = stack.sandbox("mela").place_orders(1, store_id=1, payment="cod", shape="simple")
        order = stack.sandbox("mela").order(placed.entity_id)["order"]
        [assignment] = order["extension_attributes"]["shipping_assignments"]
        if re.fullmatch(r"[1-9][0-9]{5}", assignment["shipping"]["address"]["postcode"]):
            found.append(placed.entity_id)
    return found


def shipped(stack: Stack, entity_id: int) -> bool:
    """Whether all of an order was handed over, and Magento told."""
    rows = stack.rows(
        "select 1 from sales_order o where o.instance = 'mela' and o.entity_id = %s and o.state = 'shipped'"
        " and exists (select from magento_shipment s where s.order_id = o.id)",
        entity_id,
    )
    return bool(rows)


def once(stack: Stack, courier: CourierClient, entity_id: int) -> dict[str, int]:
    """What the stand-ins themselves wrote down of an order: how often it was invoiced and shipped, and its AWBs."""
    counts = stack.sandbox("mela").counts_by_order()
    increment_id = stack.sandbox("mela").order(entity_id)["order"]["increment_id"]
    living = [
        parcel
        for parcel in courier.parcels()
        if parcel["reference"].startswith(f"{increment_id}-") and parcel["awb"] and parcel["state"] != "cancelled"
    ]
    return {
        "invoices": counts.get(("invoice", entity_id), 0),
        "shipments": counts.get(("shipment", entity_id), 0),
        "AWBs": len(living),
    }


def test_an_order_goes_from_the_store_to_its_buyer(
    stack: Stack, warehouse: DemoWarehouse, courier: CourierClient
) -> None:
    [entity_id] = place(stack, 1)

    def delivered() -> bool:
        warehouse.work()
        return shipped(stack, entity_id) and bool(
            stack.rows(
                "select 1 from courier_booking b join parcel p on p.id = b.parcel_id join sales_order o"
                " on o.id = p.order_id where o.instance = 'mela' and o.entity_id = %s and b.status = 'delivered'",
                entity_id,
            )
        )

    url = f"{stack.local.gateway_url}/webhooks/{webhook_path(ACCOUNT)}"
    courier.set_up(webhook={"url": url, "secret": WEBHOOK_SECRET})
    stack.wait_for("delivered", delivered, 300)

    assert once(stack, courier, entity_id) == {"invoices": 1, "shipments": 1, "AWBs": 1}
    order = stack.sandbox("mela").order(entity_id)
    assert order["order"]["status"] == "complete"
    [track] = order["shipments"][0]["tracks"]
    [parcel] = [each for each in courier.parcels() if each["awb"] == track["track_number"]]
    assert parcel["state"] != "cancelled"
    kinds = {
        kind
        for (kind,) in stack.rows(
            "select e.kind from order_event e join sales_order o on o.id = e.order_id"
            " where o.instance = 'mela' and o.entity_id = %s",
            entity_id,
        )
    }
    assert kinds >= {"routed", "packed", "invoiced", "booked", "ready", "handed_over", "shipped_on_magento",
                     "shipment_read_back"}  # fmt: skip
    stack.wait_for("the store's own server is told", lambda: stack.shop.events("mela")["delivered"] >= 1)
    told = stack.shop.events("mela")
    assert told["packed"] >= 1
    assert told["dispatched"] >= 1
    assert stack.shop.forged == 0


@pytest.mark.parametrize("work", ["invoice", "booking"])
def test_a_worker_killed_while_it_invoices_or_books_doubles_nothing(
    stack: Stack, warehouse: DemoWarehouse, courier: CourierClient, work: str
) -> None:
    store = stack.sandbox("mela")
    target = {"invoice": "magento:mela", "booking": f"courier:{ACCOUNT}"}[work]
    if work == "invoice":
        fault = store.add_fault("latency", seconds=5, times=3, method="POST", path="/invoice$")
    else:
        fault = courier.add_fault("latency", seconds=5, times=3, method="POST")
    orders = place(stack, 3)

    def in_the_middle() -> bool:
        warehouse.work()
        held = stack.rows("select 1 from lease where name = %s and expires_at > now()", f"push:{target}")
        return bool(held) and any(rule["id"] == fault and rule["fired"] for rule in store.faults())

    stack.wait_for(f"a task is in the middle of the {work}", in_the_middle, 200)
    assert kill_busy_workers(stack), "no worker was busy"
    store.clear_faults()
    courier.clear_faults()
    # What the killed tasks held runs out by itself after minutes; the test does not wait for that.
    time.sleep(5)
    stack.rows_changed("update effect set claimed_until = now() where state = 'sending'")
    stack.rows_changed("update lease set expires_at = now()")

    def all_left() -> bool:
        warehouse.work()
        for each in ("magento:mela", f"courier:{ACCOUNT}"):
            stack.hurry(each)
        return all(shipped(stack, entity_id) for entity_id in orders)

    stack.wait_for("all have left", all_left, 300)
    expected = {"invoices": 1, "shipments": 1, "AWBs": 1}
    assert {entity_id: once(stack, courier, entity_id) for entity_id in orders} == dict.fromkeys(orders, expected)
    looked = stack.rows("select count(*) from effect_attempt where action = 'find'")
    assert looked[0][0] >= 1, "nothing was settled by looking"
