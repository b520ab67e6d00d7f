"""Common ground of all aggregators' accounts: what one of them lacks is a named error."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count
from typing import Any, ClassVar, NoReturn

from aggregator_hooks.client import AggregatorClient, Lent
from aggregator_hooks.connection import AccountConnection
from magento_oms.ports import (
    Aggregator,
    Booked,
    Booking,
    Cancelled,
    Courier,
    CourierDocument,
    CourierEvent,
    CourierOffer,
    Direction,
    NdrRequest,
    NotFound,
    NotOffered,
    Operation,
    Pickup,
    PickupLocation,
    Question,
    StatusReader,
    Tracking,
    WriteRule,
)


@dataclass(frozen=True)
class Vendor:
    """One aggregator: its line in the registry.

    Attributes:
        name: in configuration, and the type of its Airflow connections.
        title: for people.
        default_url: of its API, used where a connection names no host.
        hosts: whose documents are fetched; sub-domains count.
        needed: fields of the connection that must be filled in.
        open: makes the account; nothing is sent yet.
        statuses: its table.
        read_webhook: a webhook's decoded JSON to events. Raises ValueError (without personal data in it) for what is no
            shape of its own.
        webhook_headers: headers in which its secret may come, the usual one first; empty where it sends none.
        body_secret: the secret that it puts into the body instead; None where it does not.
        webhook_forbids: words that it refuses in a webhook's URL.
    """

    name: str
    title: str
    default_url: str
    hosts: tuple[str, ...]
    needed: tuple[str, ...]
    open: Callable[[AccountConnection, str, Lent], Aggregator]
    statuses: StatusReader
    read_webhook: Callable[[Any], Sequence[CourierEvent]]
    webhook_headers: tuple[str, ...] = ()
    body_secret: Callable[[Any], str] | None = None
    webhook_forbids: tuple[str, ...] = ()


class AggregatorAccount:
    """Implements `ports.Aggregator` as far as all aggregators are alike. Vendors override what they offer.

    Args:
        account: its code in our configuration.
    """

    title: ClassVar[str]
    operations: frozenset[Operation]
    writes: Mapping[Operation, WriteRule]
    track_at_once: int = 1
    books_with_courier: bool = True
    needs_courier: bool = False

    def __init__(self, connection: AccountConnection, account: str, client: AggregatorClient) -> None:
        self._connection = connection
        self._account = account
        self._client = client

    @property
    def account(self) -> str:
        """The account's code in our configuration."""
        return self._account

    def close(self) -> None:
        """Close the connections; they are opened again when needed."""
        self._client.close()

    def couriers_for(self, question: Question) -> Sequence[CourierOffer]:
        """See the port."""
        self._lacks(Operation.SERVICEABILITY)

    def create_order(self, booking: Booking) -> Booked:
        """See the port."""
        self._lacks(Operation.CREATE_ORDER)

    def assign_awb(self, booking: Booking, booked: Booked) -> Booked:
        """See the port."""
        self._lacks(Operation.ASSIGN_AWB)

    def label(self, booked: Booked) -> CourierDocument:
        """See the port."""
        self._lacks(Operation.LABEL)

    def schedule_pickup(self, booking: Booking, booked: Booked, on: date) -> Pickup:
        """See the port."""
        self._lacks(Operation.SCHEDULE_PICKUP)

    def manifest(self, booked: Sequence[Booked]) -> CourierDocument:
        """See the port."""
        self._lacks(Operation.MANIFEST)

    def cancel_awb(self, booked: Booked) -> Cancelled:
        """See the port."""
        self._lacks(Operation.CANCEL_AWB)

    def cancel_order(self, booked: Booked) -> Cancelled:
        """See the port."""
        self._lacks(Operation.CANCEL_ORDER)

    def ndr_action(self, booked: Booked, request: NdrRequest) -> None:
        """See the port."""
        self._lacks(Operation.NDR_ACTION)

    def create_return(self, booking: Booking) -> Booked:
        """See the port."""
        self._lacks(Operation.CREATE_RETURN)

    def cancel_return(self, booked: Booked) -> Cancelled:
        """See the port."""
        self._lacks(Operation.CANCEL_RETURN)

    def find(self, reference: str, direction: Direction) -> Booked | None:
        """See the port."""
        self._lacks(Operation.FIND)

    def listed(self, since: date, until: date) -> Sequence[Booked]:
        """See the port."""
        self._lacks(Operation.LIST)

    def track(self, booked: Sequence[Booked]) -> Mapping[str, Tracking]:
        """See the port."""
        self._lacks(Operation.TRACK)

    def couriers(self) -> Sequence[Courier]:
        """See the port."""
        self._lacks(Operation.COURIERS)

    def pickup_locations(self) -> Sequence[PickupLocation]:
        """See the port."""
        self._lacks(Operation.PICKUP_LOCATIONS)

    @staticmethod
    def _all_pages(ask: Callable[[int], tuple[Sequence[Booked], bool]]) -> list[Booked]:
        """All that is listed. A page that brings nothing new, or is not there, is the last one, whatever it says.

        Args:
            ask: gives the page of a number (from 1), and whether there are more.
        """
        known: dict[tuple[str, str, str], Booked] = {}
        for page in count(1):
            try:
                found, more = ask(page)
            except NotFound:
                break
            before = len(known)
            known |= {(each.order_ref, each.reference, each.awb): each for each in found}
            if not more or len(known) == before:
                break
        return list(known.values())

    def _lacks(self, operation: Operation) -> NoReturn:
        raise NotOffered(
            f"{self.title} has no call to {operation.value.replace('_', ' ')}.",
            operation=operation,
            way_out="Do it in the aggregator's panel, or leave it out.",
        )
