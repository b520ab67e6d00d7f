"""The courier aggregators that there are."""

from __future__ import annotations

from collections.abc import Mapping

AGGREGATORS: Mapping[str, str] = {
    "shiprocket": "Shiprocket",
    "clickpost": "Clickpost",
    "shipway": "Shipway",
    "eshipz": "Eshipz",
}
"""Name in configuration → for people. A line here and a package of that name in `aggregator_hooks` are a new one: its
connection type, its hook, the schema of the configuration and its webhooks' route follow."""
