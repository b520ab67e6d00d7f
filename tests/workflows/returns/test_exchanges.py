"""Exchanges: the order that replaces a return waits for its check, goes out if it passes, is cancelled if it fails."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from tests.workflows.forward.conftest import goods
from tests.workflows.returns.conftest import Returns

from magento_oms.storage.database import engine
from magento_oms.workflows.returns import exchange
from magento_oms.workflows.returns.receive import Verdict
from magento_oms.workflows.warehouse.problems import WarehouseProblem

PASS, FAIL = Verdict("U1", passed=True), Verdict("U1", passed=False, reason="USED_PRODUCT")


def number(entity_id: int) -> str:
    """What people call an order."""
    return f"{entity_id:09d}"


def holds(life: Returns, entity_id: int) -> list[str]:
    """Codes of the open holds of an order."""
    rows = life.oms.rows(
        "select h.code from order_hold h join sales_order o on o.id = h.order_id"
        " where o.entity_id = :e and h.released_at is null",
        e=entity_id,
    )
    return [row["code"] for row in rows]


def exchanged(life: Returns, *codes: str, quantity: int = 1) -> tuple[int, int]:
    """A return, and the order that replaces it, which was placed after it was named."""
    entity_id = life.shipped("KURTA", quantity=quantity)
    placed = life.give_back(entity_id, life.asked("R1", *codes, replacement=number(entity_id + 1)))
    replacement = life.place(goods("KURTA"))
    return placed.return_id, replacement


def test_a_replacement_is_held_before_routing_sees_it_and_goes_out_when_the_return_passes(life: Returns) -> None:
    return_id, replacement = exchanged(life)
    assert holds(life, replacement) == [f"exchange:{return_id}"]
    life.route()
    assert life.fulfilments(replacement) == []
    life.take_in(return_id, PASS)
    assert holds(life, replacement) == []
    life.route()
    [row] = life.fulfilments(replacement)
    assert row["state"] == "routed"


def test_it_is_cancelled_on_magento_when_the_return_fails(life: Returns) -> None:
    return_id, replacement = exchanged(life)
    life.take_in(return_id, FAIL)
    life.push_all()
    assert life.store.orders[replacement]["state"] == "canceled"
    life.oms.take_in(life.store, life.config)
    assert life.oms.order(replacement)["state"] == "cancelled"


def test_it_is_cancelled_when_the_return_is_called_off(life: Returns) -> None:
    return_id, replacement = exchanged(life)
    life.call_off(return_id)
    life.push_all()
    assert life.store.orders[replacement]["state"] == "canceled"


def test_a_person_decides_where_some_passed_and_some_did_not(life: Returns) -> None:
    return_id, replacement = exchanged(life, "U1", "U2", quantity=2)
    life.take_in(return_id, PASS, Verdict("U2", passed=False, reason="USED_PRODUCT"))
    assert holds(life, replacement) == [f"exchange:{return_id}"]
    assert life.oms.quarantined() == {f"exchange:{return_id}": "exchange_undecided"}
    with engine(life.oms.url).begin() as connection:
        exchange.decide(connection, life.config, return_id, release=True, by="asha")
    assert (holds(life, replacement), life.oms.quarantined()) == ([], {})
    with engine(life.oms.url).begin() as connection, pytest.raises(WarehouseProblem, match="No replacement"):
        exchange.decide(connection, life.config, return_id, release=False, by="asha")


def test_an_order_that_is_packed_already_is_linked_without_a_hold_only(life: Returns) -> None:
    entity_id = life.shipped("KURTA")
    gone = life.shipped("SAREE")
    with pytest.raises(WarehouseProblem, match="too late to hold"):
        life.give_back(entity_id, life.asked("R1", replacement=number(gone)))
    placed = life.give_back(entity_id, life.asked("R1", replacement=number(gone), hold_replacement=False))
    life.take_in(placed.return_id, FAIL)
    assert life.oms.order(gone)["state"] == "shipped"
    with engine(life.oms.url).connect() as connection:
        assert connection.execute(text("select outcome from return_exchange")).scalar() == "cancelled"


def test_an_order_replaces_one_return_and_not_itself(life: Returns) -> None:
    return_id, replacement = exchanged(life)
    other = life.shipped("SAREE")
    with pytest.raises(WarehouseProblem, match="replaces return R1 already"):
        life.give_back(other, life.asked("R2", replacement=number(replacement)))
    with pytest.raises(WarehouseProblem, match="cannot replace itself"):
        life.give_back(other, life.asked("R3", replacement=number(other)))
    assert life.get(return_id).state == "placed"
