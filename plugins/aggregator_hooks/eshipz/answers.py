"""What Eshipz's answers mean: `meta.code` inside a 200 tells, and for a cancellation only its words do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aggregator_hooks.eshipz import requests
from aggregator_hooks.eshipz.scans import item_events, moment_of
from aggregator_hooks.judging import judge_status, problem, says, words_of
from aggregator_hooks.reading import amount, day_in_india, first, inner, json_of, number, object_of, rows, text, texts
from careful_http.exchange import Answer, Call
from careful_http.outcome import BY_LOOKING, DEFAULT_PAUSE, Trouble, retry_after
from magento_oms.ports import (
    AlreadyDone,
    AuthenticationError,
    Booked,
    Booking,
    Courier,
    CourierOffer,
    CourierRefused,
    NotServiceable,
    OutsideError,
    PermanentError,
    RateLimited,
    Tracking,
    UnknownOutcome,
    WalletEmpty,
)

PAUSE = 60.0
"""Seconds to wait on a 429 that does not say how long."""
BOOKS = (requests.CREATE, requests.BY_RULES)


def judge(answer: Answer, call: Call, whose: str) -> Trouble | None:
    """What an answer means; None for a good one."""
    body = json_of(answer)
    told = words(body)

    def trouble(kind: type[OutsideError], way_out: str = "", **more: Any) -> Trouble:
        return Trouble(problem(kind, answer, call, whose, told, way_out, **more))

    if answer.status in (401, 403) or (answer.status == 200 and says(told, "unauthorized", "un-authorized")):
        return trouble(AuthenticationError, "Correct the API token in the connection.")
    if answer.status == 429:
        pause = retry_after(answer) or max(PAUSE, DEFAULT_PAUSE)
        return trouble(RateLimited, retry_after=pause)
    if call.path in BOOKS and says(told, "already been processed", "already processed"):
        return trouble(AlreadyDone)
    if answer.status >= 500 or body is None:
        return judge_status(answer, call, whose, told)
    code = _code(body)
    if answer.status == 200 and (code is None or code in (200, 201)):
        return _inside_a_200(answer, call, whose, body, told)
    if says(told, "insufficient", "recharge", "low balance", "wallet"):
        return trouble(WalletEmpty, "Recharge the wallet of the carrier account.")
    if says(told, "not serviceable", "non serviceable", "not servicable", "no service", "pincode"):
        return trouble(NotServiceable)
    if call.path in BOOKS and answer.status == 200:
        return trouble(CourierRefused)
    if answer.status == 200:
        return trouble(PermanentError)
    return judge_status(answer, call, whose, told)


def words(body: Any) -> str:
    """What Eshipz said, wherever it put it."""
    if not isinstance(body, Mapping):
        return "" if isinstance(body, list) else words_of(body)
    meta, data = inner(body, "meta"), inner(body, "data")
    parts = [
        meta.get("message") if text(meta.get("message")).upper() != "OK" else "",
        meta.get("details"),
        body.get("message"),
        body.get("remark"),
        body.get("remarks"),
        body.get("error"),
        data.get("status") if number(data.get("status_code")) not in (None, 200) else "",
    ]
    said: list[str] = []
    for part in parts:
        if (one := words_of(part)) and one not in said:
            said.append(one)
    return " ".join(said)


def booked(answer: Answer, call: Call, booking: Booking, whose: str) -> Booked:
    """The shipment that was made; its AWB and label may still be missing."""
    data = inner(object_of(answer, call, whose), "data")
    awbs = texts(data.get("tracking_numbers"))
    label = inner(data, "files", "label", "label_meta")
    known = booking.courier
    return Booked(
        reference=booking.reference,
        order_ref=text(data.get("order_id")),
        awb=awbs[0] if awbs else first(label, "awb"),
        more_awbs=tuple(awbs[1:]),
        courier=Courier(
            first(data, "slug") or (known.code if known else ""),
            known.name if known else "",
            known.account if known else first(data, "vendor_id"),
            first(data, "service_type") or (known.service if known else ""),
        ),
        label_url=first(label, "url"),
        tracking_url=first(data, "tracking_link"),
        direction=booking.direction,
        pickup_location=booking.pickup_location,
    )


def found(answer: Answer, call: Call, wanted: Booked, whose: str) -> Booked | None:
    """The newest shipment with exactly our reference; one that is not cancelled before one that is."""
    matching = [
        _of_row(row, wanted)
        for row in _shipments(answer)
        if first(row, "customer_referenc", "customer_reference") == wanted.reference
    ]
    return min(matching, key=lambda each: each.cancelled, default=None)


def listed(answer: Answer) -> list[Booked]:
    """A page of shipments."""
    return [_of_row(row, Booked(first(row, "customer_referenc", "customer_reference"))) for row in _shipments(answer)]


def _shipments(answer: Answer) -> list[Mapping[str, Any]]:
    body = json_of(answer)
    found = rows(body) or rows(inner(body, "data").get("shipments"))
    if isinstance(body, Mapping) and not found:
        found = rows(body.get("data")) or rows(body.get("shipments"))
    return found


def pickup_number(answer: Answer) -> str:
    """The courier's number of a pickup, where it is told."""
    return first(inner(json_of(answer), "data"), "pickup_id", "confirmation_number", "token_number")


