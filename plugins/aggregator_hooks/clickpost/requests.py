"""What Clickpost is sent. Whole centimetres and grams, rupees. Keys go into the URL, elsewhere than here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
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
    ParcelItem,
    PostalAddress,
    Question,
)

CREATE = "/api/v3/create-order/"
CANCEL = "/api/v1/cancel-order/"
TRACK = "/api/v2/track-order/"
LABEL = "/api/v1/fetch/shippinglabel/"
PICKUP = "/api/v1/create-pickup/"
NDR = "/api/v2/ndr-update-api"
RECOMMEND = "/api/v1/recommendation_api/"
ACCOUNTS = "/api/v1/fetch-accounts"

TRACK_AT_ONCE = 5
ADDRESS, NAME, REASON, INVOICE = 500, 100, 500, 50
LONGEST_REFERENCE = 100
BLUEDART = frozenset({"5", "28"})
BLUEDART_REFERENCE = 20

_ACTIONS = {NdrAction.REATTEMPT: "REATTEMPT", NdrAction.RETURN_TO_ORIGIN: "INITIATE_RTO"}


def create_order(booking: Booking) -> Call:
    """Book a forward parcel or a reverse pickup with the named courier. Idempotent by our reference.

    Raises:
        BadParcel: Clickpost would not take it.
    """
    check(booking)
    courier = booking.courier
    if courier is None:
        raise _bad(booking, "courier", "is missing: Clickpost books with a named courier")
    reverse = booking.direction is Direction.REVERSE
    kind = "RVP" if reverse else "FORWARD"
    invoice = booking.invoice
    details: dict[str, Any] = {
        "order_type": "COD" if booking.cod else "PREPAID",
        "cod_value": parcels.rupees(booking.cod),
        "delivery_type": kind,
        "invoice_value": parcels.rupees(booking.value),
        "invoice_number": invoice.number if invoice else booking.order_number,
        "invoice_date": (invoice.date if invoice else parcels.today_in_india(booking.ordered_at)).isoformat(),
        "reference_number": booking.reference,
        "order_id": booking.order_number,
        "courier_partner": int(courier.code),
        "account_code": courier.account,
        "weight": parcels.whole(booking.size.weight_g, at_least=1),
        "length": parcels.whole(booking.size.length_cm, at_least=1),
        "breadth": parcels.whole(booking.size.breadth_cm, at_least=1),
        "height": parcels.whole(booking.size.height_cm, at_least=1),
        "items": [_item(item, quality_check=booking.quality_check) for item in booking.items],
    }
    # Current documentation has two of these in the details, older one here: sent in both.
    additional: dict[str, Any] = {
        "label": True,
        "delivery_type": kind,
        "account_code": courier.account,
        "order_id": booking.order_number,
        "order_date": parcels.indian_time(booking.ordered_at, "%Y-%m-%d"),
        "return_info": _plain(booking.return_to),
    }
    if reverse:
        additional["rvp_reason"] = booking.return_reason[:REASON]
        if booking.quality_check:
            additional["qc_type"] = "doorstep"
    body: dict[str, Any] = {
        "pickup_info": _party("pickup", booking.origin)
        | {
            "pickup_time": parcels.indian_time(booking.ordered_at, "%Y-%m-%dT%H:%M:%S+05:30"),
            "email": booking.origin.email,
            "tin": booking.origin.gstin,
        },
        "drop_info": _party("drop", booking.destination),
        "shipment_details": details,
        "additional": additional,
    }
    if invoice is not None and invoice.seller_gstin:
        body["gst_info"] = _gst(booking)
    return Call("POST", CREATE, body=body, about=_about(booking.reference), changes=True, repeatable=True)


def check(booking: Booking) -> None:
    """Refuse what no courier, or only Clickpost, would not take.

    Raises:
        BadParcel: with the field named.
    """
    bluedart = booking.courier is not None and booking.courier.code in BLUEDART
    parcels.check(booking, longest_reference=BLUEDART_REFERENCE if bluedart else LONGEST_REFERENCE)
    if booking.courier is not None and not booking.courier.code.isdigit():
        raise _bad(booking, "courier.code", "is no number: Clickpost's couriers are")
    if booking.invoice is not None and len(booking.invoice.number) > INVOICE:
        raise _bad(booking, "invoice.number", f"is longer than {INVOICE} characters")


def find_order(reference: str) -> Call:
    """Look for an order by our reference."""
    return Call("GET", CREATE, urlencode({"reference_number": reference}), about=_about(reference))


def cancel(booked: Booked) -> Call:
    """Cancel: a GET that changes something. Clickpost's own status is moved, too."""
    query = _of_parcel(booked) | {"account_code": _account(booked), "manually_update_status": "True"}
    return Call("GET", CANCEL, urlencode(query), about=_about(booked.reference), changes=True, repeatable=True)


def label(booked: Booked) -> Call:
    """Ask for the label's address."""
    query = _of_parcel(booked) | {"regenerate": "false"}
    return Call("GET", LABEL, urlencode(query), about=_about(booked.reference))


