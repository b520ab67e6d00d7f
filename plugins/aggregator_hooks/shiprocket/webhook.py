"""Shiprocket's webhook: one URL an account for all parcels, forward and return, with the full history each time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aggregator_hooks.parcels import from_indian
from aggregator_hooks.reading import first, number, rows
from magento_oms.ports import CourierEvent, Direction

HEADERS = ("x-api-key", "anx-api-key")
FORBIDDEN = ("shiprocket", "kartrocket", "sr", "kr")
"""Words that the webhook's URL must not hold."""

_TIMES = ("%d %m %Y %H:%M:%S", "%d-%m-%Y %H:%M:%S", "%d %b %Y, %I:%M %p")
_MARKS = frozenset({"awb", "awb_code", "current_awb", "current_status", "shipment_status", "sr_order_id", "order_id"})


def read(body: Any) -> list[CourierEvent]:
    """The scans of a webhook. A test push, which names no parcel, tells of none.

    Raises:
        ValueError: it is none of Shiprocket's.
    """
    if not isinstance(body, Mapping):
        raise ValueError("a Shiprocket webhook is a JSON object")  # noqa: TRY004  (as the port wants it)
    if body and not _MARKS.intersection(body):
        raise ValueError("it has none of the fields of a Shiprocket webhook")
    awb = first(body, "awb", "awb_code", "current_awb")
    order_ref = first(body, "sr_order_id")
    reference = first(body, "channel_order_id") or first(body, "order_id")
    if not (awb or order_ref or reference):
        return []
    whose: dict[str, Any] = {
        "awb": awb,
        "order_ref": order_ref,
        "reference": reference,
        "direction": Direction.REVERSE if number(body.get("is_return")) == 1 else None,
    }
    events = [scan_event(scan, whose) for scan in rows(body.get("scans"))]
    label = first(body, "current_status", "shipment_status", "status")
    code = _code(body, label)
    if code:
        at = from_indian(first(body, "current_timestamp"), *_TIMES)
        remark = first(body, "qc_failure_reason", "pod_status")
        events.append(CourierEvent(code=code, label=label, occurred_at=at, remark=remark, **whose))
    return events


def scan_event(scan: Mapping[str, Any], whose: Mapping[str, Any]) -> CourierEvent:
    """A scan of a webhook or of the tracking. Its number is often "NA" or missing: then it is history only."""
    number = first(scan, "sr-status", "sr_status") or "NA"
    return CourierEvent(
        code=f"shipment:{number.upper() if number.isalpha() else number}",
        label=first(scan, "sr-status-label", "status"),
        occurred_at=from_indian(first(scan, "date"), *_TIMES),
        location=first(scan, "location"),
        remark=first(scan, "activity"),
        **whose,
    )


def _code(body: Mapping[str, Any], label: str) -> str:
    """The shipment table's number, else the order table's, else the exact label."""
    shipment, order = first(body, "shipment_status_id"), first(body, "current_status_id")
    if shipment and shipment != "NA":
        return f"shipment:{shipment}"
    if order and order != "NA":
        return f"order:{order}"
    return f"label:{label.upper()}" if label else ""
