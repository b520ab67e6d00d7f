"""What was cancelled too late is settled by what comes back: nobody has to put the entries away."""

from __future__ import annotations

import pytest
from tests.workflows.returns.conftest import Returns

from magento_oms.domain.returns import ReturnKind
from magento_oms.ports import ParcelStatus as S
from magento_oms.workflows.returns.receive import Verdict
from magento_oms.workflows.returns.tracking import Brought


def take_in(life: Returns, entity_id: int) -> None:
    life.store.pass_time(5)
    life.oms.take_in(life.store, life.config, [entity_id])


@pytest.fixture
def too_late(life: Returns) -> int:
    """Two units that were handed over, and cancelled as units then; the order's entity id."""
    entity_id = life.shipped("KURTA", quantity=2)
    life.store.refund_in_admin(entity_id, {10: 2})
    life.store.orders[entity_id] |= {"state": "processing", "status": "processing"}
    take_in(life, entity_id)
    return entity_id


def codes(life: Returns) -> list[str]:
    return sorted(life.oms.quarantined().values())


def test_a_return_of_all_of_it_closes_the_entry_and_its_calling_off_opens_it(life: Returns, too_late: int) -> None:
    life.scan(life.parcel_of(too_late)["booking"], S.PICKED_UP, S.DELIVERED)
    assert codes(life) == ["cancelled_too_late"]
    placed = life.give_back(too_late, life.asked("R1", "U1", "U2"))
    assert codes(life) == []
    [entry] = life.oms.rows("select resolution from quarantine")
    assert entry["resolution"] == "a return has all that was cancelled too late"

    life.call_off(placed.return_id, ["U2"])
    assert codes(life) == ["cancelled_too_late"]
    again = life.give_back(too_late, life.asked("R2", "V1"))
    assert codes(life) == []
    life.take_in(placed.return_id, Verdict("U1", passed=True))
    life.take_in(again.return_id, Verdict("V1", passed=False, reason="TORN"))
    assert codes(life) == []
    assert life.oms.count("quarantine") == 1


def test_a_return_of_a_part_leaves_it_open(life: Returns, too_late: int) -> None:
    life.scan(life.parcel_of(too_late)["booking"], S.PICKED_UP, S.DELIVERED)
    life.give_back(too_late, life.asked("R1", "U1"))
    assert codes(life) == ["cancelled_too_late"]


def test_an_rto_closes_it_once_it_is_received(life: Returns, too_late: int) -> None:
    life.scan(life.parcel_of(too_late)["booking"], S.PICKED_UP, S.RTO_INITIATED, S.RTO_DELIVERED)
    assert codes(life) == ["cancelled_too_late"]
    [row] = life.oms.rows("select id from return_order")
    first, second = sorted(life.units(row["id"]))
    life.take_in(row["id"], Verdict(first, passed=True))
    assert codes(life) == ["cancelled_too_late"]
    life.take_in(row["id"], Verdict(second, passed=True))
    assert codes(life) == []


def test_another_order_s_return_closes_nothing(life: Returns, too_late: int) -> None:
    other = life.shipped("KURTA", quantity=2)
    life.give_back(other, life.asked("R1", "U1", "U2"))
    assert codes(life) == ["cancelled_too_late"]


def test_a_person_s_dismissal_stays(life: Returns, too_late: int) -> None:
    life.scan(life.parcel_of(too_late)["booking"], S.PICKED_UP, S.DELIVERED)
    life.oms.run("update quarantine set resolved_at = now(), resolution = 'dismissed by asha: keeps it'")
    placed = life.give_back(too_late, life.asked("R1", "U1"))
    life.call_off(placed.return_id)
    assert codes(life) == []


def test_a_cancelled_order_that_was_delivered_all_the_same_is_settled_by_its_return(life: Returns) -> None:
    entity_id = life.shipped("KURTA")
    life.store.cancel_in_admin(entity_id)
    take_in(life, entity_id)
    booking = life.parcel_of(entity_id)["booking"]
    assert codes(life) == ["expected_rto"]
    life.scan(booking, S.PICKED_UP, S.DELIVERED)
    assert codes(life) == ["cancelled_too_late"]
    life.give_back(entity_id, life.asked("R1", "U1"))
    assert codes(life) == []


def test_what_is_expected_back_is_settled_by_its_receipt_though_no_scan_comes(life: Returns) -> None:
    entity_id = life.shipped("KURTA")
    life.store.cancel_in_admin(entity_id)
    take_in(life, entity_id)
    awb = life.parcel_of(entity_id)["awb"]
    placed = life.give_back(
        entity_id, life.asked("RTO1", "U1", kind=ReturnKind.RETURN_TO_ORIGIN, brought=Brought(awb=awb, account="main"))
    )
    assert codes(life) == ["expected_rto"]
    life.take_in(placed.return_id, Verdict("U1", passed=True))
    assert codes(life) == []
    assert life.oms.rows("select ended_as from expected_rto") == [{"ended_as": "rto_delivered"}]
    life.scan(life.parcel_of(entity_id)["booking"], S.RTO_DELIVERED)
    assert codes(life) == []
    assert [row["kind"] for row in life.oms.rows("select kind from order_event")].count("expected_rto_ended") == 1
