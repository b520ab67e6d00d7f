"""Parcels as the OMS plans them, before any courier knows of them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from magento_oms.ports import Direction, InvoiceFacts, ParcelItem, ParcelSize


@dataclass(frozen=True, slots=True)
class ParcelContents:
    """What is in a box. No personal data.

    Attributes:
        invoice: that travels with it; None where there is none yet, or for a return.
    """

    items: tuple[ParcelItem, ...]
    size: ParcelSize
    invoice: InvoiceFacts | None = None


@dataclass(frozen=True, slots=True)
class NewParcel:
    """A box to be shipped, or to come back.

    Attributes:
        location: code of the warehouse that it starts from, or comes back to.
        value: of the goods, GST included, rupees.
        cod: rupees to collect at the door; 0 is prepaid. The parcels of an order sum to what is due.
        shipping: the parcel's share of what the customer paid beyond the goods (shipping, charges,
            virtual goods), rupees.
    """

    order_id: int
    direction: Direction
    location: str
    contents: ParcelContents
    value: Decimal
    cod: Decimal = Decimal(0)
    shipping: Decimal = Decimal(0)
    fulfilment_id: int | None = None
    return_reason: str = ""
    quality_check: bool = False


def booking_reference(increment_id: str, parcel_id: int, generation: int) -> str:
    """Our reference of a booking: short, as couriers allow few characters, and never used twice.

    A parcel that is booked anew, after a cancellation or at another account, has the next generation.
    """
    return f"{increment_id}-P{parcel_id}" + (f"-{generation}" if generation > 1 else "")
