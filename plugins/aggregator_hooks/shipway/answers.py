"""What Shipway's good answers tell; whether one is good says `judging`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aggregator_hooks.judging import problem
from aggregator_hooks.parcels import from_indian
from aggregator_hooks.reading import amount, first, inner, json_of, object_of, rows, text
from aggregator_hooks.shipway.judging import json_in
from aggregator_hooks.shipway.statuses import code_of
from aggregator_hooks.shipway.webhook import TIMES, history
from careful_http.exchange import Answer, Call
from careful_http.outcome import unreadable
from magento_oms.ports import (
    Booked,
    Booking,
    Courier,
    CourierEvent,
    CourierOffer,
    NotServiceable,
    PickupLocation,
    Tracking,
)

CANCELLED = frozenset({"X", "C", "CAN", "CANCELLED", "CANCELED"})
"""Statuses of an order that is cancelled, in any of the spellings that are seen."""
HANDED_OVER = frozenset({"E", "G"})
"""Statuses of an order that is on a manifest: manifested, dispatched."""
PAGE = 100
"""Orders that one answer of `getorders` holds at most."""


def stored(booking: Booking) -> Booked:
    """The order as it was stored; Shipway has no id of its own that it is asked by."""
    return Booked(
        booking.reference,
        order_ref=booking.reference,
        direction=booking.direction,
        pickup_location=booking.pickup_location,
    )


def booked(answer: Answer, call: Call, booking: Booking, whose: str) -> Booked:
    """The order with its AWB and label; the label is told here and nowhere else."""
    body = object_of(answer, call, whose)
    part = inner(body, "awb_response")
    awb = first(part, "AWB", "awb")
    if not awb:
        raise unreadable(call, answer, whose, "no AWB is in the answer")
    carrier = first(part, "carrier_id") or (booking.courier.code if booking.courier else "")
    rma = first(inner(body, "create_return_response"), "rma_no")
    return replace(
        stored(booking),
        shipment_ref=rma,
        awb=awb,
        courier=Courier(carrier, first(part, "courier_name")) if carrier else None,
        label_url=first(part, "shipping_url"),
        tracking_url=_tracking_page(awb),
    )


def found(answer: Answer, call: Call, wanted: Booked, whose: str) -> Booked | None:
    """The order with exactly our reference; None where there is none.

    A carrier is told by its name only, which no call takes as its id: the id stays empty.
    """
    row = row_of(answer, call, wanted.reference, whose)
    return None if row is None else _of_row(row, wanted)


def listed(answer: Answer, call: Call, whose: str) -> tuple[list[Booked], bool]:
    """A page of orders, and whether there may be more: a page that is not full is the last one."""
    found = rows(object_of(answer, call, whose).get("message"))
    return [_of_row(row, Booked(text(row.get("order_id")))) for row in found], len(found) >= PAGE


def _of_row(row: Mapping[str, Any], wanted: Booked) -> Booked:
    awb, carrier, name = text(row.get("tracking_number")), first(row, "carrier_id"), first(row, "carrier_title", "name")
    return replace(
        wanted,
        order_ref=wanted.reference,
        awb=awb,
        courier=Courier(carrier, name) if carrier or name else None,
        tracking_url=_tracking_page(awb),
        cancelled=text(row.get("status")).upper() in CANCELLED,
    )


def row_of(answer: Answer, call: Call, reference: str, whose: str) -> Mapping[str, Any] | None:
    """The row of exactly this order; None where there is none.

    Raises:
        RetryableError: the page is full of others, so that it may be on a further one.
    """
    listed = rows(object_of(answer, call, whose).get("message"))
    row = next((each for each in listed if text(each.get("order_id")) == reference), None)
    if row is None and len(listed) >= PAGE:
        raise unreadable(call, answer, whose, "a full page of other orders is in the answer")
    return row


def is_handed_over(row: Mapping[str, Any] | None) -> bool:
    """Whether an order is on a manifest."""
    return row is not None and text(row.get("status")).upper() in HANDED_OVER


def manifest_number(answer: Answer, call: Call, whose: str) -> str:
    """The manifest's number; its key has a blank in it."""
    return first(object_of(answer, call, whose), "manifest ids", "manifest_ids")


def tracked(answer: Answer) -> dict[str, Tracking]:
    """By AWB what its tracking tells. Entries with an error are unknown ones."""
    known: dict[str, Tracking] = {}
    for row in rows(json_of(answer)):
        awb, details = text(row.get("awb")), inner(row, "tracking_details")
        if awb and details and not row.get("error"):
            known[awb] = _tracking(awb, details)
    return known


def offers(answer: Answer, call: Call, whose: str) -> list[CourierOffer]:
    """Carriers that would take it, the cheapest first.

    Raises:
        NotServiceable: there is none.
    """
    listed = rows(object_of(answer, call, whose).get("rate_card"))
    if not listed:
        raise problem(NotServiceable, answer, call, whose, "no carrier serves it")
    priced = [(_charge(row), Courier(text(row.get("carrier_id")), text(row.get("courier_name")))) for row in listed]
    priced.sort(key=lambda each: (each[0] is None, each[0]))
    return [CourierOffer(courier, recommended=place, charge=charge) for place, (charge, courier) in enumerate(priced)]


def carriers(answer: Answer, call: Call, whose: str) -> list[Courier]:
    """Carriers that the account may use."""
    listed = rows(object_of(answer, call, whose).get("message"))
    return [Courier(text(row.get("id")), first(row, "carrier_title", "name")) for row in listed]


def warehouses(answer: Answer, call: Call, whose: str) -> list[PickupLocation]:
    """Warehouses: one as an object, several as a map by id or a list, none as a sentence."""
    told = object_of(answer, call, whose).get("message")
    if isinstance(told, Mapping):
        listed = [told] if "warehouse_id" in told else [row for row in told.values() if isinstance(row, Mapping)]
    else:
        listed = list(rows(told))
    return [
        PickupLocation(text(row.get("warehouse_id")), text(row.get("title")), text(row.get("pincode")))
        for row in listed
        if text(row.get("warehouse_id"))
    ]


def _tracking_page(awb: str) -> str:
    return f"https://track.shipway.com/t/{awb}" if awb else ""


def _charge(row: Mapping[str, Any]) -> Any:
    charge, cod = amount(row.get("delivery_charge")), amount(row.get("cod_charges"))
    return None if charge is None else charge + (cod or 0)


def _tracking(awb: str, details: Mapping[str, Any]) -> Tracking:
    whose = {"awb": awb}
    scans = rows(details.get("shipment_track_activities")) or rows(details.get("tracking_history"))
    events = tuple(history(scan, whose) for scan in scans)
    shipment = next(iter(rows(details.get("shipment_details"))), {})
    timed = [(event.occurred_at, event.remark) for event in events if event.occurred_at]
    newest, words = max(timed, default=(None, ""))
    status = first(details, "current_status_code", "shipment_status")
    current = None
    if status:
        code = code_of(status)
        delivered = from_indian(first(shipment, "delivered_date"), *TIMES) if code == "DEL" else None
        label = first(details, "shipment_status")
        current = CourierEvent(code=code, awb=awb, label=label, occurred_at=delivered or newest, remark=words)
    return Tracking(awb=awb, events=events, current=current, courier_name=first(shipment, "courier_name"))


def pickup_number(answer: Answer) -> str:
    """The courier's number of a pickup, where it is told."""
    body = json_in(answer)
    return first(body, "pickup_id", "pickup_token_number", "confirmation_number") if isinstance(body, Mapping) else ""
