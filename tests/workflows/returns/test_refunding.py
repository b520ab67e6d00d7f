"""What came back is credited by us, and refunded on Magento where the store wants it: once, whatever fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.workflows.forward.conftest import goods
from tests.workflows.returns.conftest import D, Returns
from tests.workflows.returns.test_return_sync import synced
from tests.workflows.returns.test_returns_by_courier import ON_ITS_WAY

from magento_oms.ports import AlreadyDone, RetryableError, UnknownOutcome
from magento_oms.ports import ParcelStatus as S
from magento_oms.workflows.returns.receive import Verdict

PASSED = (Verdict("U1", passed=True), Verdict("U2", passed=False, reason="USED_PRODUCT"))


@pytest.fixture
def refunding(life_of: Callable[..., Returns]) -> Returns:
    """A store that wants credit memos for customers' returns."""
    return life_of(returns={"credit_memo": "customer_returns"})


def returned(life: Returns, *verdicts: Verdict, **more: Any) -> tuple[int, int]:
    """An order of two units and its return."""
    entity_id = life.shipped("KURTA", quantity=2, **more)
    placed = life.give_back(entity_id, life.asked("R1", *[verdict.item_code for verdict in verdicts]))
    life.take_in(placed.return_id, *verdicts)
    return entity_id, placed.return_id


def refunds(life: Returns, entity_id: int) -> list[dict[int, float]]:
    """Units of the order's credit memos."""
    return [
        {item["order_item_id"]: float(item["qty"]) for item in memo["items"]}
        for memo in life.store.credit_memos
        if memo["order_id"] == entity_id
    ]


def test_nothing_is_refunded_unless_the_store_asks_for_it(life: Returns) -> None:
    entity_id, _ = returned(life, *PASSED)
    life.push_all()
    assert refunds(life, entity_id) == []


def test_nothing_is_refunded_before_its_shipment_is_on_magento(refunding: Returns) -> None:
    """Magento never ships what was refunded before: the AWB would not come onto the order any more."""
    life = refunding
    life.stock("pune", KURTA=5)
    entity_id = life.place(goods("KURTA", quantity=2))
    life.route()
    [fulfilment] = life.fulfilments(entity_id)
    life.pack(fulfilment["id"])
    life.push_all()
    life.hand_over(fulfilment["id"])
    placed = life.give_back(entity_id, life.asked("R1", "U1", "U2"))
    life.take_in(placed.return_id, *PASSED)
    life.store.fail("ship", RetryableError("Busy."), times=100)
    life.push_all()
    assert (life.store.shipments, refunds(life, entity_id)) == ([], [])
    life.store.faults.clear()
    for _ in range(2):
        life.oms.let_effects_fall_due()
        life.push_all()
    assert (len(life.store.shipments), refunds(life, entity_id)) == (1, [{10: 1.0}])


def test_what_passed_is_refunded_once_and_the_units_know_their_credit_memo(refunding: Returns) -> None:
    life = refunding
    entity_id, return_id = returned(life, *PASSED)
    for _ in range(2):
        life.push_all()
    assert refunds(life, entity_id) == [{10: 1.0}]
    [memo] = life.store.credit_memos
    rows = life.oms.rows("select item_code, refund from return_item order by item_code")
    assert [(row["item_code"], row["refund"]) for row in rows] == [("U1", str(memo["entity_id"])), ("U2", "")]
    assert f"[oms-return-{return_id}-" in memo["comments"][0]["comment"]


@pytest.mark.parametrize("error", [UnknownOutcome("The answer was lost."), RetryableError("Busy.")])
def test_a_lost_answer_is_looked_up_and_not_repeated(refunding: Returns, error: Exception) -> None:
    life = refunding
    when = "after" if isinstance(error, UnknownOutcome) else "before"
    life.store.fail("refund", error, when=when)  # type: ignore[arg-type]
    entity_id, _ = returned(life, *PASSED)
    for _ in range(4):
        life.push_all()
        life.oms.let_effects_fall_due()
    assert refunds(life, entity_id) == [{10: 1.0}]
    assert life.effects_of("create_credit_memo") == ["done"]


