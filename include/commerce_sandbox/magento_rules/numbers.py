"""Numbers and times as Magento keeps and shows them: four places in the database, two for money, no trailing zeros."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

ZERO = Decimal(0)
_PAISA = Decimal("0.01")
_COLUMN = Decimal("0.0001")


def dec(value: Any) -> Decimal:
    """A JSON number (or None, read as 0) as a Decimal without a float's noise."""
    if value is None or value == "":
        return ZERO
    return Decimal(str(value))


def num(value: Decimal) -> int | float:
    """A Decimal as Magento's JSON shows a decimal(20,4) column: `1170`, `2086.65`, `0.3333`."""
    kept = value.quantize(_COLUMN, ROUND_HALF_UP)
    whole = kept.to_integral_value()
    return int(whole) if kept == whole else float(kept)


def money(value: Decimal) -> Decimal:
    """Rounded to the paisa, halves away from zero as PHP's `round` does."""
    return value.quantize(_PAISA, ROUND_HALF_UP)


def total(rows: Iterable[Mapping[str, Any]], key: str) -> Decimal:
    """The sum of one column over rows; missing counts as 0."""
    return sum((dec(row.get(key)) for row in rows), ZERO)


def add(row: dict[str, Any], key: str, amount: Decimal) -> None:
    """Add to a column of a row; a missing one starts at 0 and is there afterwards."""
    row[key] = num(dec(row.get(key)) + amount)


def stamp(now: datetime) -> str:
    """A time as Magento stores it: UTC, whole seconds, no zone mark."""
    return now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


class DeltaRounder:
    """Rounds amounts of one document so that what a rounding drops is added to the next amount of the same kind.

    Magento's `roundPrice`; discounts carry the remainder the other way round (`negative`).
    """

    def __init__(self) -> None:
        self._left: dict[str, Decimal] = {}

    def __call__(self, amount: Decimal, kind: str = "regular", *, negative: bool = False) -> Decimal:
        """The rounded amount. `kind` names the remainder: regular, base, including, including_base."""
        if not amount:
            return amount
        sign = -1 if negative else 1
        price = amount + sign * self._left.get(kind, ZERO)
        rounded = money(price)
        self._left[kind] = sign * (price - rounded)
        return rounded
