"""What Shipway is sent. Grams for orders and kilograms for rates, centimetres; money and numbers as text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from aggregator_hooks import parcels
from careful_http.exchange import Call
from magento_oms.ports import BadParcel, Booked, Booking, NdrAction, NdrRequest, PostalAddress, Question

ORDERS = "/v2orders"
RETURNS = "/Createreturns"
FIND = "/getorders"
CANCEL_AWB = "/Cancel/"
CANCEL_ORDERS = "/Cancelorders/"
MANIFEST = "/Createmanifest/"
PICKUP = "/createpickup/"
CARRIERS = "/getcarrier"
RATES = "/getshipwaycarrierrates"
WAREHOUSES = "/getwarehouses"
TRACKING = "/tracking"
NDR = {NdrAction.REATTEMPT: "/Ndr/ReAttempt", NdrAction.RETURN_TO_ORIGIN: "/Ndr/RTO"}

TRACK_AT_ONCE = 50
ADDRESS = (100, 200)
LONGEST_REFERENCE = 50


def store_order(booking: Booking) -> Call:
    """Store the order, without an AWB. Sent again it is an update, as long as there is no AWB.

    Raises:
        BadParcel: Shipway would not take it.
    """
    check(booking)
    return Call("POST", ORDERS, body=_order(booking), about=_about(booking.reference), changes=True, repeatable=True)


def assign_awb(booking: Booking) -> Call:
    """Send the order once more, with carrier and warehouse: this makes the AWB, and costs money.

    An empty carrier leaves the choice to the account's rules.
    """
    check(booking)
    body = _order(booking) | {
        "carrier_id": booking.courier.code if booking.courier else "",
        "warehouse_id": booking.pickup_location,
        "return_warehouse_id": booking.pickup_location,
        "generate_label": True,
    }
    return Call("POST", ORDERS, body=body, about=_about(booking.reference), changes=True)


def create_return(booking: Booking) -> Call:
    """Make a reverse pickup with its AWB. Shipway swaps the addresses: the customer's is sent as for an order.

    Raises:
        BadParcel: Shipway would not take it.
    """
    check(booking)
    body = _order(booking, customer=booking.origin) | {
        "carrier_id": booking.courier.code if booking.courier else "",
        "return_warehouse_id": booking.pickup_location,
        "return_order_status": "E",
        "customer_notes": booking.return_reason,
    }
    # A map by SKU here, where an order has a list.
    body["products"] = {row["product_code"]: row for row in body["products"]}
    return Call("POST", RETURNS, body=body, about=_about(booking.reference), changes=True)


def check(booking: Booking) -> None:
    """Refuse what no courier, or only Shipway, would not take.

    Raises:
        BadParcel: with the field named.
    """
    parcels.check(booking, longest_reference=LONGEST_REFERENCE)
    if not booking.pickup_location:
        raise _bad(booking, "pickup_location", "is empty: name Shipway's id of the warehouse")


def find_order(reference: str) -> Call:
    """Look for an order by our reference."""
    return Call("GET", FIND, urlencode({"orderid": reference}), about=_about(reference))


def list_orders(since: date, until: date, page: int) -> Call:
    """A page of the orders made on these days."""
    query = urlencode({"date_from": since.isoformat(), "date_to": until.isoformat(), "page": page})
    return Call("GET", FIND, query, about=f"orders of {since} to {until}")


def cancel_awb(booked: Booked) -> Call:
    """Take the AWB back; the order is free again."""
    body = {"awb_number": [booked.awb]}
    return Call("POST", CANCEL_AWB, body=body, about=_about(booked.reference), changes=True, repeatable=True)


def cancel_order(booked: Booked) -> Call:
    """Cancel an order without an AWB."""
    body = {"order_ids": [booked.reference]}
    return Call("POST", CANCEL_ORDERS, body=body, about=_about(booked.reference), changes=True, repeatable=True)


def manifest(booked: Sequence[Booked]) -> Call:
    """Hand a list of orders over to their couriers."""
    ids = [each.reference for each in booked]
    return Call("POST", MANIFEST, body={"order_ids": ids}, about=f"{len(ids)} orders", changes=True, repeatable=True)


def schedule_pickup(booking: Booking, booked: Booked, on: date) -> Call:
    """Ask the courier to come in the afternoon."""
    body = {
        "pickup_date": on.isoformat(),
        "pickup_time": "15:00",
        "office_close_time": "19:00",
        "package_count": "1",
        "carrier_id": next((each.code for each in (booked.courier, booking.courier) if each and each.code), ""),
        "warehouse_id": booking.pickup_location,
        "return_warehouse_id": booking.pickup_location,
        "payment_type": "C" if booking.cod else "P",
        "order_ids": [booked.reference],
    }
    return Call("POST", PICKUP, body=body, about=_about(booked.reference), changes=True)


def ndr_action(booked: Booked, request: NdrRequest) -> Call:
    """Say what becomes of a parcel that could not be delivered. What is not given anew is left out, never emptied.

    Raises:
        BadParcel: the new phone number is none.
    """
    body: dict[str, Any] = {"order_id": booked.reference, "order_tracking_number": booked.awb}
    if request.action is NdrAction.REATTEMPT:
        body |= {"customer_notification": "1", "update_carrier": "1"}
        if request.address_lines:
            body["address"] = ", ".join(request.address_lines)
        if request.phone:
            try:
                body["phone"] = parcels.mobile(request.phone)
            except ValueError as error:
                raise BadParcel(f"Parcel {booked.reference}: phone {error}.", field="phone") from None
    if request.comment:
        body["remarks"] = request.comment
    path = NDR[request.action]
    return Call("POST", path, body=body, about=_about(booked.reference), changes=True)


def track(awbs: Sequence[str]) -> Call:
    """Read the tracking of some AWBs with its history."""
    query = urlencode({"awb_numbers": ",".join(awbs), "tracking_history": 1}, safe=",")
    return Call("GET", TRACKING, query, about=f"{len(awbs)} AWBs")


def rates(question: Question) -> Call:
    """Which carriers would take it, and for how much."""
    asked = {
        "fromPincode": question.origin_pincode,
        "toPincode": question.destination_pincode,
        "paymentType": "cod" if question.cod else "prepaid",
        "weight": parcels.kilograms(question.size.weight_g),
        "length": question.size.length_cm,
        "breadth": question.size.breadth_cm,
        "height": question.size.height_cm,
        "shipment_type": 1,
        "cummulativePrice": parcels.rupees(question.value),
    }
    about = f"{question.origin_pincode} to {question.destination_pincode}"
    return Call("GET", RATES, urlencode(asked), about=about)


def carriers() -> Call:
    """Carriers that the account may use."""
    return Call("GET", CARRIERS, about="the carriers")


def warehouses() -> Call:
    """Warehouses as Shipway knows them."""
    return Call("GET", WAREHOUSES, about="the warehouses")


def _order(booking: Booking, customer: PostalAddress | None = None) -> dict[str, Any]:
    to = customer or booking.destination
    total = booking.cod or booking.value
    body: dict[str, Any] = {
        "order_id": booking.reference,
        "store_code": "1",
        "products": [
            {
                "product": item.name,
                "price": _money((item.unit_price * item.quantity - item.discount) / item.quantity),
                "product_code": item.sku,
                "product_quantity": str(item.quantity),
                "discount": "0",
                "tax_rate": str(item.tax_percent),
                "tax_title": "GST",
                "hsn_code": item.hsn,
            }
            for item in parcels.merged_by_sku(booking.items)
        ],
        # What is collected at the door is the total, so nothing may be added to it or taken from it elsewhere.
        "discount": "0",
        "shipping": "0",
        "order_total": _money(total),
        "gift_card_amt": "0",
        "taxes": "0",
        "payment_type": "C" if booking.cod else "P",
        "email": to.email,
        **_address("billing", to),
        **_address("shipping", to),
        "order_weight": str(parcels.whole(booking.size.weight_g, at_least=1)),
        "box_length": str(parcels.whole(booking.size.length_cm, at_least=1)),
        "box_breadth": str(parcels.whole(booking.size.breadth_cm, at_least=1)),
        "box_height": str(parcels.whole(booking.size.height_cm, at_least=1)),
        "order_date": parcels.indian_time(booking.ordered_at, "%Y-%m-%d %H:%M:%S"),
    }
    if booking.invoice is not None:
        body["invoice_number"] = booking.invoice.number
        if booking.invoice.ewaybill:
            body["ewaybill"] = booking.invoice.ewaybill
    return body


def _address(prefix: str, address: PostalAddress) -> dict[str, Any]:
    first, last = parcels.names(address)
    lines = parcels.address_lines(address, *ADDRESS)
    return {
        f"{prefix}_firstname": first,
        f"{prefix}_lastname": last,
        f"{prefix}_address": lines[0],
        f"{prefix}_address2": lines[1],
        f"{prefix}_city": address.city,
        f"{prefix}_state": address.state,
        f"{prefix}_country": "India",
        f"{prefix}_zipcode": address.pincode,
        f"{prefix}_phone": parcels.mobile(address.phone),
    }


def _money(value: Decimal) -> str:
    return str(parcels.rupees(value))


def _bad(booking: Booking, field: str, what: str) -> BadParcel:
    return BadParcel(f"Parcel {booking.reference}: {field} {what}.", field=field)


def _about(reference: str) -> str:
    return f"parcel {reference}"
