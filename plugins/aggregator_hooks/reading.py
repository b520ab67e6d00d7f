"""Reading answers whose types cannot be relied on: numbers come as text, objects as lists, and nothing as anything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from aggregator_hooks.parcels import INDIA
from careful_http.exchange import Answer, Call
from careful_http.outcome import unreadable

NOTHING: Mapping[str, Any] = {}


def json_of(answer: Answer) -> Any:
    """The JSON of an answer; an empty object where there is no body, None where it is no JSON."""
    try:
        return answer.json if answer.body.strip() else NOTHING
    except ValueError:
        return None


def object_of(answer: Answer, call: Call, whose: str) -> Mapping[str, Any]:
    """The JSON object of an answer. Raises an OutsideError where it is something else."""
    body = json_of(answer)
    if not isinstance(body, Mapping):
        raise unreadable(call, answer, whose, "the answer is no JSON object")
    return body


def inner(body: Any, *names: str) -> Mapping[str, Any]:
    """The object inside an object, however deep; empty where there is none."""
    for name in names:
        body = body.get(name) if isinstance(body, Mapping) else None
    return body if isinstance(body, Mapping) else NOTHING


def rows(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; of anything else none."""
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """A number or text as text without blanks around it; empty for everything else."""
    return "" if value is None or isinstance(value, (Mapping, list, bool)) else str(value).strip()


def first(body: Mapping[str, Any], *names: str) -> str:
    """The first of these fields that says something, as text."""
    return next((found for name in names if (found := text(body.get(name)))), "")


def texts(value: Any) -> list[str]:
    """What a list, or a single value, says."""
    return [found for each in (value if isinstance(value, list) else [value]) if (found := text(each))]


def number(value: Any) -> int | None:
    """A whole number, also from text, true and false; None for everything else."""
    if isinstance(value, bool):
        return int(value)
    try:
        return int(text(value))
    except ValueError:
        return None


def amount(value: Any) -> Decimal | None:
    """An exact number; None for what is none."""
    try:
        found = Decimal(text(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def day_in_india(moment: datetime | None) -> date | None:
    """The day that it was in India."""
    return moment.astimezone(INDIA).date() if moment else None
