"""The OMS API over real HTTP: what a warehouse's system does with it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.gateway.oms_api import Api, pack_body
from tests.workflows.forward.conftest import goods

from magento_oms.ports import RetryableError
from magento_oms.storage import catalogue, fulfilments, windows
from magento_oms.storage.database import engine


def test_a_warehouse_works_through_its_list(api: Api) -> None:
    put = api.call("PUT", "/locations/pune/stock", {"figures": [{"sku": "KURTA", "quantity": 5}]})
    assert put.json()["changed"] == 1
    shown = api.routed("KURTA")
    [listed] = api.call("GET", "/fulfilments").json()["items"]
    assert listed["state"] == "routed"
    packed = api.call("POST", f"/fulfilments/{shown['id']}/pack", pack_body(shown))
    assert packed.status_code == 200, packed.text
    assert packed.json()["invoice_number"] == "LM2627-000001"
    assert api.call("POST", f"/fulfilments/{shown['id']}/handover").status_code == 409
    api.forward.push_all()
    now = api.call("GET", f"/fulfilments/{shown['id']}").json()
    assert (now["state"], now["parcels"][0]["label"]) == ("ready", True)
    invoice = api.call("GET", f"/fulfilments/{shown['id']}/invoice.pdf")
    assert invoice.content.startswith(b"%PDF")
    label = api.call("GET", f"/fulfilments/{shown['id']}/parcels/{now['parcels'][0]['id']}/label.pdf")
    assert label.content.startswith(b"%PDF")
    [manifest] = api.call("POST", "/manifests", {"location": "pune"}).json()
    assert api.call("GET", f"/manifests/{manifest['id']}/manifest.pdf").content.startswith(b"%PDF")
    assert api.call("POST", f"/manifests/{manifest['id']}/handover").json()["done"] == [shown["id"]]
    events = api.call("GET", f"/orders/loom/{shown['order_entity_id']}/timeline").json()
    kinds = [event["kind"] for event in events]
    assert [kind for kind in kinds if kind in ("routed", "packed", "invoiced", "ready", "handed_over")] == [
        "routed", "packed", "invoiced", "ready", "handed_over",
    ]  # fmt: skip
    order = api.call("GET", f"/orders/loom/{shown['order_entity_id']}").json()
    assert (order["state"], float(order["lines"][0]["shipped"])) == ("shipped", 1)


def test_what_does_not_leave_with_its_manifest_is_on_a_later_one(api: Api) -> None:
    api.forward.stock("pune", KURTA=9)
    both = [api.routed("KURTA"), api.routed("KURTA")]
    for number, shown in enumerate(both):
        api.call("POST", f"/fulfilments/{shown['id']}/pack", pack_body(shown, f"WMS-{number}"))
    api.forward.push_all()
    [first] = api.call("POST", "/manifests", {"location": "pune"}).json()
    assert first["fulfilments"] == [shown["id"] for shown in both]
    api.forward.store.pass_time(60)
    api.forward.store.hold(both[1]["order_entity_id"])

    outcome = api.call("POST", f"/manifests/{first['id']}/handover").json()
    assert outcome["done"] == [both[0]["id"]]
    assert "on hold" in outcome["refused"][str(both[1]["id"])]

    assert api.call("GET", f"/manifests/{first['id']}").json()["fulfilments"] == [both[0]["id"]]
    assert api.call("POST", "/manifests", {"location": "pune"}).json() == []
    api.forward.store.pass_time(60)
    api.forward.store.unhold(both[1]["order_entity_id"])
    api.forward.oms.take_in(api.forward.store, api.forward.config, [both[1]["order_entity_id"]])
    [second] = api.call("POST", "/manifests", {"location": "pune"}).json()
    assert second["fulfilments"] == [both[1]["id"]]
    assert api.call("POST", f"/manifests/{second['id']}/handover").json()["done"] == [both[1]["id"]]


def listed(api: Api, orders: int, *, first_on_hold: bool = False) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Fulfilments that are ready, and the manifest that they are on; the first order may be held since."""
    api.forward.stock("pune", KURTA=9)
    ready = [api.ready("KURTA", shipment=f"WMS-{number}") for number in range(orders)]
    [made] = api.call("POST", "/manifests", {"location": "pune"}).json()
    if first_on_hold:
        api.forward.store.pass_time(60)
        api.forward.store.hold(ready[0]["order_entity_id"])
    return ready, made


