"""One account at Shipway."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import ClassVar

from aggregator_hooks import documents
from aggregator_hooks.account import AggregatorAccount, Vendor
from aggregator_hooks.client import AggregatorClient, Credential, Fixed, Lent
from aggregator_hooks.connection import AccountConnection
from aggregator_hooks.shipway import answers, judging, requests, webhook
from aggregator_hooks.shipway.statuses import STATUSES
from magento_oms.ports import (
    AlreadyDone,
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
    OutsideError,
    PermanentError,
    Pickup,
    PickupLocation,
    Question,
    ReferenceUsed,
    Tracking,
    WriteRule,
)

HOSTS = ("shipway.com", "shipway.in")


class ShipwayAccount(AggregatorAccount):
    """See `ports.Aggregator`."""

    title: ClassVar[str] = "Shipway"
    operations = frozenset(Operation)
    track_at_once = requests.TRACK_AT_ONCE
    books_with_courier = False
    writes: Mapping[Operation, WriteRule] = {
        Operation.CREATE_ORDER: WriteRule(True, "sent again it is an update, as long as there is no AWB"),
        Operation.ASSIGN_AWB: WriteRule(False, "getorders by our reference: it has the AWB or not"),
        Operation.CREATE_RETURN: WriteRule(False, "getorders by our reference, matched exactly"),
        Operation.SCHEDULE_PICKUP: WriteRule(False, "nothing tells; the courier is asked once more"),
        Operation.MANIFEST: WriteRule(True, "asked again; after a refusal getorders tells which orders are manifested"),
        Operation.CANCEL_ORDER: WriteRule(True, "asked again; after a refusal getorders tells whether it is cancelled"),
        Operation.CANCEL_AWB: WriteRule(True, "asked again; after a refusal getorders tells whether the AWB is gone"),
        Operation.CANCEL_RETURN: WriteRule(True, "asked again: cancelled already is told"),
        Operation.NDR_ACTION: WriteRule(False, "nothing tells; the courier is told once more"),
    }

    def couriers_for(self, question: Question) -> Sequence[CourierOffer]:
        """See the port. Shipway recommends nobody: the cheapest is first."""
        call = requests.rates(question)
        return answers.offers(self._client.call(call), call, self._client.whose)

    def create_order(self, booking: Booking) -> Booked:
        """See the port: the order is stored, no courier is asked yet."""
        try:
            self._client.call(requests.store_order(booking))
        except AlreadyDone as refusal:
            return self._known(booking, refusal)
        return answers.stored(booking)

    def assign_awb(self, booking: Booking, booked: Booked) -> Booked:
        """See the port. What happens to an order that has an AWB is not known, so it is looked up before."""
        known = self.find(booking.reference, booking.direction)
        if known is not None and known.cancelled:
            raise ReferenceUsed(f"{self._client.whose}: order {booking.reference} was cancelled there.")
        if known is not None and known.awb:
            return self._adopted(known, booking, booked.label_url)
        call = requests.assign_awb(booking)
        try:
            answer = self._client.call(call)
        except AlreadyDone as refusal:
            return self._known(booking, refusal)
        except ConfigurationError as refusal:
            raise self._naming_warehouses(refusal) from None
        return answers.booked(answer, call, booking, self._client.whose)

    def create_return(self, booking: Booking) -> Booked:
        """See the port: the AWB comes with it."""
        call = requests.create_return(booking)
        try:
            answer = self._client.call(call)
        except AlreadyDone as refusal:
            return self._known(booking, refusal)
        except ConfigurationError as refusal:
            raise self._naming_warehouses(refusal) from None
        return answers.booked(answer, call, booking, self._client.whose)

    def label(self, booked: Booked) -> CourierDocument:
        """See the port. Its address is told with the AWB and never again."""
        if not booked.label_url:
            raise PermanentError(
                f"{self._client.whose}: the label of AWB {booked.awb} was told with an answer that got lost.",
                way_out="Print it from the Shipway panel, then dismiss this.",
            )
        return documents.fetch(booked.label_url, self._connection, HOSTS, self._client.whose)

    def schedule_pickup(self, booking: Booking, booked: Booked, on: date) -> Pickup:
        """See the port."""
        try:
            answer = self._client.call(requests.schedule_pickup(booking, booked, on))
        except AlreadyDone:
            return Pickup(scheduled_for=on)
        return Pickup(answers.pickup_number(answer), on)

    def manifest(self, booked: Sequence[Booked]) -> CourierDocument:
        """See the port. There is only a number, no paper.

        What is on a manifest already is told as "already" or as not found; its status tells, and the others are asked
        for once more.
        """
        call = requests.manifest(booked)
        try:
            answer = self._client.call(call)
        except PermanentError as refusal:
            left = self._not_handed_over(booked)
            if len(left) == len(booked):
                raise refusal from None
        except AlreadyDone:
            left = self._not_handed_over(booked)
            if len(left) == len(booked):
                return CourierDocument()
        else:
            return CourierDocument(number=answers.manifest_number(answer, call, self._client.whose))
        return self.manifest(left) if left else CourierDocument()

    def cancel_awb(self, booked: Booked) -> Cancelled:
        """See the port: the order is free again. A refusal counts as done where the order has another AWB, or none."""
        try:
            self._client.call(requests.cancel_awb(booked))
        except AlreadyDone as done:
            return Cancelled(True, done.what)
        except PermanentError:
            known = self.find(booked.reference, booked.direction)
            if known is None or known.awb == booked.awb:
                raise
        return Cancelled(True, "AWB cancelled")

    def cancel_order(self, booked: Booked) -> Cancelled:
        """See the port. Only an order without an AWB is cancelled: that is taken back before, by `cancel_awb`."""
        try:
            self._client.call(requests.cancel_order(booked))
        except AlreadyDone as done:
            return Cancelled(True, done.what)
        except PermanentError:
            known = self.find(booked.reference, booked.direction)
            if known is None or not known.cancelled:
                raise
        return Cancelled(True, "order cancelled")

    def cancel_return(self, booked: Booked) -> Cancelled:
        """See the port: its AWB is cancelled, where it has one; else the request."""
        return self.cancel_awb(booked) if booked.awb else self.cancel_order(booked)

    def ndr_action(self, booked: Booked, request: NdrRequest) -> None:
        """See the port."""
        self._client.call(requests.ndr_action(booked, request))

    def listed(self, since: date, until: date) -> Sequence[Booked]:
        """See the port."""

        def page(number: int) -> tuple[Sequence[Booked], bool]:
            call = requests.list_orders(since, until, number)
            return answers.listed(self._client.call(call), call, self._client.whose)

        return self._all_pages(page)

    def find(self, reference: str, direction: Direction) -> Booked | None:
        """See the port."""
        call = requests.find_order(reference)
        try:
            answer = self._client.call(call)
        except NotFound:
            return None
        return answers.found(answer, call, Booked(reference, direction=direction), self._client.whose)

    def track(self, booked: Sequence[Booked]) -> Mapping[str, Tracking]:
        """See the port."""
        try:
            return answers.tracked(self._client.call(requests.track([each.awb for each in booked])))
        except NotFound:
            return {}

    def couriers(self) -> Sequence[Courier]:
        """See the port."""
        call = requests.carriers()
        return answers.carriers(self._client.call(call), call, self._client.whose)

    def pickup_locations(self) -> Sequence[PickupLocation]:
        """See the port."""
        call = requests.warehouses()
        return answers.warehouses(self._client.call(call), call, self._client.whose)

    def _known(self, booking: Booking, refusal: AlreadyDone) -> Booked:
        """What Shipway has of an order that it says it has already."""
        known = self.find(booking.reference, booking.direction)
        if known is None or known.cancelled:
            raise ReferenceUsed(
                refusal.what,
                way_out="Look at the order in the Shipway panel; a new booking gets another reference.",
                exchange=refusal.exchange,
            ) from None
        return self._adopted(known, booking)

    @staticmethod
    def _adopted(known: Booked, booking: Booking, label_url: str = "") -> Booked:
        """An order as it was found, with what only its booking tells."""
        courier = known.courier if known.courier and known.courier.code else booking.courier or known.courier
        return replace(
            known, courier=courier, label_url=known.label_url or label_url, pickup_location=booking.pickup_location
        )

    def _not_handed_over(self, booked: Sequence[Booked]) -> list[Booked]:
        """Those that are on no manifest."""
        left = []
        for each in booked:
            call = requests.find_order(each.reference)
            try:
                row = answers.row_of(self._client.call(call), call, each.reference, self._client.whose)
            except NotFound:
                row = None
            if not answers.is_handed_over(row):
                left.append(each)
        return left

    def _naming_warehouses(self, refusal: ConfigurationError) -> ConfigurationError:
        """A refused warehouse, with those that there are; the refusal itself where they cannot be had."""
        if refusal.status != 200:
            return refusal
        try:
            known = [f"{each.code} ({each.name})" if each.name else each.code for each in self.pickup_locations()]
        except OutsideError:
            return refusal
        told = f"Shipway knows: {', '.join(known)}." if known else "Shipway knows no warehouse of this account."
        return ConfigurationError(
            refusal.what, way_out=f"{refusal.way_out} {told}", status=refusal.status, exchange=refusal.exchange
        )


def open_account(connection: AccountConnection, account: str, lent: Lent) -> ShipwayAccount:
    """Make the account; nothing is sent yet."""
    basic = base64.b64encode(f"{connection.login}:{connection.password}".encode()).decode()
    credential = Credential({"Authorization": f"Basic {basic}"})
    client = AggregatorClient(
        connection, f"Shipway {account}", lent, judge=judging.judge, authentication=lambda _: Fixed(credential)
    )
    return ShipwayAccount(connection, account, client)


VENDOR = Vendor(
    name="shipway",
    title="Shipway",
    default_url="https://app.shipway.com/api",
    hosts=HOSTS,
    needed=("login", "password"),
    open=open_account,
    statuses=STATUSES,
    read_webhook=webhook.read,
    body_secret=webhook.body_secret,
)
