"""Which items Magento is to invoice or ship for the lines of a fulfilment."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from magento_oms.ports import Json, PermanentError
from magento_oms.storage.fulfilments import CarriedLine

ZERO = Decimal(0)


def acted_on(order: Json, lines: Iterable[CarriedLine]) -> dict[int, Decimal]:
    """Item id that Magento invoices or refunds → units. A bundle with one price is acted on as a whole.

    Raises:
        PermanentError: the parts of a bundle do not make whole bundles.
    """
    return _units(order, ((line, line.act_on_item_id) for line in lines))


def bundles(order: Json, lines: Iterable[CarriedLine]) -> frozenset[int]:
    """Product ids of the bundles that lines are parts of."""
    rows = _rows(order)
    found = (_bundle(rows, line) for line in lines)
    return frozenset(int(bundle.get("product_id") or 0) for bundle in found if bundle is not None)


def shipped_on(order: Json, lines: Iterable[CarriedLine], apart: frozenset[int]) -> dict[int, Decimal]:
    """Item id that Magento ships → units. A bundle need not be shipped as it is priced, and the order does not say: its
    product's `shipment_type` does.

    Args:
        apart: product ids of the bundles whose parts are shipped on their own.

    Raises:
        PermanentError: the parts of a bundle that is shipped as a whole do not make whole bundles.
    """
    rows = _rows(order)

    def item(line: CarriedLine) -> int:
        bundle = _bundle(rows, line)
        if bundle is None:
            return line.act_on_item_id
        return line.item_id if int(bundle.get("product_id") or 0) in apart else int(bundle["item_id"])

    return _units(order, ((line, item(line)) for line in lines))


def _units(order: Json, lines: Iterable[tuple[CarriedLine, int]]) -> dict[int, Decimal]:
    rows = _rows(order)
    found: dict[int, Decimal] = {}
    for line, item_id in lines:
        if not line.quantity:
            continue
        row = rows.get(item_id)
        units = line.quantity
        if row is not None and row.get("product_type") == "bundle":
            units = line.quantity * _figure(row, "qty_ordered") / line.ordered
            if units != int(units):
                raise PermanentError(
                    f"Item {item_id} is a bundle that Magento takes as a whole, and this fulfilment has a part of one.",
                    way_out="Do it by hand in Magento's admin, then dismiss this.",
                )
        found[item_id] = max(found.get(item_id, ZERO), units)
    return found


def _rows(order: Json) -> dict[int, Json]:
    return {int(row.get("item_id") or 0): row for row in order.get("items") or ()}


def _bundle(rows: dict[int, Json], line: CarriedLine) -> Json | None:
    """The bundle that a line is a part of."""
    part = rows.get(line.item_id)
    parent = rows.get(int(part.get("parent_item_id") or 0)) if part else None
    return parent if parent is not None and parent.get("product_type") == "bundle" else None


def left_to_invoice(order: Json, items: dict[int, Decimal]) -> dict[int, Decimal]:
    """Of the items, what Magento has not invoiced."""
    left = {}
    for row in order.get("items") or ():
        item_id = int(row.get("item_id") or 0)
        if item_id in items:
            units = _figure(row, "qty_ordered") - _figure(row, "qty_invoiced") - _figure(row, "qty_canceled")
            if units > 0:
                left[item_id] = min(items[item_id], units)
    return left


def short_of(order: Json, items: dict[int, Decimal]) -> str:
    """Of which items Magento has less to ship than asked for; empty: of none. A unit that was shipped and came back is
    refunded, too: it is counted once, as Magento does since 2.4. An older one that ships less is found by reading back.
    """
    short = []
    for row in order.get("items") or ():
        item_id = int(row.get("item_id") or 0)
        if item_id in items:
            gone = max(_figure(row, "qty_shipped"), _figure(row, "qty_refunded")) + _figure(row, "qty_canceled")
            left = _figure(row, "qty_ordered") - gone
            if left < items[item_id]:
                short.append(f"item {item_id}: {left} left, {items[item_id]} handed over")
    return "; ".join(short)


def _figure(row: Json, name: str) -> Decimal:
    return Decimal(str(row.get(name) or 0))