def test_a_manifest_of_which_the_answer_was_lost_is_found_until_all_of_it_has_left(api: Api) -> None:
    both, made = listed(api, 2)
    assert api.call("POST", "/manifests", {"location": "pune"}).json() == []
    assert api.call("GET", "/manifests?location=pune").json() == [made]
    api.call("POST", f"/fulfilments/{both[0]['id']}/handover")
    assert [found["id"] for found in api.call("GET", "/manifests?location=pune").json()] == [made["id"]]
    assert api.call("POST", f"/manifests/{made['id']}/handover").json()["done"] == [shown["id"] for shown in both]
    assert api.call("GET", "/manifests?location=pune").json() == []
    assert api.call("GET", "/manifests?location=hoskote").json() == []


def test_the_orders_of_a_manifest_are_read_again_together(api: Api) -> None:
    three, made = listed(api, 3, first_on_hold=True)
    before = api.forward.store.calls.copy()
    outcome = api.call("POST", f"/manifests/{made['id']}/handover").json()
    assert outcome["done"] == [shown["id"] for shown in three[1:]]
    assert "on hold" in outcome["refused"][str(three[0]["id"])]
    assert api.forward.store.calls - before == {"page_after": 1}


def test_orders_that_cannot_be_read_together_are_read_one_by_one(api: Api) -> None:
    both, made = listed(api, 2, first_on_hold=True)
    api.forward.store.fail("page_after", RetryableError("The store is busy."))
    outcome = api.call("POST", f"/manifests/{made['id']}/handover").json()
    assert outcome["done"] == [both[1]["id"]]
    assert "on hold" in outcome["refused"][str(both[0]["id"])]


def test_the_feed_misses_nothing_while_changes_commit_in_another_order(api: Api) -> None:
    api.forward.stock("pune", KURTA=9)
    first, second = api.routed("KURTA"), api.routed("KURTA")
    seen = api.call("GET", "/fulfilments").json()
    assert [item["id"] for item in seen["items"]] == [first["id"], second["id"]]
    with engine(api.forward.oms.url).connect() as slow:
        open_one = slow.begin()
        fulfilments.derive_state(slow, first["id"])
        with engine(api.forward.oms.url).begin() as quick:
            fulfilments.derive_state(quick, second["id"])
        early = api.call("GET", f"/fulfilments?cursor={seen['cursor']}").json()
        assert early["items"] == []  # the older change is not committed yet, so the younger one waits
        open_one.commit()
    late = api.call("GET", f"/fulfilments?cursor={early['cursor']}").json()
    assert {item["id"] for item in late["items"]} == {first["id"], second["id"]}
    assert api.call("GET", f"/fulfilments?cursor={late['cursor']}").json()["items"] == []


def test_the_same_packing_answers_the_same_and_another_is_a_conflict(api: Api) -> None:
    api.forward.stock("pune", KURTA=9)
    shown = api.routed("KURTA", quantity=2)
    body = pack_body(shown)
    first = api.call("POST", f"/fulfilments/{shown['id']}/pack", body).json()
    again = api.call("POST", f"/fulfilments/{shown['id']}/pack", body).json()
    assert again == first | {"again": True}
    body["boxes"][0]["weight_g"] = 650.0  # the same figure, written otherwise
    assert api.call("POST", f"/fulfilments/{shown['id']}/pack", body).json() == again
    body["boxes"][0]["weight_g"] = "700"
    other = api.call("POST", f"/fulfilments/{shown['id']}/pack", body)
    assert other.status_code == 409
    assert other.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("change", "pointer", "said"),
    [
        ({"quantity": 3}, "/items/10", "3 KURTA packed, 2 routed here"),
        ({"quantity": -1}, "/boxes/0/items/10", "no whole number"),
        ({"item_id": 77}, "/items/77", "no such line"),
    ],
)
def test_a_wrong_packing_is_a_problem_naming_the_line(
    api: Api, change: dict[str, Any], pointer: str, said: str
) -> None:
    api.forward.stock("pune", KURTA=9)
    shown = api.routed("KURTA", quantity=2)
    body = pack_body(shown)
    body["boxes"][0]["items"][0] |= change
    answer = api.call("POST", f"/fulfilments/{shown['id']}/pack", body)
    assert answer.status_code == 422
    problem = answer.json()
    assert any(part["pointer"] == pointer and said in part["detail"] for part in problem["errors"]), problem