def test_what_somebody_refunded_in_the_admin_is_not_refunded_again(refunding: Returns) -> None:
    life = refunding
    entity_id = life.shipped("KURTA", quantity=2)
    placed = life.give_back(entity_id, life.asked("R1"))
    life.store.refund_in_admin(entity_id, {10: 1})
    life.take_in(placed.return_id, Verdict("U1", passed=True))
    life.push_all()
    assert refunds(life, entity_id) == [{10: 1.0}]
    assert life.oms.rows("select refund from return_item")[0]["refund"] == "magento"


def test_magentos_word_that_nothing_is_left_ends_it(refunding: Returns) -> None:
    life = refunding
    life.store.fail("refund", AlreadyDone("Nothing is left to refund."))
    entity_id, _ = returned(life, *PASSED)
    life.push_all()
    assert refunds(life, entity_id) == []
    assert life.effects_of("create_credit_memo") == ["done"]
    assert life.oms.rows("select refund from return_item where item_code = 'U1'")[0]["refund"] == "magento"


def test_a_credit_memo_that_a_person_made_instead_is_noted_on_the_units(refunding: Returns) -> None:
    life = refunding
    entity_id, _ = returned(life, Verdict("U1", passed=True), extension={"amstorecredit_amount": 50})
    life.push_all()
    memo = life.store.refund_in_admin(entity_id, {10: 1})
    synced(life)
    assert life.oms.rows("select refund from return_item")[0]["refund"] == str(memo["entity_id"])
    assert life.oms.count("return_order") == 1


def test_store_credit_cannot_be_given_back_so_and_a_person_is_told(refunding: Returns) -> None:
    life = refunding
    entity_id, _ = returned(life, Verdict("U1", passed=True), extension={"amstorecredit_amount": 50})
    life.push_all()
    assert refunds(life, entity_id) == []
    [entry] = life.oms.rows("select reason, way_out from quarantine where resolved_at is null")
    assert "Rs 50 of order" in entry["reason"]
    assert "store credit" in entry["reason"]
    assert "Refund to Store Credit" in entry["way_out"]


def test_an_rto_is_refunded_only_where_the_store_says_all(life_of: Callable[..., Returns]) -> None:
    for wanted, memos in (("customer_returns", 0), ("all", 1)):
        life = life_of(returns={"credit_memo": wanted})
        entity_id = life.shipped("KURTA")
        life.scan(life.parcel_of(entity_id)["booking"], *ON_ITS_WAY, S.RTO_DELIVERED)
        [row] = life.oms.rows("select r.id from return_order r join sales_order o on o.id = r.order_id"
                              " where o.entity_id = :e", e=entity_id)  # fmt: skip
        [code] = life.units(row["id"])
        life.take_in(row["id"], Verdict(code, passed=True))
        life.push_all()
        assert len(refunds(life, entity_id)) == memos, wanted


def test_what_came_back_is_credited_by_a_credit_note_once(life: Returns) -> None:
    _, return_id = returned(life, *PASSED)
    [note] = life.oms.rows("select * from credit_note")
    assert note["total"] == D(100)
    life.take_in(return_id, Verdict("U1", passed=True))
    life.push_all()
    assert life.oms.count("credit_note") == 1
    units = life.oms.rows("select item_code, credit_note_id from return_item order by item_code")
    assert [(row["item_code"], row["credit_note_id"]) for row in units] == [("U1", note["id"]), ("U2", None)]


def test_an_rto_of_all_credits_the_whole_invoice_with_its_charges(life: Returns) -> None:
    entity_id = life.shipped("KURTA", "SAREE", shipping_amount=40)
    life.scan(life.parcel_of(entity_id)["booking"], *ON_ITS_WAY, S.RTO_DELIVERED)
    [row] = life.oms.rows("select id from return_order")
    verdicts = [Verdict(code, passed=False, reason="PACKAGING_DAMAGE") for code in life.units(row["id"])]
    life.take_in(row["id"], *verdicts)
    [note] = life.oms.rows(
        "select n.total, i.total as invoiced from credit_note n join invoice i on i.id = n.invoice_id"
    )
    assert note["total"] == note["invoiced"] == D(240)
