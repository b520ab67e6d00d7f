"""What becomes of a cancellation: one outcome for each place that units may have come to and each kind of cancelling.

The workflows act by this table, and `docs/cancellations.md` prints it: what is said and what is done cannot differ.
Whoever commits first wins: handing over and cancelling both lock the order, so that one of them finds the other done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from magento_oms.domain.fulfilments import FulfilmentState
from magento_oms.ports import ParcelStatus


class Cause(StrEnum):
    """Why units were cancelled: the customer wished it, the payment never came, the order was edited on Magento (which
    cancels it and places a new one), a credit memo was made there, or the seller will not ship them.
    """

    CUSTOMER = "customer"
    PAYMENT = "payment"
    EDITED = "edited"
    REFUND = "refund"
    SELLER = "seller"


class Ask(StrEnum):
    """Kinds of cancelling. Those of the customer are read from Magento, those of the seller are asked of the OMS."""

    CUSTOMER_ORDER = "customer: the order"
    CUSTOMER_UNITS = "customer: some units"
    PAYMENT = "payment never came"
    EDITED = "edited on Magento"
    REFUNDED = "refunded in full"
    SELLER_ORDER = "seller: the order"
    SELLER_UNITS = "seller: some units"


class Stage(StrEnum):
    """Where units are when they are cancelled."""

    WAITING = "no location has it"
    ROUTED = "on a warehouse's list"
    PACKED = "packed"
    READY = "packed, papers ready"
    ON_THE_WAY = "handed over"
    COMING_BACK = "on its way back"
    DELIVERED = "delivered"
    LOST = "lost by the courier"
    BACK = "back at the warehouse"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """What is done. The words are those of the docs."""

    DROP = "cancelled; nothing was promised yet"
    TAKE_OFF = "taken off the list; its stock is free again"
    OPEN_BOX = "box opened: AWB and booking are cancelled, the invoice is credited, the stock is free again"
    REPACK = "box opened as for a whole order; what is still wanted is packed anew, under a new fulfilment and invoice"
    HOLD_AND_ASK = "held at once; cancelled on Magento and read back, then off the list and its stock free again"
    CANCEL_AND_TELL = "cancelled at once, its stock free again; Magento is told as far as it can be"
    CALL_BACK = "too late: the courier is asked to bring it back; *expected RTO*, a person is told"
    AWAIT = "too late, but it comes back already: *expected RTO*, a person is told"
    GOES_ON = "too late: the parcel goes on, a person is told; the units can only come back as a return"
    NOTHING = "nothing: it is settled"
    REFUSE = "**refused**: the seller cancels until packing"


_CANCELLED = (Ask.CUSTOMER_ORDER, Ask.PAYMENT, Ask.EDITED)
_WHOLE = (*_CANCELLED, Ask.REFUNDED)
_CUSTOMER = (*_WHOLE, Ask.CUSTOMER_UNITS)
_SELLER = (Ask.SELLER_ORDER, Ask.SELLER_UNITS)
_LEFT = (Stage.ON_THE_WAY, Stage.COMING_BACK, Stage.DELIVERED, Stage.LOST, Stage.BACK)
_PACKED = (Stage.PACKED, Stage.READY)

OUTCOMES: Mapping[tuple[Stage, Ask], Outcome] = {
    **{(Stage.WAITING, ask): Outcome.DROP for ask in _CUSTOMER},
    **{(Stage.ROUTED, ask): Outcome.TAKE_OFF for ask in _CUSTOMER},
    **{(stage, ask): Outcome.OPEN_BOX for stage in _PACKED for ask in _WHOLE},
    **{(stage, Ask.CUSTOMER_UNITS): Outcome.REPACK for stage in _PACKED},
    **{(Stage.ON_THE_WAY, ask): Outcome.CALL_BACK for ask in _WHOLE},
    (Stage.ON_THE_WAY, Ask.CUSTOMER_UNITS): Outcome.GOES_ON,
    **{(Stage.COMING_BACK, ask): Outcome.AWAIT for ask in _CANCELLED},
    **{(stage, ask): Outcome.GOES_ON for stage in (Stage.DELIVERED, Stage.LOST) for ask in _CANCELLED},
    # What was refunded once it was delivered, lost or on its way back is a return's refund, or the loss's.
    **{
        (stage, ask): Outcome.NOTHING
        for stage in (Stage.COMING_BACK, Stage.DELIVERED, Stage.LOST)
        for ask in (Ask.REFUNDED, Ask.CUSTOMER_UNITS)
    },
    **{(Stage.BACK, ask): Outcome.NOTHING for ask in _CUSTOMER},
    **{(stage, Ask.SELLER_ORDER): Outcome.HOLD_AND_ASK for stage in (Stage.WAITING, Stage.ROUTED)},
    **{(stage, Ask.SELLER_UNITS): Outcome.CANCEL_AND_TELL for stage in (Stage.WAITING, Stage.ROUTED)},
    **{(stage, ask): Outcome.REFUSE for stage in (*_PACKED, *_LEFT) for ask in _SELLER},
    **{(Stage.CANCELLED, ask): Outcome.NOTHING for ask in Ask},
}
"""(where the units are, kind of cancelling) → what is done."""

_WHOLE_OF = {
    Cause.CUSTOMER: Ask.CUSTOMER_ORDER,
    Cause.PAYMENT: Ask.PAYMENT,
    Cause.EDITED: Ask.EDITED,
    Cause.REFUND: Ask.REFUNDED,
    Cause.SELLER: Ask.CUSTOMER_ORDER,
}
_FULFILMENTS = {
    FulfilmentState.ROUTED: Stage.ROUTED,
    FulfilmentState.PACKED: Stage.PACKED,
    FulfilmentState.READY: Stage.READY,
    FulfilmentState.HANDED_OVER: Stage.ON_THE_WAY,
    FulfilmentState.CANCELLED: Stage.CANCELLED,
}
_PARCELS = {
    ParcelStatus.RTO_INITIATED: Stage.COMING_BACK,
    ParcelStatus.RTO_IN_TRANSIT: Stage.COMING_BACK,
    ParcelStatus.RTO_DELIVERED: Stage.BACK,
    ParcelStatus.DELIVERED: Stage.DELIVERED,
    ParcelStatus.LOST: Stage.LOST,
}


@dataclass(frozen=True, slots=True)
class Wish:
    """Units of one order that are not wanted any more.

    Attributes:
        whole: nothing of the order is.
        units: item id → units that were cancelled with this change; the lines have them already.
        left: item id → units, since the order was placed, that are not wanted though they have left the warehouse.
        by: who asked; empty: it was read from Magento.
    """

    cause: Cause
    whole: bool
    units: Mapping[int, Decimal]
    left: Mapping[int, Decimal] = field(default_factory=dict)
    reason: str = ""
    by: str = ""

    @property
    def ask(self) -> Ask:
        """The kind of cancelling that is carried out."""
        return ask_of(self.cause, whole=self.whole)


def outcome(stage: Stage, ask: Ask) -> Outcome:
    """What is done about units there that are cancelled so."""
    return OUTCOMES[stage, ask]


def ask_of(cause: Cause, *, whole: bool) -> Ask:
    """The kind of cancelling that is carried out. What the seller asks is judged when it is asked; once it is done, on
    Magento or in the lines, it is carried out as the customer's.
    """
    return _WHOLE_OF[cause] if whole else Ask.CUSTOMER_UNITS


def stage_of_fulfilment(state: FulfilmentState) -> Stage:
    """Where the units of a fulfilment are; once it is handed over, its parcels tell more."""
    return _FULFILMENTS[state]


def stage_of_parcel(status: ParcelStatus) -> Stage:
    """Where the units of a parcel are that was handed over."""
    return _PARCELS.get(status, Stage.ON_THE_WAY)


def as_markdown() -> str:
    """The table for the docs."""
    lines = ["| the units are | " + " | ".join(Ask) + " |", "|---" * (len(Ask) + 1) + "|"]
    lines += [f"| {stage} | " + " | ".join(outcome(stage, ask) for ask in Ask) + " |" for stage in Stage]
    return "\n".join(lines) + "\n"
