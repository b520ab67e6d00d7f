"""Clickpost's server, as far as its documents and observers tell. Nearly all answers are HTTP 200."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from commerce_sandbox.couriers.desk import CourierCall, Desk, Parcel, Reply, Route, Scan, indian, strings
from commerce_sandbox.couriers.journeys import FORWARD, REVERSE
from commerce_sandbox.couriers.world import file_url

CODES: Mapping[str, tuple[int, str, int]] = {
    "booked": (1, "OrderPlaced", 1),
    "pickup_scheduled": (2, "PickupPending", 1),
    "out_for_pickup": (25, "OutForPickup", 1),
    "pickup_failed": (3, "PickupFailed", 1),
    "picked_up": (4, "PickedUp", 2),
    "in_transit": (5, "InTransit", 3),
    "out_for_delivery": (6, "OutForDelivery", 4),
    "failed_attempt": (9, "FailedDelivery", 5),
    "delivered": (8, "Delivered", 6),
    "rto_started": (12, "RTO-Marked", 7),
    "rto_moving": (21, "RTO-InTransit", 7),
    "rto_delivered": (14, "RTO-Delivered", 7),
    "qc_failed": (3, "PickupFailed", 1),
    "lost": (16, "Lost", 8),
    "cancelled": (10, "Cancelled", 1),
}
"""Step → status code, description, bucket."""
COURIERS: Mapping[str, tuple[str, bool]] = {
    "4": ("Delhivery", False), "5": ("Bluedart", False), "6": ("XpressBees", False), "25": ("Delhivery RVP", True),
    "41": ("XpressBees RVP", True), "89": ("Shiprocket", False),
}  # fmt: skip
"""Id → name, and whether it is for reverse pickups."""
AGGREGATORS = frozenset({"89"})
"""Couriers that are aggregators themselves: they take their time to cancel."""
MAX_WAYBILLS = 5


class ClickpostStandIn:
    """See the module."""

    name = "clickpost"
    credentials: ClassVar[Mapping[str, str]] = {"username": "sandbox", "key": "sandbox-clickpost-key"}
    switches: ClassVar[Mapping[str, Any]] = {
        "repeat_success": True,  # meta.success beside 323: true in current documents, false in those of 2020
        "async": False,  # the first create answers 202, repeats 102, until `ready_after` of them
        "ready_after": 2,
        "courier_fault": {},  # courier id → meta.status that create answers: 319, 322, 329, 354
        "fault_places_order": True,  # whether the courier made the parcel in spite of 322, 329, 354
        "unserved_pincodes": [],
        "find_by_reference": True,  # whether GET create-order knows `reference_number`
        "unknown_tracking": "null",  # null; invalid: an entry with valid false
        "webhook_auth": "webhook_key",  # webhook_key; authorization
        "webhook_shape": "documented",  # documented; bulk: three in one go, all with the newest latest_status
        "times": "z",  # z: Indian time with a Z; plain: without
        "registered_accounts": ["main"],
    }

    def answer(self, call: CourierCall, desk: Desk) -> Reply:
        """See `StandIn`."""
        query = call.query
        wrong_user = "username" in query and query["username"] != desk.account.credential("username")
        if call.expired or query.get("key") != desk.account.credential("key") or wrong_user:
            return _meta(301, "Invalid key")
        known = {method: work for method, path, work in self._routes if call.path.rstrip("/") == path}
        if not known:
            return Reply(404, "<h1>Not Found</h1>", "text/html")
        if call.method not in known:
            return Reply(405, {"detail": f'Method "{call.method}" not allowed.'})
        return known[call.method](self, call, desk)

    # Orders -----------------------------------------------------------------------------------------------------------

    def _create(self, call: CourierCall, desk: Desk) -> Reply:
        body = call.json()
        if not isinstance(body, dict) or not body:
            return Reply(400, {})
        details, additional = body.get("shipment_details") or {}, body.get("additional") or {}
        reference = str(details.get("reference_number") or "")
        known = desk.parcel(reference=reference)
        if known is not None:
            return self._repeated(known, call, desk)
        if refusal := self._refusal(body, details, additional, desk):
            return refusal
        courier = str(details["courier_partner"])
        fault = dict(desk.account.switch("courier_fault")).get(courier)
        if fault and (fault == 319 or not desk.account.switch("fault_places_order")):
            return _meta(int(fault), "Courier says: consignee pincode blocked for this client")
        reverse = str(additional.get("delivery_type") or details.get("delivery_type")) == "RVP"
        kept = {
            "courier": courier, "account": details.get("account_code"), "order_id": details.get("order_id"),
            "cod": float(details["cod_value"]), "polls": 0, "request": body,
        }  # fmt: skip
        parcel = desk.add(
            reference, REVERSE if reverse else FORWARD, kept, order_ref=str(desk.next_number("order", 31001))
        )
        if desk.account.switch("async"):
            told = _meta(202, "Order queued", success=True)
            return _with(told, {"waybill": None, "label": None, "reference_number": reference}, parcel)
        self._waybill(parcel, desk)
        if fault:
            return _meta(int(fault), "Courier did not answer in time")
        return _with(_meta(200, "Order Placed Successfully", success=True), self._result(parcel, call, desk), parcel)

    def _refusal(
        self, body: Mapping[str, Any], details: Mapping[str, Any], additional: Mapping[str, Any], desk: Desk
    ) -> Reply | None:
        kind = str(additional.get("delivery_type") or details.get("delivery_type") or "FORWARD")
        courier, cod = details.get("courier_partner"), float(details.get("cod_value") or 0)
        order_type = details.get("order_type")
        if not isinstance(courier, int) or str(courier) not in COURIERS:
            return _meta(302, "Invalid courier partner id")
        if order_type not in ("COD", "PREPAID", "EXCHANGE"):
            return _meta(307, "order_type invalid")
        if kind not in ("FORWARD", "RVP"):
            return _meta(309, "delivery_type invalid")
        if (order_type == "COD") != (cod > 0):
            return _meta(315, "COD value mismatch")
        account = details.get("account_code") or additional.get("account_code")
        if not account:
            return _meta(351, "account_code missing")
        if account not in strings(desk.account.switch("registered_accounts")):
            return _meta(353, "account_code inactive")
        if kind == "RVP" and not 0 < len(str(additional.get("rvp_reason") or "")) <= 500:
            return _meta(310, "RVP reason missing or too long")
        if (kind == "RVP") != COURIERS[str(courier)][1]:
            return _meta(311, "Courier cannot do this delivery type")
        if not details.get("items"):
            return _meta(312, "items missing")
        if any(not isinstance(details.get(name), int) for name in ("weight", "length", "breadth", "height")):
            return _meta(314, "weight and dimensions must be integers")
        for party, prefix in (("pickup_info", "pickup"), ("drop_info", "drop")):
            told = body.get(party) or {}
            for name in ("name", "phone", "address", "city", "state", "pincode", "country"):
                if not told.get(f"{prefix}_{name}"):
                    return Reply(200, {"meta": {"status": 400, "success": False, "message": {
                        f"{prefix}_{name}": ["This field is required."]}}, "result": None})  # fmt: skip
            if not re.fullmatch(r"[0-9]{10,11}", str(told[f"{prefix}_phone"])):
                return _meta(400, f"{prefix}_phone: must be 10 or 11 digits")
        if str((body.get("drop_info") or {}).get("drop_pincode")) in strings(desk.account.switch("unserved_pincodes")):
            return _meta(319, "Pincode is not serviceable by the courier")
        return None

    def _repeated(self, parcel: Parcel, call: CourierCall, desk: Desk) -> Reply:
        if not parcel.awb:
            parcel.document["polls"] += 1
            desk.save(parcel)
            if parcel.document["polls"] < int(desk.account.switch("ready_after")):
                return _meta(102, "Order is in processing state")
            self._waybill(parcel, desk)
        told = _meta(323, "Order already placed for this reference number")
        told.body["meta"]["success"] = bool(desk.account.switch("repeat_success"))
        return _with(told, self._result(parcel, call, desk) | {"order_id": int(parcel.order_ref)}, parcel)

    def _fetch(self, call: CourierCall, desk: Desk) -> Reply:
        wanted = call.query.get("reference_number")
        if wanted and not desk.account.switch("find_by_reference"):
            return _meta(400, "awb and cp_id are required")
        parcel = desk.parcel(reference=wanted) if wanted else desk.parcel(awb=call.query.get("awb", ""))
        if parcel is None:
            return _meta(400, "No order found")
        if not parcel.awb:
            return _with(_meta(102, "Order is in processing state"), {"reference_number": parcel.reference}, parcel)
        return _with(_meta(200, "SUCCESS", success=True), self._result(parcel, call, desk), parcel)

    @staticmethod
    def _waybill(parcel: Parcel, desk: Desk) -> None:
        desk.give_awb(parcel, f"CP{parcel.document['courier']}{1_000_000 + desk.next_number('awb')}")
        desk.scan(parcel, "booked")

    @staticmethod
    def _result(parcel: Parcel, call: CourierCall, desk: Desk) -> dict[str, Any]:
        url = file_url(call.root, desk.account, f"label-{parcel.awb}")
        return {
            "waybill": parcel.awb, "label": None if parcel.direction == REVERSE else url,
            "reference_number": parcel.reference, "sort_code": None, "security_key": f"key-{parcel.id}",
            "courier_partner_id": int(parcel.document["courier"]),
            "courier_name": COURIERS[parcel.document["courier"]][0], "account_code": parcel.document["account"],
            "order_id": parcel.document["order_id"],
        }  # fmt: skip

    def _cancel(self, call: CourierCall, desk: Desk) -> Reply:
        query = call.query
        parcel = desk.parcel(awb=query.get("waybill", "")) if query.get("waybill") else None
        if parcel is None or parcel.document["courier"] != query.get("cp_id"):
            return _meta(350, "Waybill not found or cannot be cancelled", http=400)
        if query.get("account_code") not in (None, "", parcel.document["account"]):
            return _meta(351, "Wrong account code")
        if parcel.state == "cancelled":
            return _meta(600, "ORDER ALREADY CANCELLED", success=True)
        if parcel.state not in ("booked", "pickup_scheduled", "out_for_pickup", "pickup_failed"):
            return _meta(350, "Shipment cannot be cancelled after pickup", http=400)
        desk.cancel(parcel)
        if parcel.document["courier"] in AGGREGATORS:
            return _meta(202, "Cancellation request accepted", success=True, http=202)
        return _meta(200, "Order Cancelled", success=True)

    # Tracking, documents, lists ---------------------------------------------------------------------------------------

    def _track(self, call: CourierCall, desk: Desk) -> Reply:
        waybills = [each for each in call.query.get("waybill", "").split(",") if each]
        if len(waybills) > MAX_WAYBILLS:
            return _meta(400, f"Maximum {MAX_WAYBILLS} waybills are allowed")
        result = {}
        for awb in waybills:
            parcel = desk.parcel(awb=awb)
            if parcel is not None and parcel.document["courier"] == call.query.get("cp_id"):
                result[awb] = self._tracked(parcel, desk)
            elif desk.account.switch("unknown_tracking") == "invalid":
                result[awb] = {"valid": False, "message": "Invalid waybill"}
        return _with(_meta(200, "SUCCESS", success=True), result or None)

    def _tracked(self, parcel: Parcel, desk: Desk) -> dict[str, Any]:
        rendered = [self._scan(scan, plain=True) for scan in reversed(desk.scans(parcel))]
        edd = indian(parcel.created_at + timedelta(days=4), "%Y-%m-%d")
        additional = {
            "order_id": parcel.document["order_id"], "courier_partner_id": int(parcel.document["courier"]),
            "courier_name": COURIERS[parcel.document["courier"]][0], "courier_partner_edd": edd,
            "ndr": _ndr(parcel), "npr_status_code": 3 if parcel.state == "qc_failed" else None,
        }  # fmt: skip
        latest = rendered[0] if rendered else {}
        return {"latest_status": latest, "scans": rendered, "valid": True, "additional": additional}

    def _label(self, call: CourierCall, desk: Desk) -> Reply:
        parcel = desk.parcel(awb=call.query.get("waybill", ""))
        if parcel is None or not parcel.awb:
            return _meta(500, "Label not available")
        url = file_url(call.root, desk.account, f"label-{parcel.awb}")
        return _with(_meta(200, "SUCCESS", success=True), {"shipping_label": url})

    def _pickup(self, call: CourierCall, desk: Desk) -> Reply:
        body = call.json() or {}
        if not body.get("pickup_date") or not body.get("pickup_pincode"):
            return _meta(400, "pickup_date and pickup_pincode are required")
        desk.effect("pickup")
        number = f"PK{desk.next_number('pickup')}"
        return _with(_meta(200, "SUCCESS", success=True), {"location": "1", "confirmation_number": number})

    def _ndr_update(self, call: CourierCall, desk: Desk) -> Reply:
        body = call.json() or {}
        parcel = desk.parcel(awb=str(body.get("waybill") or "-"))
        if parcel is None:
            return _meta(321, "Waybill unknown")
        if body.get("action") not in ("INITIATE_RTO", "REATTEMPT"):
            return _meta(328, "Invalid action")
        desk.effect(f"ndr {body['action']}", parcel)
        return _meta(200, "SUCCESS", success=True)

    def _recommend(self, call: CourierCall, desk: Desk) -> Reply:
        asked = call.json()
        if not isinstance(asked, list) or not asked:
            return _meta(328, "A list is expected")
        row = asked[0]
        if str(row.get("drop_pincode")) in strings(desk.account.switch("unserved_pincodes")):
            return Reply(200, {"meta": {"status": 200, "success": True, "message": "Pin code not serviceable"}})
        reverse = row.get("delivery_type") == "RVP"
        account = strings(desk.account.switch("registered_accounts"))[0]
        wanted = [(code, name) for code, (name, is_reverse) in COURIERS.items() if is_reverse == reverse]
        couriers = [
            {"cp_id": int(code), "cp_name": name, "account_code": account, "priority": place, "shipping_charge": 40.5}
            for place, (code, name) in enumerate(wanted, start=1)
        ]
        result = [{"reference_number": row.get("reference_number"), "preference_array": couriers}]
        return _with(_meta(200, "SUCCESS", success=True), result)

    def _accounts(self, call: CourierCall, desk: Desk) -> Reply:
        account = strings(desk.account.switch("registered_accounts"))[0]
        rows = [
            {"courier_partner_id": int(code), "courier_name": name, "account_code": account, "account_active": True}
            for code, (name, _) in COURIERS.items()
        ]
        return _with(_meta(200, "SUCCESS", success=True), {"accounts": rows})

    _routes: ClassVar[tuple[Route, ...]] = (
        ("GET", "/api/v3/create-order", _fetch),
        ("POST", "/api/v3/create-order", _create),
        ("GET", "/api/v1/cancel-order", _cancel),
        ("GET", "/api/v2/track-order", _track),
        ("GET", "/api/v1/fetch/shippinglabel", _label),
        ("POST", "/api/v1/create-pickup", _pickup),
        ("POST", "/api/v2/ndr-update-api", _ndr_update),
        ("POST", "/api/v1/recommendation_api", _recommend),
        ("GET", "/api/v1/fetch-accounts", _accounts),
    )

    # Webhook ----------------------------------------------------------------------------------------------------------

    def webhook(self, parcel: Parcel, scan: Scan, desk: Desk) -> list[tuple[Mapping[str, str], Any]]:
        """See `StandIn`. With `bulk` the last three scans come at once, each with the newest latest_status."""
        scans = desk.scans(parcel)
        bulk = desk.account.switch("webhook_shape") == "bulk"
        if bulk and len(scans) % 3:
            return []
        fired = scans[-3:] if bulk else [scan]
        plain = desk.account.switch("times") == "plain"
        latest = self._scan(scans[-1], plain=plain) | {"reference_number": parcel.reference}
        additional = {
            "latest_status": latest, "is_rvp": parcel.direction == REVERSE, "order_id": parcel.document["order_id"],
            "ndr_status_code": _ndr(parcel).get("ndr_bucket_code"), "account_code": parcel.document["account"],
            "npr_status_code": 3 if parcel.state == "qc_failed" else None,
        }  # fmt: skip
        own = {"waybill": parcel.awb, "cp_id": int(parcel.document["courier"]), "clickpost_city": "",
               "account_code": parcel.document["account"], "additional": additional}  # fmt: skip
        secret = desk.account.settings["webhook"]["secret"]
        name = "Authorization" if desk.account.switch("webhook_auth") == "authorization" else "webhook_key"
        headers = {desk.account.settings["webhook"]["header"] or name: secret} if secret else {}
        return [(headers, own | self._scan(each, plain=plain)) for each in fired]

    @staticmethod
    def _scan(scan: Scan, *, plain: bool) -> dict[str, Any]:
        code, words, bucket = CODES[scan.step]
        return {
            "timestamp": indian(scan.at, "%Y-%m-%d %H:%M:%S" if plain else "%Y-%m-%dT%H:%M:%SZ"),
            "location": scan.place, "remark": scan.remark or words, "status": words.upper(),
            "clickpost_status_code": code, "clickpost_status_description": words,
            "clickpost_status_bucket": bucket, "clickpost_status_bucket_description": str(bucket),
        }  # fmt: skip


def _ndr(parcel: Parcel) -> dict[str, Any]:
    return {"ndr_bucket_code": 1, "ndr_description": "customer unavailable"} if parcel.state == "failed_attempt" else {}


def _meta(status: int, message: str, *, success: bool = False, http: int = 200) -> Reply:
    return Reply(http, {"meta": {"status": status, "success": success, "message": message}, "result": None})


def _with(reply: Reply, result: Any, parcel: Parcel | None = None) -> Reply:
    reply.body["result"] = result
    if parcel is not None:
        reply.body.update(order_id=int(parcel.order_ref), tracking_id=parcel.id)
    return reply
