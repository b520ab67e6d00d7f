"""The fifth aggregator's server, as the sandbox would play it. It shares no code with the hook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from commerce_sandbox.couriers.desk import CourierCall, Desk, Parcel, Reply, Scan, indian, strings
from commerce_sandbox.couriers.world import file_url

CODES = {
    "booked": "BOOKED", "pickup_scheduled": "PICKUP", "out_for_pickup": "AT_SENDER", "pickup_failed": "NO_PICKUP",
    "picked_up": "COLLECTED", "in_transit": "MOVING", "out_for_delivery": "AT_DOOR", "failed_attempt": "REFUSED",
    "delivered": "DONE", "rto_started": "BACK", "rto_moving": "BACK", "rto_delivered": "BACK_HOME",
    "qc_failed": "QC_FAILED", "lost": "LOST", "cancelled": "CANCELLED",
}  # fmt: skip
COURIERS = [{"code": "north", "name": "North"}, {"code": "south", "name": "South"}]
BEFORE_PICKUP = ("booked", "pickup_scheduled", "out_for_pickup", "pickup_failed")


class FifthStandIn:
    """See the module."""

    name = "fifth"
    credentials: ClassVar[Mapping[str, str]] = {"key": "sandbox-fifth-key"}
    switches: ClassVar[Mapping[str, Any]] = {"wallet_empty": False, "unserved_pincodes": [], "refusing_couriers": []}

    def answer(self, call: CourierCall, desk: Desk) -> Reply:
        """See `StandIn`."""
        if call.expired or call.headers.get("authorization") != f"Bearer {desk.account.credential('key')}":
            return Reply(401, {"message": "unknown key"})
        match call.method, call.path.strip("/").split("/"):
            case "POST", ["parcels"]:
                return self._create(call, desk)
            case "POST", ["parcels", number, "cancel"]:
                return self._cancel(desk, desk.parcel(order_ref=number))
            case "POST", ["parcels", number, "instructions"]:
                desk.effect(f"ndr {(call.json() or {}).get('action')}", desk.parcel(order_ref=number))
                return Reply(202, {})
            case "GET", ["find"]:
                found = desk.parcels(reference=call.query.get("reference", ""))
                return Reply(200, {"parcels": [self._row(parcel, call, desk) for parcel in found]})
            case "GET", ["couriers"]:
                unserved = call.query.get("to") in strings(desk.account.switch("unserved_pincodes"))
                return Reply(200, {"couriers": [] if unserved else COURIERS})
            case "POST", ["scans"]:
                known = [desk.parcel(awb=awb) for awb in strings((call.json() or {}).get("awbs"))]
                return Reply(200, {each.awb: [_scan(one) for one in desk.scans(each)] for each in known if each})
        return Reply(404, {"message": "no such call"})

    def webhook(self, parcel: Parcel, scan: Scan, desk: Desk) -> list[tuple[Mapping[str, str], Any]]:
        """See `StandIn`."""
        secret = desk.account.settings["webhook"]["secret"]
        body = {"awb": parcel.awb, "reference": parcel.reference, **_scan(scan)}
        return [({"X-Fifth-Secret": secret} if secret else {}, body)]

    def _create(self, call: CourierCall, desk: Desk) -> Reply:
        body = call.json()
        if desk.parcel(reference=body["reference"]) is not None:
            return _no(409, "duplicate", "this reference is known")
        if body["receiver"]["pincode"] in strings(desk.account.switch("unserved_pincodes")):
            return _no(422, "pincode", "no courier goes there")
        if desk.account.switch("wallet_empty"):
            return _no(422, "wallet", "the wallet is empty")
        if body["courier"] in strings(desk.account.switch("refusing_couriers")):
            return _no(422, "courier", "the courier refuses")
        number = desk.next_number("parcel", 5001)
        parcel = desk.add(body["reference"], body["direction"], {"request": body}, order_ref=str(number))
        desk.give_awb(parcel, f"F{number}")
        desk.scan(parcel, "booked")
        return Reply(201, self._row(parcel, call, desk))

    @staticmethod
    def _cancel(desk: Desk, parcel: Parcel | None) -> Reply:
        if parcel is None:
            return Reply(404, {"message": "no such parcel"})
        if parcel.state == "cancelled":
            return _no(409, "already_cancelled", "it is cancelled already")
        if parcel.state not in BEFORE_PICKUP:
            return _no(422, "too_late", "it was collected")
        desk.cancel(parcel)
        return Reply(200, {})

    @staticmethod
    def _row(parcel: Parcel, call: CourierCall, desk: Desk) -> dict[str, Any]:
        return {
            "id": parcel.order_ref, "reference": parcel.reference, "awb": parcel.awb,
            "courier": parcel.document["request"]["courier"], "cancelled": parcel.state == "cancelled",
            "label": file_url(call.root, desk.account, f"label-{parcel.awb}"),
        }  # fmt: skip


def _scan(scan: Scan) -> dict[str, Any]:
    return {"code": CODES[scan.step], "at": indian(scan.at), "place": scan.place}


def _no(status: int, error: str, message: str) -> Reply:
    return Reply(status, {"error": error, "message": message})
