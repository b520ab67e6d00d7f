"""Cancel, hold, unhold, comments and the raw save of an order."""

from __future__ import annotations

import re
from typing import Any

from commerce_sandbox.magento_rules import bodies
from commerce_sandbox.magento_rules.book import Context, Document, OrderBook, Outcome, Refused, no_such_entity
from commerce_sandbox.magento_rules.inventory_moves import release_canceled
from commerce_sandbox.magento_rules.lifecycle import (
    CANCELED,
    CLOSED,
    COMPLETE,
    HOLDED,
    PAYMENT_REVIEW,
    PROCESSING,
    Order,
    act,
)
from commerce_sandbox.magento_rules.numbers import add, dec, num

_HISTORY: bodies.Fields = {
    "comment": "string",
    "created_at": "string",
    "entity_id": "int",
    "entity_name": "string",
    "is_customer_notified": "int",
    "is_visible_on_front": "int",
    "parent_id": "int",
    "status": "string",
    "extension_attributes": "extension",
}
_TEXT_COLUMN = 65_535
"""Bytes of a MySQL TEXT column: longer comments are cut."""


def cancel(book: OrderBook, ctx: Context) -> Outcome:
    """`POST /V1/orders/{id}/cancel`: cancel what is neither invoiced nor shipped.

    Answers false, changing nothing, where that is not allowed; so also on an order that is invoiced in full. An order
    that is shipped but not invoiced IS cancelled. A part-invoiced one ends in processing or complete.
    """
    if not Order(book, ctx).can_cancel():
        return Outcome(False)

    def change(order: Order) -> bool:
        row = order.row
        state = CANCELED
        released = [
            (line, line.neither_shipped_nor_invoiced) for line in order.lines if not line.dummy(for_shipping=True)
        ]
        for line in order.lines:
            if state != PROCESSING and line.to_refund:
                state = PROCESSING if line.to_ship > line.to_cancel else COMPLETE
            quantity = line.to_cancel
            line.set(qty_canceled=quantity)
            share = quantity / line.quantity("ordered")
            add(line.row, "tax_canceled", dec(line.row.get("base_tax_amount")) * share)
            compensation = dec(line.row.get("discount_tax_compensation_amount")) * share
            add(line.row, "discount_tax_compensation_canceled", compensation)
        for prefix in ("", "base_"):
            for name in ("subtotal", "tax", "shipping"):
                whole = dec(row.get(f"{prefix}{name}" if name == "subtotal" else f"{prefix}{name}_amount"))
                row[f"{prefix}{name}_canceled"] = num(whole - dec(row.get(f"{prefix}{name}_invoiced")))
            discount = abs(dec(row.get(f"{prefix}discount_amount")))
            row[f"{prefix}discount_canceled"] = num(discount - dec(row.get(f"{prefix}discount_invoiced")))
            paid = dec(row.get(f"{prefix}total_paid"))
            row[f"{prefix}total_canceled"] = num(dec(row.get(f"{prefix}grand_total")) - paid)
        order.enter(state)
        release_canceled(order, released)
        return True

    return act(book, ctx, change)


def hold(book: OrderBook, ctx: Context) -> Outcome:
    """`POST /V1/orders/{id}/hold`: put on hold, keeping state and status for `unhold`.

    Raises:
        Refused: 400 in a state that cannot be held.
    """
    if Order(book, ctx).state in {CANCELED, PAYMENT_REVIEW, COMPLETE, CLOSED, HOLDED}:
        raise Refused(400, "A hold action is not available.")

    def change(order: Order) -> bool:
        order.row["hold_before_state"] = order.state
        order.row["hold_before_status"] = order.status
        order.enter(HOLDED)
        return True

    return act(book, ctx, change)


def unhold(book: OrderBook, ctx: Context) -> Outcome:
    """`POST /V1/orders/{id}/unhold`: back to the state and status from before the hold.

    Raises:
        Refused: 400 for an order that is not on hold.
    """
    if Order(book, ctx).state != HOLDED:
        raise Refused(400, "You cannot remove the hold.")

    def change(order: Order) -> bool:
        order.row["state"] = order.row.pop("hold_before_state", "new")
        order.row["status"] = order.row.pop("hold_before_status", ctx.statuses.default(order.state))
        return True

    return act(book, ctx, change)


