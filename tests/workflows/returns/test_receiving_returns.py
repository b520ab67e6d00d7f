"""Receipt and quality check: what goes back to stock, what the order shows, who is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.workflows.returns.conftest import Returns

from magento_oms.workflows.returns.place import AskedUnit
from magento_oms.workflows.returns.receive import Verdict
from magento_oms.workflows.warehouse.problems import Kind, WarehouseProblem

PICTURE = "https://wms.example.in/p/1.jpg"
FAILED = Verdict("U2", passed=False, reason="STAIN_DAMAGE", images=(PICTURE,))


def test_stock_goes_up_by_what_passed_only(life: Returns) -> None:
    entity_id = life.shipped("KURTA", quantity=3)
    placed = life.give_back(entity_id, life.asked("R1", "U1", "U2", "U3"))
    before = life.on_shelf("KURTA")
    missing = Verdict("U3", passed=False, reason="PRODUCT_MISSING")
    taken = life.take_in(placed.return_id, Verdict("U1", passed=True), FAILED, missing)
    assert life.units(placed.return_id) == {"U1": "passed", "U2": "failed", "U3": "missing"}
    assert life.on_shelf("KURTA") == before + 1
    assert (taken.stored.state, taken.changed) == ("processed", 3)
    [line] = life.oms.rows("select returned, state from order_line where sku = 'KURTA'")
    assert (line["returned"], line["state"]) == (2, "shipped")


def test_what_is_received_first_and_checked_later_is_counted_once(life: Returns) -> None:
    entity_id = life.shipped("KURTA")
    placed = life.give_back(entity_id, life.asked("R1"))
    before = life.on_shelf("KURTA")
    for _ in range(2):
        assert life.take_in(placed.return_id, Verdict("U1")).stored.state == "received"
    assert life.on_shelf("KURTA") == before
    assert life.oms.order(entity_id)["state"] == "returned"
    for _ in range(2):
        assert life.take_in(placed.return_id, Verdict("U1", passed=True)).stored.state == "processed"
    assert life.take_in(placed.return_id, Verdict("U1")).again
    assert life.on_shelf("KURTA") == before + 1


def test_a_whole_order_that_came_back_stays_so_when_the_store_closes_it(life: Returns) -> None:
    entity_id = life.shipped("KURTA")
    placed = life.give_back(entity_id, life.asked("R1"))
    life.take_in(placed.return_id, Verdict("U1", passed=True))
    life.store.refund_in_admin(entity_id, {10: 1})
    life.oms.take_in(life.store, life.config)
    assert life.store.orders[entity_id]["state"] == "closed"
    assert life.oms.order(entity_id)["state"] == "returned"
    assert life.oms.quarantined() == {}


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (Verdict("U9", passed=True), "no such unit"),
        (Verdict("U1", passed=False), "without a reason"),
        (Verdict("U1", passed=True, reason="STAIN_DAMAGE"), "Only a unit that fails"),
    ],
)
def test_a_verdict_that_says_nothing_clear_changes_nothing(life: Returns, verdict: Verdict, said: str) -> None:
    entity_id = life.shipped("KURTA", quantity=2)
    placed = life.give_back(entity_id, life.asked("R1", "U1", "U2"))
    with pytest.raises(WarehouseProblem, match=said):
        life.take_in(placed.return_id, Verdict("U2", passed=True), verdict)
    assert set(life.units(placed.return_id).values()) == {"expected"}


def test_a_unit_is_judged_once(life: Returns) -> None:
    entity_id = life.shipped("KURTA")
    placed = life.give_back(entity_id, life.asked("R1"))
    life.take_in(placed.return_id, Verdict("U1", passed=True))
    with pytest.raises(WarehouseProblem, match="judged before") as refused:
        life.take_in(placed.return_id, Verdict("U1", passed=False, reason="USED_PRODUCT"))
    assert refused.value.kind is Kind.CONFLICT


def test_orders_that_waited_for_what_came_back_are_routed(life: Returns) -> None:
    entity_id = life.shipped("KURTA")
    life.stock("pune", KURTA=0)
    life.stock("hoskote", KURTA=0)
    waiting = life.place([{**life.store.orders[entity_id]["items"][0], "qty_invoiced": 0, "qty_shipped": 0}])
    life.route()
    placed = life.give_back(entity_id, life.asked("R1"))
    life.take_in(placed.return_id, Verdict("U1", passed=True))
    life.route()
    assert life.oms.order(waiting)["state"] == "allocated"


def test_the_store_is_told_and_the_return_acknowledged_once(life_of: Callable[..., Returns]) -> None:
    life = life_of(
        notification_url="https://loom.example.in/events", return_ack_url="https://loom.example.in/return-acks"
    )
    entity_id = life.shipped("KURTA", quantity=2)
    placed = life.give_back(entity_id, life.asked("R1", "U1", "U2"))
    life.take_in(placed.return_id, Verdict("U1"), FAILED)
    life.push_all()
    assert not any(event["event"] == "return_acknowledged" for event in life.url.events.values())
    life.take_in(placed.return_id, Verdict("U1", passed=True))
    for _ in range(2):
        life.push_all()
    told = [event["event"] for event in life.url.events.values() if event["event"].startswith("return")]
    assert sorted(told) == [
        "return_acknowledged", "return_awb", "return_placed", "return_processed", "return_received",
    ]  # fmt: skip
    [ack] = [event for event in life.url.events.values() if event["event"] == "return_acknowledged"]
    assert ack["return"]["return_order_code"] == "R1"
    assert [(item["item_code"], item["qc_status"], item["qc_reason"]) for item in ack["return"]["items"]] == [
        ("U1", "PASS", ""),
        ("U2", "FAIL", "STAIN_DAMAGE"),
    ]
    assert ack["return"]["items"][1]["images"] == [PICTURE]
    comments = [text for text in life.store.histories(entity_id) if "eturn" in text]
    assert sum("received and checked" in text for text in comments) == 1
    assert any("1 KURTA failed (STAIN_DAMAGE)" in text for text in comments)
    assert "asha" not in str(life.url.events).casefold()


def test_a_unit_that_turns_up_late_is_acknowledged_again(life_of: Callable[..., Returns]) -> None:
    life = life_of(return_ack_url="https://loom.example.in/return-acks")
    entity_id = life.shipped("KURTA", quantity=2)
    placed = life.give_back(entity_id, life.asked("R1", "U1", "U2"))
    life.call_off(placed.return_id, ["U2"])
    life.take_in(placed.return_id, Verdict("U1", passed=True))
    life.push_all()
    life.take_in(placed.return_id, Verdict("U2", passed=True))
    life.push_all()
    acks = [event for event in life.url.events.values() if event["event"] == "return_acknowledged"]
    assert len(acks) == 2
    assert life.units(placed.return_id) == {"U1": "passed", "U2": "passed"}


def test_a_unit_that_another_return_took_meanwhile_cannot_turn_up(life: Returns) -> None:
    entity_id = life.shipped("KURTA")
    first = life.give_back(entity_id, life.asked("R1"))
    life.call_off(first.return_id)
    second = life.give_back(entity_id, life.asked("R2"))
    with pytest.raises(WarehouseProblem, match="Another return has this unit"):
        life.take_in(first.return_id, Verdict("U1", passed=True))
    life.take_in(second.return_id, Verdict("U1", passed=True))
    assert life.oms.rows("select returned from order_line")[0]["returned"] == 1


def test_a_missing_unit_may_come_with_another_return(life: Returns) -> None:
    entity_id = life.shipped("KURTA")
    first = life.give_back(entity_id, life.asked("R1"))
    life.take_in(first.return_id, Verdict("U1", passed=False, reason="PRODUCT_MISSING"))
    assert life.oms.order(entity_id)["state"] == "shipped"
    second = life.give_back(entity_id, life.asked("R2", units=(AskedUnit("A", sku="KURTA"),)))
    life.take_in(second.return_id, Verdict("A", passed=True))
    assert life.oms.order(entity_id)["state"] == "returned"
