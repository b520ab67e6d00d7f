"""Calling a packed fulfilment off: its box is opened, its bookings are taken back, its invoice is credited, and what is
still wanted of it becomes a fulfilment of its own, to be packed anew at the same warehouse.

A fulfilment has one invoice and one packing for ever, so that nothing that was printed ever means something else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import Connection

from magento_oms.domain.cancellation import Cause, Wish
from magento_oms.domain.invoicing.content import InvoiceContent
from magento_oms.domain.parcel_states import CALLED_OFF
from magento_oms.ports import ParcelStatus
from magento_oms.storage import effects, fulfilments, invoices, orders, parcels, quarantine
from magento_oms.storage.database import new_ids, text
from magento_oms.storage.fulfilments import CarriedLine, NewFulfilment, StoredFulfilment
from magento_oms.workflows.cancelling import too_late
from magento_oms.workflows.couriers import plans
from magento_oms.workflows.crediting import ToCredit

ZERO = Decimal(0)
AT_THE_WAREHOUSE = (ParcelStatus.CREATED, ParcelStatus.PICKUP_SCHEDULED)
PERMITS = ("eway_bill", "irn")
PERMIT_TO_CANCEL = "permit_to_cancel"
SHIPPED_ON_PAPER = "shipped_on_paper"
WORDS = {
    Cause.CUSTOMER: "The customer cancelled before the goods left.",
    Cause.PAYMENT: "The payment never came; the goods did not leave.",
    Cause.EDITED: "The order was replaced by another one before the goods left.",
    Cause.REFUND: "Refunded before the goods left.",
    Cause.SELLER: "The seller cancelled before the goods left.",
}
"""What credit notes say."""


@dataclass(slots=True)
class CalledOff:
    """What came of it: SKU → units that are free again, SKU → units that a courier has, the fulfilment that takes its
    place, and what is left to do: the credit note on its invoice.
    """

    back_on_the_shelf: dict[str, Decimal] = field(default_factory=dict)
    with_the_courier: dict[str, Decimal] = field(default_factory=dict)
    instead: int | None = None
    to_credit: ToCredit | None = None


def call_off(
    connection: Connection,
    stored: StoredFulfilment,
    lines: Sequence[CarriedLine],
    taken: Mapping[int, Decimal],
    wish: Wish,
) -> CalledOff:
    """Call a packed fulfilment off. The order is locked.

    Args:
        taken: item id → units of it that are not wanted any more.
    """
    called = CalledOff()
    why = WORDS[wish.cause]
    _stop_effects(connection, stored)
    moving = _take_bookings_back(connection, stored, wish)
    for line in lines:
        if not line.quantity:
            continue
        connection.execute(
            text("update order_line set packed = packed - :units where order_id = :order_id and item_id = :item_id"),
            {"units": line.packed, "order_id": stored.order_id, "item_id": line.item_id},
        )
        fulfilments.take_off(connection, stored.id, line.item_id, line.quantity, rejected=False)
        free = called.with_the_courier if moving else called.back_on_the_shelf
        if units := taken.get(line.item_id, ZERO):
            free[line.sku] = free.get(line.sku, ZERO) + units
    fulfilments.derive_state(connection, stored.id)
    invoice = invoices.of_fulfilment(connection, stored.id)
    if invoice is not None:
        called.to_credit = ToCredit(invoice, f"fulfilment:{stored.id}", why)
        _take_permits_back(connection, stored, invoice.content)
    _tell_of_shipment(connection, stored)
    rest = {line.item_id: line.quantity - taken.get(line.item_id, ZERO) for line in lines}
    rest = {item_id: units for item_id, units in rest.items() if units > 0}
    if rest:
        called.instead = _pack_anew(connection, stored, rest)
    details = {"fulfilment": stored.id, "location": stored.location, "why": why, "instead": called.instead}
    orders.add_event(connection, stored.order_id, "called_off", details)
    return called


def _stop_effects(connection: Connection, stored: StoredFulfilment) -> None:
    """What was not sent is not wanted any more, nor what was refused."""
    subject = f"fulfilment:{stored.id}"
    effects.cancel_unsent_of(connection, f"magento:{stored.instance}", subject)
    refused = connection.execute(
        text(
            "select e.id from effect e where e.order_id = :order_id and e.state = 'failed' and (e.subject = :subject"
            " or e.subject in (select 'booking:' || b.id from courier_booking b join parcel p on p.id = b.parcel_id"
            "   where p.fulfilment_id = :id))"
        ),
        {"order_id": stored.order_id, "subject": subject, "id": stored.id},
    ).scalars()
    quarantine.drop_refused(connection, stored.instance, list(refused), why=f"fulfilment {stored.id} was called off")


def _take_bookings_back(connection: Connection, stored: StoredFulfilment, wish: Wish) -> bool:
    """Cancel what is booked; whether a courier has it already, though nobody noted that it was handed over."""
    moving = False
    for booking in parcels.live_bookings_of(connection, stored.id):
        if booking.status in AT_THE_WAREHOUSE:
            plans.plan_cancellation(connection, booking.id, "it was cancelled")
        elif booking.status not in CALLED_OFF:
            moving = True
            too_late.ask_back(connection, booking, wish)
    return moving


def _take_permits_back(connection: Connection, stored: StoredFulfilment, content: InvoiceContent) -> None:
    for kind in PERMITS:
        orders.release_hold(connection, stored.order_id, f"{kind}:{stored.id}")
    given = [f"{name} {number}" for name, number in (("e-way bill", content.eway_bill), ("IRN", content.irn)) if number]
    if given:
        quarantine.open_(
            connection,
            instance=stored.instance,
            store_id=stored.store_id,
            subject=f"fulfilment:{stored.id}",
            code=PERMIT_TO_CANCEL,
            reason=f"Order {stored.increment_id}: invoice {content.number} was credited before the goods left, and has"
            f" {' and '.join(given)}.",
            way_out="Cancel the e-way bill, and the IRN within 24 hours (after that report the credit note), at the"
            " portal; then dismiss this.",
        )


def _tell_of_shipment(connection: Connection, stored: StoredFulfilment) -> None:
    """Magento cannot take a shipment back by its API."""
    shipment = connection.execute(
        text("select shipment_id from magento_shipment where fulfilment_id = :id limit 1"), {"id": stored.id}
    ).scalar()
    if shipment is not None:
        quarantine.open_(
            connection,
            instance=stored.instance,
            store_id=stored.store_id,
            subject=f"fulfilment:{stored.id}",
            code=SHIPPED_ON_PAPER,
            reason=f"Order {stored.increment_id}: Magento shows shipment {shipment} of fulfilment {stored.id}, which"
            " was cancelled before it left.",
            way_out="Magento's API cannot take a shipment back: refund it in Magento's admin with its items back to"
            " stock, then dismiss this.",
        )


def _pack_anew(connection: Connection, stored: StoredFulfilment, rest: Mapping[int, Decimal]) -> int:
    """Give what is still wanted to the same warehouse once more; it is reserved there already."""
    [new_id] = new_ids(connection, "fulfilment", 1)
    why = f"takes the place of fulfilment {stored.id}, of which units were cancelled once it was packed"
    new = NewFulfilment(new_id, stored.order_id, stored.location, rest, {"why": why, "replaces": stored.id})
    fulfilments.insert(connection, [new])
    return new_id
