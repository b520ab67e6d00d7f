"""The fields of a Shipway connection."""

from __future__ import annotations

from typing import Any

RELABELING: dict[str, str] = {"login": "E-mail", "password": "Licence key"}
FIELDS: dict[str, Any] = {}
