"""Eshipz's server, as far as its documents and observers tell."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar

from commerce_sandbox.couriers.desk import (
    INDIA,
    CourierCall,
    Desk,
    Parcel,
    Reply,
    Route,
    Scan,
    indian,
    made_between,
    strings,
)
from commerce_sandbox.couriers.journeys import FORWARD, REVERSE
from commerce_sandbox.couriers.world import file_url

CODES: Mapping[str, tuple[str, str]] = {
    "booked": ("InfoReceived", ""),
    "pickup_scheduled": ("PickupPending", ""),
    "out_for_pickup": ("PickupPending", "OutForPickup"),
    "pickup_failed": ("Exception", "PickupException"),
    "picked_up": ("PickedUp", ""),
    "in_transit": ("InTransit", ""),
    "out_for_delivery": ("OutForDelivery", ""),
    "failed_attempt": ("Exception", "Undelivered"),
    "delivered": ("Delivered", ""),
    "rto_started": ("Return", ""),
    "rto_moving": ("Return", ""),
    "rto_delivered": ("Return", "RTODelivered"),
    "qc_failed": ("Exception", "QCFailed"),
    "lost": ("Exception", "Lost"),
    "cancelled": ("Cancelled", ""),
}
"""Step → tag and sub-tag."""
CARRIERS = (
    ("bluedart", "1000000001", "eTailPrePaidAir", "eTailCODAir"),
    ("delhivery", "1000000002", "Surface_Prepaid", "Surface_COD"),
)
"""Slug, vendor id, prepaid service, COD service."""
GATEWAY_LIMIT = 42
"""AWBs of one tracking call: it takes 1.4 s each, and the gateway gives up after 60 s."""
CANCELLABLE = ("booked", "pickup_scheduled")


class EshipzStandIn:
    """See the module."""

    name = "eshipz"
    credentials: ClassVar[Mapping[str, str]] = {"token": "sandbox-eshipz-token"}
    switches: ClassVar[Mapping[str, Any]] = {
        "duplicate_check": True,  # whether a reference is refused the second time
        "files": "with",  # with; without: booked, and no label yet; later: label and AWB are there on a later look
        "cancel_refused_as": "ok",  # ok: code 200 and a sentence; 400
        "refuse_cancel": False,
        "refusing_slugs": [],
        "unserved_pincodes": [],
        "unknown_tracking": "empty",  # empty: []; count: {"Count": 0}
        "tracking_wrapped": "",  # "", data or trackings
        "loose_filter": True,  # whether order_id= also finds what only contains it
        "gmt_is_indian": False,  # whether times called GMT are Indian
        "strict_booleans": False,  # whether "true" is refused where true is meant
        "multi_box": 1,  # tracking numbers of a shipment
        "pod_under_exception": False,  # delivered, but the top tag stays Exception
        "seconds_an_awb": 0.0,  # 1.4 on the real one
        "webhook_shape": "flat",  # flat; item
        "webhook_as": "object",  # object; array; data; trackings
        "order_id_hash": False,  # whether webhooks write a # before the reference
    }

    def answer(self, call: CourierCall, desk: Desk) -> Reply:
        """See `StandIn`."""
        if call.expired or call.headers.get("x-api-token") != desk.account.credential("token"):
            return Reply(401, {"meta": {"code": 401, "message": "Unauthorized", "details": []}})
        known = {method: work for method, path, work in self._routes if call.path.rstrip("/") == path}
        if not known:
            return Reply(404, "<html><title>404 Not Found</title></html>", "text/html")
        if call.method not in known:
            return Reply(405, {"message": "Method Not Allowed"})
        return known[call.method](self, call, desk)

    # Shipments --------------------------------------------------------------------------------------------------------

    def _create(self, call: CourierCall, desk: Desk) -> Reply:
        body = call.json()
        if not isinstance(body, dict):
            return _bad("The body is no JSON object")
        reference = str(body.get("customer_reference") or "")
        known = desk.parcels(reference=reference) if reference else []
        if known and desk.account.switch("duplicate_check"):
            awb = known[-1].awb or known[-1].order_ref
            return _bad(f"Shipment with the same customer reference has already been processed on {awb}")
        by_rules = call.path.rstrip("/").endswith("rule-based")
        carrier = next((each for each in CARRIERS if body.get("slug") == each[0]), CARRIERS[0] if by_rules else None)
        if refusal := self._refusal(body, carrier, desk, by_rules=by_rules):
            return refusal
        assert carrier is not None  # noqa: S101  (refused otherwise)
        reverse = _flag(body["shipment"].get("is_reverse"))
        kept = {"request": body, "slug": carrier[0], "vendor_id": carrier[1], "looks": 0,
                "service_type": body.get("service_type") or carrier[2]}  # fmt: skip
        parcel = desk.add(
            reference, REVERSE if reverse else FORWARD, kept, order_ref=f"EZ{desk.next_number('order', 10_000_001)}"
        )
        if desk.account.switch("files") != "later":
            self._awb(parcel, desk)
        return _ok(self._data(parcel, call, desk))

    def _refusal(self, body: Mapping[str, Any], carrier: Any, desk: Desk, *, by_rules: bool) -> Reply | None:
        shipment = body.get("shipment")
        if not isinstance(shipment, dict) or not shipment.get("parcels"):
            return _bad("shipment.parcels is required")
        if carrier is None or (not by_rules and body.get("vendor_id") != carrier[1]):
            return _bad("No carrier account for this vendor_id and slug")
        if desk.account.switch("strict_booleans") and not isinstance(body.get("is_cod"), bool):
            return _bad("is_cod must be a boolean")
        cod, amount = _flag(body.get("is_cod")), float((body.get("collect_on_delivery") or {}).get("amount") or 0)
        if cod != (amount > 0):
            return _bad("collect_on_delivery.amount does not fit is_cod")
        service = body.get("service_type")
        if not by_rules and service != carrier[3 if cod else 2]:
            return _bad(f"Service {service} is not available for this payment type")
        if carrier[0] in strings(desk.account.switch("refusing_slugs")):
            return _bad("Carrier refused: consignee address is in an embargo area")
        for name in ("ship_from", "ship_to", "return_to"):
            address = shipment.get(name) or {}
            for part in ("contact_name", "street1", "city", "state", "postal_code", "phone"):
                if not address.get(part):
                    return _bad(f"{name}.{part} is required")
            if not re.fullmatch(r"[0-9]{10}", str(address["phone"])):
                return _bad(f"{name}.phone must be 10 digits")
        if str(shipment["ship_to"]["postal_code"]) in strings(desk.account.switch("unserved_pincodes")):
            return _bad("Destination pincode is not serviceable")
        return None

    @staticmethod
    def _awb(parcel: Parcel, desk: Desk) -> None:
        desk.give_awb(parcel, str(75_000_000_000 + desk.next_number("awb")))
        desk.scan(parcel, "booked")

    @staticmethod
    def _data(parcel: Parcel, call: CourierCall, desk: Desk) -> dict[str, Any]:
        boxes = int(desk.account.switch("multi_box"))
        awbs = [parcel.awb, *(f"{parcel.awb}{number}" for number in range(2, boxes + 1))] if parcel.awb else []
        data: dict[str, Any] = {
            "order_id": parcel.order_ref, "status": "created", "slug": parcel.document["slug"],
            "service_type": parcel.document["service_type"], "customer_reference": parcel.reference,
            "tracking_numbers": awbs, "tracking_link": f"https://track.invalid/{parcel.awb}",
        }  # fmt: skip
        if desk.account.switch("files") == "with" and parcel.awb:
            url = file_url(call.root, desk.account, f"label-{parcel.awb}")
            data["files"] = {"label": {"label_meta": {"url": url, "awb": parcel.awb}}}
        return data

    def _list(self, call: CourierCall, desk: Desk) -> Reply:
        query = call.query
        found = desk.parcels()
        try:
            filters = json.loads(query.get("db_filters") or "{}")
        except ValueError:
            return _bad("db_filters is no JSON")
        if "customer_referenc" in filters:
            found = [parcel for parcel in found if parcel.reference == filters["customer_referenc"]]
        if wanted := query.get("order_id"):
            loose = desk.account.switch("loose_filter")
            found = [each for each in found if each.order_ref == wanted or (loose and wanted in each.order_ref)]
        if awb := query.get("awb"):
            found = [parcel for parcel in found if parcel.awb == awb]
        found = [each for each in found if made_between(each, query.get("min_date"), query.get("max_date"))]
        for parcel in found:
            if not parcel.awb and parcel.state != "cancelled":
                parcel.document["looks"] += 1
                desk.save(parcel)
                if parcel.document["looks"] >= 2:
                    self._awb(parcel, desk)
        page, limit = int(query.get("page") or 1), int(query.get("limit") or 50)
        shown = found[::-1][(page - 1) * limit : page * limit]
        return Reply(200, {"meta": {"code": 200}, "data": [self._row(parcel, call, desk) for parcel in shown]})

    @staticmethod
    def _row(parcel: Parcel, call: CourierCall, desk: Desk) -> dict[str, Any]:
        url = file_url(call.root, desk.account, f"label-{parcel.awb}") if parcel.awb else ""
        return {
            "order_id": parcel.order_ref, "awb": parcel.awb, "active": parcel.state != "cancelled",
            "slug": parcel.document["slug"], "vendor_id": parcel.document["vendor_id"],
            "vendor_display_name": parcel.document["slug"].title(), "service_type": parcel.document["service_type"],
            "customer_referenc": parcel.reference, "order_status": "success", "tracking_status": CODES[parcel.state][0],
            "label_meta": {"awb": parcel.awb, "url": url}, "tracking_link": f"https://track.invalid/{parcel.awb}",
        }  # fmt: skip

    def _cancel(self, call: CourierCall, desk: Desk) -> Reply:
        ids = strings((call.json() or {}).get("order_id"))
        parcel = desk.parcel(order_ref=ids[0]) if ids else None
        if parcel is None:
            return _bad("Shipment not found")
        if parcel.state not in CANCELLABLE or desk.account.switch("refuse_cancel"):
            words = f"Shipment {ids[0]} cancellation failed at carrier"
            return _bad(words) if desk.account.switch("cancel_refused_as") == "400" else _ok({}, details=[words])
        desk.cancel(parcel)
        return _ok({}, details=[f"Shipment {ids[0]} successfully cancelled"])

    def _pickup(self, call: CourierCall, desk: Desk) -> Reply:
        body = call.json() or {}
        parcel = desk.parcel(order_ref=(strings(body.get("order_id")) or [""])[0])
        when = re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", str(body.get("pick_datetime")))
        if parcel is None or not when:
            told = {"status_code": 400, "status": "Pickup could not be created"}
            return Reply(200, {"meta": 200, "message": "OK", "data": told})
        desk.effect("pickup", parcel)
        return Reply(200, {"meta": 200, "message": "OK", "data": {"status_code": 200, "status": "SUCCESS"}})

    def _manifest(self, call: CourierCall, desk: Desk) -> Reply:
        ids = strings((call.json() or {}).get("order_ids"))
        if not ids or any(desk.parcel(order_ref=each) is None for each in ids):
            return _bad("No shipments to manifest")
        number = desk.next_number("manifest", 501)
        for each in ids:
            desk.effect("manifest", desk.parcel(order_ref=each))
        return Reply(200, {"manifest_id": f"M{number}", "user_manifest_id": str(number)})

    def _manifest_file(self, call: CourierCall, desk: Desk) -> Reply:
        from commerce_sandbox.couriers import pdf

        return Reply(200, pdf.page("manifest", call.query.get("manifest_id", "")), "application/pdf")

    def _ndr(self, call: CourierCall, desk: Desk) -> Reply:
        body = call.json()
        if not isinstance(body, list) or not body:
            return _bad("An array is expected")
        parcel = desk.parcel(awb=str(body[0].get("waybill") or "-"))
        if parcel is None or body[0].get("action") not in ("RE-ATTEMPT", "RETURN"):
            return _bad("Invalid NDR request")
        desk.effect(f"ndr {body[0]['action']}", parcel)
        return Reply(200, {"meta": {"code": 200, "message": "OK"}, "data": {}})

    def _services(self, call: CourierCall, desk: Desk) -> Reply:
        shipment = (call.json() or {}).get("shipment") or {}
        served = (shipment.get("ship_to") or {}).get("postal_code") not in strings(
            desk.account.switch("unserved_pincodes")
        )
        place = 3 if _flag(shipment.get("is_cod")) else 2
        rates: list[dict[str, Any]] = []
        for number, carrier in enumerate(CARRIERS):
            service = {
                "service_type": carrier[place], "service_name": carrier[place], "error_message": None,
                "transit_time": 3, "total_charge": {"amount": "" if number else 61.5, "currency": "INR"},
            }  # fmt: skip
            rates.append({"vendor_id": carrier[1], "slug": carrier[0], "description": carrier[0].title(),
                          "code": 200, "technicality": [service]})  # fmt: skip
        refusal = {"service_type": None, "error_message": "Pincode not serviceable", "total_charge": {"amount": None}}
        rates.append({"vendor_id": "1000000003", "slug": "dtdc", "code": 400, "technicality": [refusal]})
        if not served:
            rates = [rate | {"code": 400, "technicality": [refusal]} for rate in rates]
        return _ok({"rates": rates})

    # Tracking ---------------------------------------------------------------------------------------------------------

    def _trackings(self, call: CourierCall, desk: Desk) -> Reply:
        body = call.json() or {}
        awbs = [each for each in str(body.get("track_id") or "").split(",") if each]
        if len(awbs) > GATEWAY_LIMIT:
            return Reply(504, "<html><title>504 Gateway Time-out</title></html>", "text/html")
        found = [parcel for awb in awbs if (parcel := desk.parcel(awb=awb))] if set(body) == {"track_id"} else []
        items: Any = [self._item(parcel, desk) for parcel in found]
        wrapper = desk.account.switch("tracking_wrapped")
        if not items and desk.account.switch("unknown_tracking") == "count":
            items = {"Count": 0}
        elif wrapper:
            items = {wrapper: items}
        return Reply(200, items, slow_seconds=float(desk.account.switch("seconds_an_awb")) * len(awbs))

    def _item(self, parcel: Parcel, desk: Desk, *, webhook: bool = False) -> dict[str, Any]:
        def written(moment: datetime) -> str:
            if webhook:
                return indian(moment, "%Y-%m-%dT%H:%M:%S+05:30")
            told = moment + INDIA if desk.account.switch("gmt_is_indian") else moment
            return format_datetime(told.astimezone(UTC), usegmt=True)

        scans = desk.scans(parcel)
        tag, subtag = CODES[parcel.state]
        pod = parcel.state == "delivered"
        if pod and desk.account.switch("pod_under_exception"):
            tag, subtag = "Exception", "Undelivered"
        checkpoints = [
            {
                "date": written(scan.at), "city": scan.place, "state": "Maharashtra",
                "remark": scan.remark or " ".join(CODES[scan.step]).strip(), "tag": CODES[scan.step][0],
                "subtag": CODES[scan.step][1],
            }
            for scan in reversed(scans)
        ]  # fmt: skip
        reference = f"#{parcel.reference}" if webhook and desk.account.switch("order_id_hash") else parcel.reference
        return {
            "tracking_number": parcel.awb, "order_id": reference, "slug": parcel.document["slug"], "tag": tag,
            **({"subtag": subtag} if subtag else {}), "checkpoints": checkpoints,
            "expected_delivery_date": written(parcel.created_at + timedelta(days=4)),
            "delivery_date": written(scans[-1].at) if pod else None,
            "pod_link": f"https://pod.invalid/{parcel.awb}" if pod else None,
        }  # fmt: skip

    _routes: ClassVar[tuple[Route, ...]] = (
        ("POST", "/api/v1/create-shipments", _create),
        ("POST", "/api/v1/create-shipments/rule-based", _create),
        ("GET", "/api/v1/get-shipments", _list),
        ("POST", "/api/v1/cancel", _cancel),
        ("POST", "/api/v1/pickup", _pickup),
        ("POST", "/manifest/manifest_orders", _manifest),
        ("GET", "/manifest/create-manifest", _manifest_file),
        ("POST", "/alt-instruction/api/v1/ndr-request", _ndr),
        ("POST", "/api/v2/services", _services),
        ("POST", "/api/v2/trackings", _trackings),
    )

    # Webhook ----------------------------------------------------------------------------------------------------------

    def webhook(self, parcel: Parcel, scan: Scan, desk: Desk) -> list[tuple[Mapping[str, str], Any]]:
        """See `StandIn`."""
        if not parcel.awb:
            return []
        tag, subtag = CODES[scan.step]
        reference = f"#{parcel.reference}" if desk.account.switch("order_id_hash") else parcel.reference
        told: Any = {
            "order_id": reference, "tracking_number": parcel.awb, "carrier": parcel.document["slug"],
            "tracking_link": f"https://track.invalid/{parcel.awb}", "tracking_status": tag,
            "tracking_sub_status": subtag, "tracking_msg": scan.remark or f"{tag} {subtag}".strip(),
            "tracking_checkpoint_datetime": indian(scan.at), "delivery_date": None,
        }  # fmt: skip
        if desk.account.switch("webhook_shape") == "item":
            told = self._item(parcel, desk, webhook=True)
        match desk.account.switch("webhook_as"):
            case "array":
                told = [told]
            case "data" | "trackings" as wrapper:
                told = {wrapper: [told]}
        secret = desk.account.settings["webhook"]["secret"]
        headers = {desk.account.settings["webhook"]["header"] or "X-Webhook-Token": secret} if secret else {}
        return [(headers, told)]


def _flag(value: Any) -> bool:
    """True, also as text, as clients in production send it."""
    return value is True or str(value).lower() == "true"


def _ok(data: Any, *, details: Any = None) -> Reply:
    return Reply(
        200, {"meta": {"code": 200, "status": "success", "message": "OK", "details": details or []}, "data": data}
    )


def _bad(words: str) -> Reply:
    return Reply(
        200, {"meta": {"code": 400, "status": "failure", "message": "Bad Request", "details": [words]}, "data": {}}
    )