def manifest_id(answer: Answer, call: Call, whose: str) -> str:
    """The manifest's id, by which its paper is fetched."""
    body = object_of(answer, call, whose)
    return first(body, "manifest_id", "user_manifest_id") or first(inner(body, "data"), "manifest_id")


def tracked(answer: Answer, *, gmt_is_indian: bool) -> dict[str, Tracking]:
    """By AWB what its tracking tells. Nothing known: an empty list, or a count of 0."""
    body = json_of(answer)
    listed = rows(body)
    if isinstance(body, Mapping):
        listed = rows(body.get("data")) or rows(body.get("trackings"))
    known: dict[str, Tracking] = {}
    for item in listed:
        if awb := first(item, "tracking_number"):
            expected = moment_of(first(item, "expected_delivery_date"), gmt_is_indian=gmt_is_indian)
            events = tuple(item_events(item, {"awb": awb}, gmt_is_indian=gmt_is_indian))
            known[awb] = Tracking(awb, events, expected_on=day_in_india(expected), courier_name=first(item, "slug"))
    return known


def offers(answer: Answer, call: Call, whose: str) -> list[CourierOffer]:
    """Services that would take it, the cheapest first. Carriers with a code other than 200 serve nothing.

    Raises:
        NotServiceable: there is none.
    """
    priced = []
    refusals = []
    for rate in rows(inner(object_of(answer, call, whose), "data").get("rates")):
        for service in rows(rate.get("technicality")):
            if number(rate.get("code")) in (200, 201) and text(service.get("service_type")):
                priced.append((rate, service, amount(inner(service, "total_charge").get("amount"))))
            elif says_why := words_of(service.get("error_message")):
                refusals.append(f"{first(rate, 'slug')}: {says_why}")
    if not priced:
        told = "; ".join(refusals)[:300] or "no carrier serves it"
        raise problem(NotServiceable, answer, call, whose, told)
    priced.sort(key=lambda each: (each[2] is None, each[2] or 0))
    return [
        CourierOffer(
            Courier(
                first(rate, "slug"), first(rate, "description"), first(rate, "vendor_id"), text(service["service_type"])
            ),
            recommended=place,
            charge=charge,
            days=number(service.get("transit_time")),
        )
        for place, (rate, service, charge) in enumerate(priced)
    ]


def _inside_a_200(answer: Answer, call: Call, whose: str, body: Any, told: str) -> Trouble | None:
    def trouble(kind: type[OutsideError], way_out: str = "", **more: Any) -> Trouble:
        return Trouble(problem(kind, answer, call, whose, told, way_out, **more))

    data = inner(body, "data")
    if call.path in BOOKS and not text(data.get("order_id")):
        return trouble(UnknownOutcome, BY_LOOKING)
    if call.path == requests.CANCEL and (says(told, "fail", "cannot", "not cancel") or not says(told, "cancel")):
        # A refusal differs from a success in its words only.
        return trouble(PermanentError, "Cancel it in the Eshipz panel, or let it be returned to origin.")
    if call.path == requests.PICKUP and number(data.get("status_code")) not in (None, 200):
        return trouble(CourierRefused)
    return None


def _code(body: Any) -> int | None:
    """`meta.code`, or `meta` itself where that is the number; the orders API has `status`."""
    if not isinstance(body, Mapping):
        return None
    meta = body.get("meta")
    return number(meta.get("code")) if isinstance(meta, Mapping) else number(meta) or number(body.get("status"))


def _of_row(row: Mapping[str, Any], wanted: Booked) -> Booked:
    label = inner(row, "label_meta")
    statuses = " ".join(first(row, name) for name in ("order_status", "tracking_status"))
    return replace(
        wanted,
        order_ref=first(row, "order_id"),
        awb=first(row, "awb") or first(label, "awb"),
        courier=Courier(
            first(row, "slug"),
            first(row, "vendor_display_name", "vendor_name"),
            first(row, "vendor_id"),
            first(row, "service_type"),
        ),
        label_url=first(label, "url"),
        tracking_url=first(row, "tracking_link"),
        cancelled=row.get("active") is False or text(row.get("active")).lower() == "false" or says(statuses, "cancel"),
    )
