"""What orders do to stock: placing reserves, shipping deducts from one source, cancelling and refunding give back.

Reservations belong to the stock of the order's website. Their sum for an order that is done is 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from commerce_sandbox.magento_rules.inventory import (
    StockFault,
    manages_stock,
    select_sources,
    stock_of_website,
    write_source_item,
)
from commerce_sandbox.magento_rules.numbers import ZERO, dec
from commerce_sandbox.magento_rules.stock_book import DEFAULT_SOURCE, SourceItem, StockBook

if TYPE_CHECKING:
    from commerce_sandbox.magento_rules.items import Line
    from commerce_sandbox.magento_rules.lifecycle import Order

Quantities = Iterable[tuple["Line", Decimal]]


def reserve_placed(order: Order) -> None:
    """Placing an order takes every piece out of what can be sold, and touches no source."""
    ordered = ((line, line.quantity("ordered")) for line in order.lines if line.parent is None)
    _reserve(order, ordered, "order_placed", str(order.row["entity_id"]), sign=-1)


def release_canceled(order: Order, canceled: Quantities) -> None:
    """Cancelling gives back what had not been shipped."""
    _reserve(order, canceled, "order_canceled", str(order.row["entity_id"]))


def release_virtual(order: Order, invoiced: Quantities, invoice_id: int) -> None:
    """Invoicing a virtual line takes it from its source there and then: there is nothing to ship.

    Its sources are used by priority, as far as they reach.
    """
    virtual = [(line, quantity) for line, quantity in invoiced if line.virtual and quantity > 0]
    if not order.ctx.rules.msi:
        return
    stock = order.ctx.stock
    for line, quantity in virtual:
        request = {"stockId": _stock_id(order), "items": [{"sku": line.row["sku"], "qty": quantity}]}
        answer = select_sources(stock, {"inventoryRequest": request, "algorithmCode": "priority"})
        for choice in answer["source_selection_items"]:
            deduct(order, [(line, dec(choice["qty_to_deduct"]))], choice["source_code"])
    _reserve(order, virtual, "invoice_created", str(invoice_id))


def ship(order: Order, shipped: Quantities, source_code: str) -> None:
    """Shipping takes pieces from one source and gives their reservations back.

    Raises:
        StockFault: the source does not hold a SKU, or too little of it.
    """
    moved = list(shipped)
    deduct(order, moved, source_code)
    _reserve(order, moved, "shipment_created", str(order.row["entity_id"]))


def give_back(order: Order, refunded: Quantities, creditmemo_id: int, source_code: str) -> None:
    """A refund with "return to stock": pieces that were shipped go to a source, the others' reservations are lifted."""
    stock = order.ctx.stock
    unshipped = []
    for line, quantity in refunded:
        to_source = _taken_before(line, quantity)
        for sku, pieces in _pieces(line, to_source):
            item = _source_item(stock, sku, source_code)
            if item is not None:
                write_source_item(stock, SourceItem(item.sku, source_code, item.quantity + pieces, item.status))
        unshipped.append((line, quantity - to_source))
    _reserve(order, unshipped, "creditmemo_created", str(creditmemo_id))


def write_off(order: Order, refunded: Quantities, creditmemo_id: int, source_code: str) -> None:
    """A refund without "return to stock": pieces that were never shipped leave the source as if they had been.

    Raises:
        StockFault: see `ship`.
    """
    unshipped = [
        (part, pieces - _taken_before(part, pieces))
        for line, quantity in refunded
        for part, pieces in _shipped_rows(line, quantity)
    ]
    deduct(order, [(line, quantity) for line, quantity in unshipped if quantity > 0], source_code)
    _reserve(order, unshipped, "creditmemo_created", str(creditmemo_id))


def _shipped_rows(line: Line, quantity: Decimal) -> Iterator[tuple[Line, Decimal]]:
    """The rows that shipments of a line count on: a bundle's children if they ship on their own, else the line."""
    if line.children and line.ships_separately:
        for child in line.children:
            yield child, child.share(quantity)
    else:
        yield line, quantity


def _taken_before(line: Line, refunded: Decimal) -> Decimal:
    """How many of the pieces being refunded had left their source: what was refunded earlier counts as taken first."""
    taken = line.quantity("shipped") if not line.virtual else line.quantity("invoiced")
    before = max(line.quantity("refunded") - refunded, ZERO)
    return min(refunded, max(taken - before, ZERO))


def source_without_choice(order: Order) -> str:
    """The source used when a call names none: the stock's only one, else `default` even if the stock has it not."""
    stock = order.ctx.stock
    links = stock.links(_stock_id(order))
    return links[0].source_code if len(links) == 1 else DEFAULT_SOURCE


def deduct(order: Order, moved: Quantities, source_code: str) -> None:
    """Take pieces from a source; the last piece turns the row out of stock.

    Raises:
        StockFault: see `ship`. Nothing has been written then.
    """
    stock = order.ctx.stock
    if not order.ctx.rules.msi:
        return
    left: dict[str, SourceItem] = {}
    for line, quantity in moved:
        for sku, pieces in _pieces(line, quantity):
            if not manages_stock(stock, sku):
                continue
            item = left.get(sku) or _source_item(stock, sku, source_code)
            if item is None:
                raise StockFault(f"Source item not found by source code: {source_code} and sku: {sku}.")
            rest = item.quantity - pieces
            if rest < 0:
                raise StockFault("Not all of your products are available in the requested quantity.")
            left[sku] = SourceItem(item.sku, source_code, rest, item.status if rest > 0 else 0)
    for item in left.values():
        write_source_item(stock, item)


def _reserve(order: Order, moved: Quantities, event: str, object_id: str, *, sign: int = 1) -> None:
    if not order.ctx.rules.msi:
        return
    stock_id = _stock_id(order)
    kind = {"invoice_created": "invoice", "creditmemo_created": "creditmemo"}.get(event, "order")
    metadata: dict[str, Any] = {
        "event_type": event,
        "object_type": kind,
        "object_id": object_id,
        "object_increment_id": str(order.row.get("increment_id") or ""),
    }
    for line, quantity in moved:
        for sku, pieces in _pieces(line, quantity):
            if pieces and manages_stock(order.ctx.stock, sku):
                order.ctx.stock.reserve(stock_id, sku, sign * pieces, metadata)


def _pieces(line: Line, quantity: Decimal) -> Iterator[tuple[str, Decimal]]:
    """The SKUs that leave the shelf for so many of a line: its children's if it has any, else its own."""
    if line.children:
        for child in line.children:
            yield str(child.row["sku"]), child.share(quantity)
    else:
        yield str(line.row["sku"]), quantity


def _source_item(stock: StockBook, sku: str, source_code: str) -> SourceItem | None:
    return next((item for item in stock.source_items(sku) if item.source_code == source_code), None)


def _stock_id(order: Order) -> int:
    return stock_of_website(order.ctx.stock, order.ctx.stock.website_code(int(order.row.get("store_id") or 0)))
