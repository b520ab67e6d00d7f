"""What Eshipz is sent. Kilograms and centimetres, rupees."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from aggregator_hooks import parcels
from careful_http.exchange import Call
from magento_oms.ports import (
    BadParcel,
    Booked,
    Booking,
    Direction,
    NdrAction,
    NdrRequest,
    ParcelSize,
    PostalAddress,
    Question,
)

CREATE = "/api/v1/create-shipments"
BY_RULES = "/api/v1/create-shipments/rule-based"
SERVICES = "/api/v2/services"
CANCEL = "/api/v1/cancel"
PICKUP = "/api/v1/pickup"
MANIFEST = "/manifest/manifest_orders"
MANIFEST_FILE = "/manifest/create-manifest"
TRACKINGS = "/api/v2/trackings"
SHIPMENTS = "/api/v1/get-shipments"
NDR = "/alt-instruction/api/v1/ndr-request"

LIST_PAGE = 100
TRACK_AT_ONCE = 20
"""It takes 1.4 s an AWB, and its server gives up after 60 s."""
ADDRESS = (100, 100, 100)
LONGEST_REFERENCE = 50

_ACTIONS = {NdrAction.REATTEMPT: "RE-ATTEMPT", NdrAction.RETURN_TO_ORIGIN: "RETURN"}
_SAMPLE = ParcelSize(Decimal(18), Decimal(12), Decimal(10), Decimal(500))


def create_shipment(booking: Booking) -> Call:
    """Book a forward parcel or a reverse pickup; without a carrier the account's rules choose.

    Raises:
        BadParcel: Eshipz would not take it.
    """
    check(booking)
    courier, invoice = booking.courier, booking.invoice
    reverse = booking.direction is Direction.REVERSE
    number = invoice.number if invoice else booking.order_number
    dated = invoice.date if invoice else parcels.today_in_india(booking.ordered_at)
    shipment = _shipment(booking, reverse=reverse)
    if invoice is not None and invoice.ewaybill:
        shipment["eWaybillNumber"] = invoice.ewaybill
    body: dict[str, Any] = {
        "billing": {"paid_by": "shipper"},
        "vendor_id": courier.account if courier else None,
        "slug": courier.code if courier else None,
        "service_type": courier.service if courier else None,
        "description": "Order " + booking.order_number,
        "purpose": "commercial",
        "order_source": "api",
        "parcel_contents": ", ".join(item.name for item in booking.items)[:100],
        "is_document": False,
        "charged_weight": {"unit": "KG", "value": parcels.kilograms(booking.size.weight_g)},
        "customer_reference": booking.reference,
        "invoice_number": number,
        "invoice_date": dated.isoformat(),
        "is_cod": booking.cod > 0,
        "collect_on_delivery": _rupees(booking.cod),
        "shipment": shipment,
        "gst_invoices": [
            {
                "invoice_number": number,
                "invoice_date": dated.isoformat(),
                "invoice_value": parcels.rupees(booking.value),
                "ewaybill_number": invoice.ewaybill if invoice else "",
                "ewaybill_date": "",
            }
        ],
    }
    path = CREATE if courier is not None else BY_RULES
    return Call("POST", path, body=body, about=_about(booking.reference), changes=True)


def check(booking: Booking) -> None:
    """Refuse what no courier, or only Eshipz, would not take.

    Raises:
        BadParcel: with the field named.
    """
    parcels.check(booking, longest_reference=LONGEST_REFERENCE)
    if booking.courier is not None and not booking.courier.account:
        raise _bad(booking, "courier.account", "is empty: Eshipz wants the vendor_id of the carrier account")


def services(question: Question) -> Call:
    """Which carriers would take it. Cash on delivery and purpose lie inside the shipment here."""
    size = question.size
    shipment = {
        "is_reverse": question.direction is Direction.REVERSE,
        "purpose": "commercial",
        "is_cod": question.cod > 0,
        "collect_on_delivery": _rupees(question.cod),
        "ship_from": _place(question.origin_pincode),
        "ship_to": _place(question.destination_pincode),
        "return_to": _place(question.origin_pincode),
        "parcels": [_box(size, question.value, [_item("Parcel", "PARCEL", "", 1, question.value, size.weight_g)])],
    }
    about = f"{question.origin_pincode} to {question.destination_pincode}"
    return Call("POST", SERVICES, body={"is_document": False, "shipment": shipment}, about=about)


def sample_services() -> Call:
    """Which carriers would take 500 g from Delhi to Mumbai: those that the account has."""
    return services(Question("110001", "400001", _SAMPLE, Decimal(500)))


def find_shipment(reference: str) -> Call:
    """Look for a shipment by our reference; the field is spelt so."""
    filters = json.dumps({"customer_referenc": reference}, separators=(",", ":"))
    query = urlencode({"db_filters": filters, "page": 1, "limit": 50})
    return Call("GET", SHIPMENTS, query, about=_about(reference))


def list_shipments(since: date, until: date, page: int) -> Call:
    """A page of the shipments made on these days."""
    days = {"min_date": since.isoformat(), "max_date": until.isoformat()}
    query = urlencode(days | {"page": page, "limit": LIST_PAGE})
    return Call("GET", SHIPMENTS, query, about=f"shipments of {since} to {until}")


def cancel(booked: Booked) -> Call:
    """Cancel a shipment, with its AWB. One a call: the answer tells of the first one only."""
    body = {"order_id": [booked.order_ref]}
    return Call("POST", CANCEL, body=body, about=_about(booked.reference), changes=True, repeatable=True)


def schedule_pickup(booked: Booked, on: date) -> Call:
    """Ask the courier to come in the afternoon, Indian time."""
    courier = booked.courier
    body = {
        "vendor_id": courier.account if courier else None,
        "slug": courier.code if courier else None,
        "pick_datetime": f"{on.isoformat()}T15:00:00",
        "order_id": [booked.order_ref],
    }
    return Call("POST", PICKUP, body=body, about=_about(booked.reference), changes=True)


def manifest(booked: Sequence[Booked]) -> Call:
    """Hand a list of shipments over to the courier."""
    ids = [each.order_ref for each in booked]
    return Call("POST", MANIFEST, body={"order_ids": ids}, about=f"{len(ids)} shipments", changes=True)


def ndr_action(booked: Booked, request: NdrRequest) -> Call:
    """Say what becomes of a parcel that could not be delivered."""
    action: dict[str, Any] = {
        "waybill": booked.awb,
        "slug": booked.courier.code if booked.courier else None,
        "action": _ACTIONS[request.action],
        "comments": request.comment,
    }
    if request.on is not None:
        noon = datetime(request.on.year, request.on.month, request.on.day, 12, tzinfo=parcels.INDIA)
        action["action_data"] = {"deferred_date": int(noon.astimezone(UTC).timestamp() * 1000)}
    return Call("POST", NDR, body=[action], about=_about(booked.reference), changes=True)


def track(awbs: Sequence[str]) -> Call:
    """Read the tracking of up to 20 AWBs. Any further key would make the answer empty."""
    return Call("POST", TRACKINGS, body={"track_id": ",".join(awbs)}, about=f"{len(awbs)} AWBs")


def _shipment(booking: Booking, *, reverse: bool) -> dict[str, Any]:
    rows = []
    for item in booking.items:
        price = (item.unit_price * item.quantity - item.discount) / item.quantity
        row = _item(item.name, item.sku, item.hsn, item.quantity, price, item.weight_g)
        if booking.quality_check:
            row["item_qc_details"] = {"item_url": item.image_url, "comments": "", "item_variant": "", "item_size": ""}
        rows.append(row)
    shipment: dict[str, Any] = {
        "ship_from": _address(booking.origin, home=reverse),
        "ship_to": _address(booking.destination, home=not reverse),
        "return_to": _address(booking.return_to, home=False),
        "is_reverse": reverse,
        "is_to_pay": False,
        "parcels": [_box(booking.size, booking.value, rows)],
    }
    if reverse:
        shipment |= {"return_reason": booking.return_reason, "is_qc_checked": booking.quality_check}
    return shipment


def _box(size: ParcelSize, value: Decimal, items: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "description": "Parcel",
        "box_type": "custom",
        "quantity": 1,
        "weight": {"value": parcels.kilograms(size.weight_g), "unit": "kg"},
        "dimension": {
            "length": size.length_cm,
            "width": size.breadth_cm,
            "height": size.height_cm,
            "unit": "cm",
        },
        "order_value": parcels.rupees(value),
        "items": items,
    }


def _item(name: str, sku: str, hsn: str, quantity: int, price: Decimal, weight_g: Decimal | None) -> dict[str, Any]:
    """One line; its price is of one unit, and is multiplied over there."""
    return {
        "description": name,
        "origin_country": "IN",
        "sku": sku,
        "hs_code": hsn,
        "variant": "",
        "quantity": quantity,
        "price": _rupees(price),
        "weight": {"value": parcels.kilograms(weight_g or Decimal(100)), "unit": "kg"},
    }


def _address(address: PostalAddress, *, home: bool) -> dict[str, Any]:
    lines = parcels.address_lines(address, *ADDRESS)
    return {
        "contact_name": address.name,
        "company_name": address.company or address.name,
        "street1": lines[0],
        "street2": lines[1],
        "street3": lines[2],
        "city": address.city,
        "state": address.state,
        "postal_code": address.pincode,
        "country": "IN",
        "type": "residential" if home else "business",
        "phone": parcels.mobile(address.phone),
        "email": address.email,
        "tax_id": address.gstin,
    }


def _place(pincode: str) -> dict[str, Any]:
    return {"postal_code": pincode, "country": "IN", "type": "residential"}


def _rupees(value: Decimal) -> dict[str, Any]:
    return {"amount": parcels.rupees(value), "currency": "INR"}


def _bad(booking: Booking, field: str, what: str) -> BadParcel:
    return BadParcel(f"Parcel {booking.reference}: {field} {what}.", field=field)


def _about(reference: str) -> str:
    return f"parcel {reference}"
