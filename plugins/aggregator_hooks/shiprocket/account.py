"""One account at Shiprocket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import ClassVar

from aggregator_hooks import documents
from aggregator_hooks.account import AggregatorAccount, Vendor
from aggregator_hooks.client import AggregatorClient, Lent, TokenLogin
from aggregator_hooks.connection import AccountConnection
from aggregator_hooks.shiprocket import answers, requests, webhook
from aggregator_hooks.shiprocket.statuses import STATUSES
from careful_http.exchange import Call
from magento_oms.ports import (
    AlreadyDone,
    Booked,
    Booking,
    Cancelled,
    Courier,
    CourierDocument,
    CourierOffer,
    Direction,
    NdrRequest,
    NotFound,
    Operation,
    PermanentError,
    Pickup,
    PickupLocation,
    Question,
    ReferenceUsed,
    Token,
    Tracking,
    WriteRule,
)

HOSTS = (
    "shiprocket.in",
    "shiprocket.co",
    "kr-shipmultichannel-mum.s3.amazonaws.com",
    "kr-shipmultichannel-mum.s3.ap-south-1.amazonaws.com",
)
TOKEN_LIVES = timedelta(days=9)
"""A token is good for ten days; it is renewed before."""


class ShiprocketAccount(AggregatorAccount):
    """See `ports.Aggregator`."""

    title: ClassVar[str] = "Shiprocket"
    operations = frozenset(Operation)
    track_at_once = requests.TRACK_AT_ONCE
    books_with_courier = False
    writes: Mapping[Operation, WriteRule] = {
        Operation.CREATE_ORDER: WriteRule(False, "orders by channel_order_id, matched exactly"),
        Operation.CREATE_RETURN: WriteRule(False, "return orders by our reference, matched exactly"),
        Operation.ASSIGN_AWB: WriteRule(False, "orders/show of the order: it has the AWB or not"),
        Operation.SCHEDULE_PICKUP: WriteRule(True, "asked again: 'already in the pickup queue' is done"),
        Operation.MANIFEST: WriteRule(True, "asked again: 'already manifested' is done, and it is printed"),
        Operation.CANCEL_ORDER: WriteRule(True, "orders/show: status 5 or 54; cancelled again is done"),
        Operation.CANCEL_AWB: WriteRule(True, "tracking: status 8 or 45; cancelled again is done"),
        Operation.CANCEL_RETURN: WriteRule(True, "orders/show: status 27; cancelled again is done"),
        Operation.NDR_ACTION: WriteRule(True, "the same action again changes nothing"),
    }

    def couriers_for(self, question: Question) -> Sequence[CourierOffer]:
        """See the port."""
        call = requests.serviceability(question)
        return answers.offers(self._client.call(call), call, self._client.whose)

    def create_order(self, booking: Booking) -> Booked:
        """See the port. The wallet is charged with the AWB only."""
        return self._create(requests.create_order(booking), booking)

    def create_return(self, booking: Booking) -> Booked:
        """See the port."""
        return self._create(requests.create_return(booking), booking)

    def assign_awb(self, booking: Booking, booked: Booked) -> Booked:
        """See the port."""
        call = requests.assign_awb(booking, booked)
        try:
            answer = self._client.call(call)
        except AlreadyDone as refusal:
            known = self._shown(booked)
            if not known.awb:
                raise PermanentError(
                    refusal.what, way_out="Look at the order in the Shiprocket panel.", exchange=refusal.exchange
                ) from None
            return known
        return answers.assigned(answer, call, booked, self._client.whose)

    def label(self, booked: Booked) -> CourierDocument:
        """See the port. The address is short-lived, so a fresh one is asked for each time."""
        call = requests.label(booked)
        return self._fetch(answers.document_url(self._client.call(call), call, self._client.whose, "label_url"))

    def schedule_pickup(self, booking: Booking, booked: Booked, on: date) -> Pickup:
        """See the port."""
        try:
            return answers.pickup(self._client.call(requests.schedule_pickup(booked, on)))
        except AlreadyDone:
            return Pickup()

    def manifest(self, booked: Sequence[Booked]) -> CourierDocument:
        """See the port."""
        call = requests.manifest(booked)
        try:
            answer = self._client.call(call)
        except AlreadyDone:
            call = requests.print_manifest(booked)
            answer = self._client.call(call)
        return self._fetch(answers.document_url(answer, call, self._client.whose, "manifest_url"))

    def cancel_awb(self, booked: Booked) -> Cancelled:
        """See the port. The courier confirms with status 8 or 45."""
        try:
            self._client.call(requests.cancel_awb(booked))
        except AlreadyDone as done:
            return Cancelled(True, done.what)
        return Cancelled(False, "the courier is asked")

    def cancel_order(self, booked: Booked) -> Cancelled:
        """See the port."""
        try:
            self._client.call(requests.cancel_order(booked))
        except AlreadyDone as done:
            return Cancelled(True, done.what)
        return Cancelled(not booked.awb, "accepted")

    def cancel_return(self, booked: Booked) -> Cancelled:
        """See the port: an order like any other."""
        return self.cancel_order(booked)

    def ndr_action(self, booked: Booked, request: NdrRequest) -> None:
        """See the port."""
        self._client.call(requests.ndr_action(booked, request))

    def find(self, reference: str, direction: Direction) -> Booked | None:
        """See the port."""
        calls = [requests.find_order(reference), requests.search_orders(reference)]
        if direction is Direction.REVERSE:
            calls.insert(0, requests.find_return(reference))
        for call in calls:
            try:
                answer = self._client.call(call)
            except NotFound:
                continue
            found = answers.matching(answer, call, reference, direction, self._client.whose)
            if found is not None:
                return found
        return None

    def listed(self, since: date, until: date) -> Sequence[Booked]:
        """See the port: forward orders."""

        def page(number: int) -> tuple[Sequence[Booked], bool]:
            call = requests.list_orders(since, until, number)
            return answers.listed(self._client.call(call), call, self._client.whose)

        return self._all_pages(page)

    def track(self, booked: Sequence[Booked]) -> Mapping[str, Tracking]:
        """See the port."""
        call = requests.track([each.awb for each in booked])
        return answers.tracked(self._client.call(call), call, self._client.whose)

    def couriers(self) -> Sequence[Courier]:
        """See the port."""
        call = requests.couriers()
        return answers.couriers(self._client.call(call), call, self._client.whose)

    def pickup_locations(self) -> Sequence[PickupLocation]:
        """See the port."""
        call = requests.pickup_locations()
        return answers.pickup_locations(self._client.call(call), call, self._client.whose)

    def _create(self, call: Call, booking: Booking) -> Booked:
        try:
            answer = self._client.call(call)
        except AlreadyDone as refusal:
            known = self.find(booking.reference, booking.direction)
            if known is None or known.cancelled:
                raise ReferenceUsed(refusal.what, status=refusal.status, exchange=refusal.exchange) from None
            return known
        return answers.created(answer, call, booking, self._client.whose)

    def _shown(self, booked: Booked) -> Booked:
        call = requests.show_order(booked)
        return answers.shown(self._client.call(call), call, booked, self._client.whose)

    def _fetch(self, url: str) -> CourierDocument:
        return documents.fetch(url, self._connection, HOSTS, self._client.whose)


def open_account(connection: AccountConnection, account: str, lent: Lent) -> ShiprocketAccount:
    """Make the account; nothing is sent yet."""

    def authentication(client: AggregatorClient) -> TokenLogin:
        call = requests.login(connection.login, connection.password)

        def log_in() -> Token:
            outcome = client.plain(call)
            if outcome.trouble is not None or outcome.answer is None:
                raise outcome.error
            value = answers.token(outcome.answer, call, client.whose)
            return Token(value, datetime.now(UTC) + TOKEN_LIVES)

        return TokenLogin(lent.tokens, f"courier:{account}", log_in)

    client = AggregatorClient(
        connection, f"Shiprocket {account}", lent, judge=answers.judge, authentication=authentication
    )
    return ShiprocketAccount(connection, account, client)


VENDOR = Vendor(
    name="shiprocket",
    title="Shiprocket",
    default_url="https://apiv2.shiprocket.in/v1/external",
    hosts=HOSTS,
    needed=("login", "password"),
    open=open_account,
    statuses=STATUSES,
    read_webhook=webhook.read,
    webhook_headers=webhook.HEADERS,
    webhook_forbids=webhook.FORBIDDEN,
)
