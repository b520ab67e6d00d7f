"""Clickpost's status codes. Its buckets are never used: one of them holds placed and cancelled parcels alike."""

from __future__ import annotations

from dataclasses import replace

from aggregator_hooks.statuses import Row, StatusTable, stays, to
from magento_oms.ports import CourierEvent, Direction, Meaning, ParcelStatus

S = ParcelStatus

PICKUP_FAILED = "3"

NPR: dict[str, tuple[str, Meaning]] = {
    "0": ("exception", to(S.RETURN_PLACED)),
    "1": ("customer unreachable", to(S.RETURN_PLACED)),
    "2": ("cancelled by the customer", to(S.RETURN_PLACED, alert="the customer called the return off: cancel it?")),
    "3": ("QC failed", to(S.RETURN_QC_FAILED)),
    "5": ("quantity mismatch", to(S.RETURN_QC_FAILED)),
    "6": ("rescheduled", to(S.RETURN_PLACED)),
    "7": ("out of area", to(S.RETURN_PLACED, alert="the pickup is out of the courier's area")),
    "8": ("all attempts used up", to(S.RETURN_PLACED, alert="the courier will not try again: cancel or book anew?")),
    "9": ("not attempted", to(S.RETURN_PLACED)),
    "11": ("product not ready", to(S.RETURN_PLACED)),
    "13": ("address not found", to(S.RETURN_PLACED, alert="the courier does not find the address")),
    "14": ("customer not available", to(S.RETURN_PLACED)),
}
"""Why a reverse pickup failed, and what that means."""

NDR: dict[str, str] = {
    "0": "unknown",
    "1": "customer unavailable",
    "2": "rejected by the customer",
    "3": "customer asked for another day",
    "4": "not attempted",
    "5": "customer unreachable",
    "6": "address not found",
    "7": "payment not ready",
    "8": "out of the delivery area",
    "9": "the customer cancelled before",
    "10": "the customer collects it",
    "11": "seized",
    "12": "the customer wants to open it first",
    "13": "misrouted",
}
"""Why a delivery failed."""


class ClickpostStatuses(StatusTable):
    """The table; a failed reverse pickup means what its NPR code says, a failed delivery carries its NDR reason."""

    def meaning(self, event: CourierEvent, direction: Direction) -> Meaning:
        """See `ports.StatusReader`."""
        meaning = super().meaning(event, direction)
        if event.code == PICKUP_FAILED and direction is Direction.REVERSE:
            words, told = NPR.get(event.hints.get("npr", ""), ("", meaning))
            return replace(told, reason=words)
        if meaning.status is S.DELIVERY_FAILED:
            return replace(meaning, reason=NDR.get(event.hints.get("ndr", ""), ""))
        return meaning


STATUSES = ClickpostStatuses(
    {
        "1": Row("order placed", to(S.CREATED), to(S.RETURN_PLACED)),
        "28": Row("AWB registered", to(S.CREATED), to(S.RETURN_PLACED)),
        "2": Row("pickup pending", to(S.PICKUP_SCHEDULED), to(S.RETURN_PLACED)),
        "3": Row("pickup failed", to(S.PICKUP_SCHEDULED, alert="the pickup failed"), to(S.RETURN_PLACED)),
        "25": Row("out for pickup", to(S.PICKUP_SCHEDULED), to(S.RETURN_OUT_FOR_PICKUP)),
        "4": Row("picked up", to(S.PICKED_UP), to(S.RETURN_PICKED_UP)),
        "5": Row("in transit", to(S.IN_TRANSIT), to(S.RETURN_IN_TRANSIT)),
        "6": Row("out for delivery", to(S.OUT_FOR_DELIVERY), to(S.RETURN_IN_TRANSIT)),
        "7": Row("not serviceable", to(S.DELIVERY_FAILED), stays("the courier does not serve the warehouse")),
        "8": Row("delivered", to(S.DELIVERED), to(S.RETURN_DELIVERED)),
        "9": Row(
            "failed delivery",
            to(S.DELIVERY_FAILED),
            to(S.RETURN_IN_TRANSIT, alert="the return could not be delivered to the warehouse"),
        ),
        "10": Row("cancelled", to(S.CANCELLED), to(S.RETURN_CANCELLED)),
        "11": Row("RTO requested", to(S.RTO_INITIATED), stays()),
        "12": Row("marked RTO", to(S.RTO_INITIATED), stays()),
        "13": Row("RTO out for delivery", to(S.RTO_IN_TRANSIT), stays()),
        "14": Row("RTO delivered", to(S.RTO_DELIVERED), stays()),
        "15": Row("RTO delivery failed", to(S.RTO_IN_TRANSIT, alert="the RTO could not be delivered"), stays()),
        "16": Row("lost", to(S.LOST), to(S.LOST)),
        "17": Row("damaged", to(S.LOST), to(S.LOST)),
        "18": Row("delayed or misrouted", stays(), stays()),
        "19": Row("contact customer care", stays(), stays()),
        "20": Row("held", stays(), stays()),
        "21": Row("RTO in transit", to(S.RTO_IN_TRANSIT), stays()),
        "23": Row("expired", stays(), stays()),
        "26": Row("RTO, contact customer care", to(S.RTO_IN_TRANSIT), stays()),
        "27": Row("RTO delayed", to(S.RTO_IN_TRANSIT), stays()),
        "30": Row("exchanged at the door", to(S.DELIVERED), to(S.RETURN_PICKED_UP)),
        "31": Row("exchange on its way back", to(S.DELIVERED), to(S.RETURN_IN_TRANSIT)),
        "32": Row("exchange back at the warehouse", to(S.DELIVERED), to(S.RETURN_DELIVERED)),
        "101": Row("return request placed", stays(), to(S.RETURN_PLACED)),
        "102": Row("return request approved", stays(), to(S.RETURN_PLACED)),
        "1004": Row("at the destination hub", to(S.IN_TRANSIT), to(S.RETURN_IN_TRANSIT)),
    }
)
