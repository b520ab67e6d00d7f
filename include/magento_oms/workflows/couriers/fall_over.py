"""Where an account will not ship a parcel: what it has of it is cancelled, and the next account is asked."""

from __future__ import annotations

from sqlalchemy import Connection

from magento_oms.ports import CannotShip, OutsideError, ReferenceUsed
from magento_oms.storage import orders, parcels
from magento_oms.workflows.couriers import plans
from magento_oms.workflows.couriers.choice import NobodyTakes
from magento_oms.workflows.couriers.facts import BookingFacts

MOST_BOOKINGS = 8
"""Of one parcel: beyond that a person decides."""


def another_way(connection: Connection, facts: BookingFacts, refusal: OutsideError) -> str:
    """Plan another booking of the parcel; what was planned, in words. Empty: a person must decide.

    A reference that belongs to a cancelled order is never used again: the same account is asked with the next one.
    """
    stored = facts.stored
    if isinstance(refusal, NobodyTakes):
        parcels.note_tried(connection, stored.id, refusal.tried)
    if isinstance(refusal, ReferenceUsed):
        account, aggregator = stored.account, stored.aggregator
    elif isinstance(refusal, CannotShip) and facts.further:
        account, aggregator = facts.further[0].account, facts.further[0].aggregator
    else:
        return ""
    if stored.generation >= MOST_BOOKINGS:
        return ""
    plans.plan_cancellation(connection, stored.id, refusal.what)
    new = plans.plan_booking(connection, stored.parcel_id, account, aggregator)
    words = f"booked anew as {new.reference} with {account}"
    details = {"parcel": stored.parcel_id, "from": stored.account, "to": account, "why": refusal.what}
    orders.add_event(connection, stored.order_id, "courier_changed", details)
    return words
