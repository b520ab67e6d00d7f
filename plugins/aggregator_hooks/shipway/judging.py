"""Whether Shipway did what it was asked. Failures come with HTTP 200, and the flag of success differs by call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aggregator_hooks.judging import judge_status, problem, says, words_of
from aggregator_hooks.reading import first, inner, json_of, rows, text
from aggregator_hooks.shipway import requests
from careful_http.exchange import Answer, Call, parse
from careful_http.outcome import Trouble, unreadable
from magento_oms.ports import (
    AlreadyDone,
    AuthenticationError,
    ConfigurationError,
    CourierRefused,
    NotFound,
    NotServiceable,
    OutsideError,
    PermanentError,
    RetryableError,
    WalletEmpty,
)

YES = frozenset({"1", "true", "success", "ok"})
ALREADY = {
    requests.ORDERS: ("already",),
    requests.RETURNS: ("already",),
    requests.PICKUP: ("already",),
    requests.MANIFEST: ("already manifest", "already been manifest"),
    requests.CANCEL_AWB: ("already cancel", "already been cancel"),
    requests.CANCEL_ORDERS: ("already cancel", "already been cancel"),
}
"""By call the words that say that it was done before. Being picked up already is no cancellation."""
NOTHING_THERE = ("no order", "no record", "no data", "no warehouse", "no carrier", "not found", "invalid awb")
UNSERVED = ("serviceable", "servicable", "pincode", "no carrier", "no courier")


def judge(answer: Answer, call: Call, whose: str) -> Trouble | None:
    """What an answer means; None for a good one. What says neither yes nor no leaves a change's outcome open."""
    body = json_in(answer)
    told = words(body)

    def trouble(kind: type[OutsideError], way_out: str = "") -> Trouble:
        return Trouble(problem(kind, answer, call, whose, told, way_out))

    refused = isinstance(body, Mapping) and not is_yes(body) and says(told, "unauthor", "invalid login")
    if answer.status in (401, 403) or (answer.status == 200 and refused):
        return trouble(AuthenticationError, "Correct e-mail and licence key in the connection.")
    if (by_status := judge_status(answer, call, whose, told)) is not None and (body is None or answer.status >= 300):
        return by_status
    if _is_good(call, body):
        return None
    if not isinstance(body, (Mapping, list)) or (not told and not _says_no(call, body)):
        error = unreadable(call, answer, whose, "the answer tells neither that it was done nor why not")
        return Trouble(error, again=isinstance(error, RetryableError) and not call.changes)
    if says(told, *ALREADY.get(call.path, ())):
        return trouble(AlreadyDone)
    if not call.changes:
        return trouble(_refused_read(call, told))
    if says(told, "insufficient", "recharge", "low balance", "wallet"):
        return trouble(WalletEmpty, "Recharge the Shipway wallet.")
    if says(told, "warehouse"):
        return trouble(ConfigurationError, "Name Shipway's id of the warehouse under pickup_locations.")
    if says(told, *UNSERVED):
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
    if " " in text(body.get("success")):
        parts.append(body["success"])  # rates put their sentence where the flag belongs
    said: list[str] = []
    for part in parts:
        if (one := words_of(part)) and one not in said:
            said.append(one)
    return " ".join(said)


def is_yes(body: Mapping[str, Any]) -> bool:
    """1, true, "1", "success", "Success": each call has its own, under `success` or `status`."""
    told = _flag(body)
    return told is True or text(told).lower() in YES


def json_in(answer: Answer) -> Any:
    """The JSON of an answer; some are JSON in a JSON string. None where it is no JSON."""
    body = json_of(answer)
    if isinstance(body, str):
        try:
            return parse(body.encode())
        except ValueError:
            return body
    return body


def _is_good(call: Call, body: Any) -> bool:
    """Whether a 200 means what it should, by the flag of that very call."""
    if isinstance(body, list):
        cancelled = call.path == requests.CANCEL_ORDERS and bool(body) and all(is_yes(row) for row in rows(body))
        return cancelled or call.path == requests.TRACKING
    if not isinstance(body, Mapping):
        return False
    match call.path:
        case requests.TRACKING:
            return False
        case requests.ORDERS | requests.RETURNS:
            part = inner(body, "awb_response")
            return is_yes(body) and (not part or is_yes(part) or bool(first(part, "AWB", "awb")))
        case requests.CANCEL_AWB:
            return is_yes(body) and not first(body, "shipment_failed_tracking_numbers", "invalid_tracking_numbers")
        case requests.MANIFEST:
            return is_yes(body) and not body.get("error_response")
        case requests.FIND:
            return isinstance(body.get("message"), list)
        case requests.CARRIERS | requests.WAREHOUSES:
            return is_yes(body) or isinstance(body.get("message"), (list, Mapping))
        case requests.RATES:
            return bool(rows(body.get("rate_card")))
        case _:
            return is_yes(body)


def _says_no(call: Call, body: Any) -> bool:
    """Whether it says no without a word; rates without a list are one."""
    if not isinstance(body, Mapping):
        return False
    return call.path == requests.RATES or (_flag(body) is not None and not is_yes(body))


def _refused_read(call: Call, told: str) -> type[OutsideError]:
    """Only what says that there is nothing means so: another refusal must not look like an order that is not there."""
    if call.path == requests.RATES:
        return NotServiceable if not told or says(told, *UNSERVED) else PermanentError
    return NotFound if says(told, *NOTHING_THERE) else PermanentError


def _flag(body: Mapping[str, Any]) -> Any:
    return body.get("success", body.get("status"))
