"""Eshipz's webhooks: flat, or as the tracking has it; one, several, or wrapped. Nothing signs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aggregator_hooks.eshipz.scans import item_events
from aggregator_hooks.eshipz.statuses import code_of
from aggregator_hooks.parcels import from_indian
from aggregator_hooks.reading import first, rows
from magento_oms.ports import CourierEvent

HEADERS = ("X-Webhook-Token", "X-Webhook-Secret", "Authorization")
_MARKS = frozenset({"tracking_number", "tracking_status", "tag", "checkpoints", "order_id"})


def read(body: Any) -> list[CourierEvent]:
    """The scans of any of the shapes. An empty one is a test.

    Raises:
        ValueError: it is none of Eshipz's.
    """
    if not isinstance(body, (Mapping, list)):
        raise ValueError("an Eshipz webhook is a JSON object or an array of them")  # noqa: TRY004  (the port's way)
    if isinstance(body, Mapping):
        wrapped = next((body[name] for name in ("data", "trackings") if isinstance(body.get(name), list)), None)
        items = [body] if wrapped is None else rows(wrapped)
    else:
        items = rows(body)
        if len(items) != len(body):
            raise ValueError("not all of its entries are JSON objects")
    if any(item and not _MARKS.intersection(item) for item in items):
        raise ValueError("it has none of the fields of an Eshipz webhook")
    return [event for item in items for event in _events(item)]


def _events(item: Mapping[str, Any]) -> list[CourierEvent]:
    whose: dict[str, Any] = {"awb": first(item, "tracking_number"), "reference": first(item, "order_id").lstrip("#")}
    if not any(whose.values()):
        return []
    if "tracking_status" not in item:
        return item_events(item, whose, gmt_is_indian=False)
    status, sub_status = first(item, "tracking_status"), first(item, "tracking_sub_status")
    return [
        CourierEvent(
            code=code_of(status, sub_status),
            label=" ".join(filter(None, (status, sub_status))),
            occurred_at=from_indian(first(item, "tracking_checkpoint_datetime"), "%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M"),
            remark=first(item, "tracking_msg"),
            **whose,
        )
    ]
