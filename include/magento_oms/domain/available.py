"""What a store may still sell of a SKU, and the quantity that Magento must be told so that it sells just that. Pure.

Magento takes from what can be sold when an order is placed (a reservation), and from a source's quantity when the order
is shipped. So the quantity of a source is what may still be sold **and** what Magento itself keeps for orders that the
OMS has reserved already and that Magento has not shipped: telling it only the former would take these orders off twice.
What Magento keeps for orders that the OMS has not reserved is not added: nothing else protects it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Shelf:
    """What one location has of a SKU.

    Attributes:
        reserved: of open fulfilments, of whatever store.
        kept_back: units that orders never get (the location's `reserve`).
    """

    location: str
    quantity: Decimal
    reserved: Decimal
    kept_back: Decimal = ZERO

    @property
    def free(self) -> Decimal:
        """What may still be promised. Below zero where more is promised than is there."""
        left = self.quantity - self.reserved
        return left if left <= 0 else max(left - self.kept_back, ZERO)


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What stands behind one Magento source.

    Attributes:
        still_kept: units that Magento keeps for orders that the OMS has reserved here; 0 where Magento keeps none.
    """

    source: str
    shelves: tuple[Shelf, ...]
    still_kept: Decimal = ZERO

    @property
    def free(self) -> Decimal:
        """Of all its locations."""
        return sum((shelf.free for shelf in self.shelves), ZERO)


@dataclass(frozen=True, slots=True)
class Deductions:
    """What is taken off once, however many sources there are.

    Attributes:
        buffer: safety stock: units that are never offered.
        promised: units of orders that nothing is reserved for yet, and that Magento does not keep in this stock.
        min_qty: Magento's out-of-stock threshold, which Magento takes off by itself.
    """

    buffer: Decimal = ZERO
    promised: Decimal = ZERO
    min_qty: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class SourceFigure:
    """One source's figure.

    Attributes:
        offered: of this source, for sale.
        quantity: what Magento is told.
    """

    source: str
    offered: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Available:
    """What may be sold, and how Magento is told.

    Attributes:
        to_sell: over all sources; never below zero.
    """

    to_sell: Decimal
    figures: tuple[SourceFigure, ...]


def available(sources: Sequence[SourceFacts], off: Deductions) -> Available:
    """The figures of one SKU.

    Args:
        sources: in the order in which they ship; what is taken off comes from the last ones first.
    """
    # What a source lacks, others must make up for: Magento takes no account of quantities below zero.
    free = [source.free for source in sources]
    lacking = sum((max(-(its + source.still_kept), ZERO) for its, source in zip(free, sources, strict=True)), ZERO)
    left = off.buffer + off.promised + lacking
    figures: list[SourceFigure] = []
    for number in reversed(range(len(sources))):
        source, its = sources[number], free[number]
        taken = min(max(its, ZERO), left)
        left -= taken
        offered = its - taken
        quantity = max(offered + source.still_kept, ZERO) + (off.min_qty if number == 0 else ZERO)
        figures.append(SourceFigure(source.source, offered, quantity))
    to_sell = sum(free, ZERO) - off.promised - off.buffer
    return Available(max(to_sell, ZERO), tuple(reversed(figures)))
