"""One parcel as the tracking has it, and as webhooks of the newer kind have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from aggregator_hooks.eshipz.statuses import BEFORE_A_RETURN, STATUSES, code_of
from aggregator_hooks.parcels import INDIA, from_indian
from aggregator_hooks.reading import first, rows
from magento_oms.ports import CourierEvent


def item_events(item: Mapping[str, Any], whose: Mapping[str, Any], *, gmt_is_indian: bool) -> list[CourierEvent]:
    """All that one parcel's item tells: its checkpoints, its own tag where they lack it, and a proof of delivery.

    A parcel may be delivered while its own tag stays Exception. A Delivered checkpoint that is older than a Return one
    does not count.

    Args:
        gmt_is_indian: whether what is called GMT is Indian time.
    """
    events = [_checkpoint(row, whose, gmt_is_indian=gmt_is_indian) for row in rows(item.get("checkpoints"))]
    newest = max((event.occurred_at for event in events if event.occurred_at), default=None)
    tag = first(item, "tag")
    top = code_of(tag, first(item, "subtag"))
    if tag and not any(event.code == top for event in events):
        told = moment_of(first(item, "delivery_date"), gmt_is_indian=gmt_is_indian) if top == "delivered/" else None
        events.append(CourierEvent(code=top, label=tag, occurred_at=told or newest, **whose))
    returned = max((_at(event) for event in events if event.code.startswith("return/")), default=None)
    if returned is not None:
        events = [
            replace(event, code=BEFORE_A_RETURN) if event.code == "delivered/" and _at(event) <= returned else event
            for event in events
        ]
    elif first(item, "pod_link") and not any(event.code == "delivered/" for event in events):
        told = moment_of(first(item, "delivery_date"), gmt_is_indian=gmt_is_indian) or newest
        events.append(
            CourierEvent(code="delivered/", label="Delivered", remark="proof of delivery", occurred_at=told, **whose)
        )
    return events


def moment_of(told: str, *, gmt_is_indian: bool) -> datetime | None:
    """A time as the tracking writes it (RFC 1123) or webhooks do (ISO 8601, Indian where it has no zone)."""
    if not told.endswith("GMT"):
        return from_indian(told, "%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M")
    try:
        moment = parsedate_to_datetime(told)
    except ValueError:
        return None
    return from_indian(moment.replace(tzinfo=INDIA if gmt_is_indian else UTC).isoformat())


def _checkpoint(row: Mapping[str, Any], whose: Mapping[str, Any], *, gmt_is_indian: bool) -> CourierEvent:
    tag, sub_tag = first(row, "tag"), first(row, "subtag")
    code = code_of(tag, sub_tag)
    return CourierEvent(
        code=code if tag else "exception/",
        label=" ".join(filter(None, (tag, sub_tag))) or STATUSES.rows["exception/"].words,
        occurred_at=moment_of(first(row, "date"), gmt_is_indian=gmt_is_indian),
        location=", ".join(filter(None, (first(row, "city"), first(row, "state")))),
        remark=first(row, "remark"),
        **whose,
    )


def _at(event: CourierEvent) -> datetime:
    return event.occurred_at or datetime.min.replace(tzinfo=UTC)
