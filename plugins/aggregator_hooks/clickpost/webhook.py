"""Clickpost's webhooks: one a scan. The outer fields are the scan that fired, `additional.latest_status` the newest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aggregator_hooks.parcels import INDIA, from_indian
from aggregator_hooks.reading import first, inner, text
from magento_oms.ports import CourierEvent, Direction

HEADERS = ("webhook_key", "Authorization")
_FORMS = ("%Y-%m-%d %H:%M:%S", "%d-%m-%Y %H:%M:%S")
_MARKS = frozenset({"waybill", "clickpost_status_code", "latest_status", "additional"})
RETURN_REQUESTS = frozenset({"101", "102"})


def read(body: Any) -> list[CourierEvent]:
    """The scan that fired and the newest one; one of them where they are the same.

    Raises:
        ValueError: it is none of Clickpost's.
    """
    if not isinstance(body, Mapping):
        raise ValueError("a Clickpost webhook is a JSON object")  # noqa: TRY004  (as the port wants it)
    told = inner(body, "payload") or body
    if told and not _MARKS.intersection(told):
        raise ValueError("it has none of the fields of a Clickpost webhook")
    additional = inner(told, "additional")
    latest = inner(additional, "latest_status") or inner(told, "latest_status")
    whose: dict[str, Any] = {
        "awb": text(told.get("waybill")),
        "reference": first(latest, "reference_number") or first(additional, "return_reference_number"),
    }
    if not any(whose.values()):
        return []
    if additional.get("is_rvp") is True:
        whose["direction"] = Direction.REVERSE
    hints = {name: code for name in ("npr", "ndr") if (code := text(additional.get(f"{name}_status_code")))}
    # Of a return that was placed in the panel: what it is the return of.
    for name, field in (("forward_awb", "forward_awb"), ("forward_reference", "forward_reference_number")):
        if told_of := text(additional.get(field)):
            hints[name] = told_of
    if (courier := text(told.get("cp_id"))).isdigit():
        hints["courier_code"] = courier
    events = [scan_event(scan, whose, hints) for scan in (told, latest) if text(scan.get("clickpost_status_code"))]
    return list({(event.code, event.occurred_at): event for event in reversed(events)}.values())


def scan_event(scan: Mapping[str, Any], whose: Mapping[str, Any], hints: Mapping[str, str]) -> CourierEvent:
    """A scan of a webhook or of the tracking."""
    code = text(scan.get("clickpost_status_code"))
    return CourierEvent(
        code=code,
        label=first(scan, "clickpost_status_description", "status"),
        occurred_at=_moment(text(scan.get("timestamp")), really_utc=code in RETURN_REQUESTS),
        location=text(scan.get("location")),
        remark=text(scan.get("remark")),
        hints=dict(hints),
        **whose,
    )


def _moment(told: str, *, really_utc: bool) -> datetime | None:
    """A time of Clickpost. It writes Indian time with a Z at the end, but for return requests, which are in UTC."""
    moment = from_indian(told.replace("Z", "+00:00"), *_FORMS)
    if moment is None or really_utc or not told.endswith("Z"):
        return moment
    return from_indian(moment.replace(tzinfo=None).replace(tzinfo=INDIA).isoformat())
