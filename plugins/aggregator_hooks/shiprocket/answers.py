"""What Shiprocket's answers mean. A 200 may carry a failure, and a refusal may mean that it is done already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aggregator_hooks.judging import judge_status, problem, says, words_of
from aggregator_hooks.parcels import from_indian
from aggregator_hooks.reading import amount, day_in_india, first, inner, json_of, number, object_of, rows, text, texts
from aggregator_hooks.shiprocket import requests
from aggregator_hooks.shiprocket.statuses import CANCELLED_ORDERS
from aggregator_hooks.shiprocket.webhook import scan_event
from careful_http.exchange import Answer, Call
from careful_http.outcome import BY_LOOKING, Trouble, unreadable
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
    Direction,
    NotFound,
    NotServiceable,
    OutsideError,
    PermanentError,
    Pickup,
    PickupLocation,
    ReferenceUsed,
    RetryableError,
    Tracking,
    UnknownOutcome,
    WalletEmpty,
)

RECHARGE = "Recharge the Shiprocket wallet; what waits for it is in quarantine until it is retried."
_TIMES = ("%Y-%m-%d %H:%M:%S", "%d %b %Y", "%b %d, %Y", "%b %d %Y")


def judge(answer: Answer, call: Call, whose: str) -> Trouble | None:
    """What an answer means; None for a good one."""
    body = json_of(answer)
    told = words(body)

    def trouble(kind: type[OutsideError], way_out: str = "", **more: Any) -> Trouble:
        return Trouble(problem(kind, answer, call, whose, told, way_out, **more))

    if call.path == requests.LOGIN and answer.status in (400, 401, 403, 422):
        return trouble(
            AuthenticationError,
            "Use an API user (Settings, API in the panel), not the login of the panel; correct the connection.",
        )
    if _wallet_is_empty(body, told):
        return trouble(WalletEmpty, RECHARGE)
    if already := _already(answer, call, told):
        return trouble(already)
    if isinstance(body, Mapping) and 200 <= answer.status < 300:
        return _inside_a_200(answer, call, whose, body, told)
    if call.path == requests.ASSIGN and answer.status in (400, 404) and not says(told, "not found", "invalid"):
        return trouble(CourierRefused)
    if call.path == requests.SERVICEABILITY and answer.status in (400, 404, 422):
        return trouble(NotServiceable)
    if answer.status == 500 and call.path == requests.CANCEL and says(told, "non-object"):
        return trouble(NotFound, "The order is not known there: look in the Shiprocket panel.")
    if answer.status == 403:
        return trouble(AuthenticationError, "Give the API user this module in the Shiprocket panel (Settings, API).")
    return judge_status(answer, call, whose, told)


def words(body: Any) -> str:
    """What Shiprocket said, wherever it put it."""
    if not isinstance(body, Mapping):
        return words_of(body)
    data = body.get("response")
    nested = data.get("data") if isinstance(data, Mapping) else data
    if isinstance(nested, Mapping):
        nested = nested.get("awb_assign_error")
    tracking = body.get("tracking_data")
    error = tracking.get("error") if isinstance(tracking, Mapping) else None
    parts = [body.get("message"), body.get("errors"), nested, error, body.get("error")]
    told: list[str] = []
    for part in parts:
        said = words_of(part)
        if said and said not in told:
            told.append(said)
    return " ".join(told)


def created(answer: Answer, call: Call, booking: Booking, whose: str) -> Booked:
    """The order that was made, or the one that was there under our reference already.

    Raises:
        ReferenceUsed: that one is cancelled.
    """
    body = object_of(answer, call, whose)
    if number(body.get("status_code")) in CANCELLED_ORDERS:
        raise problem(
            ReferenceUsed, answer, call, whose, f"the reference {booking.reference} belongs to a cancelled order"
        )
    return Booked(
        reference=booking.reference,
        order_ref=text(body.get("order_id")),
        shipment_ref=text(body.get("shipment_id")),
        awb=text(body.get("awb_code")),
        courier=_courier(body.get("courier_company_id"), body.get("courier_name")),
        direction=booking.direction,
        pickup_location=booking.pickup_location,
    )


def assigned(answer: Answer, call: Call, booked: Booked, whose: str) -> Booked:
    """The booking with its AWB."""
    body = object_of(answer, call, whose)
    data = inner(body, "response", "data")
    awb = text(data.get("awb_code"))
    if not awb:
        raise unreadable(call, answer, whose, "no AWB is in the answer")
    courier = _courier(data.get("courier_company_id"), data.get("courier_name"))
    return _with(booked, awb=awb, courier=courier)


def shown(answer: Answer, call: Call, booked: Booked, whose: str) -> Booked:
    """The booking as `orders/show` has it."""
    data = inner(object_of(answer, call, whose), "data")
    return _with(booked, **_of_row(data))


def matching(answer: Answer, call: Call, reference: str, direction: Direction, whose: str) -> Booked | None:
    """The newest order of a list that has exactly this reference; one that is not cancelled before one that is."""
    listed = object_of(answer, call, whose).get("data")
    found = [
        _with(Booked(reference=reference, direction=direction), **_of_row(row))
        for row in rows(listed)
        if text(row.get("channel_order_id")) == reference
    ]
    return min(found, key=lambda booked: (booked.cancelled, -int(booked.order_ref or 0)), default=None)


def listed(answer: Answer, call: Call, whose: str) -> tuple[list[Booked], bool]:
    """A page of orders, and whether there are more."""
    body = object_of(answer, call, whose)
    found = [
        _with(Booked(reference=text(row.get("channel_order_id"))), **_of_row(row)) for row in rows(body.get("data"))
    ]
    pages = inner(body, "meta", "pagination")
    return found, (number(pages.get("current_page")) or 1) < (number(pages.get("total_pages")) or 1)


def pickup(answer: Answer) -> Pickup:
    """When the courier comes; the flag is at the top, the date inside."""
    body = json_of(answer)
    told = inner(body, "response")
    at = from_indian(text(told.get("pickup_scheduled_date")), *_TIMES)
    return Pickup(text(told.get("pickup_token_number")), day_in_india(at))


def document_url(answer: Answer, call: Call, whose: str, name: str) -> str:
    """The address of a document.

    Raises:
        NotFound: there is none yet.
    """
    url = text(object_of(answer, call, whose).get(name))
    if not url:
        raise problem(NotFound, answer, call, whose, "there is no such document yet")
    return url


def tracked(answer: Answer, call: Call, whose: str) -> dict[str, Tracking]:
    """By AWB what its tracking tells. An AWB without any scan is there without events."""
    body = json_of(answer)
    if isinstance(body, list):  # PHP writes an empty object as a list
        return {}
    found: dict[str, Tracking] = {}
    for awb, entry in object_of(answer, call, whose).items():
        data = inner(entry, "tracking_data")
        if data:
            found[str(awb)] = _tracking(str(awb), data)
    return found


def offers(answer: Answer, call: Call, whose: str) -> list[CourierOffer]:
    """Couriers that would take it, Shiprocket's favourite first.

    Raises:
        NotServiceable: there is none.
    """
    data = inner(object_of(answer, call, whose), "data")
    favourite = text(data.get("recommended_courier_company_id"))
    found = [row for row in rows(data.get("available_courier_companies")) if not number(row.get("blocked"))]
    found.sort(key=lambda row: text(row.get("courier_company_id")) != favourite)
    if not found:
        raise problem(NotServiceable, answer, call, whose, words(json_of(answer)) or "no courier serves it")
    return [
        CourierOffer(
            Courier(text(row.get("courier_company_id")), text(row.get("courier_name"))),
            recommended=place,
            charge=amount(row.get("rate")),
            days=number(row.get("estimated_delivery_days")),
        )
        for place, row in enumerate(found)
    ]


def couriers(answer: Answer, call: Call, whose: str) -> list[Courier]:
    """Couriers that the account may use."""
    body = object_of(answer, call, whose)
    listed = rows(body.get("courier_data") or body.get("data"))
    return [Courier(text(row.get("id")), text(row.get("name"))) for row in listed]


def pickup_locations(answer: Answer, call: Call, whose: str) -> list[PickupLocation]:
    """Warehouses; their nickname is what orders name."""
    listed = rows(inner(object_of(answer, call, whose), "data").get("shipping_address"))
    return [
        PickupLocation(
            text(row.get("pickup_location")),
            text(row.get("name")),
            text(row.get("pin_code")),
            active=number(row.get("status")) != 0,
        )
        for row in listed
    ]


def token(answer: Answer, call: Call, whose: str) -> str:
    """The token of a login."""
    value = text(object_of(answer, call, whose).get("token"))
    if not value:
        raise unreadable(call, answer, whose, "no token is in the answer to the login")
    return value


def _inside_a_200(answer: Answer, call: Call, whose: str, body: Mapping[str, Any], told: str) -> Trouble | None:
    """Failures that come as a success."""

    def trouble(kind: type[OutsideError], way_out: str = "", **more: Any) -> Trouble:
        return Trouble(problem(kind, answer, call, whose, told, way_out, **more))

    if call.path == requests.ASSIGN and not number(body.get("awb_assign_status")):
        unserved = says(told, "not serviceable", "no courier", "not available", "not servicable")
        return trouble(NotServiceable if unserved else CourierRefused)
    if call.path in (requests.CREATE, requests.RETURN) and not (body.get("order_id") and body.get("shipment_id")):
        if says(told, "pickup location"):
            valid = ", ".join(sorted(_locations(body.get("data")))) or "none"
            return trouble(ConfigurationError, f"Name one of these under pickup_locations: {valid}.")
        return trouble(UnknownOutcome, BY_LOOKING)
    if call.path == requests.SERVICEABILITY and number(body.get("status")) in (400, 404, 422):
        return trouble(NotServiceable)
    if call.path == requests.PICKUP and not number(body.get("pickup_status", 1)):
        return trouble(RetryableError, "The pickup is asked for again by itself.")
    if call.path == requests.LABEL and not number(body.get("label_created")):
        return Trouble(problem(NotFound, answer, call, whose, words_of(body.get("response")) or "no label yet"))
    if (number(body.get("status_code")) or 0) >= 400:
        return trouble(PermanentError)
    return None


def _already(answer: Answer, call: Call, told: str) -> type[OutsideError] | None:
    """Refusals that mean that it has been done before."""
    if answer.status < 400:
        return None
    done = {
        requests.CREATE: ("already been taken", "already exist"),
        requests.RETURN: ("already been taken", "already exist"),
        requests.ASSIGN: ("cannot reassign", "already assigned", "awb is already"),
        requests.PICKUP: ("already in pickup queue", "already scheduled", "already been"),
        requests.MANIFEST: ("already manifested", "already_manifested", "already generated"),
        requests.CANCEL: ("already cancel", "already been cancel"),
        requests.CANCEL_AWB: ("already cancel", "already been cancel"),
    }.get(call.path, ())
    said_so = says(told, *done) if done else False
    manifested = call.path == requests.MANIFEST and b"already_manifested_shipment_ids" in answer.body
    return AlreadyDone if said_so or manifested else None


def _wallet_is_empty(body: Any, told: str) -> bool:
    code = number(body.get("status_code")) if isinstance(body, Mapping) else None
    return code == 350 or says(told, "recharge your", "insufficient amount", "insufficient balance", "wallet balance")


def _tracking(awb: str, data: Mapping[str, Any]) -> Tracking:
    whose: dict[str, Any] = {"awb": awb}
    events = [scan_event(scan, whose) for scan in rows(data.get("shipment_track_activities"))]
    track = next(iter(rows(data.get("shipment_track"))), {})
    status = text(data.get("shipment_status"))
    current = None
    if status and number(data.get("track_status")) and not any(event.code == f"shipment:{status}" for event in events):
        newest = max((event.occurred_at for event in events if event.occurred_at), default=None)
        told = from_indian(text(track.get("delivered_date")), *_TIMES) if status == "7" else None
        current = CourierEvent(
            code=f"shipment:{status}", awb=awb, label=text(track.get("current_status")), occurred_at=told or newest
        )
    qc = inner(data, "qc_response")
    return Tracking(
        awb=awb,
        events=tuple(events),
        current=current,
        expected_on=day_in_india(from_indian(text(data.get("etd")), *_TIMES)),
        courier_name=text(track.get("courier_name")),
        qc_images=tuple(texts(qc.get("qc_image"))),
    )


def _of_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """What an order read tells: `shipments` is a list in lists, and an object in `orders/show`."""
    shipments = row.get("shipments")
    shipment = shipments if isinstance(shipments, Mapping) else next(iter(rows(shipments)), {})
    return {
        "order_ref": text(row.get("id")),
        "shipment_ref": text(shipment.get("id")),
        "awb": text(shipment.get("awb")),
        "courier": _courier(shipment.get("courier_id"), shipment.get("courier")),
        "cancelled": number(row.get("status_code")) in CANCELLED_ORDERS,
    }


def _with(booked: Booked, **known: Any) -> Booked:
    """The booking with what is known now; what is not told stays."""
    values = {name: getattr(booked, name) for name in Booked.__dataclass_fields__}
    return Booked(**values | {name: value for name, value in known.items() if value})


def _courier(code: Any, name: Any) -> Courier | None:
    known = text(code) or text(name)
    return Courier(known, text(name)) if known else None


def _locations(data: Any) -> Iterable[str]:
    listed = data.get("data") if isinstance(data, Mapping) else data
    return {first(row, "pickup_location", "name") for row in rows(listed)} - {""}
