"""Shiprocket's two tables of statuses.

`shipment:` codes are used by tracking, scans and `shipment_status_id`; `order:` codes by order reads and
`current_status_id`. The same number means different things in the two. `label:` codes are exact labels, for webhooks
that carry no number.
"""

from __future__ import annotations

from aggregator_hooks.statuses import Row, StatusTable, stays, to
from magento_oms.ports import Meaning, ParcelStatus

S = ParcelStatus

CREATED = (to(S.CREATED), to(S.RETURN_PLACED))
PICKUP = (to(S.PICKUP_SCHEDULED), to(S.RETURN_PLACED))
MOVING = (to(S.IN_TRANSIT), to(S.RETURN_IN_TRANSIT))
PICKED = (to(S.PICKED_UP), to(S.RETURN_PICKED_UP))
ENDED = (to(S.DELIVERED), to(S.RETURN_DELIVERED))
OFF = (to(S.CANCELLED), to(S.RETURN_CANCELLED))
GONE = (to(S.LOST), to(S.LOST))
RTO = (to(S.RTO_INITIATED), stays())
RTO_MOVING = (to(S.RTO_IN_TRANSIT), stays())
RTO_ENDED = (to(S.RTO_DELIVERED), stays())
NOTHING = (stays(), stays())


def _pickup_trouble(words: str) -> tuple[Meaning, Meaning]:
    return to(S.PICKUP_SCHEDULED, alert=words), to(S.RETURN_PLACED, alert=words)


def _look(words: str) -> tuple[Meaning, Meaning]:
    return stays(alert=words), stays(alert=words)


_SHIPMENT: dict[str, tuple[str, tuple[Meaning, Meaning]]] = {
    "1": ("AWB Assigned", CREATED),
    "2": ("Label Generated", CREATED),
    "3": ("Pickup Scheduled", PICKUP),
    "4": ("Pickup Queued", PICKUP),
    "5": ("Manifest Generated", PICKUP),
    "6": ("Shipped", MOVING),
    "7": ("Delivered", ENDED),
    "8": ("Cancelled", OFF),
    "9": ("RTO Initiated", RTO),
    "10": ("RTO Delivered", RTO_ENDED),
    "11": ("Pending", NOTHING),
    "12": ("Lost", GONE),
    "13": ("Pickup Error", _pickup_trouble("the pickup went wrong")),
    "14": ("RTO Acknowledged", RTO_ENDED),
    "15": ("Pickup Rescheduled", PICKUP),
    "16": ("Cancellation Requested", NOTHING),
    "17": ("Out For Delivery", (to(S.OUT_FOR_DELIVERY), to(S.RETURN_IN_TRANSIT))),
    "18": ("In Transit", MOVING),
    "19": ("Out For Pickup", (to(S.PICKUP_SCHEDULED), to(S.RETURN_OUT_FOR_PICKUP))),
    "20": ("Pickup Exception", _pickup_trouble("the courier could not pick it up")),
    "21": (
        "Undelivered",
        (to(S.DELIVERY_FAILED), to(S.RETURN_IN_TRANSIT, alert="the return could not be delivered to the warehouse")),
    ),
    "22": ("Delayed", NOTHING),
    "23": ("Partial Delivered", _look("delivered in part: look what came")),
    "24": ("Destroyed", GONE),
    "25": ("Damaged", GONE),
    "26": ("Fulfilled", (stays(alert="marked as fulfilled: look whether it was delivered"), stays())),
    "27": ("Pickup Booked", PICKUP),
    "38": ("Reached Destination Hub", MOVING),
    "39": ("Misrouted", MOVING),
    "40": ("RTO NDR", RTO_MOVING),
    "41": ("RTO OFD", RTO_MOVING),
    "42": ("Picked Up", PICKED),
    "43": ("Self Fulfilled", (stays(alert="marked as fulfilled: look whether it was delivered"), stays())),
    "44": ("Disposed Off", GONE),
    "45": ("Cancelled Before Dispatched", OFF),
    "46": ("RTO In Transit", RTO_MOVING),
    "47": ("QC Failed", (stays(alert="QC failed on a forward parcel"), to(S.RETURN_QC_FAILED))),
    "48": ("Reached Warehouse", MOVING),
    "49": ("Custom Cleared", MOVING),
    "50": ("In Flight", MOVING),
    "51": ("Handover to Courier", MOVING),
    "52": ("Shipment Booked", CREATED),
    "54": ("In Transit Overseas", MOVING),
    "55": ("Connection Aligned", MOVING),
    "56": ("Reached Overseas Warehouse", MOVING),
    "57": ("Custom Cleared Overseas", MOVING),
    "59": ("Box Packing", NOTHING),
    "60": ("FC Allocated", NOTHING),
    "61": ("Picklist Generated", NOTHING),
    "62": ("Ready To Pack", NOTHING),
    "63": ("Packed", NOTHING),
    "67": ("FC Manifest Generated", NOTHING),
    "68": ("Processed at Warehouse", NOTHING),
    "71": ("Handover Exception", _look("the handover to the courier went wrong")),
    "72": ("Packed Exception", _look("the packing went wrong")),
    "75": ("RTO_LOCK", RTO),
    "76": ("Untraceable", _look("the courier cannot find it")),
    "77": ("Issue Related To The Recipient", (to(S.DELIVERY_FAILED), stays())),
    "78": ("Reached Back At Seller City", RTO_MOVING),
    "NA": ("not told", NOTHING),
}

