"""The fields of an Eshipz connection."""

from __future__ import annotations

from typing import Any

from aggregator_hooks.fields import choice

RELABELING: dict[str, str] = {"password": "API token"}
FIELDS: dict[str, Any] = {
    "tracking_times": choice(
        "Times of the tracking",
        "They are called GMT. If your account's scans lie 5½ hours in the future, they are Indian time all the same.",
        "gmt",
        "india",
    ),
}