def schedule_pickup(booking: Booking, booked: Booked, on: date) -> Call:
    """Ask the courier to come."""
    body = {
        "pickup_date": f"{on.isoformat()}T12:00:00+05:30",
        "courier_partner": int(booked.courier.code) if booked.courier else None,
        "account_code": _account(booked),
        "items": ", ".join(item.name for item in booking.items)[:NAME],
        **_party("pickup", booking.origin),
    }
    return Call("POST", PICKUP, body=body, about=_about(booked.reference), changes=True)


def ndr_action(booked: Booked, request: NdrRequest) -> Call:
    """Say what becomes of a parcel that could not be delivered."""
    body: dict[str, Any] = {"action": _ACTIONS[request.action], "account_code": _account(booked)}
    body |= {"waybill": booked.awb, "cp_id": int(booked.courier.code) if booked.courier else None}
    if request.address_lines:
        body["address"] = ", ".join(request.address_lines)
    if request.phone:
        body["phone_number"] = request.phone
    if request.on is not None:
        body["preferred_date"] = request.on.isoformat()
    if request.comment:
        body["remarks"] = request.comment
    return Call("POST", NDR, body=body, about=_about(booked.reference), changes=True)


def track(awbs: Sequence[str], courier: str) -> Call:
    """Read the tracking of up to five AWBs of one courier."""
    query = urlencode({"waybill": ",".join(awbs), "cp_id": courier}, safe=",")
    return Call("GET", TRACK, query, about=f"{len(awbs)} AWBs")


def recommend(question: Question) -> Call:
    """Which couriers would take it, the best first."""
    row = {
        "pickup_pincode": question.origin_pincode,
        "drop_pincode": question.destination_pincode,
        "order_type": "COD" if question.cod else "PREPAID",
        "delivery_type": "RVP" if question.direction is Direction.REVERSE else "FORWARD",
        "reference_number": "1",
        "item": "parcel",
        "invoice_value": parcels.rupees(question.value),
        "weight": parcels.whole(question.size.weight_g, at_least=1),
        "length": parcels.whole(question.size.length_cm, at_least=1),
        "breadth": parcels.whole(question.size.breadth_cm, at_least=1),
        "height": parcels.whole(question.size.height_cm, at_least=1),
    }
    return Call("POST", RECOMMEND, body=[row], about=f"{question.origin_pincode} to {question.destination_pincode}")


def accounts() -> Call:
    """The account's contracts with couriers."""
    return Call("GET", ACCOUNTS, "active=true", about="the couriers")


def _party(prefix: str, address: PostalAddress) -> dict[str, Any]:
    return {
        f"{prefix}_name": address.name[:NAME],
        f"{prefix}_phone": parcels.mobile(address.phone),
        f"{prefix}_pincode": address.pincode,
        f"{prefix}_address": parcels.address_lines(address, ADDRESS)[0],
        f"{prefix}_city": address.city,
        f"{prefix}_state": address.state,
        f"{prefix}_country": "IN",
        f"{prefix}_email": address.email,
    }


def _plain(address: PostalAddress) -> dict[str, Any]:
    return {name.removeprefix("x_"): value for name, value in _party("x", address).items()}


def _item(item: ParcelItem, *, quality_check: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "sku": item.sku,
        "description": item.name,
        "quantity": item.quantity,
        "price": parcels.rupees((item.unit_price * item.quantity - item.discount) / item.quantity),
    }
    if item.weight_g:
        row["weight"] = parcels.whole(item.weight_g, at_least=1)
    if quality_check:
        row["additional"] = {"images": item.image_url, "special_instructions": ""}
    return row


def _gst(booking: Booking) -> dict[str, Any]:
    """Taxable value and tax out of prices that include GST."""
    gross = [(item.unit_price * item.quantity - item.discount, item.tax_percent) for item in booking.items]
    taxable = sum((paid * 100 / (100 + rate) for paid, rate in gross), Decimal(0))
    invoice = booking.invoice
    assert invoice is not None  # noqa: S101  (the caller looked)
    return {
        "seller_gstin": invoice.seller_gstin,
        "consignee_gstin": booking.destination.gstin,
        "is_seller_registered_under_gst": True,
        "place_of_supply": booking.destination.state,
        "hsn_code": next((item.hsn for item in booking.items if item.hsn), ""),
        "taxable_value": parcels.rupees(taxable),
        "gst_total_tax": parcels.rupees(sum((paid for paid, _ in gross), Decimal(0)) - taxable),
        "invoice_reference": invoice.number,
        "ewaybill_serial_number": invoice.ewaybill,
    }


def _of_parcel(booked: Booked) -> dict[str, str]:
    return {"waybill": booked.awb, "cp_id": booked.courier.code if booked.courier else ""}


def _account(booked: Booked) -> str:
    return booked.courier.account if booked.courier else ""


def _bad(booking: Booking, field: str, what: str) -> BadParcel:
    return BadParcel(f"Parcel {booking.reference}: {field} {what}.", field=field)


def _about(reference: str) -> str:
    return f"parcel {reference}"