_ORDER: dict[str, tuple[str, tuple[Meaning, Meaning]]] = {
    "1": ("New", CREATED),
    "2": ("Invoiced", CREATED),
    "3": ("Ready To Ship", CREATED),
    "4": ("Pickup Scheduled", PICKUP),
    "5": ("Canceled", OFF),
    "6": ("Shipped", MOVING),
    "7": ("Delivered", ENDED),
    "8": ("ePayment Failed", NOTHING),
    "9": ("Returned", (stays(alert="a forward parcel is called returned"), to(S.RETURN_DELIVERED))),
    "10": ("Unmapped", NOTHING),
    "11": ("Unfulfillable", NOTHING),
    "12": ("Pickup Queue", PICKUP),
    "13": ("Pickup Rescheduled", PICKUP),
    "14": ("Pickup Error", _pickup_trouble("the pickup went wrong")),
    "15": ("RTO Initiated", RTO),
    "16": ("RTO Delivered", RTO_ENDED),
    "17": ("RTO Acknowledged", RTO_ENDED),
    "18": ("Cancellation Requested", NOTHING),
    "19": ("Out for Delivery", (to(S.OUT_FOR_DELIVERY), to(S.RETURN_IN_TRANSIT))),
    "20": ("In Transit", MOVING),
    "21": ("Return Pending", (stays(), to(S.RETURN_PLACED))),
    "22": ("Return Initiated", (stays(), to(S.RETURN_PLACED))),
    "23": ("Return Pickup Queued", (stays(), to(S.RETURN_PLACED))),
    "24": ("Return Pickup Error", (stays(), to(S.RETURN_PLACED, alert="the pickup went wrong"))),
    "25": ("Return In Transit", (stays(), to(S.RETURN_IN_TRANSIT))),
    "26": ("Return Delivered", (stays(), to(S.RETURN_DELIVERED))),
    "27": ("Return Cancelled", (stays(), to(S.RETURN_CANCELLED))),
    "28": ("Return Pickup Generated", (stays(), to(S.RETURN_PLACED))),
    "29": ("Return Cancellation Requested", NOTHING),
    "30": ("Return Pickup Cancelled", (stays(), to(S.RETURN_CANCELLED))),
    "31": ("Return Pickup Rescheduled", (stays(), to(S.RETURN_PLACED))),
    "32": ("Return Picked Up", (stays(), to(S.RETURN_PICKED_UP))),
    "33": ("Lost", GONE),
    "34": ("Out For Pickup", (to(S.PICKUP_SCHEDULED), to(S.RETURN_OUT_FOR_PICKUP))),
    "35": ("Pickup Exception", _pickup_trouble("the courier could not pick it up")),
    "36": (
        "Undelivered",
        (to(S.DELIVERY_FAILED), to(S.RETURN_IN_TRANSIT, alert="the return could not be delivered to the warehouse")),
    ),
    "37": ("Delivery Delayed", MOVING),
    "38": ("Partial Delivered", _look("delivered in part: look what came")),
    "39": ("Destroyed", GONE),
    "40": ("Damaged", GONE),
    "41": ("Fulfilled", _look("marked as fulfilled: look whether it was delivered")),
    "42": ("Archived", NOTHING),
    "43": ("Reached Destination Hub", MOVING),
    "44": ("Misrouted", MOVING),
    "45": ("RTO_OFD", RTO_MOVING),
    "46": ("RTO_NDR", RTO_MOVING),
    "47": ("Return Out For Pickup", (stays(), to(S.RETURN_OUT_FOR_PICKUP))),
    "48": ("Return Out For Delivery", (stays(), to(S.RETURN_IN_TRANSIT))),
    "49": ("Return Pickup Exception", (stays(), to(S.RETURN_PLACED, alert="the courier could not pick it up"))),
    "50": (
        "Return Undelivered",
        (stays(), to(S.RETURN_IN_TRANSIT, alert="the return could not be delivered to the warehouse")),
    ),
    "51": ("Picked Up", PICKED),
    "52": ("Self Fulfilled", _look("marked as fulfilled: look whether it was delivered")),
    "53": ("Disposed Off", GONE),
    "54": ("Canceled before Dispatched", OFF),
    "55": ("RTO In-Transit", RTO_MOVING),
    "57": ("QC Failed", (stays(alert="QC failed on a forward parcel"), to(S.RETURN_QC_FAILED))),
    "58": ("Reached Warehouse", MOVING),
    "59": ("Custom Cleared", MOVING),
    "60": ("In Flight", MOVING),
    "61": ("Handover to Courier", MOVING),
    "62": ("Booked", CREATED),
    "64": ("In Transit Overseas", MOVING),
    "65": ("Connection Aligned", MOVING),
    "66": ("Reached Overseas Warehouse", MOVING),
    "67": ("Custom Cleared Overseas", MOVING),
    "68": ("Return Acknowledged", (stays(), to(S.RETURN_DELIVERED))),
    "69": ("Box Packing", CREATED),
    "70": ("Pickup Booked", PICKUP),
    "71": ("Darkstore Scheduled", NOTHING),
    "72": ("Allocation in Progress", CREATED),
    "73": ("FC Allocated", CREATED),
    "74": ("Picklist Generated", CREATED),
    "75": ("Ready to Pack", CREATED),
    "76": ("Packed", CREATED),
    "80": ("FC Manifest Generated", CREATED),
    "81": ("Processed at Warehouse", CREATED),
    "82": ("Packed Exception", _look("the packing went wrong")),
    "83": ("Handover Exception", _look("the handover to the courier went wrong")),
    "87": ("RTO_LOCK", RTO),
    "88": ("Untraceable", _look("the courier cannot find it")),
    "89": ("Issue related to the recipient", (to(S.DELIVERY_FAILED), stays())),
    "90": ("Reached back at seller city", RTO_MOVING),
}

