"""What routing is told and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum


class Strategy(StrEnum):
    """What makes one way of splitting an order better than another; each adds up over the parcels."""

    FEWEST_PARCELS = "fewest_parcels"
    NEAREST = "nearest"
    NEAREST_PREFIX = "nearest_prefix"
    PRIORITY = "priority"


class Policy(StrEnum):
    """What becomes of an order that cannot be filled as a whole now.

    `complete`: nothing goes out until all of it can. `single_partial`: what is there goes out, once; a person decides
    about the rest. `many_partial`: what is there goes out, and the rest whenever stock comes.
    """

    COMPLETE = "complete"
    SINGLE_PARTIAL = "single_partial"
    MANY_PARTIAL = "many_partial"


class Queue(StrEnum):
    """Where what cannot be routed now is kept."""

    WAITS_FOR_STOCK = "waits_for_stock"
    PERSON_DECIDES = "person_decides"
    NO_LOCATION = "no_location"


@dataclass(frozen=True, slots=True)
class Rules:
    """How a store's orders are routed. `strategies` in order: the second decides between what the first finds equal.

    Attributes:
        max_parcels: an order is split over no more locations; None: over as many as it takes.
    """

    strategies: tuple[Strategy, ...]
    policy: Policy
    max_parcels: int | None = None


@dataclass(frozen=True, slots=True)
class Demand:
    """What one line of an order still needs a location for.

    Attributes:
        bundle: item id of the bundle that the line is a part of, where Magento ships the bundle as a whole: its parts
            leave from one place. None: the line is shipped on its own.
    """

    item_id: int
    sku: str
    quantity: Decimal
    bundle: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A location as routing sees it for one order.

    Attributes:
        stock: SKU → units that it may give (its reserve and what others were promised are off already); None: it gives
            whatever is asked of it.
        kilometres: to the customer; None: one of the pincodes is not known.
        shared_digits: leading digits that its pincode shares with the customer's.
        room: fulfilments that it may still be given today; None: any number.
        refused: SKUs of this order that it sent back.
    """

    code: str
    stock: Mapping[str, Decimal] | None
    kilometres: float | None = None
    shared_digits: int = 0
    priority: int = 0
    room: int | None = None
    refused: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Part:
    """What one location ships: item id → quantity."""

    location: str
    quantities: dict[int, Decimal]


@dataclass(frozen=True, slots=True)
class Decision:
    """How an order is split.

    Attributes:
        unfilled: item id → quantity that no location gets.
        queue: where the unfilled is kept; None: all is filled.
        exact: whether no better way exists; else it is the best that was found within the bound.
        ways: partial ways that were looked at.
    """

    parts: tuple[Part, ...]
    unfilled: dict[int, Decimal] = field(default_factory=dict)
    queue: Queue | None = None
    exact: bool = True
    ways: int = 0
