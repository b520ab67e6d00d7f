"""The fields of a Clickpost connection."""

from __future__ import annotations

from typing import Any

from aggregator_hooks.fields import choice

RELABELING: dict[str, str] = {"login": "Username", "password": "Key"}
FIELDS: dict[str, Any] = {
    "pickup_requests": choice(
        "Pickup requests",
        "Most couriers come without being asked; say yes where yours wants a call a parcel.",
        "no",
        "yes",
    ),
}
