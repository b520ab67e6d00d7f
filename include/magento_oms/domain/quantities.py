"""Quantities of an order line: with the holds, the one truth about how far an order has come."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

ZERO = Decimal(0)


class QuantitiesDoNotFit(ValueError):
    """Quantities that cannot be, such as more shipped than ordered. The text names the figures."""


@dataclass(frozen=True, slots=True)
class Quantities:
    """Absolute totals of one line, in units of the SKU (Magento allows fractions).

    `allocated` counts what a location has promised, shipped units included; `packed` what is in a parcel, shipped units
    included.

    Raises:
        QuantitiesDoNotFit: one is negative, or they contradict each other.
    """

    ordered: Decimal
    allocated: Decimal = ZERO
    packed: Decimal = ZERO
    invoiced: Decimal = ZERO
    shipped: Decimal = ZERO
    cancelled: Decimal = ZERO
    returned: Decimal = ZERO

    def __post_init__(self) -> None:
        lowest = min(
            self.ordered, self.allocated, self.packed, self.invoiced, self.shipped, self.cancelled, self.returned
        )
        if lowest < 0:
            raise QuantitiesDoNotFit(f"a quantity is {lowest}, below zero: {self}")
        if self.shipped + self.cancelled > self.ordered:
            raise QuantitiesDoNotFit(
                f"{self.shipped} shipped and {self.cancelled} cancelled are more than {self.ordered} ordered"
            )
        if self.returned > self.shipped:
            raise QuantitiesDoNotFit(f"{self.returned} returned are more than {self.shipped} shipped")

    def advanced(self, *, invoiced: Decimal = ZERO, shipped: Decimal = ZERO, cancelled: Decimal = ZERO) -> Quantities:
        """The same line after Magento reported these totals: figures only grow, and never beyond what fits.

        A total that we already know better (a shipment made by us that a late payload does not show yet) is kept.
        """
        shipped = max(self.shipped, min(shipped, self.ordered - self.cancelled))
        cancelled = max(self.cancelled, min(cancelled, self.ordered - shipped))
        return Quantities(
            ordered=self.ordered,
            # What is cancelled is promised no longer, unless it is in a box already.
            allocated=max(min(self.allocated, self.ordered - cancelled), self.packed, shipped),
            packed=max(self.packed, shipped),
            invoiced=max(self.invoiced, invoiced),
            shipped=shipped,
            cancelled=cancelled,
            returned=self.returned,
        )

    def allocate(self, units: Decimal) -> Quantities:
        """The same line with so many units more promised by a location."""
        return replace(self, allocated=self.allocated + units)

    def allocate_rest(self) -> Quantities:
        """The same line with everything that is not cancelled promised by a location."""
        return replace(self, allocated=max(self.allocated, self.ordered - self.cancelled))
