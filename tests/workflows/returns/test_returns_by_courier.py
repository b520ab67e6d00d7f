"""What couriers' scans make of returns: RTO, returns that move, are called off, or come all the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.workflows.couriers.fake_aggregator import Fault
from tests.workflows.returns.conftest import Returns

from magento_oms.domain.returns import ReturnKind
from magento_oms.ports import Booked, Direction, NdrAction, PermanentError
from magento_oms.ports import ParcelStatus as S
from magento_oms.workflows.returns.receive import Verdict
from magento_oms.workflows.returns.tracking import Brought
from magento_oms.workflows.warehouse.problems import WarehouseProblem

ON_ITS_WAY = (S.PICKED_UP, S.IN_TRANSIT)


def the_return(life: Returns) -> int:
    """Id of the only one."""
    [row] = life.oms.rows("select id from return_order")
    return int(row["id"])


def test_an_rto_is_a_return_of_what_is_in_the_parcel(life: Returns) -> None:
    entity_id = life.shipped("KURTA", "SAREE", quantity=2)
    parcel = life.parcel_of(entity_id)
    life.scan(parcel["booking"], *ON_ITS_WAY, S.RTO_INITIATED)
    life.scan(parcel["booking"], S.RTO_INITIATED)
    stored = life.get(the_return(life))
    assert (stored.kind, stored.state, stored.location) == (ReturnKind.RETURN_TO_ORIGIN, "placed", "pune")
    assert stored.reason == "RTO in case of courier rejection"
    assert stored.return_code == f"RTO-{parcel['awb']}"
    assert len(life.units(stored.id)) == 4
    assert life.found(parcel["awb"]) == [stored.id]
    life.scan(parcel["booking"], S.RTO_IN_TRANSIT)
    assert life.get(stored.id).state == "in_transit"
    life.scan(parcel["booking"], S.RTO_DELIVERED)
    assert life.get(stored.id).state == "delivered"
    life.take_in(stored.id, *(Verdict(code, passed=True) for code in life.units(stored.id)))
    assert life.oms.order(entity_id)["state"] == "returned"


def test_three_failed_attempts_are_its_reason_and_the_courier_is_asked(life: Returns) -> None:
    entity_id = life.shipped("KURTA")
    parcel = life.parcel_of(entity_id)
    life.scan(parcel["booking"], *ON_ITS_WAY, S.DELIVERY_FAILED, S.DELIVERY_FAILED)
    life.push_all()
    assert life.accounts["main"].ndr == []
    life.scan(parcel["booking"], S.DELIVERY_FAILED)
    life.push_all()
    [(awb, request)] = life.accounts["main"].ndr
    assert (awb, request.action) == (parcel["awb"], NdrAction.RETURN_TO_ORIGIN)
    life.scan(parcel["booking"], S.RTO_INITIATED)
    assert life.get(the_return(life)).reason == "RTO in case of three delivery attempt failure"


def test_the_courier_decides_where_the_store_says_so(life_of: Callable[..., Returns]) -> None:
    life = life_of(returns={"rto_after_attempts": None})
    parcel = life.parcel_of(life.shipped("KURTA"))
    life.scan(parcel["booking"], *ON_ITS_WAY, *[S.DELIVERY_FAILED] * 4)
    life.push_all()
    assert life.accounts["main"].ndr == []


def test_a_parcel_that_is_delivered_after_all_calls_its_rto_off(life: Returns) -> None:
    entity_id = life.shipped("KURTA")
    parcel = life.parcel_of(entity_id)
    life.scan(parcel["booking"], *ON_ITS_WAY, S.RTO_INITIATED, S.DELIVERED)
    return_id = the_return(life)
    assert life.get(return_id).state == "cancelled"
    with pytest.raises(WarehouseProblem, match="the courier delivered it"):
        life.give_back(entity_id, life.asked("R2", kind=ReturnKind.RETURN_TO_ORIGIN, brought=Brought()))
    assert life.give_back(entity_id, life.asked("R2")).return_id != return_id


def test_an_rto_under_way_cannot_be_called_off(life: Returns) -> None:
    parcel = life.parcel_of(life.shipped("KURTA"))
    life.scan(parcel["booking"], *ON_ITS_WAY, S.RTO_IN_TRANSIT)
    with pytest.raises(WarehouseProblem, match="the courier brings it"):
        life.call_off(the_return(life))


def test_an_rto_placed_by_hand_is_joined_to_its_parcel(life: Returns) -> None:
    entity_id = life.shipped("KURTA")
    placed = life.give_back(entity_id, life.asked("BY-HAND", kind=ReturnKind.RETURN_TO_ORIGIN, brought=Brought()))
    parcel = life.parcel_of(entity_id)
    life.scan(parcel["booking"], *ON_ITS_WAY, S.RTO_IN_TRANSIT)
    assert the_return(life) == placed.return_id
    assert life.get(placed.return_id).state == "in_transit"


def test_a_lost_rto_stays_expected_until_somebody_says_so(life: Returns) -> None:
    parcel = life.parcel_of(life.shipped("KURTA"))
    life.scan(parcel["booking"], *ON_ITS_WAY, S.RTO_IN_TRANSIT, S.LOST)
    return_id = the_return(life)
    assert (life.get(return_id).state, set(life.units(return_id).values())) == ("lost", {"expected"})
    [code] = life.units(return_id)
    life.take_in(return_id, Verdict(code, passed=False, reason="PRODUCT_MISSING"))
    assert life.get(return_id).state == "processed"


def test_a_pickup_that_the_courier_calls_off_ends_the_return_until_it_moves(life_of: Callable[..., Returns]) -> None:
    life = life_of(notification_url="https://loom.example.in/events")
    entity_id = life.shipped("KURTA")
    placed = life.give_back(entity_id, life.asked(brought=Brought(book_pickup=True)))
    life.push_all()
    booking = life.parcel_of(entity_id, "reverse")["booking"]
    life.scan(booking, S.RETURN_CANCELLED)
    assert life.get(placed.return_id).state == "cancelled"
    life.push_all()
    told = {event["event"] for event in life.url.events.values()}
    assert {"return_placed", "return_awb", "return_cancelled"} <= told
    life.scan(booking, S.RETURN_PICKED_UP)
    assert (life.get(placed.return_id).state, life.units(placed.return_id)) == ("picked_up", {"U1": "expected"})


def test_a_failed_check_at_the_door_leaves_the_unit_with_the_customer(life_of: Callable[..., Returns]) -> None:
    life = life_of(notification_url="https://loom.example.in/events")
    entity_id = life.shipped("KURTA")
    placed = life.give_back(entity_id, life.asked(brought=Brought(book_pickup=True), quality_check=True))
    life.push_all()
    life.scan(life.parcel_of(entity_id, "reverse")["booking"], S.RETURN_OUT_FOR_PICKUP, S.RETURN_QC_FAILED)
    assert life.get(placed.return_id).state == "cancelled"
    [unit] = life.oms.rows("select cancelled_why from return_item")
    assert "check at the door failed" in unit["cancelled_why"]
    life.push_all()
    assert "return_qc_failed" in {event["event"] for event in life.url.events.values()}
    assert life.give_back(entity_id, life.asked("R2")).return_id


def test_calling_a_return_off_cancels_the_pickup_at_the_courier(life: Returns) -> None:
    entity_id = life.shipped("KURTA", quantity=2)
    placed = life.give_back(entity_id, life.asked("R1", "U1", "U2", brought=Brought(book_pickup=True)))
    life.push_all()
    reverse = life.parcel_of(entity_id, "reverse")
    assert life.call_off(placed.return_id, ["U1"]).state == "placed"
    life.push_all()
    assert not life.accounts["main"].orders[reverse["reference"]].cancelled
    for _ in range(2):
        assert life.call_off(placed.return_id).state == "cancelled"
    life.push_all()
    assert life.accounts["main"].orders[reverse["reference"]].cancelled
    assert life.accounts["main"].ledger["cancel", reverse["reference"]] == 1
    comments = [text for text in life.store.histories(entity_id) if "called off" in text]
    assert len(comments) == 2


REFUSED = PermanentError("A picture of the item is missing.")


def test_calling_a_return_off_leaves_nobody_to_mend_its_pickup(life: Returns) -> None:
    entity_id = life.shipped("KURTA")
    placed = life.give_back(entity_id, life.asked(brought=Brought(book_pickup=True)))
    life.account("main").faults.append(Fault("create_return", REFUSED))
    life.push_all()
    assert len(life.oms.quarantined()) == 1
    life.call_off(placed.return_id)
    assert life.oms.quarantined() == {}
    life.push_all()
    assert life.oms.rows("select 1 from effect where state in ('planned', 'due', 'failed')") == []


def test_no_pickup_is_booked_of_what_has_come_back_already(life: Returns) -> None:
    entity_id = life.shipped("KURTA", quantity=2)
    placed = life.give_back(entity_id, life.asked("R1", "U1", "U2", brought=Brought(book_pickup=True)))
    life.account("main").faults.append(Fault("create_return", REFUSED))
    life.push_all()
    life.take_in(placed.return_id, Verdict("U1", passed=True))
    assert len(life.oms.quarantined()) == 1
    life.take_in(placed.return_id, Verdict("U2", passed=True))
    assert life.oms.quarantined() == {}
    life.push_all()
    assert life.oms.rows("select 1 from effect where state in ('planned', 'due', 'failed')") == []
    assert life.account("main").ledger["order", life.parcel_of(entity_id, "reverse")["reference"]] == 0


def test_what_has_arrived_cannot_be_called_off(life: Returns) -> None:
    entity_id = life.shipped("KURTA", quantity=2)
    placed = life.give_back(entity_id, life.asked("R1", "U1", "U2"))
    life.take_in(placed.return_id, Verdict("U1"))
    with pytest.raises(WarehouseProblem, match="until they arrive"):
        life.call_off(placed.return_id, ["U1", "U2"])
    assert life.call_off(placed.return_id).state == "received"
    assert life.units(placed.return_id) == {"U1": "received", "U2": "cancelled"}
    life.take_in(placed.return_id, Verdict("U1", passed=True))
    with pytest.raises(WarehouseProblem, match="cannot be called off"):
        life.call_off(placed.return_id)


def test_a_pickup_that_somebody_else_booked_is_looked_up_before_it_is_cancelled(life: Returns) -> None:
    entity_id = life.shipped("KURTA", quantity=2)
    known = life.give_back(entity_id, life.asked("R1", brought=Brought(awb="X1", account="main")))
    unknown = life.give_back(entity_id, life.asked("R2", brought=Brought(awb="X2", account="main")))
    world = life.accounts["main"]
    world.orders["R1"] = Booked("R1", order_ref="77", awb="X1", direction=Direction.REVERSE)
    for placed in (known, unknown):
        life.call_off(placed.return_id)
    life.push_all()
    assert world.orders["R1"].cancelled
    [entry] = life.oms.rows("select reason, way_out from quarantine where resolved_at is null")
    assert "main shows no return R2: AWB X2" in entry["reason"]
    assert "panel" in entry["way_out"]
