"""What Clickpost's answers mean: `meta.status` tells, whatever the HTTP status and `meta.success` say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aggregator_hooks.clickpost import requests
from aggregator_hooks.clickpost.webhook import scan_event
from aggregator_hooks.judging import judge_status, problem, says, words_of
from aggregator_hooks.parcels import from_indian
from aggregator_hooks.reading import amount, day_in_india, first, inner, json_of, number, object_of, rows, text, texts
from careful_http.exchange import Answer, Call
from careful_http.outcome import BY_ITSELF, BY_LOOKING, Trouble
from magento_oms.ports import (
    AuthenticationError,
    Booked,
    Booking,
    Cancelled,
    ConfigurationError,
    Courier,
    CourierOffer,
    CourierRefused,
    NotFound,
    NotServiceable,
    OutsideError,
    PermanentError,
    Pickup,
    RetryableError,
    Tracking,
    UnknownOutcome,
    WalletEmpty,
)

PENDING = frozenset({102, 202})
"""Accepted; the AWB comes later."""
GOOD: Mapping[str, frozenset[int]] = {
    requests.CREATE: frozenset({200, 323}) | PENDING,
    requests.CANCEL: frozenset({200, 202, 600}),
}
KEY = frozenset({301, 316, 324, 401, 403})
SET_UP = frozenset({302, 304, 306, 309, 320, 351, 352, 353, 355})
REFUSED = frozenset({311, 319})
OPEN = frozenset({322, 329, 354, 500, 503, 504})
UNKNOWN_AWB = frozenset({321, 326, 330})


def judge(answer: Answer, call: Call, whose: str) -> Trouble | None:
    """What an answer means; None for a good one."""
    body = json_of(answer)
    code = status(body)
    told = words_of(inner(body, "meta").get("message")) or words_of(body)
    if code is None:
        return judge_status(answer, call, whose, told)

    def trouble(kind: type[OutsideError], way_out: str = "", **more: Any) -> Trouble:
        error = problem(kind, answer, call, whose, f"{told} (status {code})", way_out, **more)
        return Trouble(error, again=isinstance(error, RetryableError) and not call.changes)

    if code in GOOD.get(call.path, frozenset({200})) and answer.status < 500:
        return None
    if answer.status == 429 or code == 429:
        return judge_status(replace(answer, status=429), call, whose, told)
    if code in KEY:
        return trouble(AuthenticationError, "Correct username and key in the connection, or the courier's credentials.")
    if code in SET_UP:
        return trouble(ConfigurationError, "Correct the courier's id and account code: `couriers` lists what is valid.")
    if code in UNKNOWN_AWB:
        return trouble(NotFound)
    if says(told, "insufficient balance", "recharge", "wallet"):
        return trouble(WalletEmpty, "Recharge the courier's wallet.")
    if says(told, "not serviceable", "non serviceable", "pincode", "pin code"):
        return trouble(NotServiceable)
    if code in REFUSED:
        return trouble(CourierRefused)
    if code in OPEN and call.path != requests.LABEL:
        kind = UnknownOutcome if call.opens_outcome else RetryableError
        return trouble(kind, BY_LOOKING if call.opens_outcome else BY_ITSELF)
    if call.path == requests.LABEL:
        return trouble(NotFound)
    return trouble(PermanentError)


def status(body: Any) -> int | None:
    """`meta.status` of an answer."""
    return number(inner(body, "meta").get("status"))


def booked(answer: Answer, call: Call, booking: Booking, whose: str) -> Booked:
    """The parcel as it was booked now or before; without an AWB while the courier takes its time."""
    body = object_of(answer, call, whose)
    found = _booked(body, Booked(booking.reference, courier=booking.courier, direction=booking.direction))
    return replace(found, pickup_location=booking.pickup_location)


def found(answer: Answer, call: Call, wanted: Booked, whose: str) -> Booked | None:
    """What is there under our reference; None where there is nothing."""
    body = object_of(answer, call, whose)
    result = inner(body, "result")
    known = first(result, "reference_number")
    if known and known != wanted.reference:
        return None
    told = _booked(body, wanted)
    return told if told.awb or told.order_ref else None


def cancelled(answer: Answer) -> Cancelled:
    """Done, or accepted where the courier is an aggregator itself."""
    body = json_of(answer)
    return Cancelled(status(body) != 202, words_of(inner(body, "meta").get("message")))


def label_url(answer: Answer, call: Call, whose: str) -> str:
    """The label's address. Raises NotFound where there is none yet."""
    result = object_of(answer, call, whose).get("result")
    url = text(result) or first(inner({"result": result}, "result"), "shipping_label", "label")
    if not url:
        raise problem(NotFound, answer, call, whose, "there is no label yet")
    return url


