"""Shipway's codes. Some answers carry the label in the code's place: labels are rows of their own, matched exactly."""

from __future__ import annotations

from aggregator_hooks.statuses import QC_FAILED, Row, StatusTable, stays, to
from magento_oms.ports import CourierEvent, Direction, Meaning, ParcelStatus

S = ParcelStatus

HISTORY = "-"
"""The code of a scan that carries words only."""

_MAY_BE_QC = frozenset({"RPF", "RPEX", "RCAN"})


class ShipwayStatuses(StatusTable):
    """The table. There is no code for a failed quality check: the words of a failed pickup tell."""

    def meaning(self, event: CourierEvent, direction: Direction) -> Meaning:
        """See `ports.StatusReader`."""
        may_be = direction is Direction.REVERSE and event.code in _MAY_BE_QC
        if may_be and QC_FAILED.search(f"{event.label} {event.remark}"):
            return Meaning(S.RETURN_QC_FAILED)
        return super().meaning(event, direction)


_BOOKED = (to(S.CREATED), to(S.RETURN_PLACED))
_MOVING = (to(S.IN_TRANSIT), to(S.RETURN_IN_TRANSIT))
_FAILED = (to(S.DELIVERY_FAILED), to(S.RETURN_IN_TRANSIT, alert="the return could not be delivered to the warehouse"))
_NO_PICKUP = (to(S.PICKUP_SCHEDULED, alert="the pickup failed"), to(S.RETURN_PLACED))
_RTO_MOVING = (to(S.RTO_IN_TRANSIT), stays())
_RETURN_PLACED = (stays(), to(S.RETURN_PLACED))
_RETURN_MOVING = (stays(), to(S.RETURN_IN_TRANSIT))
_NOTHING = (stays(), stays())

_CODES: dict[str, tuple[str, tuple[Meaning, Meaning]]] = {
    HISTORY: ("words only", _NOTHING),
    "O": ("new order", _BOOKED),
    "SCH": ("booked with the carrier", _BOOKED),
    "A": ("AWB given", _BOOKED),
    "E": ("manifested", (to(S.PICKUP_SCHEDULED), to(S.RETURN_PLACED))),
    "G": ("dispatched", _MOVING),
    "OFP": ("out for pickup", (to(S.PICKUP_SCHEDULED), to(S.RETURN_OUT_FOR_PICKUP))),
    "PKF": ("pickup failed", _NO_PICKUP),
    "NFI": ("no information yet", _NOTHING),
    "NFIDS": ("no information yet", _NOTHING),
    "PKP": ("picked up", (to(S.PICKED_UP), to(S.RETURN_PICKED_UP))),
    "PUP": ("picked up", (to(S.PICKED_UP), to(S.RETURN_PICKED_UP))),
    "INT": ("in transit", _MOVING),
    "RAD": ("reached at destination", _MOVING),
    "SMD": ("moving, or a delay", _MOVING),
    "NWI": ("moving, or a delay", _MOVING),
    "DNB": ("moving, or a delay", _MOVING),
    "DRE": ("moving, or a delay", _MOVING),
    "FDR": ("moving, or a delay", _MOVING),
    "OTH": ("moving, or a delay", _MOVING),
    "ONH": ("on hold", _NOTHING),
    "OOD": ("out for delivery", (to(S.OUT_FOR_DELIVERY), to(S.RETURN_IN_TRANSIT))),
    "OFD": ("out for delivery", (to(S.OUT_FOR_DELIVERY), to(S.RETURN_IN_TRANSIT))),
    "DEL": ("delivered", (to(S.DELIVERED), to(S.RETURN_DELIVERED))),
    "UND": ("undelivered", _FAILED),
    "22": ("attempt failed", _FAILED),
    "23": ("attempt failed", _FAILED),
    "24": ("attempt failed", _FAILED),
    "25": ("attempt failed", _FAILED),
    "CRTA": ("attempt failed", _FAILED),
    "CNA": ("attempt failed", _FAILED),
    "DEX": ("attempt failed", _FAILED),
    "PNR": ("attempt failed", _FAILED),
    "ODA": ("attempt failed", _FAILED),
    "CAN": ("cancelled", (to(S.CANCELLED), to(S.RETURN_CANCELLED))),
    "PCAN": ("pickup cancelled", (to(S.CANCELLED), to(S.RETURN_CANCELLED))),
    "LOST": ("lost", (to(S.LOST), to(S.LOST))),
    "RTO": ("return to origin", (to(S.RTO_INITIATED, again=S.RTO_IN_TRANSIT), stays())),
    "RTD": ("RTO delivered", (to(S.RTO_DELIVERED), stays())),
    "RSCH": ("return booked", _RETURN_PLACED),
    "RPSH": ("return pickup moved", _RETURN_PLACED),
    "RSMD": ("return pickup moved", _RETURN_PLACED),
    "RPF": ("return pickup failed", (to(S.PICKUP_SCHEDULED, alert="the pickup failed"), to(S.RETURN_PLACED))),
    "RPEX": ("return pickup failed", _RETURN_PLACED),
    "ROOP": ("out for return pickup", (stays(), to(S.RETURN_OUT_FOR_PICKUP))),
    "ROFP": ("out for return pickup", (stays(), to(S.RETURN_OUT_FOR_PICKUP))),
    "RPKP": ("return picked up", (stays(), to(S.RETURN_PICKED_UP))),
    "RINT": ("return in transit", _RETURN_MOVING),
    "ROOD": ("return out for delivery", _RETURN_MOVING),
    "RUND": ("return undelivered", _RETURN_MOVING),
    "RDEL": ("return delivered", (stays(), to(S.RETURN_DELIVERED))),
    "RCAN": ("return cancelled", (stays(), to(S.RETURN_CANCELLED))),
    # Closed is cancelled, unless it was delivered: that counts more.
    "RCLO": ("return request closed", (stays(), to(S.RETURN_CANCELLED))),
    "ROTH": ("other, of a return", _NOTHING),
    **{f"SHNDR{number}": ("attempt failed", _FAILED) for number in range(1, 23)},
    **{f"SHPFR{number}": ("pickup failed", _NO_PICKUP) for number in range(18)},
    **{f"SHPRF{number}": ("pickup failed", _NO_PICKUP) for number in range(18, 21)},
    **{f"RTONDR{number}": ("RTO attempt failed", _RTO_MOVING) for number in range(1, 13)},
}

