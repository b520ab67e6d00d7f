"""The fields of a Shiprocket connection."""

from __future__ import annotations

from typing import Any

RELABELING: dict[str, str] = {"login": "E-mail of the API user", "password": "Password of the API user"}
FIELDS: dict[str, Any] = {}