def add_comment(book: OrderBook, body: Any, ctx: Context) -> Outcome:
    """`POST /V1/orders/{id}/comments`: add a row to the status history; `updated_at` stays unless the status changes.

    Which status may be named depends on the version (`RuleSwitches.comment_status`); none keeps the current one.

    Raises:
        Refused: 400 for a missing `statusHistory` or a status that the version does not take.
    """
    sent = bodies.entity(bodies.parameter(body, "statusHistory"), _HISTORY)
    status = sent.get("status") or None

    order = Order(book, ctx)
    _refuse_status(order, status)
    comment = sent.get("comment")
    order.add_history(
        _as_stored(comment) if comment else None,
        status or order.status,
        notified=sent.get("is_customer_notified"),
        visible=sent.get("is_visible_on_front") or 0,
    )
    if status is None or status == order.status:
        return Outcome(True)
    order.row["status"] = status
    return Outcome(True, order.save())


def comments(book: OrderBook) -> list[Document]:
    """`GET /V1/orders/{id}/comments`: the status history, oldest first."""
    return sorted(book.order.get("status_histories") or [], key=lambda row: int(row["entity_id"]))


def save_entity(book: OrderBook | None, body: Any, ctx: Context) -> Outcome:
    """`POST /V1/orders` with a partial `entity`: columns that were sent are written, the others stay.

    New rows of `status_histories` are added; other lists and objects of the entity are passed over.

    The answer shows the entity that was sent, not the order: totals that were not sent are null in it.

    Args:
        book: the order that `entity.entity_id` names; None if there is no such order.

    Raises:
        Refused: 400 for a missing `entity`; 404 for an unknown order.
    """
    sent = bodies.parameter(body, "entity")
    if not isinstance(sent, dict):
        raise bodies.required("entity")
    if book is None:
        raise no_such_entity()
    scalars = {key: value for key, value in sent.items() if not isinstance(value, dict | list) and key != "entity_id"}
    order = Order(book, ctx)
    order.row.update(scalars)
    for row in bodies.entities(sent.get("status_histories"), _HISTORY):
        if not row.get("entity_id"):
            status = row.get("status") or order.status
            notified, visible = row.get("is_customer_notified"), row.get("is_visible_on_front") or 0
            order.add_history(_as_stored(row.get("comment") or "") or None, status, notified=notified, visible=visible)
    changed = order.save()
    return Outcome(_sent_entity(order.row, scalars), changed)


def find_entity_id(body: Any) -> int | None:
    """The order that a `POST /V1/orders` means; None for a new one.

    Raises:
        Refused: 400 for a missing `entity`.
    """
    sent = bodies.parameter(body, "entity")
    entity_id = sent.get("entity_id") if isinstance(sent, dict) else None
    return None if entity_id in (None, "") else int(bodies.scalar(entity_id, "int", "entity_id"))


def _sent_entity(row: Document, sent: Document) -> Document:
    """The answer of the raw save: what was sent, what every answer shows, and the rows loaded beside it."""
    shown: Document = {
        "base_grand_total": sent.get("base_grand_total"),
        "base_total_due": num(dec(sent.get("base_grand_total")) - dec(sent.get("base_total_paid"))),
        "billing_address_id": row.get("billing_address_id"),
        "created_at": row.get("created_at"),
        "customer_email": sent.get("customer_email"),
        "entity_id": row["entity_id"],
        "grand_total": sent.get("grand_total"),
        "total_due": num(dec(sent.get("grand_total")) - dec(sent.get("total_paid"))),
        "updated_at": row.get("updated_at"),
    }
    shown = {**sent, **shown}
    for key in ("state", "status"):
        if key in sent:
            shown[key] = row[key]
    shown["items"] = [
        {key: value for key, value in item.items() if key != "extension_attributes"} for item in row["items"]
    ]
    for key in ("billing_address", "payment", "status_histories"):
        if key in row:
            shown[key] = row[key]
    return shown


def _refuse_status(order: Order, status: str | None) -> None:
    rule = order.ctx.rules.comment_status
    if status is None or rule == "any" or status == order.status:
        return
    if rule == "current_state" and status in order.ctx.statuses.of(order.state):
        return
    text = 'Unable to add comment: The status "%1" is not part of the order\n                 status history.'
    if rule == "current_state":
        text = re.sub(r"\s+", " ", text)
    raise Refused(400, text, [status])


def _as_stored(comment: str) -> str:
    """A comment as a three-byte UTF-8 TEXT column keeps it: four question marks for each emoji, cut at 64 KiB."""
    plain = "".join("????" if ord(letter) > 0xFFFF else letter for letter in comment)
    return plain.encode()[:_TEXT_COLUMN].decode(errors="ignore")
