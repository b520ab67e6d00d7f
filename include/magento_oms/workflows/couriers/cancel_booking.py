"""The effect that takes a booking back: its AWB and its order at the aggregator."""

from __future__ import annotations

from sqlalchemy import Connection

from magento_oms.domain.parcels import booking_reference
from magento_oms.ports import Aggregator, Booked, Cancelled, Direction, Operation, ParcelStatus, PermanentError
from magento_oms.storage import orders
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.storage.parcels import StoredBooking
from magento_oms.workflows.couriers import plans
from magento_oms.workflows.couriers.facts import stored_booking
from magento_oms.workflows.couriers.own_scans import note_own_scan
from magento_oms.workflows.effect_kinds import Result

_CALLED_OFF = {Direction.FORWARD: ParcelStatus.CANCELLED, Direction.REVERSE: ParcelStatus.RETURN_CANCELLED}


class CancelBooking:
    """See the module. Cancelled already counts as done, so doing it again is safe."""

    name = plans.CANCEL

    def read(self, connection: Connection, effect: ClaimedEffect) -> StoredBooking:
        """What `send` and `find` need to know."""
        return stored_booking(connection, effect)

    def send(self, world: Aggregator, subject: StoredBooking) -> Result:
        """Cancel the AWB where there is one, then the order, as far as the aggregator has a call for each."""
        answers = list(_cancel(world, subject))
        words = "; ".join(answer.words for answer in answers if answer.words)
        final = all(answer.final for answer in answers)
        return Result(
            f"cancelled{'' if final else ', the courier confirms later'}: {words}".rstrip(": "), facts={"final": final}
        )

    def find(self, world: Aggregator, subject: StoredBooking) -> Result | None:
        """Look whether the order is cancelled."""
        found = world.find(subject.reference, subject.direction)
        return Result("found cancelled", facts={"final": True}) if found is not None and found.cancelled else None

    def settle(self, connection: Connection, subject: StoredBooking, result: Result) -> None:
        """Note it; where the courier confirms later, a scan tells."""
        details = {"parcel": subject.parcel_id, "account": subject.account, "why": subject.given_up}
        orders.add_event(connection, subject.order_id, "booking_cancelled", details)
        if result.facts.get("final", True):
            note_own_scan(connection, subject, _CALLED_OFF[subject.direction], subject.given_up)


def _cancel(world: Aggregator, subject: StoredBooking) -> list[Cancelled]:
    if subject.direction is Direction.REVERSE:
        return [world.cancel_return(_known_there(world, subject))]
    answers = []
    if subject.booked.awb and Operation.CANCEL_AWB in world.operations:
        answers.append(world.cancel_awb(subject.booked))
    if Operation.CANCEL_ORDER in world.operations:
        answers.append(world.cancel_order(subject.booked))
    return answers


def _known_there(world: Aggregator, subject: StoredBooking) -> Booked:
    """What the aggregator has of a return; one that somebody else placed there is looked up by their reference.

    Raises:
        PermanentError: it is not found, so that only a person can cancel it.
    """
    ours = booking_reference(subject.increment_id, subject.parcel_id, subject.generation)
    if subject.booked.order_ref or subject.reference == ours:
        return subject.booked
    found = world.find(subject.reference, subject.direction)
    if found is None or not found.order_ref:
        raise PermanentError(
            f"{subject.account} shows no return {subject.reference}: AWB {subject.booked.awb or '(none yet)'} was"
            " booked by somebody else.",
            way_out="Cancel it in the aggregator's panel, then dismiss this.",
        )
    return found
