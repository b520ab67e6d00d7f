"""Returns that somebody placed in an aggregator's panel come by its webhooks, from all four."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from tests.workflows.returns.conftest import Returns
from tests.workflows.returns.test_returns_by_courier import the_return

from aggregator_hooks.registry import VENDORS
from magento_oms.storage import webhooks
from magento_oms.storage.database import engine
from magento_oms.workflows.couriers.webhooks import WebhookReader, work_on_all
from magento_oms.workflows.returns.tracking import Brought

AWB = "PANEL-RET-1"


def shiprocket(reference: str, _: str) -> dict[str, Any]:
    return {
        "awb": AWB, "is_return": 1, "order_id": f"R_{reference}", "sr_order_id": 777, "shipment_status_id": 1,
        "current_status": "AWB ASSIGNED", "current_timestamp": "21 11 2026 12:00:00",
    }  # fmt: skip


def clickpost(_: str, forward_awb: str) -> dict[str, Any]:
    return {
        "waybill": AWB, "cp_id": 25, "clickpost_status_code": 1, "timestamp": "2026-11-21T12:00:00Z",
        "additional": {"is_rvp": True, "return_reference_number": "RR-1", "forward_awb": forward_awb},
    }  # fmt: skip


def shipway(reference: str, _: str) -> dict[str, Any]:
    item = {"awbno": AWB, "order_id": f"{reference}-EX", "current_status": "RSCH", "status_time": "2026-11-21 12:00:00"}
    return {"status_feed": [item]}


def eshipz(reference: str, _: str) -> dict[str, Any]:
    return {
        "tracking_number": AWB, "order_id": f"RET-{reference}", "tracking_status": "InfoReceived",
        "tracking_sub_status": "", "tracking_checkpoint_datetime": "2026-11-21 12:00:00",
    }  # fmt: skip


BODIES: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "shiprocket": shiprocket,
    "clickpost": clickpost,
    "shipway": shipway,
    "eshipz": eshipz,
}


def tell(life: Returns, vendor: str, *bodies: dict[str, Any]) -> list[str]:
    """The courier sends webhooks to the account `main`; what came of them."""
    known = VENDORS[vendor]
    for body in bodies:
        with engine(life.oms.url).begin() as connection:
            webhooks.store(connection, [("courier:main", orjson.dumps(body))])
    work_on_all(life.oms.url, {"courier:main": WebhookReader("main", known.read_webhook, known.statuses)})
    return [row["outcome"] for row in life.oms.rows("select outcome from webhook order by id")]


@pytest.mark.parametrize("vendor", BODIES)
def test_a_return_of_the_panel_is_placed_with_what_went_out_and_followed(life: Returns, vendor: str) -> None:
    entity_id = life.shipped("KURTA", quantity=2)
    parcel = life.parcel_of(entity_id)
    body = BODIES[vendor](parcel["reference"], parcel["awb"])
    tell(life, vendor, body, {**body, "again": 1})
    return_id = the_return(life)
    stored = life.get(return_id)
    assert (stored.kind, stored.source, stored.state, stored.awb) == ("customer_return", "courier", "placed", AWB)
    assert len(life.units(return_id)) == 2
    reverse = life.parcel_of(entity_id, "reverse")
    assert (reverse["awb"], reverse["account"], reverse["status"]) == (AWB, "main", "return_placed")
    courier = life.booking(reverse["booking"]).booked.courier
    assert (courier.code if courier else "") == ("25" if vendor == "clickpost" else "")
    [row] = life.oms.rows("select track_at from courier_booking where id = :id", id=reverse["booking"])
    assert row["track_at"] is not None
    assert life.oms.rows("select status from courier_booking where id = :id", id=parcel["booking"]) == [
        {"status": parcel["status"]}
    ]


def test_it_is_the_return_that_was_placed_here_with_its_awb(life: Returns) -> None:
    entity_id = life.shipped("KURTA", quantity=2)
    placed = life.give_back(entity_id, life.asked("R1", brought=Brought(awb=AWB, courier="Delhivery")))
    parcel = life.parcel_of(entity_id)
    tell(life, "shiprocket", shiprocket(parcel["reference"], parcel["awb"]))
    assert the_return(life) == placed.return_id
    assert life.parcel_of(entity_id, "reverse")["awb"] == AWB
    assert life.units(placed.return_id) == {"U1": "expected"}


def test_an_awb_that_comes_after_the_return_is_kept(life: Returns) -> None:
    entity_id = life.shipped("KURTA")
    parcel = life.parcel_of(entity_id)
    body = shiprocket(parcel["reference"], parcel["awb"])
    tell(life, "shiprocket", body | {"awb": ""})
    assert life.get(the_return(life)).awb == ""
    tell(life, "shiprocket", body)
    assert life.get(the_return(life)).awb == AWB
    assert life.found(AWB) == [the_return(life)]


def test_a_return_under_the_forward_parcels_own_reference_is_still_another_parcel(life: Returns) -> None:
    entity_id = life.shipped("KURTA")
    parcel = life.parcel_of(entity_id)
    body = shiprocket(parcel["reference"], parcel["awb"]) | {"order_id": parcel["reference"]}
    tell(life, "shiprocket", body)
    assert life.parcel_of(entity_id, "reverse")["awb"] == AWB
    assert life.parcel_of(entity_id)["status"] == parcel["status"]


def test_a_webhook_of_nobodys_return_is_only_history(life: Returns) -> None:
    life.shipped("KURTA")
    assert tell(life, "shiprocket", shiprocket("SOMEBODY-ELSES", "")) == ["no such parcel"]
    assert life.oms.count("return_order") == 0
