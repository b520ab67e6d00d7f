"""An order's document as it was when it was placed, from any later state of it."""

from __future__ import annotations

import copy

from commerce_sandbox.magento_rules.book import Document
from commerce_sandbox.magento_rules.lifecycle import follow_copies
from commerce_sandbox.magento_rules.numbers import dec, num

_LATER = ("_invoiced", "_refunded", "_canceled", "_captured", "_invoiced_cost", "_paid", "_paid_online")
_LATER_KEYS = {
    "adjustment_positive",
    "adjustment_negative",
    "base_adjustment_positive",
    "base_adjustment_negative",
    "hold_before_state",
    "hold_before_status",
    "weee_tax_applied",
}
_LINE_ZEROS = (
    "amount_refunded",
    "discount_invoiced",
    "row_invoiced",
    "tax_invoiced",
    "base_amount_refunded",
    "base_discount_invoiced",
    "base_row_invoiced",
    "base_tax_invoiced",
    "qty_canceled",
    "qty_invoiced",
    "qty_refunded",
    "qty_shipped",
)


def as_placed(order: Document, *, state: str = "new", status: str = "pending") -> Document:
    """The same order with nothing invoiced, shipped, cancelled, refunded or written into its history."""
    placed = copy.deepcopy(order)
    for row in (placed, placed.get("payment") or {}, *(placed.get("items") or ())):
        for key in [key for key in row if key in _LATER_KEYS or key.endswith(_LATER)]:
            del row[key]
    for item in placed.get("items") or ():
        item.update(dict.fromkeys(_LINE_ZEROS, 0))
        item["updated_at"] = item["created_at"]
    for assignment in (placed.get("extension_attributes") or {}).get("shipping_assignments") or ():
        totals = (assignment.get("shipping") or {}).get("total") or {}
        for key in [key for key in totals if key.endswith(_LATER)]:
            del totals[key]
    placed |= {
        "state": state,
        "status": status,
        "total_due": num(dec(placed.get("grand_total"))),
        "base_total_due": num(dec(placed.get("base_grand_total"))),
        "customer_note_notify": 1,
        "status_histories": [],
        "updated_at": placed["created_at"],
    }
    follow_copies(placed)
    return placed
