"""Shiprocket's numbers of the canonical steps, in its two tables."""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """One step: the courier's code, the label, and the numbers of both tables; `returned` of the order table."""

    courier: str
    label: str
    shipment: int
    order: int
    returned: int


CODES = {
    "booked": Code("BKD", "AWB ASSIGNED", 1, 3, 21),
    "pickup_scheduled": Code("PKS", "PICKUP SCHEDULED", 3, 4, 28),
    "out_for_pickup": Code("OFP", "OUT FOR PICKUP", 19, 34, 47),
    "pickup_failed": Code("PKE", "PICKUP EXCEPTION", 20, 35, 49),
    "picked_up": Code("PKD", "PICKED UP", 42, 51, 32),
    "in_transit": Code("INT", "IN TRANSIT", 18, 20, 25),
    "out_for_delivery": Code("OFD", "OUT FOR DELIVERY", 17, 19, 48),
    "failed_attempt": Code("UND", "UNDELIVERED", 21, 36, 50),
    "delivered": Code("DLV", "DELIVERED", 7, 7, 26),
    "rto_started": Code("RTI", "RTO INITIATED", 9, 15, 15),
    "rto_moving": Code("RTT", "RTO IN TRANSIT", 46, 55, 55),
    "rto_delivered": Code("RTD", "RTO DELIVERED", 10, 16, 16),
    "qc_failed": Code("QCF", "QC FAILED", 47, 57, 57),
    "lost": Code("LST", "LOST", 12, 33, 33),
    "cancelled": Code("CAN", "CANCELED", 8, 5, 27),
}


def shipment_code(step: str) -> int:
    """Of the shipment table: tracking, scans, `shipment_status_id`."""
    return CODES[step].shipment


def order_code(step: str, *, reverse: bool) -> int:
    """Of the order table: order reads, `current_status_id`."""
    return CODES[step].returned if reverse else CODES[step].order
