"""How Shiprocket shows orders, shipments and scans, and how it refuses."""

from __future__ import annotations

from typing import Any

from commerce_sandbox.couriers.desk import Desk, Parcel, Reply, Scan, indian
from commerce_sandbox.couriers.journeys import REVERSE
from commerce_sandbox.couriers.shiprocket_codes import CODES, order_code, shipment_code

CREATE_FIELDS = (
    "order_id", "order_date", "pickup_location", "billing_customer_name", "billing_address", "billing_city",
    "billing_pincode", "billing_state", "billing_country", "billing_phone", "order_items", "payment_method",
    "sub_total", "length", "breadth", "height", "weight",
)  # fmt: skip
RETURN_FIELDS = (
    "order_id", "order_date", "pickup_customer_name", "pickup_address", "pickup_city", "pickup_state",
    "pickup_pincode", "pickup_phone", "shipping_customer_name", "shipping_address", "shipping_city",
    "shipping_pincode", "shipping_state", "shipping_phone", "order_items", "payment_method", "sub_total",
)  # fmt: skip


def tracking(parcel: Parcel, desk: Desk) -> dict[str, Any]:
    scans = desk.scans(parcel)
    if not scans:
        return {"track_status": 0, "error": "Aahh! There is no activities found in our DB. Please have some patience."}
    na = desk.account.switch("webhook_shape") == "na"
    activities = [activity(each, na=na and number % 2 == 0) for number, each in enumerate(reversed(scans))]
    track = {
        "id": parcel.id, "awb_code": parcel.awb, "courier_company_id": parcel.document.get("courier_id"),
        "shipment_id": int(parcel.shipment_ref), "order_id": int(parcel.order_ref), "weight": "0.5", "packages": 1,
        "current_status": CODES[parcel.state].label.title(), "courier_name": parcel.document.get("courier"),
        "delivered_date": indian(scans[-1].at) if parcel.state == "delivered" else "",
    }  # fmt: skip
    qc = {"qc_image": "https://example.invalid/qc.jpg", "qc_failed_reason": "damaged"}
    return {
        "track_status": 1, "shipment_status": shipment_code(parcel.state), "shipment_track": [track],
        "shipment_track_activities": activities, "track_url": f"https://tracking.invalid//{parcel.awb}",
        "etd": indian(scans[-1].at), "qc_response": qc if parcel.state == "qc_failed" else {},
    }  # fmt: skip


def activity(scan: Scan, *, na: bool) -> dict[str, Any]:
    code = CODES[scan.step]
    return {
        "date": indian(scan.at), "status": code.courier, "activity": scan.remark or code.label.title(),
        "location": scan.place, "sr-status": "NA" if na else str(shipment_code(scan.step)),
        "sr-status-label": "NA" if na else code.label,
    }  # fmt: skip


def row(parcel: Parcel) -> dict[str, Any]:
    label, number = order_status(parcel)
    return {
        "id": int(parcel.order_ref), "channel_id": 1, "channel_order_id": parcel.reference, "status": label,
        "status_code": number, "total": str(parcel.document["request"]["sub_total"]),
        "payment_method": str(parcel.document["request"]["payment_method"]).lower(),
        "created_at": indian(parcel.created_at, "%d %b %Y, %I:%M %p"),
    }  # fmt: skip


def shipment(parcel: Parcel) -> dict[str, Any]:
    return {
        "id": int(parcel.shipment_ref), "awb": parcel.awb, "courier": parcel.document.get("courier", ""),
        "courier_id": parcel.document.get("courier_id", ""), "pickup_scheduled_date": "0000-00-00 00:00:00",
    }  # fmt: skip


def order_status(parcel: Parcel) -> tuple[str, int]:
    reverse = parcel.direction == REVERSE
    if parcel.document.get("order_cancelled"):
        return ("RETURN CANCELLED", 27) if reverse else ("CANCELED", 5)
    if parcel.state == "booked":
        return ("RETURN PENDING", 21) if reverse else ("READY TO SHIP", 3) if parcel.awb else ("NEW", 1)
    return CODES[parcel.state].label, order_code(parcel.state, reverse=reverse)


def missing(body: Any, fields: tuple[str, ...]) -> Reply | None:
    given = body if isinstance(body, dict) else {}
    errors = {
        name: [f"The {name.replace('_', ' ')} field is required."]
        for name in fields
        if given.get(name) in (None, "", [])
    }
    return Reply(422, {"message": "Oops! Invalid Data.", "errors": errors, "status_code": 422}) if errors else None


def invalid(field: str, words: str) -> Reply:
    return Reply(422, {"message": "Oops! Invalid Data.", "errors": {field: [words]}, "status_code": 422})


def not_assigned(words: str) -> Reply:
    return Reply(200, {"awb_assign_status": 0, "response": {"data": {"awb_assign_error": words}}})


def pagination(total: int, shown: int, number: int, size: int) -> dict[str, Any]:
    """Where a page of a list is in it."""
    return {
        "total": total, "count": shown, "per_page": size, "current_page": number,
        "total_pages": max(1, -(-total // size)), "links": {},
    }  # fmt: skip
