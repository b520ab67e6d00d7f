"""Parcels that could not be delivered: the queue of those that wait for a person, and what the person decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from magento_oms.ports import Aggregator, NdrAction, NdrRequest
from magento_oms.storage import ndr_decisions, orders, parcels
from magento_oms.storage.database import text
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.storage.parcels import StoredBooking
from magento_oms.workflows.couriers import plans
from magento_oms.workflows.couriers.facts import stored_booking
from magento_oms.workflows.effect_kinds import NotWanted, Result


@dataclass(frozen=True, slots=True)
class NdrCase:
    """A parcel that could not be delivered.

    Attributes:
        since: the last failed attempt, by the courier's clock.
        reason: the courier's, in words.
        decision: what was decided since then, with how far it has come; empty: nobody decided yet.
    """

    booking: StoredBooking
    since: datetime | None
    attempts: int
    reason: str
    decision: str


class CannotDecide(Exception):
    """The parcel takes no decision now; the text says why, and what to do."""


def queue(connection: Connection, *, account: str | None = None, all_of_them: bool = False) -> list[NdrCase]:
    """Parcels that could not be delivered, the oldest first.

    Args:
        all_of_them: also those about which something was decided since the last attempt.
    """
    rows = connection.execute(
        text(
            "select b.id, b.status_at, b.failed_attempts, f.reason, d.decision from courier_booking b"
            " left join lateral (select coalesce(nullif(e.reason, ''), nullif(e.remark, ''), e.label) as reason"
            "   from parcel_event e where e.booking_id = b.id and e.status = 'delivery_failed'"
            "   order by e.occurred_at desc nulls last, e.id desc limit 1) f on true"
            " left join lateral (select d.action || ' (' || coalesce(x.state, 'planned') || ')' as decision"
            "   from ndr_decision d left join effect x on x.subject = 'ndr:' || d.id and x.kind = :kind"
            "   where d.booking_id = b.id and d.decided_at > coalesce(b.status_at, '-infinity')"
            "   order by d.id desc limit 1) d on true"
            " where b.status = 'delivery_failed' and (cast(:account as text) is null or b.account = :account)"
            " and (:all or d.decision is null) order by b.status_at nulls first, b.id"
        ),
        {"account": account, "all": all_of_them, "kind": plans.NDR},
    ).all()
    return [
        NdrCase(
            parcels.get(connection, row.id), row.status_at, row.failed_attempts, row.reason or "", row.decision or ""
        )
        for row in rows
    ]


def decide(
    connection: Connection,
    booking_id: int,
    action: NdrAction,
    *,
    by: str,
    comment: str = "",
    on: date | None = None,
    phone: str = "",
    address_lines: Sequence[str] = (),
) -> int:
    """Keep a person's decision and plan to tell the courier; the decision's id.

    Raises:
        CannotDecide: the parcel is not with a courier, or has ended.
    """
    stored = parcels.get(connection, booking_id, lock=True)
    if not stored.booked.awb:
        raise CannotDecide(f"Parcel {stored.reference} has no AWB: no courier has it. Cancel the booking instead.")
    if stored.status in plans.BEYOND_NDR:
        raise CannotDecide(f"AWB {stored.booked.awb} is {stored.status}: nothing can be asked of the courier any more.")
    request = NdrRequest(action, comment, on, phone, tuple(address_lines))
    decision_id = ndr_decisions.add(connection, booking_id, request, by)
    plans.plan_ndr(connection, stored, decision_id)
    details = {"parcel": stored.parcel_id, "awb": stored.booked.awb, "action": str(action), "by": by}
    orders.add_event(connection, stored.order_id, "ndr_decided", details)
    return decision_id


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision with the parcel that it is about."""

    stored: StoredBooking
    request: NdrRequest


class TellNdrAction:
    """The effect that tells the courier what was decided."""

    name = plans.NDR

    def read(self, connection: Connection, effect: ClaimedEffect) -> Decided:
        """What `send` needs to know."""
        request = ndr_decisions.get(connection, int(effect.details["decision"]))
        return Decided(stored_booking(connection, effect), request)

    def send(self, world: Aggregator, subject: Decided) -> Result:
        """Tell it, unless the parcel has ended meanwhile."""
        stored = subject.stored
        if stored.status in plans.BEYOND_NDR:
            raise NotWanted(f"AWB {stored.booked.awb} is {stored.status}")
        world.ndr_action(stored.booked, subject.request)
        return Result(f"told the courier: {subject.request.action}")

    def find(self, world: Aggregator, subject: Decided) -> Result | None:
        """No aggregator tells what it was asked; asked the same again, couriers do it once."""
        return None

    def settle(self, connection: Connection, subject: Decided, result: Result) -> None:
        """The scans that follow tell the rest."""
