"""The control API: orders placed and changed by hand, the ledger, instances, speed."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from httpx import ASGITransport, AsyncClient

from commerce_sandbox.in_process import InProcess
from commerce_sandbox.versions import SWITCHES, VERSIONS


def test_generated_orders_are_served_and_sold_out_of_stock(sandbox: InProcess) -> None:
    placed = sandbox.place(3, payment="cod", shape="simple", lines=1)
    order = sandbox.magento("GET", f"V1/orders/{placed[0]}").json()
    sku = order["items"][0]["sku"].replace("/", "%2F")

    assert order["state"] == "new"
    salable = sandbox.magento("GET", f"V1/inventory/get-product-salable-quantity/{sku}/1").json()
    assert salable <= 1_000_000 - order["items"][0]["qty_ordered"]
    assert sandbox.control("GET", "instances/default/counts")["counts"] == [{"kind": "order", "count": 3}]


def test_many_orders_have_ids_of_their_own_and_times_apart(sandbox: InProcess) -> None:
    placed = sandbox.place(120, created_at="2026-02-01 00:00:00", every_seconds=30)
    answer = sandbox.magento("GET", "V1/orders?searchCriteria=&fields=items[entity_id,increment_id,created_at]").json()

    assert len(set(placed)) == 120
    assert len({item["increment_id"] for item in answer["items"]}) == 120
    assert max(item["created_at"] for item in answer["items"]) == "2026-02-01 00:59:30"


def test_the_ledger_counts_what_each_call_changed(sandbox: InProcess) -> None:
    [order] = sandbox.place(payment="cod", shape="simple")
    sandbox.magento(
        "POST", f"V1/order/{order}/ship", {"tracks": [{"track_number": "A1", "title": "T", "carrier_code": "c"}]}
    )
    sandbox.magento("POST", f"V1/order/{order}/ship", {})
    sandbox.magento("POST", f"V1/order/{order}/invoice", {"capture": True})

    rows = sandbox.control("GET", "instances/default/counts?by_order=1")["counts"]
    counts = {row["kind"]: row["count"] for row in rows if row["order_id"] == order}
    assert counts == {"order": 1, "shipment": 1, "track": 1, "invoice": 1, "state": 2}
    calls = sandbox.control("GET", "instances/default/ledger?path_like=%25/ship")["calls"]
    assert [call["status"] for call in calls] == [200, 400]
    logins = sandbox.control("GET", "instances/default/ledger?path_like=%25token")["calls"]
    assert [call["body"] for call in logins] == [""]


@pytest.mark.parametrize(("action", "documents"), [("ship", "shipments"), ("invoice", "invoices")])
def test_of_parallel_calls_exactly_one_succeeds(sandbox: InProcess, action: str, documents: str) -> None:
    for order in sandbox.place(3, payment="cod", shape="simple"):
        path = f"V1/order/{order}/{action}"
        with ThreadPoolExecutor(4) as threads:
            calls = [threads.submit(sandbox.magento, "POST", path, {}) for _ in range(4)]
        answers = [call.result() for call in calls]

        assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
    assert sandbox.magento("GET", f"V1/{documents}?searchCriteria=").json()["total_count"] == 3


def test_changes_by_hand(sandbox: InProcess) -> None:
    cod, late, review, old = (
        sandbox.place(payment=payment, shape="simple")[0] for payment in ("cod", "late_paid", "late_paid", "cod")
    )

    assert sandbox.control("POST", f"instances/default/orders/{cod}/cancel")["state"] == "canceled"
    assert sandbox.control("POST", f"instances/default/orders/{late}/pay")["state"] == "processing"
    assert sandbox.control("POST", f"instances/default/orders/{review}/payment_review")["status"] == "payment_review"
    new = sandbox.control("POST", f"instances/default/orders/{old}/edit")
    assert sandbox.magento("GET", f"V1/orders/{old}/statuses").json() == "canceled"
    assert new["increment_id"].endswith("-1")
    assert sandbox.magento("GET", f"V1/orders/{new['entity_id']}?fields=relation_parent_id").json() == {
        "relation_parent_id": str(old)
    }
    refused = sandbox.call("POST", f"/_sandbox/instances/default/orders/{cod}/cancel")
    assert (refused.status_code, refused.json()["error"]) == (400, "the order's state does not allow it")


def test_comments_do_not_move_updated_at_and_invoices_do(sandbox: InProcess) -> None:
    [order] = sandbox.place(payment="cod", shape="simple", created_at="2026-01-01 00:00:00")
    comment = {"statusHistory": {"comment": "x", "is_customer_notified": 0, "is_visible_on_front": 0}}
    path = f"V1/orders/{order}?fields=updated_at"

    sandbox.magento("POST", f"V1/orders/{order}/comments", comment)
    assert sandbox.magento("GET", path).json() == {"updated_at": "2026-01-01 00:00:00"}
    sandbox.magento("POST", f"V1/order/{order}/invoice", {"capture": True})
    assert sandbox.magento("GET", path).json()["updated_at"] > "2026-01-01 00:00:00"


@pytest.mark.parametrize(("version", "status"), [("2.4.6", 200), ("2.4.7", 400), ("2.4.8", 400)])
def test_a_comment_moves_the_status_only_in_old_versions(sandbox: InProcess, version: str, status: int) -> None:
    sandbox.set_up(version=version)
    [order] = sandbox.place(payment="cod", shape="simple")
    body = {
        "statusHistory": {"comment": "x", "status": "processing", "is_customer_notified": 0, "is_visible_on_front": 0}
    }
    assert sandbox.magento("POST", f"V1/orders/{order}/comments", body).status_code == status


def test_every_switch_says_what_it_means_and_has_a_value_for_every_version() -> None:
    for name, switch in SWITCHES.items():
        assert set(switch.values) == set(VERSIONS), name
        assert switch.meaning
        assert switch.basis in {"recorded", "from source"}


def test_instances_do_not_see_each_other_and_keep_their_settings(sandbox: InProcess) -> None:
    sandbox.place(2)
    sandbox.control("PUT", "instances/second", {"version": "2.4.3"})
    assert sandbox.control("GET", "instances/second")["version"] == "2.4.3"
    assert sandbox.control("GET", "instances/second/counts")["counts"] == []
    sandbox.control("POST", "instances/default/reset")
    assert sandbox.magento("GET", "V1/orders?searchCriteria=&fields=total_count").json() == {"total_count": 0}


@pytest.mark.parametrize(
    ("path", "body"),
    [("instances/second", {"version": "1.9"}), ("instances/second", {"nope": 1}), ("instances/REST", {})],
)
def test_settings_that_cannot_be_are_refused_in_a_sentence(sandbox: InProcess, path: str, body: object) -> None:
    refused = sandbox.call("PUT", f"/_sandbox/{path}", body)
    assert refused.status_code == 400
    assert refused.json()["error"]


def test_an_unknown_instance_and_a_wrong_base_url_do_not_answer_json(sandbox: InProcess) -> None:
    assert sandbox.call("GET", "/_sandbox/instances/nowhere").status_code == 404
    admin = sandbox.call("POST", "/admin/rest/V1/integration/admin/token", {"username": "a", "password": "b"})
    assert admin.headers["content-type"].startswith("text/html")
    assert sandbox.call("GET", "/shop/rest/V1/orders").status_code == 404


def test_asynchronous_calls_wait_for_the_consumer(sandbox: InProcess) -> None:
    sandbox.place(1, shape="simple")
    sandbox.set_up(consumer_running=False)
    item = {"sku": "SKU-001", "source_code": "default", "quantity": 5, "status": 1}
    accepted = sandbox.magento(
        "POST", "async/bulk/V1/inventory/source-items", [{"sourceItems": [item]}, {"sourceItems": []}]
    )
    assert accepted.status_code == 202
    path = f"V1/bulk/{accepted.json()['bulk_uuid']}/status"
    assert [each["status"] for each in sandbox.magento("GET", path).json()["operations_list"]] == [4, 4]

    assert sandbox.control("POST", "instances/default/consume") == {"done": 2}
    done = sandbox.magento("GET", path).json()["operations_list"]
    assert [(each["status"], each["result_message"][:19]) for each in done] == [
        (1, "Service execution s"),
        (3, "Input data is empty"),
    ]
    assert sandbox.magento("GET", "V1/stockItems/SKU-001?fields=qty").json() == {"qty": 5}


def test_the_recorded_profile_takes_the_recorded_time(sandbox: InProcess) -> None:
    sandbox.place(10)
    sandbox.set_up(profile="recorded")
    took = []
    for _ in range(3):  # a stall of the machine lengthens one of them
        started = time.monotonic()
        sandbox.magento("GET", "V1/orders?searchCriteria[pageSize]=10")
        took.append(time.monotonic() - started)
    assert 0.17 <= min(took) < 1


def test_the_recorded_profile_has_two_workers_and_further_calls_wait(sandbox: InProcess) -> None:
    sandbox.place(10)
    sandbox.set_up(profile="recorded")

    async def six() -> list[int]:
        async with AsyncClient(
            transport=ASGITransport(sandbox.app), base_url="http://shop.test", headers=sandbox.headers
        ) as client:
            path = "/rest/V1/orders?searchCriteria[pageSize]=10"
            return [answer.status_code for answer in await asyncio.gather(*(client.get(path) for _ in range(6)))]

    started = time.monotonic()
    assert asyncio.run(six()) == [200] * 6
    assert time.monotonic() - started >= 3 * 0.17


def test_a_store_is_filled_with_orders_of_the_past_and_goes_on_numbering_behind_them(sandbox: InProcess) -> None:
    [before] = sandbox.place(payment="prepaid", shape="simple")
    filled = sandbox.control(
        "POST", "instances/default/fill", {"count": 300, "created_at": "2025-01-01 00:00:00", "every_seconds": 60}
    )
    [after] = sandbox.place(payment="cod", shape="simple")

    assert (filled["first"], filled["last"], after) == (before + 1, before + 300, before + 301)
    answer = sandbox.magento("GET", "V1/orders?searchCriteria=&fields=items[entity_id,increment_id],total_count").json()
    assert answer["total_count"] == len({item["increment_id"] for item in answer["items"]}) == 302
    last = sandbox.magento("GET", f"V1/orders/{filled['last']}").json()
    assert last["created_at"] == "2025-01-01 04:59:00"
    assert last["payment"]["parent_id"] == filled["last"]
    comment = {"statusHistory": {"comment": "x", "is_customer_notified": 0, "is_visible_on_front": 0}}
    assert sandbox.magento("POST", f"V1/orders/{filled['last']}/comments", comment).status_code == 200


def test_a_shipment_comment_goes_to_the_shipment_of_the_body(sandbox: InProcess) -> None:
    [order] = sandbox.place(payment="cod", shape="simple")
    shipment = int(sandbox.magento("POST", f"V1/order/{order}/ship", {}).json())

    added = sandbox.magento("POST", "V1/shipment/999/comments", {"entity": {"comment": "c", "parent_id": shipment}})
    assert (added.status_code, added.json()["parent_id"]) == (200, shipment)
    refused = sandbox.magento(
        "POST", f"V1/shipment/{shipment}/comments", {"entity": {"comment": "c", "parent_id": 999}}
    )
    assert (refused.status_code, refused.json()) == (400, {"message": "Could not save the shipment comment."})


@pytest.mark.parametrize("seed", range(4))
def test_an_edited_bundle_ships_as_the_one_it_replaces(sandbox: InProcess, seed: int) -> None:
    kept, edited = (sandbox.place(shape="bundle", payment="cod", lines=1, seed=seed)[0] for _ in range(2))
    edited = sandbox.control("POST", f"instances/default/orders/{edited}/edit", {})["entity_id"]
    shipped = []
    for order_id in (kept, edited):
        sandbox.control("POST", f"instances/default/orders/{order_id}/ship", {})
        order = sandbox.control("GET", f"instances/default/orders/{order_id}")
        shipped.append(
            (
                [row["qty_shipped"] for row in order["order"]["items"]],
                [len(each["items"]) for each in order["shipments"]],
            )
        )
    assert shipped[0] == shipped[1]
