"""The ways that parcels go, as steps that every vendor renders in its own codes."""

from __future__ import annotations

FORWARD, REVERSE = "forward", "reverse"

STEPS = (
    "booked",
    "pickup_scheduled",
    "out_for_pickup",
    "pickup_failed",
    "picked_up",
    "in_transit",
    "out_for_delivery",
    "failed_attempt",
    "delivered",
    "rto_started",
    "rto_moving",
    "rto_delivered",
    "qc_failed",
    "lost",
    "cancelled",
)

_PICKED_UP = ("pickup_scheduled", "out_for_pickup", "picked_up", "in_transit", "in_transit")
_RTO = ("rto_started", "rto_moving", "rto_moving", "rto_delivered")

JOURNEYS: dict[str, dict[str, tuple[str, ...]]] = {
    FORWARD: {
        "delivered": (*_PICKED_UP, "out_for_delivery", "delivered"),
        "second_attempt": (*_PICKED_UP, "out_for_delivery", "failed_attempt", "out_for_delivery", "delivered"),
        "three_failed_then_rto": (*_PICKED_UP, *("out_for_delivery", "failed_attempt") * 3, *_RTO),
        "refused_then_rto": (*_PICKED_UP, "out_for_delivery", "failed_attempt", *_RTO),
        "pickup_failed": ("pickup_scheduled", "pickup_failed", *_PICKED_UP, "out_for_delivery", "delivered"),
        "lost": (*_PICKED_UP, "lost"),
    },
    REVERSE: {
        "reverse_delivered": (*_PICKED_UP, "out_for_delivery", "delivered"),
        "reverse_qc_failed": ("pickup_scheduled", "out_for_pickup", "qc_failed"),
        "reverse_cancelled": ("pickup_scheduled", "out_for_pickup", "cancelled"),
        "reverse_lost": (*_PICKED_UP, "lost"),
    },
}

USUAL = {FORWARD: "delivered", REVERSE: "reverse_delivered"}
ENDS = frozenset({"delivered", "rto_delivered", "qc_failed", "lost", "cancelled"})
"""Nothing follows these."""
PLACES = ("Pune", "Nashik", "Mumbai", "Surat", "Bhopal", "Nagpur", "Indore")
