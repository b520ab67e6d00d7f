"""`POST /V1/order/{id}/ship`, tracks, shipment comments and the raw `POST /V1/shipment`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from commerce_sandbox.magento_rules import bodies
from commerce_sandbox.magento_rules.book import Context, Document, OrderBook, Outcome, Refused
from commerce_sandbox.magento_rules.inventory import StockFault
from commerce_sandbox.magento_rules.inventory_moves import ship as move_stock
from commerce_sandbox.magento_rules.inventory_moves import source_without_choice
from commerce_sandbox.magento_rules.invoices import (
    CREATION_COMMENT,
    answer_id,
    comment_row,
    find,
    quantities,
    shipping_address_id,
)
from commerce_sandbox.magento_rules.items import Line
from commerce_sandbox.magento_rules.lifecycle import CANCELED, HOLDED, NEW, PAYMENT_REVIEW, Order, act
from commerce_sandbox.magento_rules.numbers import ZERO, add, dec, num, stamp

_CREATION_TRACK: bodies.Fields = {
    "track_number": "string",
    "title": "string",
    "carrier_code": "string",
    "extension_attributes": "extension",
}
_CREATION_PACKAGE: bodies.Fields = {"extension_attributes": "extension"}
_ARGUMENTS: bodies.Fields = {"extension_attributes": "extension"}
_TRACK: bodies.Fields = {
    **_CREATION_TRACK,
    "order_id": "int",
    "created_at": "string",
    "entity_id": "int",
    "parent_id": "int",
    "updated_at": "string",
    "weight": "float",
    "qty": "float",
    "description": "string",
}
_COMMENT: bodies.Fields = {
    "is_customer_notified": "int",
    "parent_id": "int",
    "comment": "string",
    "is_visible_on_front": "int",
    "created_at": "string",
    "entity_id": "int",
    "extension_attributes": "extension",
}
_SHIPMENT: bodies.Fields = {
    "billing_address_id": "int",
    "created_at": "string",
    "customer_id": "int",
    "email_sent": "int",
    "entity_id": "int",
    "increment_id": "string",
    "order_id": "int",
    "packages": "mixed",
    "shipment_status": "int",
    "shipping_address_id": "int",
    "shipping_label": "string",
    "store_id": "int",
    "total_qty": "float",
    "total_weight": "float",
    "updated_at": "string",
    "items": "mixed",
    "tracks": "mixed",
    "comments": "mixed",
    "extension_attributes": "extension",
}
_SHIPMENT_ITEM: bodies.Fields = {
    "additional_data": "string",
    "description": "string",
    "entity_id": "int",
    "name": "string",
    "parent_id": "int",
    "price": "float",
    "product_id": "int",
    "row_total": "float",
    "sku": "string",
    "weight": "float",
    "order_item_id": "int",
    "qty": "float",
    "extension_attributes": "extension",
}
_TRACK_FAULT = "Could not save the shipment tracking."
_SHIP_FAULT = "Could not save a shipment, see error log for details"


def ship(book: OrderBook, body: Any, ctx: Context) -> Outcome:
    """Ship quantities; without items, everything that is left.

    More than is left is clamped, items of other orders are dropped, both silently. A new order goes to processing;
    other states stay, and the save finds out whether the order is complete. `updated_at` moves only if the state did.

    Raises:
        Refused: 400 with a line for every validator that objects, or one masked text when stock cannot be deducted (the
            shipment's id is used up then).
    """
    wanted = quantities(body)
    given = bodies.top(body)
    tracks = bodies.entities(given.get("tracks"), _CREATION_TRACK)
    comment = bodies.entity(given.get("comment"), CREATION_COMMENT)
    bodies.entities(given.get("packages"), _CREATION_PACKAGE)
    arguments = bodies.entity(given.get("arguments"), _ARGUMENTS)
    notify = bool(bodies.optional(body, "notify", "bool", default=False))
    told = notify and bool(bodies.optional(body, "appendComment", "bool", default=False))
    chosen_source = _source_code(arguments)

    def change(order: Order) -> str | int:
        chosen = _chosen(order, wanted)
        _refuse_invalid(order, chosen, tracks)
        shipment_id = ctx.next_id("shipment")
        increment_id = ctx.next_increment("shipment", int(order.row.get("store_id") or 0))
        source = chosen_source or source_without_choice(order)
        if any(not track.get("carrier_code") for track in tracks):
            raise Refused(400, _SHIP_FAULT)
        try:
            move_stock(order, chosen, source)
        except StockFault as fault:
            raise Refused(400, _SHIP_FAULT) from fault
        document = _document(order, chosen, shipment_id, increment_id)
        document["tracks"] = [_track_row(track, order, shipment_id) for track in tracks]
        if comment.get("comment"):
            document["comments"] = [comment_row(comment, shipment_id, ctx, "shipment_comment", told)]
        document["extension_attributes"] = {"source_code": source}
        if notify:
            document["email_sent"] = 1
        book.shipments.append(document)
        for line, quantity in chosen:
            _register(line, quantity)
        if order.state == NEW:
            order.enter(order.next_state(in_progress=True))
        return answer_id(shipment_id, ctx)

    return act(book, ctx, change)


def add_track(book: OrderBook, body: Any, ctx: Context) -> Outcome:
    """`POST /V1/shipment/track`: add a track to a shipment of this order; the same number may be added again.

    The caller hands in the book of the order that the body names (`entity.order_id`); a shipment that is not in it does
    not belong to the order.

    Raises:
        Refused: 400 for a missing `entity`, number, carrier or shipment.
    """
    sent = bodies.entity(bodies.parameter(body, "entity"), _TRACK)
    shipment = next((row for row in book.shipments if row["entity_id"] == sent.get("parent_id")), None)
    same_order = sent.get("order_id") == book.order["entity_id"]
    if shipment is None or not same_order or not sent.get("track_number") or not sent.get("carrier_code"):
        raise Refused(400, _TRACK_FAULT)
    now = stamp(ctx.now)
    track: Document = {
        "order_id": sent["order_id"],
        "created_at": sent.get("created_at") or now,
        "entity_id": sent.get("entity_id") or ctx.next_id("shipment_track"),
        "parent_id": sent["parent_id"],
        "updated_at": now,
        "weight": sent.get("weight"),
        "qty": sent.get("qty"),
        "description": sent.get("description"),
        "track_number": sent["track_number"],
        "title": sent.get("title"),
        "carrier_code": sent["carrier_code"],
    }
    kept = {**track, "description": track["description"] or None, "title": track["title"] or None}
    tracks = [row for row in shipment["tracks"] if row["entity_id"] != track["entity_id"]]
    shipment["tracks"] = [*tracks, kept]
    return Outcome(track)


def refuse_track_of_no_order(body: Any) -> Refused:
    """What `POST /V1/shipment/track` answers when the body names no order that exists."""
    bodies.entity(bodies.parameter(body, "entity"), _TRACK)
    return Refused(400, _TRACK_FAULT)


def delete_track(book: OrderBook | None, track_id: int, ctx: Context) -> Outcome:
    """`DELETE /V1/shipment/track/{id}`: true, whether there was such a track (`book` is its order's) or not (None)."""
    for shipment in book.shipments if book is not None else ():
        shipment["tracks"] = [row for row in shipment["tracks"] if row["entity_id"] != track_id]
    return Outcome(True)


def add_shipment_comment(book: OrderBook, shipment_id: int, body: Any, ctx: Context) -> Outcome:
    """`POST /V1/shipment/{id}/comments`. The shipment commented is the body's `parent_id`, else the path's.

    Raises:
        Refused: 400 for a missing `entity`, an empty comment or a shipment that is not in this order.
    """
    sent = bodies.entity(bodies.parameter(body, "entity"), _COMMENT)
    parent_id = sent.get("parent_id") or shipment_id
    shipment = next((row for row in book.shipments if row["entity_id"] == parent_id), None)
    if shipment is None or not sent.get("comment"):
        raise Refused(400, "Could not save the shipment comment.")
    comment: Document = {
        "is_customer_notified": sent.get("is_customer_notified") or 0,
        "parent_id": parent_id,
        "comment": sent["comment"],
        "is_visible_on_front": sent.get("is_visible_on_front") or 0,
        "created_at": stamp(ctx.now),
        "entity_id": ctx.next_id("shipment_comment"),
    }
    shipment["comments"] = [*shipment["comments"], comment]
    return Outcome(comment)


def post_shipment(book: OrderBook, body: Any, ctx: Context) -> Outcome:
    """`POST /V1/shipment`: rows only. No quantity is marked shipped and no state moves, so it can be repeated for ever.

    With Multi-Source Inventory the lines must name their SKUs, or the deduction finds no source item.

    Raises:
        Refused: 400 `The shipment couldn't be saved.`, with the id used up, or for a missing `entity`.
    """
    sent = bodies.entity(bodies.parameter(body, "entity"), _SHIPMENT)
    rows = bodies.entities(sent.get("items"), _SHIPMENT_ITEM)
    tracks = bodies.entities(sent.get("tracks"), _TRACK)
    shipment_id = ctx.next_id("shipment")
    fault = Refused(400, "The shipment couldn't be saved.")
    order = Order(book, ctx)
    moved: list[tuple[Line, Decimal]] = []
    for row in rows:
        line = order.lines.get(row.get("order_item_id"))
        if line is None or (ctx.rules.msi and not row.get("sku")):
            raise fault
        moved.append((line, dec(row.get("qty"))))
    if not moved or any(not track.get("track_number") or not track.get("carrier_code") for track in tracks):
        raise fault
    source = _source_code({"extension_attributes": sent.get("extension_attributes")}) or source_without_choice(order)
    try:
        move_stock(order, moved, source)
    except StockFault:
        raise fault from None
    increment_id = sent.get("increment_id") or ctx.next_increment("shipment", int(order.row.get("store_id") or 0))
    document = _document(order, moved, shipment_id, increment_id)
    document["tracks"] = [_track_row(track, order, shipment_id) for track in tracks]
    document["extension_attributes"] = {"source_code": source}
    book.shipments.append(document)
    return Outcome(document)


def label(book: OrderBook, shipment_id: int) -> str:
    """`GET /V1/shipment/{id}/label`: base64 of a PDF; `""` for a label that was never made.

    Raises:
        Refused: 404 for an unknown shipment.
    """
    return str(find(book.shipments, shipment_id).get("shipping_label") or "")


def _chosen(order: Order, wanted: dict[int, Decimal]) -> list[tuple[Line, Decimal]]:
    chosen = []
    for line in order.lines:
        if line.virtual or line.dummy(for_shipping=True) or line.to_ship <= 0:
            continue
        asked = wanted.get(line.item_id, ZERO) if wanted else line.to_ship
        quantity = min(asked, line.to_ship)
        if quantity > 0:
            chosen.append((line, quantity))
    return chosen


def _refuse_invalid(order: Order, chosen: list[tuple[Line, Decimal]], tracks: list[Document]) -> None:
    errors = []
    if order.state in {PAYMENT_REVIEW, HOLDED, CANCELED} or order.row.get("is_virtual"):
        errors.append(f"A shipment cannot be created when an order has a status of {order.status}")
    elif not any(line.shippable for line in order.lines):
        errors.append("The order does not allow a shipment to be created.")
    if not chosen:
        errors.append("You can't create a shipment without products.")
    if any(not track.get("track_number") for track in tracks):
        errors.append("Please enter a tracking number.")
    if errors:
        raise Refused(400, "\n".join(["Shipment Document Validation Error(s):", *errors]))


def _document(order: Order, chosen: list[tuple[Line, Decimal]], shipment_id: int, increment_id: str) -> Document:
    ctx, row = order.ctx, order.row
    now = stamp(ctx.now)
    document: Document = {
        "billing_address_id": row.get("billing_address_id"),
        "created_at": now,
        "entity_id": shipment_id,
        "increment_id": increment_id,
        "order_id": row["entity_id"],
        "packages": [],
        "shipping_address_id": shipping_address_id(row),
        "store_id": row.get("store_id"),
        "total_qty": num(sum((quantity for _, quantity in chosen), ZERO)),
        "updated_at": now,
    }
    if row.get("customer_id") is not None:
        document["customer_id"] = row["customer_id"]
    document["items"] = [_item_row(line, quantity, shipment_id, ctx) for line, quantity in chosen]
    document["tracks"] = []
    document["comments"] = []
    return document


def _item_row(line: Line, quantity: Decimal, shipment_id: int, ctx: Context) -> Document:
    row: Document = {"entity_id": ctx.next_id("shipment_item"), "name": line.row.get("name"), "parent_id": shipment_id}
    for key in ("price", "product_id", "sku", "weight"):
        if line.row.get(key) is not None:
            row[key] = line.row[key]
    return row | {"order_item_id": line.item_id, "qty": num(quantity)}


def _track_row(track: Document, order: Order, shipment_id: int) -> Document:
    now = stamp(order.ctx.now)
    return {
        "order_id": order.row["entity_id"],
        "created_at": now,
        "entity_id": order.ctx.next_id("shipment_track"),
        "parent_id": shipment_id,
        "updated_at": now,
        "weight": track.get("weight"),
        "qty": track.get("qty"),
        "description": track.get("description") or None,
        "track_number": track["track_number"],
        "title": track.get("title") or None,
        "carrier_code": track.get("carrier_code"),
    }


def _register(line: Line, quantity: Decimal) -> None:
    """Count the pieces as shipped; a bundle's parts go along with it, a configurable's simple does not."""
    if line.row.get("product_type") == "bundle":
        for child in line.children:
            if not child.virtual:
                add(child.row, "qty_shipped", min(child.share(quantity), child.plain_to_ship))
    add(line.row, "qty_shipped", quantity)


def _source_code(arguments: Document) -> str | None:
    extension = arguments.get("extension_attributes")
    code = extension.get("source_code") if isinstance(extension, dict) else None
    return str(code) if code else None
