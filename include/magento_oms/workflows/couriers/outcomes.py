"""What follows from a parcel's scans: an end that is not proven is read back, and a person is told what to look at."""

from __future__ import annotations

from sqlalchemy import Connection

from magento_oms.domain.parcel_states import AT_HOME
from magento_oms.storage import effects, orders, quarantine
from magento_oms.storage.scans import Applied
from magento_oms.workflows.cancelling import too_late
from magento_oms.workflows.couriers import plans
from magento_oms.workflows.fulfilling.ready import became_ready
from magento_oms.workflows.returns.from_courier import parcel_moved

SHIPPED_ALL_THE_SAME = "cancelled_parcel_moves"
"""Code of the trouble with a parcel that was called off and moves."""


def follow_up(connection: Connection, applied: Applied) -> None:
    """Plan and tell what follows, in the transaction that keeps the scans."""
    booking = applied.booking
    if applied.state.claimed is not None:
        plans.plan_confirmation(connection, booking, applied.state.claimed)
    for alert in applied.alerts:
        orders.add_event(connection, booking.order_id, "parcel_alert", {"parcel": booking.parcel_id, "alert": alert})
    if applied.moved and applied.state.status not in AT_HOME:
        if booking.given_up:
            _tell_it_moves(connection, applied)
        elif booking.fulfilment_id is not None:
            became_ready(connection, booking.fulfilment_id)
    if applied.moved or applied.new:
        parcel_moved(connection, applied)
    if applied.moved and applied.state.ended:
        too_late.note_end(connection, booking, applied.state.status)
        effects.cancel_unsent_of(connection, plans.target(booking.account), plans.subject(booking.id))


def _tell_it_moves(connection: Connection, applied: Applied) -> None:
    booking = applied.booking
    quarantine.open_(
        connection,
        instance=booking.instance,
        subject=f"booking:{booking.id}",
        code=SHIPPED_ALL_THE_SAME,
        reason=f"Order {booking.increment_id}: AWB {booking.booked.awb} was called off ({booking.given_up}), and"
        f" the courier moves it all the same: it is {applied.state.status}.",
        way_out="Ask the courier to return it to origin (`magento-oms parcels ndr`), or leave it and dismiss this.",
    )
