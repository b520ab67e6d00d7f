"""Fields of the connections' forms. Read at every start of an Airflow process, so nothing is imported here."""

from __future__ import annotations

from typing import Any


def _field(label: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": schema}


def text(label: str, description: str) -> dict[str, Any]:
    """A line of text that may be empty."""
    return _field(label, description, {"type": ["string", "null"]})


def secret(label: str, description: str) -> dict[str, Any]:
    """A line of text that is shown to nobody."""
    return _field(label, description, {"type": ["string", "null"], "format": "password"})


def choice(label: str, description: str, *values: str) -> dict[str, Any]:
    """One of some values, the first by default."""
    return _field(label, description, {"type": "string", "enum": list(values), "default": values[0]})


def seconds(label: str, default: int) -> dict[str, Any]:
    """A time-out."""
    return _field(label, "Seconds.", {"type": ["number", "null"], "minimum": 1, "maximum": 600, "default": default})


COMMON: dict[str, Any] = {
    "webhook_path": secret(
        "Webhook path",
        "The secret end of the URL that the aggregator posts to: 24 letters, digits or dashes at least. Empty: none.",
    ),
    "webhook_secret": secret(
        "Webhook secret", "What the aggregator sends with each webhook, as it was typed in its panel. Empty: nothing."
    ),
    "webhook_header": text("Webhook header", "The header that carries the secret, where it is not the usual one."),
    "document_hosts": text(
        "Document hosts", "Further hosts that labels may be fetched from, separated by blanks. Empty: the usual ones."
    ),
    "connect_timeout": seconds("Connect timeout", 5),
    "read_timeout": seconds("Read timeout", 60),
    "total_timeout": seconds("Total timeout of one answer", 120),
    "ca_bundle": text("CA bundle", "Path of a file with further certificate authorities. Verification stays on."),
}
"""What every account's form has."""
