"""The fields of a connection to the fifth aggregator."""

from __future__ import annotations

from typing import Any

RELABELING: dict[str, str] = {"password": "API key"}
FIELDS: dict[str, Any] = {}