_LABELS: dict[str, tuple[Meaning, Meaning]] = {
    "SHIPMENT BOOKED": _CODES["SCH"][1],
    "PICKED UP": _CODES["PKP"][1],
    "OUT FOR PICKUP": _CODES["OFP"][1],
    "IN TRANSIT": _CODES["INT"][1],
    "OUT FOR DELIVERY": _CODES["OOD"][1],
    "DELIVERED": _CODES["DEL"][1],
    "UNDELIVERED": _CODES["UND"][1],
    "CANCELLED": _CODES["CAN"][1],
    "CANCELED": _CODES["CAN"][1],
    "LOST": _CODES["LOST"][1],
    "RTO DELIVERED": _CODES["RTD"][1],
    "RTO IN TRANSIT": _RTO_MOVING,
    "RTO OUT FOR DELIVERY": _RTO_MOVING,
    "RTO FAILED": _RTO_MOVING,
    "RETURN IN TRANSIT": _RETURN_MOVING,
    "RETURN DELIVERED": _CODES["RDEL"][1],
    "RETURN PICKED UP": _CODES["RPKP"][1],
    "RETURN CANCELLED": _CODES["RCAN"][1],
}

STATUSES = ShipwayStatuses(
    {code: Row(words, *meanings) for code, (words, meanings) in _CODES.items()}
    | {f"label:{label}": Row(label, *meanings) for label, meanings in _LABELS.items()}
)


def code_of(told: str) -> str:
    """The table's key of what stands in a status field: a code, or the label in its place."""
    upper = " ".join(told.upper().replace("_", " ").split())
    if upper in STATUSES.rows or " " not in upper:
        return f"label:{upper}" if f"label:{upper}" in STATUSES.rows and upper not in STATUSES.rows else upper
    return f"label:{upper}"
