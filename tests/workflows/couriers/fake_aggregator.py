"""An aggregator in memory that keeps its own rules, and fails when it is told to."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from aggregator_hooks.statuses import Row, StatusTable, to
from commerce_sandbox.couriers.pdf import page
from magento_oms.ports import (
    Booked,
    Booking,
    Cancelled,
    CannotShip,
    Courier,
    CourierDocument,
    CourierEvent,
    CourierOffer,
    CourierRefused,
    Direction,
    NdrRequest,
    NotFound,
    NotServiceable,
    Operation,
    OutsideError,
    ParcelStatus,
    Pickup,
    PickupLocation,
    Question,
    ReferenceUsed,
    Tracking,
    WriteRule,
)

STATUSES = StatusTable(
    {
        **{str(status): Row(str(status), to(status), to(status)) for status in ParcelStatus},
        "rto": Row("RTO", to(ParcelStatus.RTO_INITIATED, again=ParcelStatus.RTO_IN_TRANSIT), None),
    }
)
"""Codes are the canonical words."""

T0 = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


def scan(code: str, awb: str, hours: float = 0, **more: str) -> CourierEvent:
    """A scan some hours after the first one."""
    return CourierEvent(code=code, awb=awb, label=code, occurred_at=T0 + timedelta(hours=hours), **more)  # type: ignore[arg-type]


@dataclass(slots=True)
class Fault:
    """One call of `method` fails. `after`: it was done, and the caller does not learn of it."""

    method: str
    error: OutsideError
    when: Literal["before", "after"] = "before"
    times: int = 1


class FakeAggregator:
    """Implements `ports.Aggregator`.

    Args:
        books_with_courier: whether the AWB comes with the order (True) or is asked for afterwards.
        awb_comes_after: how often an AWB is asked for until it is there, where it is asked for afterwards.
        refusing: couriers that take nothing, with why.
    """

    writes: Mapping[Operation, WriteRule] = {}
    operations = frozenset(Operation)
    track_at_once = 2

    def __init__(
        self,
        account: str = "main",
        *,
        books_with_courier: bool = True,
        needs_courier: bool = False,
        awb_comes_after: int = 1,
        refusing: Mapping[str, type[CannotShip]] | None = None,
        offers: Sequence[str] = (),
    ) -> None:
        self.account = account
        self.books_with_courier = books_with_courier
        self.needs_courier = needs_courier
        self._awb_comes_after = awb_comes_after
        self.refusing = dict(refusing or {})
        self.offers = list(offers)
        self.orders: dict[str, Booked] = {}
        self.bookings: dict[str, Booking] = {}
        self.of_others: list[Booked] = []
        self.scans: defaultdict[str, list[CourierEvent]] = defaultdict(list)
        self.labels_ready = True
        self.ndr: list[tuple[str, NdrRequest]] = []
        self.pickups: list[str] = []
        self.ledger: Counter[tuple[str, str]] = Counter()
        self.calls: Counter[str] = Counter()
        self.faults: list[Fault] = []
        self.before_call: Callable[[str], None] = lambda method: None
        self._asked: Counter[str] = Counter()
        self._lock = threading.RLock()

    # What the port asks -----------------------------------------------------------------------------------------------

    def couriers_for(self, question: Question) -> Sequence[CourierOffer]:
        with self._call("couriers_for"):
            if not self.offers:
                raise NotServiceable("Nobody serves 000000.")
            return [CourierOffer(Courier(code), place) for place, code in enumerate(self.offers)]

    def create_order(self, booking: Booking) -> Booked:
        with self._call("create_order"):
            return self._create(booking)

    def create_return(self, booking: Booking) -> Booked:
        with self._call("create_return"):
            return self._create(booking)

    def assign_awb(self, booking: Booking, booked: Booked) -> Booked:
        with self._call("assign_awb"):
            known = self.orders[booked.reference]
            if known.awb:
                return known
            self._asked[booked.reference] += 1
            if self._asked[booked.reference] < self._awb_comes_after:
                return known
            return self._assign(booking)

    def label(self, booked: Booked) -> CourierDocument:
        with self._call("label"):
            if not self.labels_ready:
                raise NotFound("No label yet.")
            return CourierDocument(url="https://files.example/label.pdf", content=page(booked.awb))

    def schedule_pickup(self, booking: Booking, booked: Booked, on: date) -> Pickup:
        with self._call("schedule_pickup"):
            self.pickups.append(booked.awb)
            return Pickup("PK1", on)

    def manifest(self, booked: Sequence[Booked]) -> CourierDocument:
        with self._call("manifest"):
            return CourierDocument(number="M1")

    def cancel_awb(self, booked: Booked) -> Cancelled:
        with self._call("cancel_awb"):
            return Cancelled(final=True)

    def cancel_order(self, booked: Booked) -> Cancelled:
        with self._call("cancel_order"):
            self.orders[booked.reference] = replace(self.orders[booked.reference], cancelled=True)
            self.ledger["cancel", booked.reference] += 1
            return Cancelled(final=True)

    cancel_return = cancel_order

    def ndr_action(self, booked: Booked, request: NdrRequest) -> None:
        with self._call("ndr_action"):
            self.ndr.append((booked.awb, request))

    def find(self, reference: str, direction: Direction) -> Booked | None:
        with self._call("find"):
            found = self.orders.get(reference)
            return found if found is not None and found.direction is direction else None

    def listed(self, since: date, until: date) -> Sequence[Booked]:
        with self._call("listed"):
            return [*self.orders.values(), *self.of_others]

    def track(self, booked: Sequence[Booked]) -> Mapping[str, Tracking]:
        with self._call("track"):
            assert len(booked) <= self.track_at_once
            assert all(each.awb for each in booked), "asked about no AWB, a courier may tell of other parcels"
            return {
                each.awb: Tracking(each.awb, tuple(self.scans[each.awb]), expected_on=date(2026, 11, 25))
                for each in booked
                if self.scans[each.awb]
            }

    def couriers(self) -> Sequence[Courier]:
        return [Courier(code) for code in self.offers]

    def pickup_locations(self) -> Sequence[PickupLocation]:
        return [PickupLocation("WH1")]

    def close(self) -> None:
        """Nothing is open."""

    # How it works inside ----------------------------------------------------------------------------------------------

    @contextmanager
    def _call(self, method: str) -> Iterator[None]:
        self.before_call(method)
        with self._lock:
            self.calls[method] += 1
            fault = next((fault for fault in self.faults if fault.method == method and fault.times), None)
            if fault is not None:
                fault.times -= 1
                if fault.when == "before":
                    raise fault.error
            yield
            if fault is not None:
                raise fault.error

    def _create(self, booking: Booking) -> Booked:
        known = self.orders.get(booking.reference)
        if known is not None and known.cancelled:
            raise ReferenceUsed(f"{booking.reference} was cancelled.")
        if known is not None:
            return known
        if self.books_with_courier:
            self._refuse(booking.courier)
        self.bookings[booking.reference] = booking
        number = len(self.orders) + 1
        self.orders[booking.reference] = Booked(
            booking.reference, order_ref=f"O{number}", direction=booking.direction, courier=booking.courier
        )
        self.ledger["order", booking.reference] += 1
        return self._assign(booking) if self.books_with_courier else self.orders[booking.reference]

    def _assign(self, booking: Booking) -> Booked:
        self._refuse(booking.courier)
        known = self.orders[booking.reference]
        awb = f"{self.account.upper()}{known.order_ref}"
        self.orders[booking.reference] = replace(known, awb=awb, courier=booking.courier)
        self.ledger["awb", booking.reference] += 1
        return self.orders[booking.reference]

    def _refuse(self, courier: Courier | None) -> None:
        kind = self.refusing.get(courier.code if courier else "*") or self.refusing.get("*")
        if kind is not None:
            words = {CourierRefused: "Overweight.", NotServiceable: "Pincode not served."}
            raise kind(words.get(kind, "No money left."))
