"""What is asked of one account at a courier aggregator, and its refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from magento_oms.ports.errors import PermanentError
from magento_oms.ports.parcels import (
    Booked,
    Booking,
    Cancelled,
    Courier,
    CourierDocument,
    CourierOffer,
    Direction,
    NdrRequest,
    Pickup,
    PickupLocation,
    Question,
)
from magento_oms.ports.tracking import Tracking


class Operation(StrEnum):
    """What an aggregator may be asked. Those below `TRACK` change nothing there."""

    CREATE_ORDER = "create_order"
    ASSIGN_AWB = "assign_awb"
    SCHEDULE_PICKUP = "schedule_pickup"
    MANIFEST = "manifest"
    CANCEL_ORDER = "cancel_order"
    CANCEL_AWB = "cancel_awb"
    NDR_ACTION = "ndr_action"
    CREATE_RETURN = "create_return"
    CANCEL_RETURN = "cancel_return"
    TRACK = "track"
    LABEL = "label"
    SERVICEABILITY = "serviceability"
    FIND = "find"
    LIST = "list"
    COURIERS = "couriers"
    PICKUP_LOCATIONS = "pickup_locations"


@dataclass(frozen=True, slots=True)
class WriteRule:
    """What is known of repeating a change whose answer was lost.

    Attributes:
        repeatable: the aggregator takes a repeat for the same one, so it may be sent again at once. Its answers
            that mean "already" count as done.
        lookup: how the outcome is looked up, in words, for the runbook.
    """

    repeatable: bool
    lookup: str


class CannotShip(PermanentError):
    """This courier or account will not take this parcel; another one may. Known not to have happened."""


class NotServiceable(CannotShip):
    """The courier does not serve the pincode, with this way of payment, in this direction."""


class WalletEmpty(CannotShip):
    """The account has no money left. Every booking at it fails until somebody recharges it."""


class CourierRefused(CannotShip):
    """The courier behind the aggregator refused; its words are in the message."""


class BadParcel(PermanentError):
    """No courier would take what is asked for: refused before the call. Another courier changes nothing.

    Args:
        field: what is wrong, as the OMS calls it: `destination.phone`, `size.weight_g`.
    """

    def __init__(self, what: str, *, field: str, **more: Any) -> None:
        super().__init__(what, **more)
        self.field = field


class NotOffered(PermanentError):
    """The aggregator has no such call.

    Args:
        operation: which one.
    """

    def __init__(self, what: str, *, operation: Operation, **more: Any) -> None:
        super().__init__(what, **more)
        self.operation = operation


class ReferenceUsed(PermanentError):
    """Our reference belongs to an order that was cancelled there; a cancelled one is never used again."""


@runtime_checkable
class Aggregator(Protocol):
    """One account at a courier aggregator. May be used by several threads.

    Every method may raise any `OutsideError`, writes also `UnknownOutcome`. A call that the aggregator lacks raises
    `NotOffered`. A parcel that no courier would take raises `BadParcel` before anything is sent.
    """

    @property
    def account(self) -> str:
        """The account's code in our configuration."""
        ...

    @property
    def operations(self) -> frozenset[Operation]:
        """What this aggregator offers."""
        ...

    @property
    def writes(self) -> Mapping[Operation, WriteRule]:
        """For each change it offers: whether a repeat is safe, and how its outcome is looked up."""
        ...

    @property
    def track_at_once(self) -> int:
        """How many AWBs one tracking call takes."""
        ...

    @property
    def books_with_courier(self) -> bool:
        """Whether `create_order` asks a courier already (True), or only `assign_awb` does (False)."""
        ...

    @property
    def needs_courier(self) -> bool:
        """Whether a courier must be named; else the aggregator chooses one where none is."""
        ...

    def couriers_for(self, question: Question) -> Sequence[CourierOffer]:
        """Couriers that would take such a parcel, the aggregator's favourite first. Raises NotServiceable if none."""
        ...

    def create_order(self, booking: Booking) -> Booked:
        """Make the order; with or without an AWB, as the aggregator does. The reference is ours and never reused.

        Raises:
            BadParcel, CannotShip: known not to have happened.
            ReferenceUsed: the reference belongs to a cancelled order.
        """
        ...

    def assign_awb(self, booking: Booking, booked: Booked) -> Booked:
        """Get the AWB of an order that has none yet: ask for it, or look whether it has come.

        Where it has not come yet (asynchronous couriers) the answer has none either. Assigned before: it has that.

        Raises:
            CannotShip: this courier will not do; the order is still there.
        """
        ...

    def label(self, booked: Booked) -> CourierDocument:
        """The courier's label, fetched from the aggregator's hosts only.

        Raises:
            NotFound: there is none yet.
        """
        ...

    def schedule_pickup(self, booking: Booking, booked: Booked, on: date) -> Pickup:
        """Ask the courier to come. Asked for already counts as done."""
        ...

    def manifest(self, booked: Sequence[Booked]) -> CourierDocument:
        """Hand the list of parcels over to the courier, and get its paper. Manifested already counts as done."""
        ...

    def cancel_awb(self, booked: Booked) -> Cancelled:
        """Take the AWB back. Cancelled already counts as done."""
        ...

    def cancel_order(self, booked: Booked) -> Cancelled:
        """Cancel the order (and its AWB, where the aggregator does both in one). Cancelled already counts as done."""
        ...

    def ndr_action(self, booked: Booked, request: NdrRequest) -> None:
        """Tell the courier what to do with a parcel that could not be delivered."""
        ...

    def create_return(self, booking: Booking) -> Booked:
        """Book a reverse pickup; as `create_order`."""
        ...

    def cancel_return(self, booked: Booked) -> Cancelled:
        """Call a reverse pickup off. Cancelled already counts as done."""
        ...

    def find(self, reference: str, direction: Direction) -> Booked | None:
        """What the aggregator has under our reference, matched exactly; None where there is nothing."""
        ...

    def listed(self, since: date, until: date) -> Sequence[Booked]:
        """The orders that were made on these days (both included, days in India), under whatever reference, by
        whomever; as far as the aggregator's list tells, also without an AWB, and cancelled ones.
        """
        ...

    def track(self, booked: Sequence[Booked]) -> Mapping[str, Tracking]:
        """By AWB what is known of it; unknown ones are absent. At most `track_at_once`, each of which has an AWB."""
        ...

    def couriers(self) -> Sequence[Courier]:
        """Couriers that the account may use."""
        ...

    def pickup_locations(self) -> Sequence[PickupLocation]:
        """Warehouses as the aggregator knows them."""
        ...

    def close(self) -> None:
        """Close the connections; they are opened again when needed."""
        ...
