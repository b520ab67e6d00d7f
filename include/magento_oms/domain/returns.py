"""Returns: units that come back. The state of a return is derived from its units and from where its parcel is.

```
unit:    expected → received → passed | failed
             │ ├──→ passed | failed | missing      received and checked in one step
             │ └──→ cancelled ──→ expected         the courier moves it all the same
             └──→ missing ──→ received …           it turned up
return:  placed → out_for_pickup → picked_up → in_transit → delivered → received → processed
            └──→ cancelled        any of them → lost
```
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from magento_oms.ports import ParcelStatus


class ReturnKind(StrEnum):
    """Why units come back: the customer sends them by our or the store's courier, brings or posts them himself, or the
    courier brings back what it could not deliver.
    """

    CUSTOMER_RETURN = "customer_return"
    SELF_SHIP = "self_ship"
    RETURN_TO_ORIGIN = "return_to_origin"


class ReturnSource(StrEnum):
    """Who told us first."""

    API = "api"
    CSV = "csv"
    MAGENTO_CREDIT_MEMO = "magento_credit_memo"
    MAGENTO_RMA = "magento_rma"
    COURIER = "courier"


class UnitState(StrEnum):
    """Where one unit of a return is. `missing`: its parcel came, or was lost, without it."""

    EXPECTED = "expected"
    RECEIVED = "received"
    PASSED = "passed"
    FAILED = "failed"
    MISSING = "missing"
    CANCELLED = "cancelled"


class ReturnState(StrEnum):
    """How far a return has come. `received`: some of it is in the warehouse; `processed`: all of it is judged."""

    PLACED = "placed"
    OUT_FOR_PICKUP = "out_for_pickup"
    PICKED_UP = "picked_up"
    IN_TRANSIT = "in_transit"
    DELIVERED = "delivered"
    LOST = "lost"
    RECEIVED = "received"
    PROCESSED = "processed"
    CANCELLED = "cancelled"


class IllegalMove(Exception):
    """A move that the tables do not allow: a bug in the caller, never a user's mistake."""


U, R = UnitState, ReturnState

UNIT_MOVES: dict[UnitState, frozenset[UnitState]] = {
    U.EXPECTED: frozenset({U.RECEIVED, U.PASSED, U.FAILED, U.MISSING, U.CANCELLED}),
    U.RECEIVED: frozenset({U.PASSED, U.FAILED}),
    U.PASSED: frozenset(),
    U.FAILED: frozenset(),
    U.MISSING: frozenset({U.RECEIVED, U.PASSED, U.FAILED}),
    # A parcel that was called off may come all the same: then its units are accounted for like any others.
    U.CANCELLED: frozenset({U.EXPECTED, U.RECEIVED, U.PASSED, U.FAILED}),
}

BACK = frozenset({U.RECEIVED, U.PASSED, U.FAILED})
"""The unit is in a warehouse."""
JUDGED = frozenset({U.PASSED, U.FAILED, U.MISSING})
"""Nothing more is done about it."""
CLAIMED = frozenset({U.EXPECTED, *BACK})
"""The unit is coming back or is back: no other return can have it."""

_ON_ITS_WAY = frozenset({R.PLACED, R.OUT_FOR_PICKUP, R.PICKED_UP, R.IN_TRANSIT, R.DELIVERED, R.LOST})
_ARRIVED = frozenset({R.RECEIVED, R.PROCESSED})

RETURN_MOVES: dict[ReturnState, frozenset[ReturnState]] = {
    # Among these, any: a courier gives up and another one is asked, or a parcel that was called off moves.
    **{state: (_ON_ITS_WAY - {state}) | _ARRIVED | {R.CANCELLED} for state in _ON_ITS_WAY},
    R.RECEIVED: frozenset({R.PROCESSED}),
    # a unit that was missing or called off turned up, and waits to be checked
    R.PROCESSED: frozenset({R.RECEIVED}),
    # the courier brings it all the same
    R.CANCELLED: _ON_ITS_WAY | _ARRIVED,
}

LEG: dict[ParcelStatus, ReturnState] = {
    ParcelStatus.RETURN_OUT_FOR_PICKUP: R.OUT_FOR_PICKUP,
    ParcelStatus.RETURN_PICKED_UP: R.PICKED_UP,
    ParcelStatus.RETURN_IN_TRANSIT: R.IN_TRANSIT,
    ParcelStatus.RETURN_DELIVERED: R.DELIVERED,
    ParcelStatus.RTO_IN_TRANSIT: R.IN_TRANSIT,
    ParcelStatus.RTO_DELIVERED: R.DELIVERED,
    ParcelStatus.LOST: R.LOST,
}
"""How far the courier has brought it; all other statuses of its parcel: not at all."""


def return_state(units: Iterable[UnitState], parcel: ParcelStatus | None) -> ReturnState:
    """The state of a return.

    Args:
        parcel: where its parcel is: of an RTO the forward one; None: no courier of ours brings it.
    """
    live = [unit for unit in units if unit is not U.CANCELLED]
    if not live:
        return R.CANCELLED
    if all(unit in JUDGED for unit in live):
        return R.PROCESSED
    if any(unit is not U.EXPECTED for unit in live):
        return R.RECEIVED
    return LEG.get(parcel, R.PLACED) if parcel is not None else R.PLACED


def check_unit_move(before: UnitState, after: UnitState) -> None:
    """Raises IllegalMove unless the table allows it (staying where one is, is allowed)."""
    if before is not after and after not in UNIT_MOVES[before]:
        raise IllegalMove(f"a returned unit does not go from {before} to {after}")


def check_return_move(before: ReturnState, after: ReturnState) -> None:
    """Raises IllegalMove unless the table allows it (staying where one is, is allowed)."""
    if before is not after and after not in RETURN_MOVES[before]:
        raise IllegalMove(f"a return does not go from {before} to {after}")


class RtoReason(StrEnum):
    """Why a courier brings a parcel back, in the words that stores know."""

    THREE_ATTEMPTS = "RTO in case of three delivery attempt failure"
    COURIER_REJECTION = "RTO in case of courier rejection"


ATTEMPTS = 3
"""Failed deliveries after which a parcel goes back."""


def rto_reason(failed_attempts: int) -> RtoReason:
    """Why a parcel comes back that so many attempts could not deliver."""
    return RtoReason.THREE_ATTEMPTS if failed_attempts >= ATTEMPTS else RtoReason.COURIER_REJECTION


PRODUCT_MISSING = "PRODUCT_MISSING"
"""The reason that says that a unit was not in its box."""

QC_REASONS = (
    PRODUCT_MISSING, "EXPIRED", "VIRTUAL_COMBO_FAIL", "STAIN_DAMAGE", "BROKEN_STITCH_DAMAGE", "FABRIC_DEFECT_DAMAGE",
    "PACKAGING_DAMAGE", "WAREHOUSE_DAMAGE", "OTHER_DAMAGE", "COLOUR_MISMATCH", "PAIR_MISMATCH", "MRP_MISMATCH",
    "SIZE_MISMATCH", "PRODUCT_MISMATCH", "LOGO_ISSUE", "WARRANTY_CARD_MISSING", "PART_MISSING", "TAG_MISSING",
    "FOOTWEAR_SOLE_SLIGHTLY_DIRTY", "USED_PRODUCT", "OTHER_BRAND", "BATCH_MISMATCH", "NEEDS_IRONING",
    "NEEDS_OTHER_REFURBISHMENT",
)  # fmt: skip
"""Usual reasons why a unit fails its quality check. Brands may use others."""
