"""Shiprocket's server, as far as its documents and observers tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from commerce_sandbox.couriers import shiprocket_rendering as rendering
from commerce_sandbox.couriers.desk import CourierCall, Desk, Parcel, Reply, Route, Scan, indian, made_between, strings
from commerce_sandbox.couriers.journeys import FORWARD, REVERSE
from commerce_sandbox.couriers.shiprocket_codes import CODES, order_code, shipment_code
from commerce_sandbox.couriers.shiprocket_login import is_logged_in, login
from commerce_sandbox.couriers.world import file_url

FOREACH = {"message": "Invalid argument supplied for foreach()", "status_code": 500}
NON_OBJECT = {"message": "Trying to get property of non-object", "status_code": 500}
WALLET = "Please recharge your ShipRocket wallet. The minimum required balance is Rs 100"


class ShiprocketStandIn:
    """See the module."""

    name = "shiprocket"
    credentials: ClassVar[Mapping[str, str]] = {"email": "api@sandbox.example", "password": "Sandbox-shiprocket-1"}
    switches: ClassVar[Mapping[str, Any]] = {
        "duplicate": "existing",  # existing: 200 with the first order; taken: 422
        "wallet": "full",  # full; empty_350: a body with 350; empty_assign: awb_assign_status 0
        "wallet_status": 200,  # HTTP status of the 350 body; 400 in one client's mock
        "refusing_couriers": [],  # ids that assign_awb refuses
        "unserved_pincodes": [],
        "cancel": "empty_204",  # empty_204; json_200
        "awb_cancel_scans": True,  # whether the courier confirms the cancellation of an AWB
        "null_awb": "null",  # null; empty: how a missing AWB is written
        "under_load": False,  # a 200 without ids, nothing made
        "pickup_locations": ["Primary"],
        "wrong_pickup_data": "array",  # array; nested
        "serviceability_none": "empty",  # empty; missing; 404
        "webhook_shape": "documented",  # documented; older; na: sr-status NA and empty scans on some ids
        "plan": "full",  # full; limited: 403 on tracking
        "tokens_from": 0,  # tokens issued before this time count as expired
    }

    def answer(self, call: CourierCall, desk: Desk) -> Reply:
        """See `StandIn`."""
        if call.path == "/auth/login":
            return login(call, desk)
        if call.expired or not is_logged_in(call, desk):
            return Reply(401, {"message": "Unauthenticated.", "status_code": 401})
        for method, pattern, work in self._routes:
            if found := re.fullmatch(pattern, call.path.rstrip("/") or "/"):
                if call.method != method:
                    return Reply(405, {"message": "Method not allowed", "status_code": 405})
                return work(self, call, desk, *found.groups())
        return Reply(404, "<html><body><h1>404 Not Found</h1></body></html>", "text/html")

    # Orders -----------------------------------------------------------------------------------------------------------

    def _create(self, call: CourierCall, desk: Desk) -> Reply:
        body = call.json()
        if refusal := rendering.missing(body, rendering.CREATE_FIELDS):
            return refusal
        skus = [str(item.get("sku")) for item in body["order_items"]]
        if len(set(skus)) < len(skus):
            return rendering.invalid("order_items", "SKU cannot be repeated")
        if len(str(body["order_id"])) > 50:
            return rendering.invalid("order_id", "The order id may not be greater than 50 characters.")
        if not all(float(body[name]) > 0.5 for name in ("length", "breadth", "height")):
            return rendering.invalid("length", "The length must be greater than 0.5.")
        if not float(body["weight"]) > 0:
            return rendering.invalid("weight", "The weight must be greater than 0.")
        known = desk.parcel(reference=str(body["order_id"]), direction=FORWARD)
        if known is not None:
            return self._existing(known, desk)
        valid = desk.account.switch("pickup_locations")
        if body["pickup_location"] not in valid:
            data: Any = [{"id": number, "pickup_location": name} for number, name in enumerate(valid, start=1)]
            if desk.account.switch("wrong_pickup_data") == "nested":
                data = {"data": data}
            return Reply(200, {"message": "Wrong Pickup location entered. Please choose one from data.", "data": data})
        if desk.account.switch("under_load"):
            return Reply(200, {"message": "Order is being processed"})
        return self._added(body, desk, FORWARD, {"status": "NEW", "status_code": 1})

    def _create_return(self, call: CourierCall, desk: Desk) -> Reply:
        body = call.json()
        if refusal := rendering.missing(body, rendering.RETURN_FIELDS):
            return refusal
        if str(body["payment_method"]).lower() != "prepaid":
            return rendering.invalid("payment_method", "The selected payment method is invalid.")
        if any(item.get("qc_enable") and not item.get("qc_product_image") for item in body["order_items"]):
            return rendering.invalid("qc_product_image", "The qc product image field is required.")
        if desk.parcel(reference=str(body["order_id"])) is not None:
            return rendering.invalid("order_id", "The order id has already been taken.")
        return self._added(body, desk, REVERSE, {"status": "RETURN PENDING", "status_code": 21, "company_name": "Shop"})

    def _added(self, body: Mapping[str, Any], desk: Desk, direction: str, answer: Mapping[str, Any]) -> Reply:
        order_id, shipment_id = desk.next_number("order", 1001), desk.next_number("shipment", 500001)
        cod = str(body["payment_method"]).upper() == "COD"
        pincode = str(body.get("billing_pincode") or body.get("pickup_pincode"))
        kept = {"cod": float(body["sub_total"]) if cod else 0, "pincode": pincode, "request": dict(body)}
        desk.add(str(body["order_id"]), direction, kept, order_ref=str(order_id), shipment_ref=str(shipment_id))
        nothing = None if desk.account.switch("null_awb") == "null" else ""
        extra = {"awb_code": nothing, "courier_company_id": nothing, "courier_name": nothing}
        return Reply(200, {
            "order_id": order_id, "shipment_id": shipment_id, "onboarding_completed_now": 0, **answer,
            **(extra if direction == FORWARD else {}),
        })  # fmt: skip

    @staticmethod
    def _existing(known: Parcel, desk: Desk) -> Reply:
        if desk.account.switch("duplicate") == "taken":
            return rendering.invalid("order_id", "The order id has already been taken.")
        label, number = rendering.order_status(known)
        return Reply(200, {
            "order_id": int(known.order_ref), "shipment_id": int(known.shipment_ref), "status": label,
            "status_code": number, "onboarding_completed_now": 0, "awb_code": known.awb or None,
            "courier_company_id": known.document.get("courier_id"), "courier_name": known.document.get("courier"),
        })  # fmt: skip

    def _orders(self, call: CourierCall, desk: Desk) -> Reply:
        wanted = call.query.get("filter") if call.query.get("filter_by") == "channel_order_id" else None
        search = call.query.get("search")
        found = [
            parcel
            for parcel in desk.parcels(direction=FORWARD)
            # A filter is matched exactly, a search loosely.
            if (wanted is None or parcel.reference == wanted)
            and (search is None or search in parcel.reference or search == parcel.awb)
            and made_between(parcel, call.query.get("from"), call.query.get("to"))
        ]
        return self._listed(found, int(call.query.get("page", 1)), int(call.query.get("per_page", 50)))

    def _returns(self, call: CourierCall, desk: Desk) -> Reply:
        search = call.query.get("search", "")
        return self._listed([parcel for parcel in desk.parcels(direction=REVERSE) if search in parcel.reference])

    @staticmethod
    def _listed(found: list[Parcel], number: int = 1, size: int = 50) -> Reply:
        newest_first = found[::-1]
        shown = newest_first[(number - 1) * size : number * size]
        rows = [rendering.row(parcel) | {"shipments": [rendering.shipment(parcel)]} for parcel in shown]
        return Reply(
            200, {"data": rows, "meta": {"pagination": rendering.pagination(len(found), len(rows), number, size)}}
        )

    def _show(self, call: CourierCall, desk: Desk, order_id: str) -> Reply:
        parcel = desk.parcel(order_ref=order_id)
        if parcel is None:
            return Reply(400, {"message": "Order ID not found", "status_code": 400})
        return Reply(
            200,
            {"data": rendering.row(parcel) | {"shipments": rendering.shipment(parcel), "awb_data": {"charges": {}}}},
        )

    # AWB, pickup, documents -------------------------------------------------------------------------------------------

    def _assign(self, call: CourierCall, desk: Desk) -> Reply:
        body = call.json() or {}
        if not body.get("shipment_id"):
            error = {"shipment_id": ["The shipment id field is required."]}
            return Reply(422, {"message": "Required field missing", "errors": error, "status_code": 422})
        wanted = body["shipment_id"][0] if isinstance(body["shipment_id"], list) else body["shipment_id"]
        parcel = desk.parcel(shipment_ref=str(wanted))
        if parcel is None or parcel.awb:
            return Reply(400, {"message": "Oops! Cannot reassign courier for this shipment.", "status_code": 400})
        if parcel.state == "cancelled":
            return Reply(400, {"message": ["Address is too short", "Pincode is invalid"], "status_code": 400})
        wallet = desk.account.switch("wallet")
        if wallet == "empty_350":
            data = {"courier_id": "", "awb_assign_error": WALLET}
            body = {"status_code": 350, "message": WALLET, "awb_assign_status": 0, "response": {"data": data}}
            return Reply(int(desk.account.switch("wallet_status")), body)
        courier = int(body.get("courier_id") or 10)
        if wallet == "empty_assign":
            return rendering.not_assigned("Insufficient amount to label this shipment")
        if parcel.document["pincode"] in strings(desk.account.switch("unserved_pincodes")):
            return rendering.not_assigned("Courier not available between the two pincodes")
        if str(courier) in strings(desk.account.switch("refusing_couriers")):
            return rendering.not_assigned("This courier cannot ship the order: weight limit exceeded")
        parcel.document |= {"courier_id": courier, "courier": f"Courier {courier}"}
        desk.give_awb(parcel, str(70_000_000_000 + desk.next_number("awb")))
        assigned = {"date": indian(desk.now()), "timezone_type": 3, "timezone": "Asia/Kolkata"}
        given: dict[str, Any] = {
            "courier_company_id": courier, "awb_code": parcel.awb, "cod": int(parcel.document["cod"] > 0),
            "order_id": int(parcel.order_ref), "shipment_id": int(parcel.shipment_ref), "awb_code_status": 1,
            "assigned_date_time": assigned, "applied_weight": 0.5, "courier_name": f"Courier {courier}",
            "child_courier_name": None, "pickup_scheduled_date": None, "freight_charges": 61.5,
        }  # fmt: skip
        return Reply(200, {"awb_assign_status": 1, "response": {"data": given}})

    def _pickup(self, call: CourierCall, desk: Desk) -> Reply:
        body = call.json() or {}
        ids = strings(body.get("shipment_id")) or [str(body.get("shipment_id"))]
        parcel = desk.parcel(shipment_ref=ids[0])
        if parcel is None or not parcel.awb:
            return Reply(400, {"message": "Invalid shipment id", "status_code": 400})
        if parcel.document.get("pickup"):
            return Reply(400, {"message": "Already in Pickup Queue.", "status_code": 400})
        day = (strings(body.get("pickup_date")) or [indian(desk.now(), "%Y-%m-%d")])[0]
        parcel.document["pickup"] = day
        desk.save(parcel)
        desk.effect("pickup", parcel)
        generated = {"date": indian(desk.now()), "timezone_type": 3, "timezone": "Asia/Kolkata"}
        told = {
            "pickup_scheduled_date": f"{day} 09:00:00", "pickup_token_number": f"PK{parcel.id}", "status": 3,
            "others": "{}", "pickup_generated_date": generated, "data": "Pickup is confirmed by the courier",
        }  # fmt: skip
        return Reply(200, {"pickup_status": 1, "response": told})

    def _label(self, call: CourierCall, desk: Desk) -> Reply:
        ids = (call.json() or {}).get("shipment_id")
        if not isinstance(ids, list):
            return rendering.invalid("shipment_id", "The shipment id must be an array.")
        parcel = desk.parcel(shipment_ref=str(ids[0]))
        if parcel is None or not parcel.awb:
            told = "No valid shipment ids to generate label"
            return Reply(200, {"label_created": 0, "not_created": [], "response": told})
        url = file_url(call.root, desk.account, f"label-{parcel.awb}")
        return Reply(
            200, {"label_created": 1, "label_url": url, "response": "Label has been created", "not_created": []}
        )

    def _manifest(self, call: CourierCall, desk: Desk) -> Reply:
        ids = (call.json() or {}).get("shipment_id")
        if not isinstance(ids, list):
            return Reply(500, FOREACH)
        found = [parcel for each in ids if (parcel := desk.parcel(shipment_ref=str(each))) and parcel.awb]
        again = [int(parcel.shipment_ref) for parcel in found if parcel.document.get("manifested")]
        if again:
            told = {"message": "Manifest already generated", "already_manifested_shipment_ids": again}
            return Reply(400, {**told, "status_code": 400})
        for parcel in found:
            parcel.document["manifested"] = True
            desk.save(parcel)
            desk.effect("manifest", parcel)
        url = file_url(call.root, desk.account, f"manifest-{desk.next_number('manifest')}") if found else ""
        return Reply(200, {"status": 1, "manifest_url": url})

    def _print_manifest(self, call: CourierCall, desk: Desk) -> Reply:
        ids = (call.json() or {}).get("order_ids")
        if not isinstance(ids, list):
            return Reply(500, FOREACH)
        known = any((parcel := desk.parcel(order_ref=str(each))) and parcel.document.get("manifested") for each in ids)
        return Reply(200, {"manifest_url": file_url(call.root, desk.account, f"manifest-{ids[0]}") if known else ""})

    # Cancelling and NDR -----------------------------------------------------------------------------------------------

    def _cancel(self, call: CourierCall, desk: Desk) -> Reply:
        ids = (call.json() or {}).get("ids")
        if not ids:
            return rendering.invalid("ids", "The ids field is required.")
        found = [desk.parcel(order_ref=str(each)) for each in ids]
        if any(parcel is None for parcel in found):
            return Reply(500, NON_OBJECT)
        for parcel in found:
            if parcel is None:
                continue
            if parcel.document.get("order_cancelled"):
                return Reply(400, {"message": "Order is already cancelled", "status_code": 400})
            parcel.document["order_cancelled"] = True
            desk.save(parcel)
            if parcel.state != "cancelled":
                desk.cancel(parcel)
        if desk.account.switch("cancel") == "json_200":
            return Reply(200, {"status_code": 200, "message": "Order cancelled successfully."})
        return Reply(204)

    def _cancel_awbs(self, call: CourierCall, desk: Desk) -> Reply:
        awbs = (call.json() or {}).get("awbs")
        if not isinstance(awbs, list):
            return Reply(500, FOREACH)
        for awb in strings(awbs):
            parcel = desk.parcel(awb=awb)
            if parcel and parcel.state != "cancelled" and desk.account.switch("awb_cancel_scans"):
                desk.cancel(parcel)
        return Reply(200, {"message": "Bulk Shipment cancellation is in progress. Please wait for 24 hours."})

    def _ndr(self, call: CourierCall, desk: Desk, awb: str) -> Reply:
        parcel = desk.parcel(awb=awb)
        action = (call.json() or {}).get("action")
        if parcel is None:
            return Reply(404, {"message": "AWB not found", "status_code": 404})
        if action not in ("return", "re-attempt", "fake-attempt"):
            return rendering.invalid("action", "The selected action is invalid.")
        desk.effect(f"ndr {action}", parcel)
        return Reply(202, {"status": "Data Updated Sucessfully"})

    # Tracking and lists -----------------------------------------------------------------------------------------------

    def _track(self, call: CourierCall, desk: Desk) -> Reply:
        if desk.account.switch("plan") == "limited":
            return Reply(403, {"message": "You do not have permission to access this module", "status_code": 403})
        awbs = (call.json() or {}).get("awbs")
        if not isinstance(awbs, list):
            return Reply(500, FOREACH)
        if len(awbs) > 50:
            return rendering.invalid("awbs", "The awbs may not have more than 50 items.")
        known = [parcel for awb in strings(awbs) if (parcel := desk.parcel(awb=awb))]
        return Reply(200, {parcel.awb: {"tracking_data": rendering.tracking(parcel, desk)} for parcel in known})

    def _track_one(self, call: CourierCall, desk: Desk, awb: str) -> Reply:
        parcel = desk.parcel(awb=awb)
        if parcel is None:
            return Reply(200, {"tracking_data": {"track_status": 0, "error": "Aahh! There is no activities found."}})
        return Reply(200, {"tracking_data": rendering.tracking(parcel, desk)})

    def _serviceability(self, call: CourierCall, desk: Desk) -> Reply:
        query = call.query
        if not query.get("order_id") and not (query.get("weight") and query.get("cod") is not None):
            return rendering.invalid("weight", "The weight field is required when order id is not present.")
        if query.get("delivery_postcode") in strings(desk.account.switch("unserved_pincodes")):
            match desk.account.switch("serviceability_none"):
                case "missing":
                    return Reply(200, {"status": 404, "message": "No courier serviceability found."})
                case "404":
                    return Reply(404, {"message": "No courier serviceable", "status_code": 404})
                case _:
                    return Reply(200, {"status": 200, "data": {"available_courier_companies": []}})
        rows = [
            {
                "courier_company_id": number, "courier_name": f"Courier {number}", "rate": 60.5 + number,
                "freight_charge": 50, "cod": 1, "cod_charges": 30, "estimated_delivery_days": str(2 + number % 3),
                "etd": "Jul 01, 2027", "blocked": 0, "is_surface": True,
            }
            for number in (10, 43, 51)
        ]  # fmt: skip
        data = {"available_courier_companies": rows, "recommended_courier_company_id": 43}
        return Reply(200, {"status": 200, "currency": "INR", "data": data})

    def _couriers(self, call: CourierCall, desk: Desk) -> Reply:
        rows = [{"id": number, "name": f"Courier {number}", "status": 1} for number in (10, 43, 51)]
        return Reply(200, {"total_courier_count": len(rows), "courier_data": rows})

    def _locations(self, call: CourierCall, desk: Desk) -> Reply:
        rows = [
            {
                "id": number,
                "pickup_location": name,
                "name": name,
                "pin_code": "411001",
                "status": 2,
                "phone_verified": 1,
            }
            for number, name in enumerate(strings(desk.account.switch("pickup_locations")), start=1)
        ]
        return Reply(200, {"data": {"shipping_address": rows, "allow_more": "true", "company_name": "Shop"}})

    _routes: ClassVar[tuple[Route, ...]] = (
        ("POST", "/orders/create/adhoc", _create),
        ("POST", "/orders/create/return", _create_return),
        ("GET", "/orders", _orders),
        ("GET", "/orders/processing/return", _returns),
        ("GET", "/orders/show/([0-9]+)", _show),
        ("POST", "/courier/assign/awb", _assign),
        ("POST", "/courier/generate/pickup", _pickup),
        ("POST", "/courier/generate/label", _label),
        ("POST", "/manifests/generate", _manifest),
        ("POST", "/manifests/print", _print_manifest),
        ("POST", "/orders/cancel", _cancel),
        ("POST", "/orders/cancel/shipment/awbs", _cancel_awbs),
        ("POST", "/ndr/([^/]+)/action", _ndr),
        ("POST", "/courier/track/awbs", _track),
        ("GET", "/courier/track/awb/([^/]+)", _track_one),
        ("GET", "/courier/serviceability", _serviceability),
        ("GET", "/courier/courierListWithCounts", _couriers),
        ("GET", "/settings/company/pickup", _locations),
    )

    # Webhook ----------------------------------------------------------------------------------------------------------

    def webhook(self, parcel: Parcel, scan: Scan, desk: Desk) -> list[tuple[Mapping[str, str], Any]]:
        """See `StandIn`."""
        shape = desk.account.switch("webhook_shape")
        code = CODES[scan.step]
        reverse = parcel.direction == REVERSE
        shipment_id, order_id = shipment_code(scan.step), order_code(scan.step, reverse=reverse)
        scans = [rendering.activity(each, na=shape == "na") for each in desk.scans(parcel)]
        body: dict[str, Any] = {
            "awb": parcel.awb, "courier_name": parcel.document.get("courier"),
            "current_status": (f"RETURN {code.label}" if reverse else code.label), "current_status_id": order_id,
            "shipment_status": code.label, "shipment_status_id": shipment_id,
            "current_timestamp": indian(scan.at, "%d %m %Y %H:%M:%S"), "order_id": f"{parcel.reference}_{parcel.id}",
            "sr_order_id": int(parcel.order_ref), "etd": indian(scan.at), "scans": scans,
            "is_return": int(reverse), "channel_id": 1, "pod_status": "OTP Based Delivery", "pod": "Not Available",
        }  # fmt: skip
        if shape == "na" and shipment_id in (7, 8, 12, 13):
            body["scans"] = []
        if shape == "older":
            body["awb"] = int(parcel.awb) if parcel.awb else 0
            body["channel_order_id"] = parcel.reference
            body["current_timestamp"] = indian(scan.at)
            body["scans"] = [
                {name: value for name, value in each.items() if not name.startswith("sr-")} for each in scans
            ]
            del body["is_return"]
        secret = desk.account.settings["webhook"]["secret"]
        headers = {desk.account.settings["webhook"]["header"] or "x-api-key": secret} if secret else {}
        return [(headers, body)] if parcel.awb else []
