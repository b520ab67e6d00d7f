"""What the fifth aggregator is sent: pure functions. Grams and centimetres."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from aggregator_hooks import parcels
from careful_http.exchange import Call
from magento_oms.ports import BadParcel, Booked, Booking, NdrRequest, PostalAddress, Question

CREATE = "/parcels"
LONGEST_REFERENCE = 40
ADDRESS = (60, 60, 60)


def create(booking: Booking) -> Call:
    """Book a parcel, either way. The same reference again is refused as a duplicate, so a repeat is safe.

    Raises:
        BadParcel: it would not be taken.
    """
    parcels.check(booking, longest_reference=LONGEST_REFERENCE)
    body: dict[str, Any] = {
        "reference": booking.reference,
        "direction": str(booking.direction),
        "sender": _address(booking, booking.origin),
        "receiver": _address(booking, booking.destination),
        "weight_g": parcels.whole(booking.size.weight_g, at_least=1),
        "height_cm": parcels.whole(booking.size.height_cm, at_least=1),
        "collect": parcels.rupees(booking.cod),
        "value": parcels.rupees(booking.value),
        "contents": [{"sku": item.sku, "units": item.quantity} for item in parcels.merged_by_sku(booking.items)],
        "courier": booking.courier.code if booking.courier else None,
        "reason": booking.return_reason,
    }
    return Call("POST", CREATE, body=body, about=_about(booking.reference), changes=True, repeatable=True)


def cancel(booked: Booked) -> Call:
    """Call a parcel off."""
    path = f"{CREATE}/{booked.order_ref}/cancel"
    return Call("POST", path, body={}, about=_about(booked.reference), changes=True, repeatable=True)


def find(reference: str) -> Call:
    """Look for a parcel by our reference."""
    return Call("GET", "/find", urlencode({"reference": reference}), about=_about(reference))


def couriers(question: Question | None = None) -> Call:
    """Couriers of the account, or those that would take such a parcel."""
    query = urlencode({"to": question.destination_pincode}) if question else ""
    return Call("GET", "/couriers", query)


def track(awbs: list[str]) -> Call:
    """Scans of some AWBs: a POST that changes nothing."""
    return Call("POST", "/scans", body={"awbs": awbs})


def instruct(booked: Booked, request: NdrRequest) -> Call:
    """What becomes of a parcel that could not be delivered."""
    body = {"action": str(request.action), "note": request.comment}
    path = f"{CREATE}/{booked.order_ref}/instructions"
    return Call("POST", path, body=body, about=_about(booked.reference), changes=True)


def _address(booking: Booking, address: PostalAddress) -> dict[str, Any]:
    try:
        phone = parcels.mobile(address.phone)
    except ValueError as error:
        raise BadParcel(f"Parcel {booking.reference}: phone {error}.", field="phone") from None
    lines = parcels.address_lines(address, *ADDRESS)
    place = {"city": address.city, "state": address.state, "pincode": address.pincode}
    return {"name": address.name, "phone": phone, "lines": lines, **place}


def _about(reference: str) -> str:
    return f"parcel {reference}"
