"""What Shiprocket is sent. Centimetres, kilograms, rupees; times are Indian without a zone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from aggregator_hooks import parcels
from careful_http.exchange import Call
from magento_oms.ports import BadParcel, Booked, Booking, Direction, NdrAction, NdrRequest, PostalAddress, Question

AT_LEAST_CM = Decimal("0.5")
LONGEST_REFERENCE = 50
LONGEST_CITY = 30
ADDRESS = (80, 150)
"""Characters of the two lines of an address."""
NAME, SKU = 200, 50
TRACK_AT_ONCE = 50
LIST_PAGE = 100

LOGIN = "/auth/login"
CREATE = "/orders/create/adhoc"
RETURN = "/orders/create/return"
ASSIGN = "/courier/assign/awb"
PICKUP = "/courier/generate/pickup"
MANIFEST = "/manifests/generate"
CANCEL = "/orders/cancel"
CANCEL_AWB = "/orders/cancel/shipment/awbs"
SERVICEABILITY = "/courier/serviceability/"
NDR = "/ndr/"
LABEL = "/courier/generate/label"

_ACTIONS = {NdrAction.REATTEMPT: "re-attempt", NdrAction.RETURN_TO_ORIGIN: "return"}


def login(email: str, password: str) -> Call:
    """Ask for a token."""
    return Call("POST", LOGIN, body={"email": email, "password": password}, about="the login")


def create_order(booking: Booking) -> Call:
    """Make a forward order.

    Raises:
        BadParcel: Shiprocket would not take it.
    """
    check(booking)
    to = booking.destination
    first, last = parcels.names(to)
    lines = parcels.address_lines(to, *ADDRESS)
    body: dict[str, Any] = {
        **_common(booking),
        "pickup_location": booking.pickup_location,
        "billing_customer_name": first,
        "billing_last_name": last,
        "billing_address": lines[0],
        "billing_address_2": lines[1],
        "billing_city": to.city,
        "billing_pincode": to.pincode,
        "billing_state": to.state or to.city,
        "billing_country": "India",
        "billing_email": to.email,
        "billing_phone": parcels.mobile(to.phone),
        "shipping_is_billing": True,
        "payment_method": "COD" if booking.cod else "Prepaid",
    }
    if booking.invoice is not None:
        body["invoice_number"] = booking.invoice.number
        if booking.invoice.ewaybill:
            body["ewaybill_no"] = booking.invoice.ewaybill
    if to.gstin:
        body["customer_gstin"] = to.gstin
    return Call("POST", CREATE, body=body, about=_about(booking.reference), changes=True)


def create_return(booking: Booking) -> Call:
    """Make a reverse pickup: literal addresses, always prepaid.

    Raises:
        BadParcel: Shiprocket would not take it.
    """
    check(booking)
    body = {
        **_common(booking),
        **_literal("pickup", booking.origin),
        **_literal("shipping", booking.destination),
        "payment_method": "Prepaid",
    }
    for item in body["order_items"]:
        item["return_reason"] = booking.return_reason
        if booking.quality_check:
            item |= {
                "qc_enable": True,
                "qc_product_name": booking.items[0].name[:NAME],
                "qc_product_image": booking.items[0].image_url,
            }
    return Call("POST", RETURN, body=body, about=_about(booking.reference), changes=True)


def check(booking: Booking) -> None:
    """Refuse what no courier, or only Shiprocket, would not take.

    Raises:
        BadParcel: with the field named.
    """
    parcels.check(booking, longest_reference=LONGEST_REFERENCE)
    for name in ("length_cm", "breadth_cm", "height_cm"):
        if getattr(booking.size, name) <= AT_LEAST_CM:
            raise _bad(booking, f"size.{name}", f"must be more than {AT_LEAST_CM} cm")
    customer = "origin" if booking.direction is Direction.REVERSE else "destination"
    if len(getattr(booking, customer).city) > LONGEST_CITY:
        raise _bad(booking, f"{customer}.city", f"is longer than {LONGEST_CITY} characters")
    if booking.direction is Direction.FORWARD:
        if not booking.pickup_location:
            raise _bad(booking, "pickup_location", "is empty: name Shiprocket's nickname of the location")
    elif booking.quality_check:
        if len({item.sku for item in booking.items}) > 1:
            raise _bad(booking, "quality_check", "is for one SKU an order: book one reverse pickup a SKU")
        if not booking.items[0].image_url:
            raise _bad(booking, f"items.{booking.items[0].sku}.image_url", "is missing: the courier compares with it")


def assign_awb(booking: Booking, booked: Booked) -> Call:
    """Ask for the AWB; without a courier Shiprocket chooses. This is what costs money."""
    body: dict[str, Any] = {"shipment_id": int(booked.shipment_ref)}
    if booking.courier is not None:
        body["courier_id"] = int(booking.courier.code)
    if booking.direction is Direction.REVERSE:
        body["is_return"] = 1
    return Call("POST", ASSIGN, body=body, about=_about(booking.reference), changes=True)


def show_order(booked: Booked) -> Call:
    """Read an order by Shiprocket's id."""
    return Call("GET", f"/orders/show/{quote(booked.order_ref, safe='')}", about=_about(booked.reference))


