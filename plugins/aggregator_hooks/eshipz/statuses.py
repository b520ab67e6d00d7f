"""Eshipz's tags with their sub-tags: `Return/RTODelivered` is looked up as a whole, whatever case it is written in.

A tag that is known with a sub-tag that is not keeps the state: "Exception" alone says nothing.
"""

from __future__ import annotations

import re

from aggregator_hooks.statuses import QC_FAILED, Row, StatusTable, stays, to
from magento_oms.ports import CourierEvent, Direction, Meaning, ParcelStatus

S = ParcelStatus

BEFORE_A_RETURN = "delivered/beforeareturn"
"""A Delivered scan that a later Return scan disproves."""

_PLACED = (to(S.CREATED), to(S.RETURN_PLACED))
_MOVING = (to(S.IN_TRANSIT), to(S.RETURN_IN_TRANSIT))
_AT_THE_DOOR = (to(S.PICKUP_SCHEDULED), to(S.RETURN_OUT_FOR_PICKUP))
_NO_PICKUP = (to(S.PICKUP_SCHEDULED, alert="the courier could not pick it up"), to(S.RETURN_PLACED))
_FAILED = (to(S.DELIVERY_FAILED), to(S.RETURN_IN_TRANSIT))
_OFF = (to(S.CANCELLED), to(S.RETURN_CANCELLED))
_RTO_MOVING = (to(S.RTO_IN_TRANSIT), stays())
_RTO_ENDED = (to(S.RTO_DELIVERED), stays())
_NOTHING = (stays(), stays())

_TABLE: dict[str, tuple[str, tuple[Meaning, Meaning]]] = {
    "pending/": ("Pending", _PLACED),
    "pickuppending/": ("PickupPending", _PLACED),
    "inforeceived/": ("InfoReceived", _PLACED),
    "pickupscheduled/": ("pickup scheduled", (to(S.PICKUP_SCHEDULED), to(S.RETURN_PLACED))),
    "outforpickup/": ("out for pickup", _AT_THE_DOOR),
    "inforeceived/outforpickup": ("out for pickup", _AT_THE_DOOR),
    "pickuppending/outforpickup": ("out for pickup", _AT_THE_DOOR),
    "pickedup/": ("PickedUp", (to(S.PICKED_UP), to(S.RETURN_PICKED_UP))),
    "intransit/": ("InTransit", _MOVING),
    "intransit/intransitexception": ("an exception on the way", _MOVING),
    "outfordelivery/": ("OutForDelivery", (to(S.OUT_FOR_DELIVERY), to(S.RETURN_IN_TRANSIT))),
    "delivered/": ("Delivered", (to(S.DELIVERED), to(S.RETURN_DELIVERED))),
    BEFORE_A_RETURN: ("Delivered, and returned later", _NOTHING),
    "exception/": ("Exception", _NOTHING),
    "exception/pickupexception": ("PickupException", _NO_PICKUP),
    "exception/undelivered": ("Undelivered", _FAILED),
    "exception/attemptfail": ("attempt failed", _FAILED),
    "exception/refused": ("refused", _FAILED),
    "exception/consigneenotavailable": ("consignee not available", _FAILED),
    "exception/address": ("address not found", _FAILED),
    "exception/premisesclosed": ("premises closed", _FAILED),
    "exception/intransitexception": ("an exception on the way", _MOVING),
    "exception/delay": ("delay", _MOVING),
    "exception/hold": ("hold", _MOVING),
    "exception/misroute": ("misrouted", _MOVING),
    "exception/lost": ("lost", (to(S.LOST), to(S.LOST))),
    "lost/": ("lost", (to(S.LOST), to(S.LOST))),
    "cancelled/": ("cancelled", _OFF),
    "canceled/": ("cancelled", _OFF),
    "return/": ("Return", (to(S.RTO_INITIATED, again=S.RTO_IN_TRANSIT), stays())),
    "return/rtoinitiated": ("RTOInitiated", (to(S.RTO_INITIATED), stays())),
    "return/rtointransit": ("RTOInTransit", _RTO_MOVING),
    "return/rtooutfordelivery": ("RTOOutForDelivery", _RTO_MOVING),
    "return/rtodelivered": ("RTODelivered", _RTO_ENDED),
    "qcfailed/": ("QC failed", (stays(alert="QC failed on a forward parcel"), to(S.RETURN_QC_FAILED))),
    "exception/qcfailed": ("QC failed", (stays(alert="QC failed on a forward parcel"), to(S.RETURN_QC_FAILED))),
}


class EshipzStatuses(StatusTable):
    """The table; an unknown sub-tag of a tag that says enough by itself means what the tag means."""

    def meaning(self, event: CourierEvent, direction: Direction) -> Meaning:
        """See `ports.StatusReader`."""
        if direction is Direction.REVERSE and QC_FAILED.search(f"{event.label} {event.remark}"):
            return Meaning(S.RETURN_QC_FAILED)
        meaning = super().meaning(event, direction)
        tag = event.code.partition("/")[0]
        if meaning.known or tag in ("exception", "return"):
            return meaning
        return super().meaning(CourierEvent(code=f"{tag}/"), direction)


STATUSES = EshipzStatuses({key: Row(words, *meanings) for key, (words, meanings) in _TABLE.items()})


def code_of(tag: str, sub_tag: str) -> str:
    """The table's key of a tag with its sub-tag. A sub-tag that repeats its tag says nothing."""
    first, second = _plain(tag), _plain(sub_tag)
    return f"{first}/{'' if second == first else second}"


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.casefold())
