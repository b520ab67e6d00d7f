"""Shipway's two webhooks: a feed of several parcels, and one parcel flat. Neither is signed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aggregator_hooks.parcels import from_indian
from aggregator_hooks.reading import first, inner, rows
from aggregator_hooks.shipway.statuses import HISTORY, STATUSES, code_of
from magento_oms.ports import CourierEvent

TIMES = ("%Y-%m-%d %H:%M:%S", "%d-%m-%Y %H:%M:%S", "%d %b %Y %H:%M:%S", "%d-%m-%Y %H:%M", "%Y-%m-%d")


def read(body: Any) -> list[CourierEvent]:
    """The scans of either webhook. An empty feed is a test.

    Raises:
        ValueError: it is none of Shipway's.
    """
    if not isinstance(body, Mapping):
        raise ValueError("a Shipway webhook is a JSON object")  # noqa: TRY004  (as the port wants it)
    if isinstance(body.get("status_feed"), list):
        return [event for item in rows(body["status_feed"]) for event in _parcel(item, item)]
    if {"awbno", "current_status", "api_input", "reverse_tracking_number"} & body.keys():
        return list(_parcel(body, inner(body, "api_input")))
    raise ValueError("it has none of the fields of a Shipway webhook")


def body_secret(body: Any) -> str:
    """The fixed value that a feed carries; empty for the other webhook, which carries nothing."""
    return first(body, "hash") if isinstance(body, Mapping) else ""


def _parcel(item: Mapping[str, Any], scanned: Mapping[str, Any]) -> Iterable[CourierEvent]:
    nested = inner(item, "api_input")
    whose: dict[str, Any] = {
        "awb": first(item, "awbno", "reverse_tracking_number") or first(nested, "awbno"),
        "reference": first(item, "order_id") or first(nested, "order_id"),
    }
    scans = scanned.get("scans") or item.get("scans")
    for scan in scans.values() if isinstance(scans, Mapping) else scans if isinstance(scans, list) else ():
        if isinstance(scan, Mapping):
            yield history(scan, whose)
    status = first(item, "current_status") or first(nested, "current_status")
    if status:
        yield CourierEvent(
            code=code_of(status),
            label=first(item, "current_status_desc", "scans_current_status") or first(nested, "current_status_desc"),
            occurred_at=from_indian(
                first(item, "status_time", "scans_current_status_time") or first(nested, "status_time"), *TIMES
            ),
            location=first(item, "to") or first(nested, "to"),
            **whose,
        )


def history(scan: Mapping[str, Any], whose: Mapping[str, Any]) -> CourierEvent:
    """A scan of the history: words and a place, and a code only where it is one that is known."""
    status = first(scan, "status")
    code = code_of(status) if status else HISTORY
    return CourierEvent(
        code=code if code in STATUSES.rows else HISTORY,
        label=status,
        occurred_at=from_indian(first(scan, "date", "time", "timestamp", "datetime"), *TIMES),
        location=first(scan, "location"),
        remark=first(scan, "activity", "remarks", "sub_status") or (status if code not in STATUSES.rows else ""),
        **whose,
    )
