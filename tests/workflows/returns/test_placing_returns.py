"""Returns that somebody asks for: what is taken, what is refused and why, and how they are found again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.workflows.returns.conftest import BY_COURIER, D, Returns

from magento_oms.domain.returns import ReturnKind
from magento_oms.ports import Direction, ParcelStatus
from magento_oms.storage.database import engine
from magento_oms.workflows.returns.place import AskedUnit, add
from magento_oms.workflows.returns.tracking import Brought
from magento_oms.workflows.warehouse.problems import Kind, WarehouseProblem


def test_a_return_is_placed_once_and_found_by_whatever_is_printed_on_the_parcel(life: Returns) -> None:
    entity_id = life.shipped("KURTA", quantity=2)
    first = life.give_back(entity_id, life.asked("R1", "U1", "U2"))
    again = life.give_back(entity_id, life.asked("R1", "U2", "U1"))
    assert (first.again, again.again, again.return_id) == (False, True, first.return_id)
    assert life.oms.count("return_order") == 1
    [invoice] = life.oms.rows("select number from invoice")
    for told in ("R1", "RET1", life.oms.order(entity_id)["increment_id"], invoice["number"]):
        assert life.found(told) == [first.return_id]
    assert life.found("nothing like it") == []
    stored = life.get(first.return_id)
    assert (stored.state, stored.location, stored.awb, stored.courier) == ("placed", "pune", "RET1", "Delhivery")


def test_the_same_code_with_another_body_is_a_conflict_and_changes_nothing(life: Returns) -> None:
    entity_id = life.shipped("KURTA", quantity=2)
    placed = life.give_back(entity_id, life.asked("R1"))
    with pytest.raises(WarehouseProblem, match="with another body") as refused:
        life.give_back(entity_id, life.asked("R1", "U1", "U2"))
    assert refused.value.kind is Kind.CONFLICT
    other = life.shipped("KURTA")
    with pytest.raises(WarehouseProblem, match=f"already for order {entity_id:09d}"):
        life.give_back(other, life.asked("R1"))
    assert life.units(placed.return_id) == {"U1": "expected"}


def test_no_more_units_come_back_than_were_shipped(life: Returns) -> None:
    entity_id = life.shipped("KURTA", quantity=2)
    life.give_back(entity_id, life.asked("R1"))
    with pytest.raises(WarehouseProblem) as refused:
        life.give_back(entity_id, life.asked("R2", "U1", "U2"))
    [detail] = refused.value.details
    assert detail.pointer == "/items/1"
    assert "Of KURTA 1 can come back" in detail.reason
    assert "1 coming back: another return has it already" in detail.reason
    assert life.oms.count("return_order") == 1


def test_units_that_are_none_of_the_order_are_named(life: Returns) -> None:
    entity_id = life.shipped("KURTA")
    asked = life.asked(
        units=(AskedUnit("A", 99), AskedUnit("B", sku="SAREE"), AskedUnit("C", 10), AskedUnit("C", 10, sku="KURTA"))
    )
    with pytest.raises(WarehouseProblem) as refused:
        life.give_back(entity_id, asked)
    told = {detail.pointer: detail.reason for detail in refused.value.details}
    assert "no item 99" in told["/items/0"]
    assert "no SKU 'SAREE'" in told["/items/1"]
    assert "/items/3" in told


def test_an_order_of_another_customer_is_refused(life: Returns) -> None:
    entity_id = life.shipped("KURTA")
    with pytest.raises(WarehouseProblem, match="another customer's"):
        life.give_back(entity_id, life.asked(customer_email="someone@example.com"))
    assert life.give_back(entity_id, life.asked(customer_email="Asha@Example.com")).return_id


@pytest.mark.parametrize(
    ("brought", "said"),
    [
        (Brought(), "needed unless we book the pickup"),
        (Brought(awb="X1"), "courier is needed"),
        (Brought(reference="RR-1"), "courier account where the return was placed"),
        (Brought(awb="X1", courier="A", book_pickup=True), "or have it booked"),
        (Brought(awb="X1", account="nobody"), "no courier account 'nobody'"),
    ],
)
def test_a_customers_return_must_be_brought_by_somebody(life: Returns, brought: Brought, said: str) -> None:
    entity_id = life.shipped("KURTA")
    with pytest.raises(WarehouseProblem, match=said):
        life.give_back(entity_id, life.asked(brought=brought))
    assert life.oms.count("return_order") == 0


def test_clickpost_tracks_an_awb_only_with_its_courier(life_of: Callable[..., Returns]) -> None:
    life = life_of(aggregators=[{"aggregator": "clickpost", "account": "main", "connection_id": "a"}])
    entity_id = life.shipped("KURTA")
    with pytest.raises(WarehouseProblem, match="cp_id"):
        life.give_back(entity_id, life.asked(brought=Brought(awb="X1", account="main")))
    life.give_back(entity_id, life.asked(brought=Brought(awb="X1", account="main", courier_code="25")))
    courier = life.booking(life.parcel_of(entity_id, "reverse")["booking"]).booked.courier
    assert courier is not None
    assert courier.code == "25"


def test_one_who_brings_it_himself_needs_no_courier(life: Returns) -> None:
    entity_id = life.shipped("KURTA")
    placed = life.give_back(entity_id, life.asked(kind=ReturnKind.SELF_SHIP, brought=Brought()))
    assert life.get(placed.return_id).state == "placed"


def test_the_awb_that_brought_it_cannot_bring_it_back_as_a_customers_return(life: Returns) -> None:
    entity_id = life.shipped("KURTA")
    awb = life.parcel_of(entity_id)["awb"]
    with pytest.raises(WarehouseProblem, match="kind return_to_origin"):
        life.give_back(entity_id, life.asked(brought=Brought(awb=awb, courier="A")))


def test_a_booked_pickup_is_asked_of_the_courier_and_tracked(life: Returns) -> None:
    entity_id = life.shipped("KURTA", "SAREE")
    placed = life.give_back(entity_id, life.asked("R1", brought=Brought(book_pickup=True), reason="too small"))
    life.push_all()
    reverse = life.parcel_of(entity_id, "reverse")
    assert reverse["awb"]
    booked = life.accounts["main"].bookings[reverse["reference"]]
    assert (booked.direction, booked.return_reason, booked.value) == (Direction.REVERSE, "too small", D(100))
    assert [(item.sku, item.quantity) for item in booked.items] == [("KURTA", 1)]
    assert booked.destination.pincode == "411001"
    assert life.found(reverse["awb"]) == [placed.return_id]
    life.scan(reverse["booking"], ParcelStatus.RETURN_OUT_FOR_PICKUP)
    assert life.get(placed.return_id).state == "out_for_pickup"
    life.scan(reverse["booking"], ParcelStatus.RETURN_PICKED_UP, ParcelStatus.RETURN_IN_TRANSIT)
    assert life.get(placed.return_id).state == "in_transit"
    life.scan(reverse["booking"], ParcelStatus.RETURN_DELIVERED)
    assert life.get(placed.return_id).state == "delivered"


def test_a_pickup_is_booked_with_the_couriers_that_bring_returns(life_of: Callable[..., Returns]) -> None:
    account = {"aggregator": "eshipz", "account": "main", "connection_id": "a", "couriers": [{"code": "4"}]}
    life = life_of(aggregators=[account | {"return_couriers": [{"code": "25"}]}])
    entity_id = life.shipped("KURTA")
    life.give_back(entity_id, life.asked("R1", brought=Brought(book_pickup=True)))
    life.push_all()
    couriers = {
        booking.direction: booking.courier.code if booking.courier else ""
        for booking in life.accounts["main"].bookings.values()
    }
    assert couriers == {Direction.FORWARD: "4", Direction.REVERSE: "25"}


def test_a_missing_awb_is_fetched_from_the_aggregator(life: Returns) -> None:
    entity_id = life.shipped("KURTA")
    placed = life.give_back(entity_id, life.asked(brought=Brought(account="main", reference="PANEL-7")))
    life.push_all()
    assert life.get(placed.return_id).awb == ""
    world = life.accounts["main"]
    other = life.shipped("SAREE")
    life.give_back(other, life.asked("R2", brought=Brought(book_pickup=True)))
    life.push_all()
    known = life.parcel_of(other, "reverse")["reference"]
    world.orders["PANEL-7"] = replace(world.orders[known], reference="PANEL-7", awb="PANELAWB")
    life.oms.let_effects_fall_due()
    life.push_all()
    assert life.get(placed.return_id).awb == "PANELAWB"
    assert life.found("PANELAWB") == [placed.return_id]
    assert life.effects_of("fetch_tracking") == ["done"]


def test_units_are_added_and_tracking_changed_until_it_is_received(life: Returns) -> None:
    from magento_oms.workflows.returns import tracking

    entity_id = life.shipped("KURTA", quantity=3)
    placed = life.give_back(entity_id, life.asked("R1", brought=Brought(book_pickup=True)))
    life.push_all()
    first = life.parcel_of(entity_id, "reverse")
    store = life.config.store(1)
    with engine(life.oms.url).begin() as connection:
        add(connection, placed.return_id, [AskedUnit("U1", 10), AskedUnit("U2", 10)], by="test")
        tracking.change(connection, store, placed.return_id, BY_COURIER, by="test")
    life.push_all()
    assert life.units(placed.return_id) == {"U1": "expected", "U2": "expected"}
    assert life.booking(first["booking"]).given_up == "another courier brings it"
    assert life.accounts["main"].orders[first["reference"]].cancelled
    assert life.get(placed.return_id).awb == "RET1"