def find_order(reference: str) -> Call:
    """Look for a forward order by our reference."""
    query = urlencode({"filter_by": "channel_order_id", "filter": reference, "per_page": 50})
    return Call("GET", "/orders", query, about=_about(reference))


def search_orders(reference: str) -> Call:
    """Look for an order by our reference in another way: by search."""
    return Call("GET", "/orders", urlencode({"search": reference, "per_page": 50}), about=_about(reference))


def list_orders(since: date, until: date, page: int) -> Call:
    """A page of the forward orders made on these days."""
    query = urlencode({"from": since.isoformat(), "to": until.isoformat(), "per_page": LIST_PAGE, "page": page})
    return Call("GET", "/orders", query, about=f"orders of {since} to {until}")


def find_return(reference: str) -> Call:
    """Look for a reverse pickup by our reference."""
    query = urlencode({"search": reference, "per_page": 50})
    return Call("GET", "/orders/processing/return", query, about=_about(reference))


def schedule_pickup(booked: Booked, on: date) -> Call:
    """Ask the courier to come. A repeat is answered with "already in the queue"."""
    body = {"shipment_id": [int(booked.shipment_ref)], "pickup_date": [on.isoformat()]}
    return Call("POST", PICKUP, body=body, about=_about(booked.reference), changes=True, repeatable=True)


def label(booked: Booked) -> Call:
    """Ask for the label's address."""
    return Call("POST", LABEL, body={"shipment_id": [int(booked.shipment_ref)]}, about=_about(booked.reference))


def manifest(booked: Sequence[Booked]) -> Call:
    """Make the manifest. A repeat is answered with "already manifested"."""
    ids = [int(each.shipment_ref) for each in booked]
    return Call(
        "POST", MANIFEST, body={"shipment_id": ids}, about=f"{len(ids)} shipments", changes=True, repeatable=True
    )


def print_manifest(booked: Sequence[Booked]) -> Call:
    """The address of a manifest that was made before."""
    ids = [int(each.order_ref) for each in booked]
    return Call("POST", "/manifests/print", body={"order_ids": ids}, about=f"{len(ids)} orders")


def cancel_order(booked: Booked) -> Call:
    """Cancel an order, forward or return."""
    body = {"ids": [int(booked.order_ref)]}
    return Call("POST", CANCEL, body=body, about=_about(booked.reference), changes=True, repeatable=True)


def cancel_awb(booked: Booked) -> Call:
    """Take the AWB back; the courier confirms later."""
    body = {"awbs": [booked.awb]}
    return Call("POST", CANCEL_AWB, body=body, about=_about(booked.reference), changes=True, repeatable=True)


