"""The order's state machine: what may be done in which state, the state that follows, and what every save does.

`state` is the machine, `status` the label; every state has a default status. `updated_at` of a row moves only when one
of the row's own columns changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from commerce_sandbox.magento_rules.book import Context, Document, OrderBook, Outcome
from commerce_sandbox.magento_rules.items import Lines
from commerce_sandbox.magento_rules.numbers import ZERO, dec, money, num, stamp

NEW, PENDING_PAYMENT, PROCESSING, COMPLETE = "new", "pending_payment", "processing", "complete"
CLOSED, CANCELED, HOLDED, PAYMENT_REVIEW = "closed", "canceled", "holded", "payment_review"

_NOT_A_COLUMN = (dict, list)


class Order:
    """One order while an action runs on it."""

    def __init__(self, book: OrderBook, ctx: Context) -> None:
        self.book = book
        self.ctx = ctx
        self.row = book.order
        self.lines = Lines(book, ctx.rules)
        self._before = _columns(book.order)
        self._lines_before = {line.item_id: _columns(line.row) for line in self.lines}

    @property
    def state(self) -> str:
        """The order's state."""
        return str(self.row.get("state") or NEW)

    @property
    def status(self) -> str:
        """The order's status."""
        return str(self.row.get("status") or "")

    def enter(self, state: str) -> None:
        """Set a state with its default status, even where the state was there before."""
        self.row["state"] = state
        self.row["status"] = self.ctx.statuses.default(state)

    def can_invoice(self) -> bool:
        """Whether anything is left to invoice in a state that allows it."""
        if self.state in {HOLDED, PAYMENT_REVIEW, CANCELED, COMPLETE, CLOSED}:
            return False
        return any(line.to_invoice > 0 for line in self.lines)

    def can_ship(self) -> bool:
        """Whether anything is left to ship in a state that allows it."""
        if self.state in {HOLDED, PAYMENT_REVIEW, CANCELED} or self.row.get("is_virtual"):
            return False
        return any(line.shippable for line in self.lines)

    def can_cancel(self) -> bool:
        """Whether `cancel` would do anything: something is left to invoice (shipped or not)."""
        if self.state in {HOLDED, PAYMENT_REVIEW, CANCELED, COMPLETE, CLOSED}:
            return False
        return any(line.to_invoice > 0 for line in self.lines)

    def can_refund(self) -> bool:
        """Whether money is left that was paid and not given back; an order of 0 can be refunded once."""
        if self.state in {HOLDED, PAYMENT_REVIEW, CANCELED, CLOSED}:
            return False
        paid, refunded = dec(self.row.get("total_paid")), dec(self.row.get("total_refunded"))
        if money(paid) != refunded:
            return True
        return not (self.can_invoice() or self.book.creditmemos or dec(self.row.get("grand_total")))

    def next_state(self, *, in_progress: bool = False) -> str:
        """The state after an invoice (in progress), a shipment (in progress) or a credit memo."""
        if in_progress and self.state == NEW:
            return PROCESSING
        state = PROCESSING if self.state == PROCESSING else NEW
        if self.state not in {CANCELED, HOLDED} and not self.can_invoice() and not self.can_ship():
            if not dec(self.row.get("base_grand_total")) or self.can_refund():
                state = COMPLETE
            elif dec(self.row.get("total_refunded")):
                state = CLOSED
        return state

    def save(self) -> bool:
        """What happens on every save: complete and closed are found, times move, copies within the document follow.

        Returns:
            Whether the order's own row changed.
        """
        self._settle()
        now = stamp(self.ctx.now)
        for line in self.lines:
            if _columns(line.row) != self._lines_before[line.item_id]:
                line.row["updated_at"] = now
        self.row["total_due"] = num(dec(self.row.get("grand_total")) - dec(self.row.get("total_paid")))
        self.row["base_total_due"] = num(dec(self.row.get("base_grand_total")) - dec(self.row.get("base_total_paid")))
        changed = _columns(self.row) != self._before
        if changed:
            self.row["updated_at"] = now
        follow_copies(self.row)
        return changed

    def _settle(self) -> None:
        """Find `complete` and `closed`. Skipped while cancelled, on hold, invoiceable, or owing on an open invoice."""
        if self.state in {CANCELED, HOLDED} or self.can_invoice() or self._owes_on_an_open_invoice():
            return
        if (
            self.state in {PROCESSING, COMPLETE}
            and not self.can_refund()
            and not self.can_ship()
            and not self.row.get("is_virtual")
        ):
            self.enter(CLOSED)
        elif self.state == PROCESSING and (not self.can_ship() or self._all_shipped_or_refunded()):
            self.enter(COMPLETE)

    def _owes_on_an_open_invoice(self) -> bool:
        open_invoices = any(invoice.get("state") == 1 for invoice in self.book.invoices)
        return open_invoices and dec(self.row.get("grand_total")) - dec(self.row.get("total_paid")) >= 1

    def _all_shipped_or_refunded(self) -> bool:
        """Whether something was shipped and refunds cover the rest, piece for piece."""
        lines = [line for line in self.lines if not line.virtual and not line.dummy(for_shipping=True)]
        shipped = sum((line.quantity("shipped") for line in lines), ZERO)
        gone = shipped + sum((line.quantity("refunded") for line in lines), ZERO)
        wanted = sum((line.quantity("ordered") - line.quantity("canceled") for line in lines), ZERO)
        return shipped > 0 and wanted <= gone

    def add_history(
        self, comment: str | None, status: str, *, notified: int | None, visible: int | None, entity: str | None = None
    ) -> Document:
        """Put a row of the status history on top of the others, as REST lists them: newest first."""
        row: Document = {
            "comment": comment,
            "created_at": stamp(self.ctx.now),
            "entity_id": self.ctx.next_id("history"),
        }
        if entity is not None:
            row["entity_name"] = entity
        row |= {"is_customer_notified": notified, "is_visible_on_front": visible, "parent_id": self.row["entity_id"]}
        row["status"] = status
        self.row.setdefault("status_histories", []).insert(0, row)
        return row


def act(book: OrderBook, ctx: Context, change: Callable[[Order], Any]) -> Outcome:
    """Run a change on an order and save it; what the change returns is the answer."""
    order = Order(book, ctx)
    answer = change(order)
    return Outcome(answer, order.save())


def follow_copies(row: Document) -> None:
    """Bring the copies that REST nests in an order up to its rows: parents in children, lines and shipping totals."""
    items = row.get("items") or []
    parents = {item["item_id"]: item for item in items}
    for item in items:
        if "parent_item_id" in item:
            parent = parents.get(item["parent_item_id"])
            if parent is not None:
                item["parent_item"] = {key: value for key, value in parent.items() if key != "parent_item"}
    for assignment in (row.get("extension_attributes") or {}).get("shipping_assignments") or []:
        assignment["items"] = items
        totals = assignment.setdefault("shipping", {}).setdefault("total", {})
        for key, value in row.items():
            if key.startswith(("shipping_", "base_shipping_")) and not isinstance(value, str | dict | list):
                totals[key] = value


def _columns(row: Document) -> Document:
    return {
        key: value
        for key, value in row.items()
        if not isinstance(value, _NOT_A_COLUMN) and key not in {"updated_at", "weee_tax_applied"}
    }