def pickup(answer: Answer, call: Call, whose: str) -> Pickup:
    """The courier's number of a pickup."""
    return Pickup(first(inner(object_of(answer, call, whose), "result"), "confirmation_number"))


def tracked(answer: Answer, call: Call, whose: str) -> dict[str, Tracking]:
    """By AWB what its tracking tells. A result without anything, or invalid entries, mean that it is unknown."""
    result = object_of(answer, call, whose).get("result")
    if not isinstance(result, Mapping):
        return {}
    return {
        str(awb): _tracking(str(awb), entry)
        for awb, entry in result.items()
        if isinstance(entry, Mapping) and entry.get("valid") is not False
    }


def offers(answer: Answer, call: Call, whose: str) -> list[CourierOffer]:
    """Couriers that would take it, the best first.

    Raises:
        NotServiceable: there is none.
    """
    body = object_of(answer, call, whose)
    listed = [each for row in rows(body.get("result")) for each in rows(row.get("preference_array"))]
    listed.sort(key=lambda each: number(each.get("priority")) or 0)
    if not listed:
        raise problem(
            NotServiceable, answer, call, whose, words_of(inner(body, "meta").get("message")) or "nobody serves it"
        )
    return [
        CourierOffer(
            Courier(text(each.get("cp_id")), text(each.get("cp_name")), text(each.get("account_code"))),
            recommended=place,
            charge=amount(each.get("shipping_charge")),
        )
        for place, each in enumerate(listed)
    ]


def couriers(answer: Answer, call: Call, whose: str) -> list[Courier]:
    """The account's active contracts with couriers."""
    listed = rows(inner(object_of(answer, call, whose), "result").get("accounts"))
    return [
        Courier(first(row, "courier_partner_id"), first(row, "courier_name"), first(row, "account_code"))
        for row in listed
        if row.get("account_active") is not False
    ]


def _booked(body: Mapping[str, Any], known: Booked) -> Booked:
    result = inner(body, "result")
    courier = known.courier
    if code := text(result.get("courier_partner_id")):
        account = first(result, "account_code") or (courier.account if courier else "")
        courier = Courier(code, first(result, "courier_name"), account)
    # `result.order_id` is our order number in some answers and Clickpost's id in others; the one at the top is its id.
    return replace(
        known,
        order_ref=first(body, "order_id") or known.order_ref,
        shipment_ref=first(body, "tracking_id") or first(result, "tracking_id"),
        awb=text(result.get("waybill")),
        label_url=text(result.get("label")),
        courier=courier,
    )


def _tracking(awb: str, entry: Mapping[str, Any]) -> Tracking:
    additional = inner(entry, "additional")
    hints = {"ndr": code} if (code := text(inner(additional, "ndr").get("ndr_bucket_code"))) else {}
    npr = text(additional.get("npr_status_code"))
    hints |= {"npr": npr} if npr else {}
    whose = {"awb": awb}
    scans = [
        scan_event(scan, whose, {}) for scan in rows(entry.get("scans")) if text(scan.get("clickpost_status_code"))
    ]
    latest = inner(entry, "latest_status")
    current = scan_event(latest, whose, hints) if text(latest.get("clickpost_status_code")) else None
    if current is not None:
        # The newest scan is told twice; the one that carries the reasons is kept.
        scans = [scan for scan in scans if (scan.code, scan.occurred_at) != (current.code, current.occurred_at)]
    edd = first(additional, "courier_partner_edd") or first(inner(additional, "edd"), "exact_sla", "max_sla")
    return Tracking(
        awb=awb,
        events=tuple(scans),
        current=current,
        expected_on=day_in_india(from_indian(edd, "%Y-%m-%d %H:%M:%S", "%d-%m-%Y")),
        courier_name=first(additional, "courier_name"),
        qc_images=tuple(texts(additional.get("qc_images"))),
    )