def ndr_action(booked: Booked, request: NdrRequest) -> Call:
    """Say what becomes of a parcel that could not be delivered."""
    body: dict[str, Any] = {"action": _ACTIONS[request.action], "comments": request.comment or "As agreed."}
    if request.phone:
        body["phone"] = request.phone
    for number, line in enumerate(request.address_lines[:2], start=1):
        body[f"address{number}"] = line
    if request.on is not None:
        body["deferred_date"] = request.on.isoformat()
    path = f"{NDR}{quote(booked.awb, safe='')}/action"
    return Call("POST", path, body=body, about=_about(booked.reference), changes=True, repeatable=True)


def track(awbs: Sequence[str]) -> Call:
    """Read the tracking of up to 50 AWBs."""
    return Call("POST", "/courier/track/awbs", body={"awbs": list(awbs)}, about=f"{len(awbs)} AWBs")


def serviceability(question: Question) -> Call:
    """Which couriers would take it."""
    asked: dict[str, Any] = {
        "pickup_postcode": question.origin_pincode,
        "delivery_postcode": question.destination_pincode,
        "cod": int(question.cod > 0),
        "weight": parcels.kilograms(question.size.weight_g),
        "length": question.size.length_cm,
        "breadth": question.size.breadth_cm,
        "height": question.size.height_cm,
        "declared_value": parcels.rupees(question.value),
    }
    if question.direction is Direction.REVERSE:
        asked |= {"is_return": 1, "qc_check": int(question.quality_check)}
    about = f"{question.origin_pincode} to {question.destination_pincode}"
    return Call("GET", SERVICEABILITY, urlencode(asked), about=about)


def couriers() -> Call:
    """Couriers that the account may use."""
    return Call("GET", "/courier/courierListWithCounts", "type=active", about="the couriers")


def pickup_locations() -> Call:
    """Warehouses as Shiprocket knows them."""
    return Call("GET", "/settings/company/pickup", about="the pickup locations")


def _common(booking: Booking) -> dict[str, Any]:
    """What forward orders and returns have in common.

    Whether Shiprocket collects `sub_total` or recomputes it from charges and discounts is told in two ways, so all of
    it is in `sub_total`: what is collected at the door, or the value of a prepaid parcel.
    """
    return {
        "order_id": booking.reference,
        "order_date": parcels.indian_time(booking.ordered_at),
        "order_items": _items(booking),
        "sub_total": parcels.rupees(booking.cod or booking.value),
        "length": booking.size.length_cm,
        "breadth": booking.size.breadth_cm,
        "height": booking.size.height_cm,
        "weight": parcels.kilograms(booking.size.weight_g),
    }


def _items(booking: Booking) -> list[dict[str, Any]]:
    """Lines, one a SKU (a SKU twice is refused); the price is what is paid for one."""
    rows = []
    for item in parcels.merged_by_sku(booking.items):
        row: dict[str, Any] = {
            "name": item.name[:NAME],
            "sku": item.sku[:SKU],
            "units": item.quantity,
            "selling_price": parcels.rupees((item.unit_price * item.quantity - item.discount) / item.quantity),
            "tax": item.tax_percent,
        }
        if hsn := re.sub(r"\D", "", item.hsn):
            row["hsn"] = hsn
        rows.append(row)
    return rows


def _literal(prefix: str, address: PostalAddress) -> dict[str, Any]:
    first, last = parcels.names(address)
    lines = parcels.address_lines(address, *ADDRESS)
    return {
        f"{prefix}_customer_name": first,
        f"{prefix}_last_name": last,
        f"{prefix}_address": lines[0],
        f"{prefix}_address_2": lines[1],
        f"{prefix}_city": address.city,
        f"{prefix}_state": address.state,
        f"{prefix}_country": "India",
        f"{prefix}_pincode": address.pincode,
        f"{prefix}_email": address.email,
        f"{prefix}_phone": parcels.mobile(address.phone),
    }


def _bad(booking: Booking, field: str, what: str) -> BadParcel:
    return BadParcel(f"Parcel {booking.reference}: {field} {what}.", field=field)


def _about(reference: str) -> str:
    return f"parcel {reference}"
