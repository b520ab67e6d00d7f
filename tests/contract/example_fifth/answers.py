"""What the fifth aggregator's answers mean: pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aggregator_hooks.judging import judge_status, problem
from aggregator_hooks.parcels import from_indian
from aggregator_hooks.reading import first, json_of, object_of, rows
from careful_http.exchange import Answer, Call
from careful_http.outcome import Trouble, unreadable
from magento_oms.ports import (
    AlreadyDone,
    Booked,
    Courier,
    CourierEvent,
    CourierRefused,
    Direction,
    NotServiceable,
    OutsideError,
    PermanentError,
    WalletEmpty,
)

REFUSALS: Mapping[str, tuple[type[OutsideError], str]] = {
    "duplicate": (AlreadyDone, ""),
    "already_cancelled": (AlreadyDone, ""),
    "pincode": (NotServiceable, ""),
    "wallet": (WalletEmpty, "Recharge the wallet of the fifth aggregator."),
    "courier": (CourierRefused, ""),
}


def judge(answer: Answer, call: Call, whose: str) -> Trouble | None:
    """What an answer means; None for a good one. A refusal is a 409 or 422 with a code of its own."""
    body = json_of(answer)
    told = first(body, "message") if isinstance(body, Mapping) else ""
    if answer.status in (409, 422) and isinstance(body, Mapping):
        kind, way_out = REFUSALS.get(first(body, "error"), (PermanentError, ""))
        return Trouble(problem(kind, answer, call, whose, told, way_out))
    return judge_status(answer, call, whose, told)


def booked(answer: Answer, call: Call, direction: Direction, whose: str) -> Booked:
    """A parcel as it was booked."""
    made = _parcel(object_of(answer, call, whose), direction)
    if not made.awb:
        raise unreadable(call, answer, whose, "there is no AWB in the answer")
    return made


def found(answer: Answer, call: Call, reference: str, direction: Direction, whose: str) -> Booked | None:
    """The parcel of exactly this reference; None where there is none."""
    listed = rows(object_of(answer, call, whose).get("parcels"))
    return next((_parcel(row, direction) for row in listed if first(row, "reference") == reference), None)


def couriers(answer: Answer, call: Call, whose: str) -> list[Courier]:
    """Couriers, the favourite first."""
    return [
        Courier(first(row, "code"), first(row, "name")) for row in rows(object_of(answer, call, whose).get("couriers"))
    ]


def scans(answer: Answer, call: Call, whose: str) -> dict[str, tuple[CourierEvent, ...]]:
    """By AWB its scans; unknown AWBs are absent."""
    body = object_of(answer, call, whose)
    return {awb: tuple(event({"awb": awb, **scan}) for scan in rows(listed)) for awb, listed in body.items()}


def event(scan: Mapping[str, Any]) -> CourierEvent:
    """One scan, as the tracking and the webhooks tell of it. Times are Indian."""
    return CourierEvent(
        code=first(scan, "code"),
        awb=first(scan, "awb"),
        reference=first(scan, "reference"),
        occurred_at=from_indian(first(scan, "at")),
        location=first(scan, "place"),
    )


def _parcel(row: Mapping[str, Any], direction: Direction) -> Booked:
    courier = first(row, "courier")
    return Booked(
        first(row, "reference"),
        order_ref=first(row, "id"),
        awb=first(row, "awb"),
        courier=Courier(courier) if courier else None,
        label_url=first(row, "label"),
        direction=direction,
        cancelled=row.get("cancelled") is True,
    )
