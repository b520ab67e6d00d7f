"""Parcels: what is asked for, and what an aggregator knows of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

Day = date
"""So that a field may be called `date`."""


class Direction(StrEnum):
    """Which way a parcel goes. RTO legs belong to a forward parcel; a customer's return is a parcel of its own."""

    FORWARD = "forward"
    REVERSE = "reverse"


@dataclass(frozen=True, slots=True)
class PostalAddress:
    """Who and where, as the OMS has it: not yet in an aggregator's form. Personal data.

    `lines` are one to four; `phone` as the customer wrote it; `state` is its name; `pincode` six digits.
    """

    name: str = field(repr=False)
    lines: tuple[str, ...] = field(repr=False)
    city: str = field(repr=False)
    state: str
    pincode: str
    phone: str = field(repr=False)
    email: str = field(default="", repr=False)
    company: str = field(default="", repr=False)
    gstin: str = ""
    country: str = "IN"


@dataclass(frozen=True, slots=True)
class ParcelItem:
    """Units of one SKU in a parcel.

    Attributes:
        unit_price: of one, GST included, before `discount`; rupees.
        discount: of all units together, rupees.
        tax_percent: GST rate.
        weight_g: of one unit; None where it is not known.
    """

    sku: str
    name: str
    quantity: int
    unit_price: Decimal
    discount: Decimal = Decimal(0)
    tax_percent: Decimal = Decimal(0)
    hsn: str = ""
    weight_g: Decimal | None = None
    image_url: str = ""


@dataclass(frozen=True, slots=True)
class ParcelSize:
    """Size in centimetres and weight in grams, of the packed box."""

    length_cm: Decimal
    breadth_cm: Decimal
    height_cm: Decimal
    weight_g: Decimal


@dataclass(frozen=True, slots=True)
class InvoiceFacts:
    """The invoice that travels with the parcel. `date` is in the store's zone."""

    number: str
    date: Day
    value: Decimal
    seller_gstin: str = ""
    ewaybill: str = ""


@dataclass(frozen=True, slots=True)
class Courier:
    """One courier (or one of its services) at an aggregator, as it is chosen.

    Attributes:
        code: the aggregator's id of it: Shiprocket `courier_company_id`, Clickpost `cp_id`, Shipway `carrier_id`,
            Eshipz `slug`.
        name: for people.
        account: the aggregator's name of the shipper's contract with it, where it wants one: Clickpost `account_code`,
            Eshipz `vendor_id`.
        service: Eshipz `service_type`; empty elsewhere.
    """

    code: str
    name: str = ""
    account: str = ""
    service: str = ""


@dataclass(frozen=True, slots=True)
class Booking:
    """A parcel to be booked: a forward one or a reverse pickup.

    Attributes:
        reference: ours, unique for the account and for ever: what a lost answer is looked up by. A re-booking after a
            cancellation has another one.
        order_number: what the customer knows the order by.
        ordered_at: aware UTC.
        origin: where it is picked up: the warehouse, or the customer of a return.
        return_to: where an undelivered one goes back to.
        pickup_location: the aggregator's own name or id of the warehouse (origin of a forward parcel, destination of a
            reverse one); empty where it has none.
        cod: rupees to collect at the door; 0 is prepaid. Always 0 for a reverse pickup.
        value: of the goods, GST included, rupees: the sum that the parcel's share of the order comes to.
        shipping: charged to the customer for this parcel, rupees.
        courier: None lets the aggregator choose, where it can.
        return_reason: of a reverse pickup, in words.
        quality_check: whether the courier is to check the units of a reverse pickup at the door.
    """

    reference: str
    order_number: str
    ordered_at: datetime
    direction: Direction
    origin: PostalAddress
    destination: PostalAddress
    return_to: PostalAddress
    items: tuple[ParcelItem, ...]
    size: ParcelSize
    value: Decimal
    cod: Decimal = Decimal(0)
    shipping: Decimal = Decimal(0)
    pickup_location: str = ""
    courier: Courier | None = None
    invoice: InvoiceFacts | None = None
    return_reason: str = ""
    quality_check: bool = False


@dataclass(frozen=True, slots=True)
class Booked:
    """What an aggregator knows of a parcel: kept in the OMS, and given back with every later call about it.

    Attributes:
        reference: ours.
        order_ref: the aggregator's own id of the order: Shiprocket `order_id`, Eshipz `EZ…`; Shipway: our reference.
        shipment_ref: its id of the shipment, where that is another one (Shiprocket `shipment_id`).
        awb: the courier's number; empty while there is none.
        more_awbs: of further boxes of the same shipment.
        label_url: empty where there is none (yet).
        cancelled: it is there, but cancelled.
        direction: as it was booked.
    """

    reference: str
    order_ref: str = ""
    shipment_ref: str = ""
    awb: str = ""
    more_awbs: tuple[str, ...] = ()
    courier: Courier | None = None
    label_url: str = ""
    tracking_url: str = ""
    direction: Direction = Direction.FORWARD
    pickup_location: str = ""
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class CourierOffer:
    """One courier that would take a parcel.

    Attributes:
        charge: forward freight with the COD charge, rupees; None where it is not told.
        days: estimated until delivery; None where it is not told.
        recommended: the aggregator's own order of preference, 0 first.
    """

    courier: Courier
    recommended: int = 0
    charge: Decimal | None = None
    days: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """Would a parcel be taken? Everything in grams, centimetres and rupees."""

    origin_pincode: str
    destination_pincode: str
    size: ParcelSize
    value: Decimal
    cod: Decimal = Decimal(0)
    direction: Direction = Direction.FORWARD
    quality_check: bool = False


@dataclass(frozen=True, slots=True)
class CourierDocument:
    """A label or manifest as it was fetched.

    Attributes:
        content: the bytes of the file; empty where the aggregator's answer has no file, only a number.
        number: the aggregator's own of a manifest.
    """

    url: str = ""
    content: bytes = field(default=b"", repr=False)
    media_type: str = "application/pdf"
    number: str = ""


@dataclass(frozen=True, slots=True)
class Pickup:
    """A pickup that was asked for. `scheduled_for` is a day in India; None where it is not told."""

    number: str = ""
    scheduled_for: date | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What came of a cancellation. `final` False: accepted, and told by a status later."""

    final: bool
    words: str = ""


class NdrAction(StrEnum):
    """What a courier may be asked to do with a parcel that could not be delivered."""

    REATTEMPT = "reattempt"
    RETURN_TO_ORIGIN = "return_to_origin"


@dataclass(frozen=True, slots=True)
class NdrRequest:
    """A person's decision about a parcel that could not be delivered. `on` is a day in India."""

    action: NdrAction
    comment: str = ""
    on: date | None = None
    phone: str = field(default="", repr=False)
    address_lines: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class PickupLocation:
    """A warehouse as the aggregator knows it; `code` is what `Booking.pickup_location` says."""

    code: str
    name: str = ""
    pincode: str = ""
    active: bool = True