def test_negative_dimensions_are_refused(api: Api) -> None:
    api.forward.stock("pune", KURTA=9)
    shown = api.routed("KURTA")
    body = pack_body(shown)
    body["boxes"][0]["height_cm"] = "-5"
    answer = api.call("POST", f"/fulfilments/{shown['id']}/pack", body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/boxes/0/height_cm")


def test_a_batch_of_stock_has_a_result_a_line_and_wakes_who_waits(api: Api) -> None:
    api.forward.oms.run(
        "insert into product (instance, sku, product_id, type_id, name, updated_at)"
        " values ('loom', 'SAREE', 1, 'simple', 'Saree', now())"
    )
    api.forward.place(goods("KURTA"))
    api.forward.route()
    with engine(api.forward.oms.url).begin() as connection:
        whole = (catalogue.BEGINNING, datetime(2026, 11, 20, tzinfo=UTC))
        windows.cover(connection, "loom", catalogue.CATALOG_PULL, *whole, rows_read=1, rows_changed=1, run_id="test")
    lines = [
        {"sku": "KURTA", "quantity": 4},
        {"sku": "NEVER-HEARD-OF", "quantity": 1},
        {"sku": "KURTA", "quantity": 5},
        {"sku": "KURTA2", "quantity": -1},
    ]
    answer = api.call("PUT", "/locations/pune/stock", {"figures": lines})
    assert [line["status"] for line in answer.json()["results"]] == ["changed", "refused", "refused", "refused"]
    assert answer.json()["orders_woken"] == 1
    api.forward.route()
    assert len(api.forward.fulfilments()) == 1
    [figure] = api.call("GET", "/locations/pune/stock").json()["items"]
    assert (float(figure["quantity"]), float(figure["reserved"])) == (4, 1)


def test_a_rejection_is_routed_elsewhere(api: Api) -> None:
    api.forward.stock("pune", KURTA=2)
    api.forward.stock("hoskote", KURTA=2)
    shown = api.routed("KURTA")
    answer = api.call("POST", f"/fulfilments/{shown['id']}/reject", {"reason": "damaged"})
    assert answer.json()["state"] == "cancelled"
    api.forward.route()
    assert [row["location"] for row in api.forward.fulfilments()] == ["pune", "hoskote"]


def test_an_order_is_cancelled_until_it_is_packed(api: Api) -> None:
    api.forward.stock("pune", KURTA=2)
    shown = api.routed("KURTA")
    path = f"/orders/loom/{shown['order_entity_id']}/cancel"
    assert api.call("POST", path, {"reason": "out of stock"}).json()["state"] == "held"
    assert api.call("POST", f"/fulfilments/{shown['id']}/pack", pack_body(shown)).status_code == 422
    from tests.workflows.oms import TARGET

    from magento_oms.workflows.fulfilling.cancel_order import CancelOrder

    api.forward._push(TARGET, api.forward.store, (CancelOrder(api.forward.config),))
    assert api.forward.store.orders[shown["order_entity_id"]]["state"] == "canceled"
    api.forward.oms.take_in(api.forward.store, api.forward.config)
    assert api.call("GET", f"/fulfilments/{shown['id']}").json()["state"] == "cancelled"
    packed = api.routed("KURTA")
    api.call("POST", f"/fulfilments/{packed['id']}/pack", pack_body(packed, "WMS-2"))
    late = api.call("POST", f"/orders/loom/{packed['order_entity_id']}/cancel", {"reason": "late"})
    assert late.status_code == 409


def test_lines_are_cancelled_by_their_totals(api: Api) -> None:
    api.forward.stock("pune", KURTA=2, SAREE=2)
    shown = api.routed("KURTA", "SAREE")
    path = f"/orders/loom/{shown['order_entity_id']}/cancel"
    first = shown["lines"][0]["item_id"]
    body = {"reason": "damaged", "lines": [{"item_id": first, "cancelled_quantity": 1}]}
    for _ in range(2):
        assert api.call("POST", path, body).status_code == 202
    [left] = [row for row in api.call("GET", f"/fulfilments/{shown['id']}").json()["lines"] if float(row["quantity"])]
    assert left["sku"] == "SAREE"
    wrong = api.call("POST", path, body | {"lines": [{"item_id": 999, "cancelled_quantity": 1}]})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/lines/999")
    assert api.call("POST", path, body | {"lines": []}).status_code == 422
    api.call("POST", f"/fulfilments/{shown['id']}/pack", pack_body({**shown, "lines": [left]}, "WMS-3"))
    late = api.call("POST", path, {"reason": "late", "lines": [{"item_id": left["item_id"], "cancelled_quantity": 1}]})
    assert late.status_code == 409
    assert "are packed; 0 more can be" in late.json()["errors"][0]["detail"]


def test_what_became_of_a_cancellation_is_shown(api: Api) -> None:
    api.forward.stock("pune", KURTA=2)
    shown = api.routed("KURTA")
    entity_id = shown["order_entity_id"]
    api.call("POST", f"/fulfilments/{shown['id']}/pack", pack_body(shown, "WMS-9"))
    api.forward.store.pass_time(5)
    api.forward.store.cancel_in_admin(entity_id)
    api.forward.oms.take_in(api.forward.store, api.forward.config)
    told = api.call("GET", f"/orders/loom/{entity_id}/cancellations").json()
    [cancelled], [note] = told["cancellations"], told["credit_notes"]
    assert (cancelled["cause"], cancelled["outcomes"][0]["outcome"]) == ("customer", "open_box")
    assert (note["number"], note["subject"]) == ("CN2627-000001", f"fulfilment:{shown['id']}")
    paper = api.call("GET", f"/orders/loom/{entity_id}/credit-notes/{note['id']}.pdf")
    assert paper.content.startswith(b"%PDF-")
    assert api.call("GET", f"/orders/loom/{entity_id}/credit-notes/{note['id'] + 1}.pdf").status_code == 404


def test_one_shipment_id_packs_one_fulfilment_though_two_ask_at_once(api: Api) -> None:
    api.forward.stock("pune", KURTA=9)
    two = [api.routed("KURTA"), api.routed("KURTA")]
    answers: list[Any] = []
    at_once = threading.Barrier(2)

    def ask(shown: dict[str, Any]) -> None:
        at_once.wait()
        answers.append(api.call("POST", f"/fulfilments/{shown['id']}/pack", pack_body(shown, "WMS-1")))

    threads = [threading.Thread(target=ask, args=(shown,)) for shown in two]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert api.forward.oms.count("invoice") == 1


def test_the_same_packing_at_once_is_done_once(api: Api) -> None:
    api.forward.stock("pune", KURTA=9)
    shown = api.routed("KURTA")
    answers: list[Any] = []
    at_once = threading.Barrier(4)

    def ask() -> None:
        at_once.wait()
        answers.append(api.call("POST", f"/fulfilments/{shown['id']}/pack", pack_body(shown)))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [200] * 4
    assert sorted(answer.json()["again"] for answer in answers) == [False, True, True, True]
    assert len({answer.json()["invoice_number"] for answer in answers}) == 1
    assert api.forward.oms.count("invoice") == 1


def test_a_cancelled_fulfilment_is_not_packed_and_the_problem_says_what_to_do(api: Api) -> None:
    api.forward.stock("pune", KURTA=2)
    shown = api.routed("KURTA")
    api.forward.store.pass_time(5)
    api.forward.store.cancel_in_admin(shown["order_entity_id"])
    api.forward.oms.take_in(api.forward.store, api.forward.config)
    answer = api.call("POST", f"/fulfilments/{shown['id']}/pack", pack_body(shown))
    assert answer.status_code == 409
    assert "is cancelled: it must not be packed" in answer.json()["detail"]
    assert answer.json()["way_out"] == "Put the goods back on the shelf."


def test_a_thousand_figures_are_taken_and_a_thousand_and_one_are_not(api: Api) -> None:
    figures = [{"sku": f"SKU-{number}", "quantity": number} for number in range(1000)]
    figures[500]["quantity"] = -1
    answer = api.call("PUT", "/locations/pune/stock", {"figures": figures})
    assert (answer.json()["changed"], answer.json()["refused"]) == (999, 1)
    assert answer.json()["results"][500] == {
        "index": 500, "sku": "SKU-500", "status": "refused", "reason": answer.json()["results"][500]["reason"],
    }  # fmt: skip
    again = api.call("PUT", "/locations/pune/stock", {"figures": figures})
    assert again.json()["changed"] == 0
    too_many = api.call("PUT", "/locations/pune/stock", {"figures": [*figures, {"sku": "ONE-MORE", "quantity": 1}]})
    assert too_many.status_code == 422
    assert too_many.json()["errors"][0]["pointer"] == "/body/figures"
    pages, after = [], ""
    while page := api.call("GET", f"/locations/pune/stock?limit=300&after={after}").json()["items"]:
        pages.append(page)
        after = page[-1]["sku"]
    assert [len(page) for page in pages] == [300, 300, 300, 99]
    assert len({item["sku"] for page in pages for item in page}) == 999


def test_orders_come_in_pages_without_gaps(api: Api) -> None:
    placed = {api.forward.place(goods("KURTA")) for _ in range(7)}
    seen: list[int] = []
    before = ""
    while True:
        page = api.call("GET", f"/orders?limit=3{before}").json()
        seen += [order["entity_id"] for order in page["items"]]
        if page["before"] is None:
            break
        before = f"&before={page['before']}"
    assert sorted(seen) == sorted(placed)
    assert len(seen) == 7
    assert api.call("GET", "/orders?state=shipped").json()["items"] == []
