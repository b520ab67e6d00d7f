"""Stock as warehouses tell it: absolute figures by location."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from magento_oms.storage import catalogue, stock
from magento_oms.storage.database import autocommit, engine, text

MOST = Decimal(10) ** 9


@dataclass(slots=True)
class StockTaken:
    """What became of a batch: SKUs that changed, how many were known so, and SKU → why it was not kept."""

    changed: list[str] = field(default_factory=list)
    unchanged: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    orders_woken: int = 0


def take_stock(
    url: str,
    location: str,
    figures: Mapping[str, Decimal],
    known: Collection[str] | None = None,
    *,
    dry_run: bool = False,
) -> StockTaken:
    """Keep what a location has, and have the orders routed that waited for it. A bad line leaves the others be.

    Args:
        known: SKUs that there are; None: any.
        dry_run: say what would change, and keep nothing.
    """
    taken = StockTaken()
    good: dict[str, Decimal] = {}
    with autocommit(url) as connection:
        fractions = stock.in_fractions(connection, location)
    for sku, quantity in figures.items():
        if wrong := _what_is_wrong(sku, quantity, known, fractions=fractions):
            taken.refused[sku] = wrong
        else:
            good[sku] = quantity
    if not good:
        return taken
    with engine(url).begin() as connection:
        if dry_run:
            taken.changed = stock.different(connection, location, good)
        else:
            taken.changed = stock.set_absolute(connection, location, good)
        taken.orders_woken = stock.waiting_for(connection, taken.changed)
    taken.unchanged = len(good) - len(taken.changed)
    return taken


def known_skus(url: str) -> set[str] | None:
    """SKUs of the catalogue, and of orders and stock so far; None while some instance's catalogue was never read as a
    whole: then any is taken.
    """
    with autocommit(url) as connection:
        if not catalogue.all_were_read(connection):
            return None
        return set(
            connection.execute(
                text("select sku from product union select sku from stock union select sku from order_line")
            ).scalars()
        )


def _what_is_wrong(sku: str, quantity: Decimal, known: Collection[str] | None, *, fractions: bool) -> str:
    if not sku or len(sku) > 255 or "\x00" in sku:
        return "A SKU has 1 to 255 characters."
    if not quantity.is_finite() or quantity < 0:
        return f"The quantity is {quantity}; it must be zero or more."
    if not fractions and quantity != quantity.to_integral_value():
        return f"The quantity is {quantity}; this location counts whole units (`fractions` of its configuration)."
    if quantity >= MOST or quantity != quantity.quantize(Decimal("0.0001")):
        return f"The quantity {quantity} is too large, or finer than four places."
    if known is not None and sku not in known:
        return "There is no such SKU in the catalogue, and none in any order."
    return ""
