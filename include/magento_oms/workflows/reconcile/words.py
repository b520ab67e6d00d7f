"""The words of a reconciliation: kinds of differences, with what they mean and what a person does about each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

UNIT = 10_000
"""Amounts and quantities are compared as whole numbers of 1/10,000: Magento keeps four decimals."""


class Kind(StrEnum):
    """What differs."""

    MISSING = "missing"
    EXTRA = "extra"
    STATE = "state"
    LINES = "lines"
    BEHIND = "quantity_behind"
    AHEAD = "quantity_ahead"
    MONEY = "money"
    DOUBLED_ORDER = "doubled_order"
    DOUBLED_NOTE = "doubled_acknowledgement"
    DOUBLED_PARCEL = "doubled_parcel"
    COURIER_STATE = "courier_state"
    NOT_AT_COURIER = "not_at_courier"
    TRAVELS_CANCELLED = "travels_though_cancelled"
    TRAVELS_EARLY = "travels_before_handover"
    COD = "cod"
    ONLY_THERE = "extra_at_courier"


@dataclass(frozen=True, slots=True)
class Meaning:
    """For people: what a difference is, and what to do where it stays."""

    what: str
    way_out: str


COMPARE = "Compare the order in Magento's admin with `magento-oms orders show`"

MEANINGS: dict[str, Meaning] = {
    Kind.MISSING: Meaning(
        "on Magento, not in the OMS",
        "`magento-oms orders pull` reads it; where that fails, its quarantine entry tells why.",
    ),
    Kind.EXTRA: Meaning(
        "in the OMS, not on Magento",
        "Somebody deleted it there, or another database was restored: find out before anything of it is shipped.",
    ),
    Kind.STATE: Meaning("Magento's status is another one", f"{COMPARE}; a person decides which of them is right."),
    Kind.LINES: Meaning("the order has other items", f"{COMPARE}; a module that edits orders in place is the cause."),
    Kind.BEHIND: Meaning("Magento has more of it than the OMS", f"{COMPARE}; a person decides."),
    Kind.AHEAD: Meaning(
        "the OMS has more of it than Magento, and nothing is on its way there",
        f"{COMPARE}; somebody deleted a document on Magento, or it was made by hand in the OMS.",
    ),
    Kind.MONEY: Meaning("the amounts differ", f"{COMPARE}; amounts of a placed order never change by themselves."),
    Kind.DOUBLED_ORDER: Meaning("the order number is in the OMS twice", f"{COMPARE}; ship one of them only."),
    Kind.DOUBLED_NOTE: Meaning(
        "Magento was told of the acceptance more than once", "Harmless for the buyer; please report how it came about."
    ),
    Kind.DOUBLED_PARCEL: Meaning(
        "a parcel travels under two AWBs", "Call the courier of the older one; `magento-oms parcels show` has both."
    ),
    Kind.COURIER_STATE: Meaning(
        "the courier says something else", "`magento-oms parcels show` lists the scans; ask the courier."
    ),
    Kind.NOT_AT_COURIER: Meaning(
        "the courier does not know the AWB", "Look it up in the aggregator's panel; book the parcel anew."
    ),
    Kind.TRAVELS_CANCELLED: Meaning(
        "the order is cancelled, and its parcel is on its way",
        "`magento-oms parcels return-to-origin` asks the courier to bring it back.",
    ),
    Kind.TRAVELS_EARLY: Meaning(
        "the courier has it, and nobody noted the handover", "The warehouse hands the fulfilment over in the OMS."
    ),
    Kind.COD: Meaning(
        "the couriers collect another amount than is due", "Correct it at the courier before the parcel is delivered."
    ),
    Kind.ONLY_THERE: Meaning(
        "only the courier has this order",
        "Somebody made it in the aggregator's panel, or another system did. Cancel it there if it is nobody's.",
    ),
}

DOUBLED = frozenset({Kind.DOUBLED_ORDER, Kind.DOUBLED_NOTE, Kind.DOUBLED_PARCEL})
"""An order with one of these counts as doubled."""

BY_READING = frozenset({Kind.MISSING, Kind.STATE, Kind.BEHIND, Kind.MONEY})
"""Healed by taking in what Magento says now, as a pull does."""

COLUMNS = ("entity_id", "increment_id", "kind", "what", "subject", "magento", "oms", "courier")
"""Of a table of differences: `what` is the status, quantity or amount meant; `subject` the SKU or AWB, empty for the
whole order; then what each side says, empty where it says nothing."""
