"""Shipway's server, as far as its documents and observers tell. Every call has a flag of success of its own."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, ClassVar

from commerce_sandbox.couriers.desk import CourierCall, Desk, Parcel, Reply, Route, Scan, indian, made_between, strings
from commerce_sandbox.couriers.journeys import FORWARD, REVERSE
from commerce_sandbox.couriers.world import file_url

CODES: Mapping[str, tuple[str, str, str]] = {
    "booked": ("SCH", "Shipment Booked", "RSCH"),
    "pickup_scheduled": ("SCH", "Shipment Booked", "RSCH"),
    "out_for_pickup": ("OFP", "Out For Pickup", "ROOP"),
    "pickup_failed": ("PKF", "Pickup Failed", "RPF"),
    "picked_up": ("PKP", "Picked Up", "RPKP"),
    "in_transit": ("INT", "In Transit", "RINT"),
    "out_for_delivery": ("OOD", "Out For Delivery", "ROOD"),
    "failed_attempt": ("UND", "Undelivered", "RUND"),
    "delivered": ("DEL", "Delivered", "RDEL"),
    "rto_started": ("RTO", "RTO", "RTO"),
    "rto_moving": ("RTO", "RTO", "RTO"),
    "rto_delivered": ("RTD", "RTO Delivered", "RTD"),
    "qc_failed": ("RPEX", "QC failed at the doorstep", "RPEX"),
    "lost": ("LOST", "Lost", "LOST"),
    "cancelled": ("CAN", "Cancelled", "RCAN"),
}
"""Step → code of a forward parcel, words, code of a reverse one."""
CARRIERS = (("3411", "Delhivery"), ("1", "Bluedart"), ("77", "Xpressbees"))
PAGE = 100
PLACEHOLDER = "1970-01-01 05:30:00"


class ShipwayStandIn:
    """See the module."""

    name = "shipway"
    credentials: ClassVar[Mapping[str, str]] = {"email": "sandbox@shipway.example", "key": "sandbox-shipway-key"}
    switches: ClassVar[Mapping[str, Any]] = {
        "after_awb": "refuse",  # what a repeat with a carrier does once there is an AWB: refuse, same, second
        "awb_refusal": "",  # the order is stored, the AWB refused with these words
        "awb_refusal_as": "list",  # list; string
        "refusing_carriers": [],
        "unserved_pincodes": [],
        "history_key": "shipment_track_activities",  # or tracking_history
        "awb_type": "string",  # string; number
        "unknown_tracking": "missing",  # missing; error
        "status_as": "code",  # code; label
        "placeholder_dates": False,
        "html_page": False,  # an order is stored, and a page is answered
        "slow_after_awb": 0,  # seconds between the AWB and the answer
        "webhook_shape": "feed",  # feed; single; single_array: without api_input's object of scans
        "plain_delivered": False,  # a reverse parcel's webhook says DEL
        "warehouses": ["56024"],
    }

    def answer(self, call: CourierCall, desk: Desk) -> Reply:
        """See `StandIn`."""
        expected = f"{desk.account.credential('email')}:{desk.account.credential('key')}"
        wanted = "Basic " + base64.b64encode(expected.encode()).decode()
        if call.expired or call.headers.get("authorization") != wanted:
            return Reply(401, {"success": False, "message": "Unauthorized"})
        known = {method: work for method, path, work in self._routes if call.path.rstrip("/") == path}
        if not known:
            return Reply(404, "<html><h1>Page not found</h1></html>", "text/html")
        if call.method not in known:
            return Reply(405, {"success": False, "message": "Method not allowed"})
        return known[call.method](self, call, desk)

    # Orders -----------------------------------------------------------------------------------------------------------

    def _order(self, call: CourierCall, desk: Desk) -> Reply:
        body = call.json()
        if refusal := _wrong(body):
            return refusal
        parcel = desk.parcel(reference=str(body["order_id"]), direction=FORWARD)
        with_awb = "carrier_id" in body and bool(body.get("warehouse_id"))
        if parcel is None:
            parcel = desk.add(str(body["order_id"]), FORWARD, {"status": "O", "request": body})
        elif parcel.document["status"] == "X":
            return Reply(200, {"success": False, "message": "Order is cancelled"})
        elif parcel.awb:
            match desk.account.switch("after_awb") if with_awb else "refuse":
                case "same":
                    return self._answered(parcel, call, desk)
                case "second":
                    return self._label(parcel, body, call, desk)
                case _:
                    return Reply(200, {"success": False, "message": "Order already processed with an AWB"})
        else:
            parcel.document["request"] = body
            desk.save(parcel)
        if desk.account.switch("html_page"):
            return Reply(200, "<html><body>Something went wrong</body></html>", "text/html")
        if not with_awb:
            return Reply(200, {"success": True, "message": "Order saved"})
        return self._label(parcel, body, call, desk)

    def _label(self, parcel: Parcel, body: Mapping[str, Any], call: CourierCall, desk: Desk) -> Reply:
        carrier = str(body.get("carrier_id") or CARRIERS[0][0])
        refusal = desk.account.switch("awb_refusal")
        if carrier in strings(desk.account.switch("refusing_carriers")):
            refusal = "Carrier cannot ship this order"
        customer = body.get("shipping_zipcode")
        if str(customer) in strings(desk.account.switch("unserved_pincodes")):
            refusal = "Pincode not serviceable by the carrier"
        if str(body.get("warehouse_id") or body.get("return_warehouse_id")) not in strings(
            desk.account.switch("warehouses")
        ):
            refusal = "Warehouse not found"
        if refusal:
            error = [refusal] if desk.account.switch("awb_refusal_as") == "list" else refusal
            part = {"success": False, "message": "AWB not assigned", "error": error}
            return Reply(200, {"success": True, "message": "Order saved", "awb_response": part})
        parcel.document |= {"status": "A", "carrier": carrier}
        desk.give_awb(parcel, str(1_333_110_000_000 + desk.next_number("awb")))
        desk.scan(parcel, "booked")
        return self._answered(parcel, call, desk)

    @staticmethod
    def _answered(parcel: Parcel, call: CourierCall, desk: Desk) -> Reply:
        part = {
            "success": True, "message": "AWB assigned", "AWB": parcel.awb, "carrier_id": parcel.document["carrier"],
            "shipping_url": file_url(call.root, desk.account, f"{parcel.awb}_thermal"),
        }  # fmt: skip
        reply = {"success": True, "message": "Order saved", "awb_response": part}
        if parcel.direction == REVERSE:
            reply |= {"success": 1, "create_return_response": {"rma_no": parcel.order_ref, "message": "Return created"}}
        return Reply(200, reply, slow_seconds=float(desk.account.switch("slow_after_awb")))

    def _return(self, call: CourierCall, desk: Desk) -> Reply:
        body = call.json()
        if refusal := _wrong(body):
            return refusal
        if desk.parcel(reference=str(body["order_id"])) is not None:
            return Reply(200, {"success": 0, "message": "Return already exists for this order"})
        parcel = desk.add(
            str(body["order_id"]), REVERSE, {"status": "R", "request": body}, order_ref=f"RMA{desk.next_number('rma')}"
        )
        if body.get("return_order_status") != "E":
            told = {"rma_no": parcel.order_ref, "message": "Return requested"}
            return Reply(200, {"success": 1, "create_return_response": told})
        return self._label(parcel, body, call, desk)

    def _find(self, call: CourierCall, desk: Desk) -> Reply:
        wanted, awb = call.query.get("orderid"), call.query.get("awb_number")
        page = int(call.query.get("page") or 1)
        found = [
            parcel
            for parcel in desk.parcels()
            if (wanted is None or parcel.reference == wanted)
            and (awb is None or parcel.awb == awb)
            and made_between(parcel, call.query.get("date_from"), call.query.get("date_to"))
        ][(page - 1) * PAGE : page * PAGE]
        if not found:
            return Reply(200, {"success": 1, "error": "", "message": "No orders found"})
        return Reply(200, {"success": 1, "error": "", "message": [self._row(parcel) for parcel in found]})

    @staticmethod
    def _row(parcel: Parcel) -> dict[str, Any]:
        request, step = parcel.document["request"], CODES[parcel.state]
        names = dict(CARRIERS)
        return {
            "order_id": parcel.reference, "order_total": request.get("order_total"),
            "status": parcel.document["status"],
            "name": names.get(parcel.document.get("carrier", ""), ""), "tracking_number": parcel.awb,
            "carrier_title": names.get(parcel.document.get("carrier", ""), ""),
            "shipment_status": step[2] if parcel.direction == REVERSE else step[0], "shipment_status_name": step[1],
            "s_zipcode": request.get("shipping_zipcode"), "weight": request.get("order_weight"),
            "order_date": indian(parcel.created_at), "order_tags": [], "products": [],
        }  # fmt: skip

    def _cancel_awb(self, call: CourierCall, desk: Desk) -> Reply:
        done, failed, invalid = [], [], []
        for awb in strings((call.json() or {}).get("awb_number")):
            parcel = desk.parcel(awb=awb)
            if parcel is None:
                invalid.append(awb)
            elif parcel.state in ("booked", "pickup_scheduled", "out_for_pickup", "pickup_failed"):
                parcel.document["status"] = "O"
                desk.cancel(parcel)
                done.append(awb)
            else:
                failed.append(awb)
        already = bool(failed) and all(
            (parcel := desk.parcel(awb=awb)) and parcel.state == "cancelled" for awb in failed
        )
        message = "Already cancelled" if already else "Orders unassigned" if done else "Shipment cannot be cancelled"
        return Reply(200, {
            "error": False, "success": True, "message": message, "invalid_tracking_numbers": ",".join(invalid),
            "shipment_success_tracking_numbers": ",".join(done), "shipment_failed_tracking_numbers": ",".join(failed),
        })  # fmt: skip

    def _cancel_orders(self, call: CourierCall, desk: Desk) -> Reply:
        answer = []
        for reference in strings((call.json() or {}).get("order_ids")):
            parcel = desk.parcel(reference=reference)
            good = parcel is not None and parcel.document["status"] in ("O", "H")
            words = "Order cancelled" if good else "Order not found"
            if parcel is not None and not good:
                cancelled = parcel.document["status"] == "X"
                words = "Order already cancelled" if cancelled else "Only new and on-hold orders can be cancelled"
            if parcel is not None and good:
                parcel.document["status"] = "X"
                desk.save(parcel)
                if parcel.state != "cancelled":
                    desk.effect("cancel", parcel)
            answer.append({"order_id": reference, "error": not good, "success": good, "message": words})
        return Reply(200, answer)

    def _manifest(self, call: CourierCall, desk: Desk) -> Reply:
        body = call.json() or {}
        ids = strings(body.get("order_ids") or body.get("order ids"))
        found = [parcel for each in ids if (parcel := desk.parcel(reference=each)) and parcel.document["status"] == "A"]
        if not found:
            return Reply(
                200, {"order ids": ids, "error": True, "success": False, "message": "Orders already manifested"}
            )
        for parcel in found:
            parcel.document["status"] = "E"
            desk.save(parcel)
            desk.effect("manifest", parcel)
        number = str(desk.next_number("manifest", 685798))
        return Reply(200, {"status": True, "message": "Manifest created", "manifest ids": number, "error_response": []})

    def _pickup(self, call: CourierCall, desk: Desk) -> Reply:
        body = call.json() or {}
        parcel = desk.parcel(reference=(strings(body.get("order_ids")) or [""])[0])
        if parcel is None or not parcel.awb or not body.get("pickup_date"):
            return Reply(200, '{"status": 0, "message": "Order not found for pickup"}')
        desk.effect("pickup", parcel)
        # JSON inside a JSON string.
        return Reply(200, '{"status": "success", "message": "Pickup created", "pickup_id": "PK1"}')

    def _ndr(self, call: CourierCall, desk: Desk) -> Reply:
        parcel = desk.parcel(awb=str((call.json() or {}).get("order_tracking_number") or "-"))
        if parcel is None:
            return Reply(200, {"success": "0", "message": "Order not found"})
        desk.effect(f"ndr {call.path.rstrip('/').rpartition('/')[2]}", parcel)
        return Reply(200, {"success": "1", "message": "Updated"})

    # Lists and tracking -----------------------------------------------------------------------------------------------

    def _carriers(self, call: CourierCall, desk: Desk) -> Reply:
        rows = [{"id": number, "name": name, "carrier_title": name, "reverse_status": "1"} for number, name in CARRIERS]
        return Reply(200, {"success": 1, "error": "", "message": rows})

    def _rates(self, call: CourierCall, desk: Desk) -> Reply:
        if call.query.get("toPincode") in strings(desk.account.switch("unserved_pincodes")):
            return Reply(200, {"success": "error", "message": "No carrier available"})
        cod = call.query.get("paymentType") == "cod"
        rows = [
            {"carrier_id": int(number), "courier_name": name, "delivery_charge": 40 + place, "rto_charge": 30,
             "charged_weight": 0.5, "zone": "C", **({"cod_charges": 25} if cod else {})}
            for place, (number, name) in enumerate(CARRIERS)
        ]  # fmt: skip
        return Reply(200, {"success": "success", "rate_card": rows})

    def _warehouses(self, call: CourierCall, desk: Desk) -> Reply:
        rows = [
            {
                "warehouse_id": number,
                "title": f"WH {number}",
                "city": "Pune",
                "state": "Maharashtra",
                "pincode": "411001",
            }
            for number in strings(desk.account.switch("warehouses"))
        ]
        if not rows:
            return Reply(200, {"success": 1, "message": "No warehouse found"})
        return Reply(
            200, {"success": 1, "message": rows[0] if len(rows) == 1 else {r["warehouse_id"]: r for r in rows}}
        )

    def _tracking(self, call: CourierCall, desk: Desk) -> Reply:
        answer = []
        for awb in call.query.get("awb_numbers", "").split(","):
            parcel = desk.parcel(awb=awb) if awb else None
            if parcel is not None:
                answer.append(self._tracked(parcel, desk))
            elif desk.account.switch("unknown_tracking") == "error":
                answer.append({"awb": awb, "error": "No record found"})
        return Reply(200, answer)

    def _tracked(self, parcel: Parcel, desk: Desk) -> dict[str, Any]:
        scans = desk.scans(parcel)
        code, label, reverse_code = CODES[parcel.state]
        status = label if desk.account.switch("status_as") == "label" else code
        if parcel.direction == REVERSE and desk.account.switch("status_as") == "code":
            status = reverse_code
        delivered = indian(scans[-1].at) if parcel.state in ("delivered", "rto_delivered") and scans else ""
        placeholder = PLACEHOLDER if desk.account.switch("placeholder_dates") else ""
        details = {
            "courier_name": dict(CARRIERS)[parcel.document["carrier"]], "order_id": parcel.reference,
            "pickup_date": placeholder, "delivered_date": delivered or placeholder, "current_status": label.lower(),
        }  # fmt: skip
        key = desk.account.switch("history_key")
        history = [self._activity(scan, key) for scan in reversed(scans)]
        awb = int(parcel.awb) if desk.account.switch("awb_type") == "number" else parcel.awb
        return {"awb": awb, "tracking_details": {
            "shipment_status": status, "shipment_details": [details], key: history,
            "track_url": f"https://track.invalid/t/{parcel.awb}",
        }}  # fmt: skip

    @staticmethod
    def _activity(scan: Scan, key: str) -> dict[str, Any]:
        words = scan.remark or CODES[scan.step][1]
        if key == "tracking_history":
            return {
                "status": CODES[scan.step][0],
                "location": scan.place,
                "timestamp": indian(scan.at),
                "remarks": words,
            }
        return {"date": indian(scan.at), "activity": words, "location": scan.place}

    _routes: ClassVar[tuple[Route, ...]] = (
        ("POST", "/v2orders", _order),
        ("POST", "/Createreturns", _return),
        ("GET", "/getorders", _find),
        ("POST", "/Cancel", _cancel_awb),
        ("POST", "/Cancelorders", _cancel_orders),
        ("POST", "/Createmanifest", _manifest),
        ("POST", "/createpickup", _pickup),
        ("POST", "/Ndr/ReAttempt", _ndr),
        ("POST", "/Ndr/RTO", _ndr),
        ("GET", "/getcarrier", _carriers),
        ("GET", "/getshipwaycarrierrates", _rates),
        ("GET", "/getwarehouses", _warehouses),
        ("GET", "/tracking", _tracking),
    )

    # Webhook ----------------------------------------------------------------------------------------------------------

    def webhook(self, parcel: Parcel, scan: Scan, desk: Desk) -> list[tuple[Mapping[str, str], Any]]:
        """See `StandIn`."""
        if not parcel.awb:
            return []
        code, label, reverse_code = CODES[scan.step]
        reverse = parcel.direction == REVERSE
        if reverse:
            code = "DEL" if desk.account.switch("plain_delivered") and reverse_code == "RDEL" else reverse_code
        carrier = parcel.document.get("carrier", "")
        told = {
            "order_id": parcel.reference, "awbno": parcel.awb, "current_status": code,
            "current_status_desc": scan.remark or label, "status_time": indian(scan.at), "from": "Pune",
            "to": scan.place, "carrier": dict(CARRIERS).get(carrier, ""), "carrier_id": carrier,
        }  # fmt: skip
        scans = [
            {"time": indian(each.at), "status": CODES[each.step][1], "location": each.place}
            for each in reversed(desk.scans(parcel))
        ]
        if desk.account.switch("webhook_shape") == "feed":
            secret = desk.account.settings["webhook"]["secret"]
            return [({}, {"hash": secret, "status_feed": [told | {"phone": "9800000001", "scans": scans}]})]
        numbered = {str(number): each for number, each in enumerate(scans)}
        body = told | {
            "store_code": "1", "company_id": 1, "scans_current_status": label, "expected_delivery_date": "",
            "scans_current_status_time": indian(scan.at), "reverse_tracking_number": int(parcel.awb) if reverse else "",
            "api_input": told | {"webhook_sent_date": indian(scan.at), "extra_fields": {}, "scans": numbered},
        }  # fmt: skip
        if desk.account.switch("webhook_shape") == "single_array":
            body["api_input"]["scans"] = scans
        return [({}, body)]


def _wrong(body: Any) -> Reply | None:
    given = body if isinstance(body, dict) else {}
    for name in ("order_id", "products", "payment_type", "shipping_country", "shipping_phone", "shipping_zipcode"):
        if not given.get(name):
            return Reply(200, {"success": False, "message": f"{name} is required"})
    if given["payment_type"] not in ("P", "C"):
        return Reply(200, {"success": False, "message": "payment_type must be P or C"})
    return None
