"""One account at Clickpost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import ClassVar

from aggregator_hooks import documents
from aggregator_hooks.account import AggregatorAccount, Vendor
from aggregator_hooks.clickpost import answers, requests, webhook
from aggregator_hooks.clickpost.statuses import STATUSES
from aggregator_hooks.client import AggregatorClient, Credential, Fixed, Lent
from aggregator_hooks.connection import AccountConnection
from magento_oms.ports import (
    Booked,
    Booking,
    Cancelled,
    ConfigurationError,
    Courier,
    CourierDocument,
    CourierOffer,
    Direction,
    NdrRequest,
    NotFound,
    Operation,
    PermanentError,
    Pickup,
    Question,
    RetryableError,
    Tracking,
    WriteRule,
)

URL = "https://www.clickpost.in"
TRACKING_URL = "https://api.clickpost.in"
"""Tracking is read from a host of its own."""
HOSTS = ("clickpost.in", "clickpost.ai")

_LACKS = frozenset({Operation.MANIFEST, Operation.PICKUP_LOCATIONS, Operation.CANCEL_AWB, Operation.LIST})


class ClickpostAccount(AggregatorAccount):
    """See `ports.Aggregator`. An order is cancelled by its AWB, so there is no cancelling of an AWB alone."""

    title: ClassVar[str] = "Clickpost"
    track_at_once = requests.TRACK_AT_ONCE
    needs_courier = True
    writes: Mapping[Operation, WriteRule] = {
        Operation.CREATE_ORDER: WriteRule(True, "sent again with the same reference: 323 has the first one's AWB"),
        Operation.CREATE_RETURN: WriteRule(True, "sent again with the same reference: 323 has the first one's AWB"),
        Operation.ASSIGN_AWB: WriteRule(True, "the order sent again: 102 while the courier takes its time, then 323"),
        Operation.CANCEL_ORDER: WriteRule(True, "sent again: 600, cancelled already"),
        Operation.CANCEL_RETURN: WriteRule(True, "sent again: 600, cancelled already"),
        Operation.SCHEDULE_PICKUP: WriteRule(False, "nothing tells; the courier is asked once more"),
        Operation.NDR_ACTION: WriteRule(False, "nothing tells; the courier is told once more"),
    }

    def __init__(
        self, connection: AccountConnection, account: str, client: AggregatorClient, tracking: AggregatorClient
    ) -> None:
        super().__init__(connection, account, client)
        self._tracking = tracking
        asks = connection.extra.get("pickup_requests") == "yes"
        self.operations = frozenset(Operation) - _LACKS - (frozenset() if asks else {Operation.SCHEDULE_PICKUP})

    def close(self) -> None:
        """Close both hosts' connections."""
        super().close()
        self._tracking.close()

    def couriers_for(self, question: Question) -> Sequence[CourierOffer]:
        """See the port."""
        call = requests.recommend(question)
        return answers.offers(self._client.call(call), call, self._client.whose)

    def create_order(self, booking: Booking) -> Booked:
        """See the port. The AWB comes with it, or some seconds later."""
        call = requests.create_order(booking)
        return answers.booked(self._client.call(call), call, booking, self._client.whose)

    def create_return(self, booking: Booking) -> Booked:
        """See the port: the same call, with the reverse courier's own id."""
        return self.create_order(booking)

    def assign_awb(self, booking: Booking, booked: Booked) -> Booked:
        """See the port: the order is sent again, as Clickpost wants it."""
        told = self.create_order(replace(booking, courier=booked.courier or booking.courier))
        return replace(told, order_ref=told.order_ref or booked.order_ref)

    def label(self, booked: Booked) -> CourierDocument:
        """See the port. The address of the booking may have expired: then a fresh one is asked for."""
        if booked.label_url:
            try:
                return self._fetch(booked.label_url)
            except NotFound:
                pass
        call = requests.label(booked)
        return self._fetch(answers.label_url(self._client.call(call), call, self._client.whose))

    def schedule_pickup(self, booking: Booking, booked: Booked, on: date) -> Pickup:
        """See the port."""
        if Operation.SCHEDULE_PICKUP not in self.operations:
            self._lacks(Operation.SCHEDULE_PICKUP)
        call = requests.schedule_pickup(booking, booked, on)
        return replace(answers.pickup(self._client.call(call), call, self._client.whose), scheduled_for=on)

    def cancel_order(self, booked: Booked) -> Cancelled:
        """See the port. One that has no AWB yet is looked up first: only an AWB can be cancelled."""
        if not booked.awb:
            known = self.find(booked.reference, booked.direction)
            if known is None or not known.awb:
                raise RetryableError(
                    f"{self._client.whose}: parcel {booked.reference} has no AWB yet, by which it could be cancelled.",
                    way_out="It is tried again by itself.",
                )
            booked = known
        return answers.cancelled(self._client.call(requests.cancel(booked)))

    def cancel_return(self, booked: Booked) -> Cancelled:
        """See the port."""
        return self.cancel_order(booked)

    def ndr_action(self, booked: Booked, request: NdrRequest) -> None:
        """See the port."""
        self._client.call(requests.ndr_action(booked, request))

    def find(self, reference: str, direction: Direction) -> Booked | None:
        """See the port. Whether it is cancelled is not told."""
        call = requests.find_order(reference)
        try:
            answer = self._client.call(call)
        except (NotFound, PermanentError, ConfigurationError):
            # Nothing there, or an account whose API lacks this read: sending the order again tells.
            return None
        return answers.found(answer, call, Booked(reference, direction=direction), self._client.whose)

    def track(self, booked: Sequence[Booked]) -> Mapping[str, Tracking]:
        """See the port. One call a courier."""
        by_courier: defaultdict[str, list[str]] = defaultdict(list)
        for each in booked:
            by_courier[each.courier.code if each.courier else ""].append(each.awb)
        known: dict[str, Tracking] = {}
        for courier, awbs in by_courier.items():
            call = requests.track(awbs, courier)
            try:
                answer = self._tracking.call(call)
            except NotFound:
                continue
            known |= answers.tracked(answer, call, self._tracking.whose)
        return known

    def couriers(self) -> Sequence[Courier]:
        """See the port."""
        call = requests.accounts()
        return answers.couriers(self._client.call(call), call, self._client.whose)

    def _fetch(self, url: str) -> CourierDocument:
        return documents.fetch(url, self._connection, HOSTS, self._client.whose)


def open_account(connection: AccountConnection, account: str, lent: Lent) -> ClickpostAccount:
    """Make the account; nothing is sent yet."""
    credential = Credential(query={"username": connection.login, "key": connection.password})
    tracking = replace(connection, base_url=TRACKING_URL) if connection.base_url == URL else connection

    def client(at: AccountConnection) -> AggregatorClient:
        return AggregatorClient(
            at, f"Clickpost {account}", lent, judge=answers.judge, authentication=lambda _: Fixed(credential)
        )

    return ClickpostAccount(connection, account, client(connection), client(tracking))


VENDOR = Vendor(
    name="clickpost",
    title="Clickpost",
    default_url=URL,
    hosts=HOSTS,
    needed=("login", "password"),
    open=open_account,
    statuses=STATUSES,
    read_webhook=webhook.read,
    webhook_headers=webhook.HEADERS,
)