_MORE_LABELS: dict[str, tuple[Meaning, Meaning]] = {
    "AWB ASSIGNED": CREATED,
    "CANCELLED": OFF,
    "RETURN CANCELED": (stays(), to(S.RETURN_CANCELLED)),
    "RTO IN TRANSIT": RTO_MOVING,
    "RTO IN INTRANSIT": RTO_MOVING,
    "RTO OFD": RTO_MOVING,
    "RTO NDR": RTO_MOVING,
    "UNDELIVERED-1ST ATTEMPT": (to(S.DELIVERY_FAILED), stays()),
    "UNDELIVERED-2ND ATTEMPT": (to(S.DELIVERY_FAILED), stays()),
    "UNDELIVERED-3RD ATTEMPT": (to(S.DELIVERY_FAILED), stays()),
    "IN TRANSIT-EN-ROUTE": MOVING,
}
"""Spellings beside those of the order table."""

STATUSES = StatusTable(
    {f"shipment:{number}": Row(words, *meanings) for number, (words, meanings) in _SHIPMENT.items()}
    | {f"order:{number}": Row(words, *meanings) for number, (words, meanings) in _ORDER.items()}
    | {f"label:{words.upper()}": Row(words, *meanings) for words, meanings in _ORDER.values()}
    | {f"label:{words}": Row(words, *meanings) for words, meanings in _MORE_LABELS.items()}
)

CANCELLED_ORDERS = frozenset({5, 54, 27, 30})
"""Of the order table: such an order's reference is never used again."""
