"""One account at Eshipz."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import ClassVar
from urllib.parse import urlencode

from aggregator_hooks import documents
from aggregator_hooks.account import AggregatorAccount, Vendor
from aggregator_hooks.client import AggregatorClient, Credential, Fixed, Lent
from aggregator_hooks.connection import AccountConnection
from aggregator_hooks.eshipz import answers, requests, webhook
from aggregator_hooks.eshipz.statuses import STATUSES
from magento_oms.ports import (
    AlreadyDone,
    Booked,
    Booking,
    Cancelled,
    Courier,
    CourierDocument,
    CourierOffer,
    CourierRefused,
    Direction,
    NdrRequest,
    NotFound,
    Operation,
    PermanentError,
    Pickup,
    Question,
    ReferenceUsed,
    Tracking,
    WriteRule,
)

HOSTS = ("eshipz.com", "eshipz-labels.s3.amazonaws.com", "eshipz.s3.amazonaws.com")

_LACKS = frozenset({Operation.PICKUP_LOCATIONS, Operation.CANCEL_AWB})


class EshipzAccount(AggregatorAccount):
    """See `ports.Aggregator`. A shipment is cancelled with its AWB, so there is no cancelling of an AWB alone."""

    title: ClassVar[str] = "Eshipz"
    operations = frozenset(Operation) - _LACKS
    track_at_once = requests.TRACK_AT_ONCE
    needs_courier = True
    writes: Mapping[Operation, WriteRule] = {
        Operation.CREATE_ORDER: WriteRule(False, "get-shipments by customer_referenc, matched exactly"),
        Operation.CREATE_RETURN: WriteRule(False, "get-shipments by customer_referenc, matched exactly"),
        Operation.ASSIGN_AWB: WriteRule(True, "get-shipments: it only looks whether the AWB has come"),
        Operation.CANCEL_ORDER: WriteRule(True, "get-shipments: active is false"),
        Operation.CANCEL_RETURN: WriteRule(True, "get-shipments: active is false"),
        Operation.SCHEDULE_PICKUP: WriteRule(False, "nothing tells; the courier is asked once more"),
        Operation.MANIFEST: WriteRule(False, "nothing tells; the manifest is made once more"),
        Operation.NDR_ACTION: WriteRule(False, "nothing tells; the courier is told once more"),
    }

    def couriers_for(self, question: Question) -> Sequence[CourierOffer]:
        """See the port. Eshipz recommends nobody: the cheapest is first."""
        call = requests.services(question)
        return answers.offers(self._client.call(call), call, self._client.whose)

    def create_order(self, booking: Booking) -> Booked:
        """See the port. The AWB comes with it, or some time later."""
        self._refuse_other_payment(booking)
        call = requests.create_shipment(booking)
        try:
            answer = self._client.call(call)
        except AlreadyDone as refusal:
            known = self.find(booking.reference, booking.direction)
            if known is None or known.cancelled:
                raise ReferenceUsed(refusal.what, exchange=refusal.exchange) from None
            return known
        return answers.booked(answer, call, booking, self._client.whose)

    def create_return(self, booking: Booking) -> Booked:
        """See the port: the same call, the other way round."""
        return self.create_order(booking)

    def assign_awb(self, booking: Booking, booked: Booked) -> Booked:
        """See the port: it comes by itself."""
        known = self.find(booking.reference, booking.direction)
        if known is None:
            return booked
        if known.cancelled:
            raise ReferenceUsed(f"{self._client.whose}: shipment {booked.order_ref} was cancelled there.")
        return replace(known, courier=_joined(booked.courier, known.courier))

    def label(self, booked: Booked) -> CourierDocument:
        """See the port. The address of the booking may be gone: then it is read again."""
        if booked.label_url:
            try:
                return self._fetch(booked.label_url)
            except NotFound:
                pass
        known = self.find(booked.reference, booked.direction)
        if known is None or not known.label_url:
            raise NotFound(f"{self._client.whose}: there is no label of parcel {booked.reference} yet.")
        return self._fetch(known.label_url)

    def schedule_pickup(self, booking: Booking, booked: Booked, on: date) -> Pickup:
        """See the port."""
        return Pickup(answers.pickup_number(self._client.call(requests.schedule_pickup(booked, on))), on)

    def manifest(self, booked: Sequence[Booked]) -> CourierDocument:
        """See the port. Its paper wants the token, too."""
        call = requests.manifest(booked)
        number = answers.manifest_id(self._client.call(call), call, self._client.whose)
        query = urlencode({"manifest_id": number})
        url = f"{self._connection.base_url}{requests.MANIFEST_FILE}?{query}"
        return replace(self._fetch(url, with_token=True), number=number)

    def cancel_order(self, booked: Booked) -> Cancelled:
        """See the port. A refusal of what is cancelled already is told from others by looking."""
        try:
            self._client.call(requests.cancel(booked))
        except PermanentError:
            known = self.find(booked.reference, booked.direction)
            if known is None or not known.cancelled:
                raise
            return Cancelled(True, "cancelled before")
        return Cancelled(True, "cancelled")

    def cancel_return(self, booked: Booked) -> Cancelled:
        """See the port."""
        return self.cancel_order(booked)

    def ndr_action(self, booked: Booked, request: NdrRequest) -> None:
        """See the port."""
        self._client.call(requests.ndr_action(booked, request))

    def find(self, reference: str, direction: Direction) -> Booked | None:
        """See the port."""
        call = requests.find_shipment(reference)
        try:
            answer = self._client.call(call)
        except NotFound:
            return None
        return answers.found(answer, call, Booked(reference, direction=direction), self._client.whose)

    def listed(self, since: date, until: date) -> Sequence[Booked]:
        """See the port."""

        def page(number: int) -> tuple[Sequence[Booked], bool]:
            found = answers.listed(self._client.call(requests.list_shipments(since, until, number)))
            return found, len(found) >= requests.LIST_PAGE

        return self._all_pages(page)

    def track(self, booked: Sequence[Booked]) -> Mapping[str, Tracking]:
        """See the port."""
        indian = self._connection.extra.get("tracking_times") == "india"
        try:
            answer = self._client.call(requests.track([each.awb for each in booked]))
        except NotFound:
            return {}
        return answers.tracked(answer, gmt_is_indian=indian)

    def couriers(self) -> Sequence[Courier]:
        """Carriers that would take a parcel from Delhi to Mumbai: Eshipz has no list of them."""
        call = requests.sample_services()
        return [offer.courier for offer in answers.offers(self._client.call(call), call, self._client.whose)]

    def _refuse_other_payment(self, booking: Booking) -> None:
        """A carrier's service is for cash on delivery or for prepaid parcels; its name tells."""
        service = (booking.courier.service if booking.courier else "").lower()
        if ("cod" in service and not booking.cod) or ("prepaid" in service and booking.cod):
            raise CourierRefused(
                f"{self._client.whose}: the service {booking.courier.service if booking.courier else ''} is not for"
                f" {'cash on delivery' if booking.cod else 'prepaid parcels'}."
            )

    def _fetch(self, url: str, *, with_token: bool = False) -> CourierDocument:
        headers = {"X-API-TOKEN": self._connection.password} if with_token else {}
        return documents.fetch(url, self._connection, HOSTS, self._client.whose, headers=lambda: headers)


def _joined(booked: Courier | None, read: Courier | None) -> Courier | None:
    """The courier as it was booked, where the read leaves something out."""
    if booked is None or read is None:
        return booked or read
    return Courier(
        read.code or booked.code,
        read.name or booked.name,
        read.account or booked.account,
        read.service or booked.service,
    )


def open_account(connection: AccountConnection, account: str, lent: Lent) -> EshipzAccount:
    """Make the account; nothing is sent yet."""
    credential = Credential({"X-API-TOKEN": connection.password})
    client = AggregatorClient(
        connection, f"Eshipz {account}", lent, judge=answers.judge, authentication=lambda _: Fixed(credential)
    )
    return EshipzAccount(connection, account, client)


VENDOR = Vendor(
    name="eshipz",
    title="Eshipz",
    default_url="https://app.eshipz.com",
    hosts=HOSTS,
    needed=("password",),
    open=open_account,
    statuses=STATUSES,
    read_webhook=webhook.read,
    webhook_headers=webhook.HEADERS,
)
