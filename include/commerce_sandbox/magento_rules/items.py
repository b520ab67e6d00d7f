"""Order lines: parents and children, and what is left to invoice, ship, refund and cancel.

Which row of a pair counts: a configurable's parent for money and for shipping; a bundle's parent or children by its
price type and its shipment type. REST shows neither option: a bundle is taken as priced by its children if they carry
prices, and those that ship separately are listed in `OrderBook.hidden`.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from commerce_sandbox.magento_rules.book import Document, OrderBook, RuleSwitches
from commerce_sandbox.magento_rules.numbers import ZERO, dec, num


class Line:
    """One order line with its parent and children at hand. Changes go straight into the order's document."""

    def __init__(self, row: Document, rules: RuleSwitches, *, separate: bool = False) -> None:
        self.row = row
        self.parent: Line | None = None
        self.children: list[Line] = []
        self._rules = rules
        self._separate = separate

    @property
    def item_id(self) -> int:
        """The line's `item_id`."""
        return int(self.row["item_id"])

    def quantity(self, kind: str) -> Decimal:
        """`qty_ordered`, `qty_invoiced`, `qty_shipped`, `qty_refunded` or `qty_canceled`."""
        return dec(self.row.get(f"qty_{kind}"))

    @property
    def virtual(self) -> bool:
        """Whether there is nothing to ship."""
        return bool(self.row.get("is_virtual"))

    @property
    def _children_priced(self) -> bool:
        top = self.parent or self
        return top.row.get("product_type") == "bundle" and any(dec(child.row.get("price")) for child in top.children)

    @property
    def ships_separately(self) -> bool:
        """Whether this line belongs to a bundle whose children ship on their own."""
        return (self.parent or self)._separate

    def dummy(self, *, for_shipping: bool = False) -> bool:
        """Whether the row is only there for show: its parent or its children are what is invoiced (shipped)."""
        on_children = self.ships_separately if for_shipping else self._children_priced
        if self.children:
            return on_children
        return self.parent is not None and not on_children

    @property
    def plain_to_ship(self) -> Decimal:
        """Left to ship, parent or not. From 2.4 a refunded piece and a shipped piece may be the same one."""
        shipped, refunded = self.quantity("shipped"), self.quantity("refunded")
        gone = max(shipped, refunded) if self._rules.refunds_overlap_shipments else shipped + refunded
        return max(self.quantity("ordered") - gone - self.quantity("canceled"), ZERO)

    @property
    def to_ship(self) -> Decimal:
        """Left to ship; 0 where another row of the pair ships."""
        return ZERO if self.dummy(for_shipping=True) else self.plain_to_ship

    @property
    def to_invoice(self) -> Decimal:
        """Left to invoice; 0 where another row of the pair is invoiced."""
        if self.dummy():
            return ZERO
        return max(self.quantity("ordered") - self.quantity("invoiced") - self.quantity("canceled"), ZERO)

    @property
    def not_invoiced(self) -> Decimal:
        """Ordered and not invoiced, cancelled pieces included."""
        return self.quantity("ordered") - self.quantity("invoiced")

    @property
    def to_refund(self) -> Decimal:
        """Invoiced and not yet refunded; 0 where another row of the pair is refunded."""
        return ZERO if self.dummy() else max(self.quantity("invoiced") - self.quantity("refunded"), ZERO)

    @property
    def to_cancel(self) -> Decimal:
        """Neither invoiced nor shipped yet."""
        return max(min(self.to_invoice, self.to_ship), ZERO)

    @property
    def neither_shipped_nor_invoiced(self) -> Decimal:
        """What a cancellation gives back to sale; counted on the row itself, dummy or not."""
        done = max(self.quantity("shipped"), self.quantity("invoiced"))
        return max(self.quantity("ordered") - done - self.quantity("canceled"), ZERO)

    @property
    def shippable(self) -> bool:
        """Whether some of it can still be shipped (a line that was refunded as a whole cannot)."""
        refunded = self.quantity("refunded")
        return self.to_ship > 0 and not self.virtual and not (refunded and refunded == self.quantity("ordered"))

    @property
    def row_total(self) -> Decimal:
        """The row's total before discount. REST shows it less the discount (recorded: 2.4.7)."""
        return dec(self.row.get("row_total")) + dec(self.row.get("discount_amount"))

    @property
    def row_total_incl_tax(self) -> Decimal:
        """The row's total with tax before discount, as the row's price with tax says."""
        return dec(self.row.get("price_incl_tax")) * self.quantity("ordered")

    def share(self, of_parent: Decimal) -> Decimal:
        """How many of this child go with so many of its parent."""
        if self.parent is None or not self.parent.quantity("ordered"):
            return ZERO
        return self.quantity("ordered") * of_parent / self.parent.quantity("ordered")

    def set(self, **columns: Decimal) -> None:
        """Write decimal columns."""
        for key, value in columns.items():
            self.row[key] = num(value)


class Lines:
    """All lines of an order, in its order."""

    def __init__(self, book: OrderBook, rules: RuleSwitches) -> None:
        separate = set(book.hidden.get("ships_separately") or ())
        rows = book.order.get("items") or []
        self._lines = [Line(row, rules, separate=int(row["item_id"]) in separate) for row in rows]
        self._by_id = {line.item_id: line for line in self._lines}
        for line in self._lines:
            parent = self._by_id.get(int(line.row.get("parent_item_id") or 0))
            if parent is not None:
                line.parent = parent
                parent.children.append(line)

    def __iter__(self) -> Iterator[Line]:
        return iter(self._lines)

    def get(self, item_id: Any) -> Line | None:
        """The line of an `item_id`, None if the order has none."""
        try:
            return self._by_id.get(int(item_id))
        except (TypeError, ValueError):
            return None
