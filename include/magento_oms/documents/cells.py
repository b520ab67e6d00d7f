"""Values as cells of tables that people open: plain figures, times in UTC, and no text that a spreadsheet would run."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


def cell(value: object) -> str:
    """A value as text: no trailing zeros of a quantity, times in UTC."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, Decimal):
        return plain(value)
    return str(value)


def plain(figure: Decimal) -> str:
    """A figure without needless zeros and never with an exponent."""
    text = f"{figure:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def harmless(value: object) -> str:
    """A value as a cell of a CSV file: a text that would be a formula gets an apostrophe before it."""
    told = cell(value)
    return f"'{told}" if isinstance(value, str) and told.startswith(FORMULA) else told
