"""Where parcels are: the one set of statuses that all aggregators' are mapped to, and the scans that tell of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from magento_oms.ports.parcels import Direction


class ParcelStatus(StrEnum):
    """Where a parcel is, whatever its aggregator calls it."""

    CREATED = "created"
    PICKUP_SCHEDULED = "pickup_scheduled"
    PICKED_UP = "picked_up"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERY_FAILED = "delivery_failed"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    LOST = "lost"
    RTO_INITIATED = "rto_initiated"
    RTO_IN_TRANSIT = "rto_in_transit"
    RTO_DELIVERED = "rto_delivered"
    RETURN_PLACED = "return_placed"
    RETURN_OUT_FOR_PICKUP = "return_out_for_pickup"
    RETURN_PICKED_UP = "return_picked_up"
    RETURN_IN_TRANSIT = "return_in_transit"
    RETURN_DELIVERED = "return_delivered"
    RETURN_QC_FAILED = "return_qc_failed"
    RETURN_CANCELLED = "return_cancelled"


@dataclass(frozen=True, slots=True)
class CourierEvent:
    """One scan, as a webhook or a tracking call tells of it. What it means depends on the parcel's direction.

    Attributes:
        awb, reference, order_ref: what it is about, in the order in which a parcel is looked for; empty where not told.
        code: the aggregator's code, exactly as it came (`18`, `INT`, `Exception/Undelivered`); the key of its table.
        label: the aggregator's words for it.
        occurred_at: aware UTC; None where it is missing or a placeholder.
        direction: where the event itself tells it.
        hints: whatever else the table looks at: `npr` (pickup failure reason), `table` (which of two tables).
    """

    code: str
    awb: str = ""
    reference: str = ""
    order_ref: str = ""
    label: str = ""
    occurred_at: datetime | None = None
    location: str = ""
    remark: str = ""
    direction: Direction | None = None
    hints: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an event means for a parcel.

    Attributes:
        status: None keeps the state as it is; the event is history only.
        again: what it means from the second time on (couriers that have one code for all of an RTO).
        alert: why a person should look; empty: no need.
        known: False where the aggregator's table lacks the code: stored, counted and reported, never guessed.
        reason: why a delivery or pickup failed, in words, for the NDR queue.
    """

    status: ParcelStatus | None = None
    again: ParcelStatus | None = None
    alert: str = ""
    known: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Tracking:
    """All that an aggregator tells of one AWB.

    Attributes:
        events: its scans, in no particular order, each with the time that it happened at.
        current: the newest status, where it is told apart from the scans.
        expected_on: the courier's estimate of the day of delivery, in India.
    """

    awb: str
    events: tuple[CourierEvent, ...] = ()
    current: CourierEvent | None = None
    expected_on: date | None = None
    courier_name: str = ""
    qc_images: tuple[str, ...] = ()


class StatusReader(Protocol):
    """An aggregator's table of statuses."""

    def meaning(self, event: CourierEvent, direction: Direction) -> Meaning:
        """What an event means for a parcel that goes this way. Never raises: an unknown code is `known=False`."""
        ...
