"""Which items Magento is to invoice or ship for the lines of a fulfilment."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from magento_oms.ports import Json, PermanentError
from magento_oms.storage.fulfilments import CarriedLine

ZERO = Decimal(0)


def acted_on(order: Json, lines: Iterable[CarriedLine]) -> dict[int, Decimal]:
    """Item id that Magento acts on → units. A bundle with one price is acted on as a whole.

    Raises:
        PermanentError: the parts of a bundle do not make whole bundles.
    """
    rows = {int(row.get("item_id") or 0): row for row in order.get("items") or ()}
    found: dict[int, Decimal] = {}
    for line in lines:
        if not line.quantity:
            continue
        row = rows.get(line.act_on_item_id)
        units = line.quantity
        if row is not None and row.get("product_type") == "bundle":
            units = line.quantity * _figure(row, "qty_ordered") / line.ordered
            if units != int(units):
                raise PermanentError(
                    f"Item {line.act_on_item_id} is a bundle with one price, and this fulfilment has part of one only.",
                    way_out="Make the shipment by hand in Magento's admin, then dismiss this.",
                )
        found[line.act_on_item_id] = max(found.get(line.act_on_item_id, ZERO), units)
    return found


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
    """Of which items Magento has less to ship than asked for; empty: of none."""
    short = []
    for row in order.get("items") or ():
        item_id = int(row.get("item_id") or 0)
        if item_id in items:
            gone = sum((_figure(row, name) for name in ("qty_shipped", "qty_refunded", "qty_canceled")), ZERO)
            left = _figure(row, "qty_ordered") - gone
            if left < items[item_id]:
                short.append(f"item {item_id}: {left} left, {items[item_id]} handed over")
    return "; ".join(short)


def _figure(row: Json, name: str) -> Decimal:
    return Decimal(str(row.get(name) or 0))
