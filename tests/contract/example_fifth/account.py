"""One account at the fifth aggregator: the calls, joined. It has no pickup requests, manifests or warehouses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tests.contract.example_fifth import answers, requests
from tests.contract.example_fifth.statuses import STATUSES

from aggregator_hooks import documents
from aggregator_hooks.account import AggregatorAccount, Vendor
from aggregator_hooks.client import AggregatorClient, Credential, Fixed, Lent
from aggregator_hooks.connection import AccountConnection
from magento_oms.ports import (
    AlreadyDone,
    Booked,
    Booking,
    Cancelled,
    Courier,
    CourierDocument,
    CourierEvent,
    CourierOffer,
    Direction,
    NdrRequest,
    NotServiceable,
    Operation,
    Question,
    ReferenceUsed,
    Tracking,
    WriteRule,
)

HOSTS = ("fifth.example",)
_LOOK = "GET /find by our reference"


class FifthAccount(AggregatorAccount):
    """See `ports.Aggregator`: what is not here raises `NotOffered` by itself."""

    title: ClassVar[str] = "Fifth"
    operations = frozenset(Operation) - {
        Operation.ASSIGN_AWB, Operation.CANCEL_AWB, Operation.SCHEDULE_PICKUP, Operation.MANIFEST,
        Operation.PICKUP_LOCATIONS, Operation.LIST,
    }  # fmt: skip
    track_at_once = 10
    writes: Mapping[Operation, WriteRule] = {
        Operation.CREATE_ORDER: WriteRule(True, _LOOK),
        Operation.CREATE_RETURN: WriteRule(True, _LOOK),
        Operation.CANCEL_ORDER: WriteRule(True, _LOOK),
        Operation.CANCEL_RETURN: WriteRule(True, _LOOK),
        Operation.NDR_ACTION: WriteRule(False, "nothing tells; the courier is told once more"),
    }

    def couriers_for(self, question: Question) -> Sequence[CourierOffer]:
        """See the port."""
        call = requests.couriers(question)
        listed = answers.couriers(self._client.call(call), call, self._client.whose)
        if not listed:
            raise NotServiceable(f"{self._client.whose}: no courier goes to {question.destination_pincode}.")
        return [CourierOffer(courier, recommended=place) for place, courier in enumerate(listed)]

    def create_order(self, booking: Booking) -> Booked:
        """See the port. A duplicate is looked up: it is what we made before, or was cancelled."""
        call = requests.create(booking)
        try:
            answer = self._client.call(call)
        except AlreadyDone as refusal:
            known = self.find(booking.reference, booking.direction)
            if known is None or known.cancelled:
                raise ReferenceUsed(refusal.what, exchange=refusal.exchange) from None
            return known
        return answers.booked(answer, call, booking.direction, self._client.whose)

    def create_return(self, booking: Booking) -> Booked:
        """See the port: the same call."""
        return self.create_order(booking)

    def label(self, booked: Booked) -> CourierDocument:
        """See the port."""
        return documents.fetch(booked.label_url, self._connection, HOSTS, self._client.whose)

    def cancel_order(self, booked: Booked) -> Cancelled:
        """See the port."""
        try:
            self._client.call(requests.cancel(booked))
        except AlreadyDone as done:
            return Cancelled(True, done.what)
        return Cancelled(True, "cancelled")

    def cancel_return(self, booked: Booked) -> Cancelled:
        """See the port."""
        return self.cancel_order(booked)

    def ndr_action(self, booked: Booked, request: NdrRequest) -> None:
        """See the port."""
        self._client.call(requests.instruct(booked, request))

    def find(self, reference: str, direction: Direction) -> Booked | None:
        """See the port."""
        call = requests.find(reference)
        return answers.found(self._client.call(call), call, reference, direction, self._client.whose)

    def track(self, booked: Sequence[Booked]) -> Mapping[str, Tracking]:
        """See the port."""
        call = requests.track([each.awb for each in booked])
        known = answers.scans(self._client.call(call), call, self._client.whose)
        return {awb: Tracking(awb, events) for awb, events in known.items()}

    def couriers(self) -> Sequence[Courier]:
        """See the port."""
        call = requests.couriers()
        return answers.couriers(self._client.call(call), call, self._client.whose)


def read_webhook(body: Any) -> Sequence[CourierEvent]:
    """A webhook is one scan; an empty object is a test.

    Raises:
        ValueError: it is none of theirs.
    """
    if body == {}:
        return []
    if not isinstance(body, Mapping) or not {"awb", "code"} <= body.keys():
        raise ValueError("a webhook of the fifth aggregator is an object with awb and code")
    return [answers.event(body)]


def open_account(connection: AccountConnection, account: str, lent: Lent) -> FifthAccount:
    """Make the account; nothing is sent yet."""
    credential = Credential({"Authorization": f"Bearer {connection.password}"})
    client = AggregatorClient(
        connection, f"Fifth {account}", lent, judge=answers.judge, authentication=lambda _: Fixed(credential)
    )
    return FifthAccount(connection, account, client)


VENDOR = Vendor(
    name="fifth",
    title="Fifth",
    default_url="https://api.fifth.example",
    hosts=HOSTS,
    needed=("password",),
    open=open_account,
    statuses=STATUSES,
    read_webhook=read_webhook,
    webhook_headers=("X-Fifth-Secret",),
)
