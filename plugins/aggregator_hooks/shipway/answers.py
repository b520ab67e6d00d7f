"""What Shipway's answers mean. Failures come with HTTP 200, and the flag of success differs from call to call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aggregator_hooks.judging import judge_status, problem, says, words_of
from aggregator_hooks.parcels import from_indian
from aggregator_hooks.reading import amount, first, inner, json_of, object_of, rows, text
from aggregator_hooks.shipway import requests
from aggregator_hooks.shipway.statuses import code_of
from aggregator_hooks.shipway.webhook import TIMES, history
from careful_http.exchange import Answer, Call, parse
from careful_http.outcome import Trouble, unreadable
from magento_oms.ports import (
    AlreadyDone,
    AuthenticationError,
    Booked,
    Booking,
    ConfigurationError,
    Courier,
    CourierEvent,
    CourierOffer,
    CourierRefused,
    NotFound,
    NotServiceable,
    OutsideError,
    PermanentError,
    PickupLocation,
    Tracking,
    WalletEmpty,
)

YES = frozenset({"1", "true", "success", "ok"})
CANCELLED = frozenset({"X", "C", "CAN", "CANCELLED", "CANCELED"})
"""Statuses of an order that is cancelled, in any of the spellings that are seen."""


def judge(answer: Answer, call: Call, whose: str) -> Trouble | None:
    """What an answer means; None for a good one."""
    body = _body(answer)
    told = words(body)

    def trouble(kind: type[OutsideError], way_out: str = "", **more: Any) -> Trouble:
        return Trouble(problem(kind, answer, call, whose, told, way_out, **more))

    refused = isinstance(body, Mapping) and not _yes(body) and says(told, "unauthor", "invalid login")
    if answer.status in (401, 403) or (answer.status == 200 and refused):
        return trouble(AuthenticationError, "Correct e-mail and licence key in the connection.")
    if answer.status != 200 or body is None:
        return judge_status(answer, call, whose, told)
    if _is_good(call, body):
        return None
    if says(told, "insufficient", "recharge", "low balance", "wallet"):
        return trouble(WalletEmpty, "Recharge the Shipway wallet.")
    if says(told, "already cancel", "already been cancel", "already manifest", "already exist", "already picked"):
        return trouble(AlreadyDone)
    if call.path in (requests.FIND, requests.RATES, requests.TRACKING, requests.WAREHOUSES):
        return trouble(NotServiceable if call.path == requests.RATES else NotFound)
    if says(told, "warehouse"):
        return trouble(ConfigurationError, "Name Shipway's id of the warehouse under pickup_locations.")
    if says(told, "not serviceable", "non serviceable", "not servicable", "pincode"):
        return trouble(NotServiceable)
    if call.path in (requests.ORDERS, requests.RETURNS) and inner(body, "awb_response"):
        return trouble(CourierRefused)
    return trouble(PermanentError)


def words(body: Any) -> str:
    """What Shipway said, at whatever level."""
    if isinstance(body, list):
        return " ".join(words(row) for row in rows(body))[:300]
    if not isinstance(body, Mapping):
        return words_of(body)
    parts = [body.get("error"), body.get("message") if not isinstance(body.get("message"), (list, Mapping)) else ""]
    for name in ("awb_response", "create_return_response"):
        parts += [inner(body, name).get("error"), inner(body, name).get("message")]
    parts.append(body.get("error_response"))
    said: list[str] = []
    for part in parts:
        if (one := words_of(part)) and one not in said:
            said.append(one)
    return " ".join(said)


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
        tracking_url=f"https://track.shipway.com/t/{awb}",
    )


def found(answer: Answer, call: Call, wanted: Booked, whose: str) -> Booked | None:
    """The order with exactly our reference; None where there is none."""
    for row in rows(object_of(answer, call, whose).get("message")):
        if text(row.get("order_id")) != wanted.reference:
            continue
        carrier = first(row, "carrier_id", "name", "carrier_title")
        return replace(
            wanted,
            order_ref=wanted.reference,
            awb=text(row.get("tracking_number")),
            courier=Courier(carrier, first(row, "carrier_title", "name")) if carrier else None,
            cancelled=text(row.get("status")).upper() in CANCELLED,
        )
    return None


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


def _is_good(call: Call, body: Any) -> bool:
    """Whether a 200 means what it should, by the flag of that very call."""
    if isinstance(body, list):
        if call.path == requests.CANCEL_ORDERS:
            return bool(body) and all(_yes(row) for row in rows(body))
        return True
    if not isinstance(body, Mapping):
        return False
    match call.path:
        case requests.ORDERS | requests.RETURNS:
            part = inner(body, "awb_response")
            return _yes(body) and (not part or _yes(part) or bool(first(part, "AWB", "awb")))
        case requests.CANCEL_AWB:
            return _yes(body) and not first(body, "shipment_failed_tracking_numbers", "invalid_tracking_numbers")
        case requests.MANIFEST:
            return _yes(body) and not body.get("error_response")
        case requests.FIND | requests.CARRIERS:
            return _yes(body) or isinstance(body.get("message"), list)
        case requests.RATES:
            return _yes(body) or bool(rows(body.get("rate_card")))
        case _:
            return _yes(body)


def _yes(body: Mapping[str, Any]) -> bool:
    """1, true, "1", "success", "Success": each call has its own, under `success` or `status`."""
    told = body.get("success", body.get("status"))
    return told is True or text(told).lower() in YES


def _body(answer: Answer) -> Any:
    """The JSON of an answer; some are JSON in a JSON string. None where it is no JSON."""
    body = json_of(answer)
    if isinstance(body, str):
        try:
            return parse(body.encode())
        except ValueError:
            return body
    return body


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
    body = _body(answer)
    return first(body, "pickup_id", "pickup_token_number", "confirmation_number") if isinstance(body, Mapping) else ""
