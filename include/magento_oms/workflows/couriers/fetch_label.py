"""The effect that gets a parcel its label: the courier's own, made to fit A4, or ours where the courier gives none."""

from __future__ import annotations

from sqlalchemy import Connection

from magento_oms.documents.label import LabelContent, fitted_to_a4, label_pdf
from magento_oms.documents.read_back import checked_label, is_pdf
from magento_oms.ports import Aggregator, CourierDocument, Direction, NotFound, Operation, PermanentError
from magento_oms.storage import parcels
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.workflows.couriers import plans
from magento_oms.workflows.couriers.facts import BookingFacts, Configs, booking_facts
from magento_oms.workflows.effect_kinds import NotNow, NotWanted, Result
from magento_oms.workflows.fulfilling.ready import settle_papers

DOCUMENT = "label"
"""Kind of the stored paper."""
NOT_YET = 15.0
"""Seconds until a label that is not there is asked for again; doubled each time."""


class FetchLabel:
    """See the module."""

    name = plans.LABEL

    def __init__(self, configs: Configs) -> None:
        self._configs = configs

    def read(self, connection: Connection, effect: ClaimedEffect) -> BookingFacts:
        """What `send` needs to know."""
        return booking_facts(connection, effect, self._configs)

    def send(self, world: Aggregator, subject: BookingFacts) -> Result:
        """Fetch it; couriers often make it some time after the AWB.

        Raises:
            NotNow: it is not there yet.
            PermanentError: what the courier gives is no PDF.
        """
        stored = subject.stored
        if stored.given_up:
            raise NotWanted(stored.given_up)
        if Operation.LABEL not in world.operations:
            return self._own(subject)
        try:
            label = world.label(stored.booked)
        except NotFound as missing:
            raise NotNow(missing.what, "It is asked for again by itself.", retry_in=NOT_YET) from None
        if not is_pdf(label.content):
            raise PermanentError(
                f"Parcel {stored.reference}: what {stored.account} gives as its label is no PDF that can be read.",
                way_out="Set the account's label format to PDF in the aggregator's panel, then"
                " `magento-oms quarantine retry`.",
            )
        fitted = CourierDocument(content=fitted_to_a4(label.content))
        return Result(f"label of {len(label.content)} bytes, on A4", facts={"label": fitted})

    def find(self, world: Aggregator, subject: BookingFacts) -> Result | None:
        """Nothing to look for: fetching changes nothing, so it is done again."""
        return None

    def settle(self, connection: Connection, subject: BookingFacts, result: Result) -> None:
        """Keep it; it may have been the last paper that its fulfilment waited for."""
        stored = subject.stored
        if "label" in result.facts:
            parcels.store_document(connection, stored.id, DOCUMENT, result.facts["label"])
        if stored.fulfilment_id is not None:
            settle_papers(connection, self._configs[stored.instance], stored.fulfilment_id)

    def _own(self, subject: BookingFacts) -> Result:
        """Our own label; a parcel that comes back has none, the customer writes on it what the rider says."""
        stored = subject.stored
        if stored.direction is Direction.REVERSE:
            return Result("the aggregator gives no label for a return")
        content = label_content(subject)
        pdf = checked_label(label_pdf(content), content)
        return Result("our own label: the aggregator gives none", facts={"label": CourierDocument(content=pdf)})


def label_content(facts: BookingFacts) -> LabelContent:
    """What our own label of a parcel says."""
    stored, booking = facts.stored, facts.booking
    to, back = booking.destination, booking.return_to
    courier = stored.booked.courier
    return LabelContent(
        awb=stored.booked.awb,
        courier=(courier.name or courier.code) if courier else stored.aggregator.title(),
        reference=stored.reference,
        order_number=booking.order_number,
        invoice_number=booking.invoice.number if booking.invoice else "",
        to_name=to.name,
        to_lines=(*to.lines, f"{to.city}, {to.state}"),
        to_pincode=to.pincode,
        to_phone=to.phone,
        from_name=back.name,
        from_lines=(*back.lines, f"{back.city} {back.pincode}, {back.state}"),
        cod=booking.cod,
        weight_g=booking.size.weight_g,
        items=tuple((item.sku, item.name, item.quantity) for item in booking.items),
        language=facts.language,
    )
