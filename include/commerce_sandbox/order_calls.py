"""Calls on orders and their documents that need more than a rule: where the order is found, or who may be missing."""

from __future__ import annotations

from typing import Any

from commerce_sandbox import documents
from commerce_sandbox.actions import act, refuse_missing_parameter
from commerce_sandbox.database import Connection
from commerce_sandbox.http_types import Call
from commerce_sandbox.magento_rules import invoices, orders, shipments
from commerce_sandbox.magento_rules.book import Context, OrderBook, Outcome, Refused, no_such_entity
from commerce_sandbox.php import to_int
from commerce_sandbox.reads import Handler


def cancel(book: OrderBook, body: Any, ctx: Context) -> Outcome:
    """`orders.cancel`; the body is not looked at."""
    return orders.cancel(book, ctx)


def hold(book: OrderBook, body: Any, ctx: Context) -> Outcome:
    """`orders.hold`; the body is not looked at."""
    return orders.hold(book, ctx)


def unhold(book: OrderBook, body: Any, ctx: Context) -> Outcome:
    """`orders.unhold`; the body is not looked at."""
    return orders.unhold(book, ctx)


def capture_invoice(book: OrderBook, invoice_id: int, body: Any, ctx: Context) -> Outcome:
    """`invoices.capture_invoice`; the body is not looked at."""
    return invoices.capture_invoice(book, invoice_id, ctx)


def void_invoice(book: OrderBook, invoice_id: int, body: Any, ctx: Context) -> Outcome:
    """`POST /V1/invoices/{id}/void`: none of the stand-in's payment methods can void.

    Raises:
        Refused: 400, always.
    """
    raise Refused(400, "The void action is not available.")


def shipment_label(call: Call, connection: Connection) -> Any:
    """`GET /V1/shipment/{id}/label`."""
    shipment_id = to_int(call.variables["id"])
    order_id = documents.order_of(connection, call.store.code, "shipment", shipment_id)
    book = None if order_id is None else documents.read_book(connection, call.store.code, order_id, lock=False)
    if book is None:
        raise no_such_entity()
    return shipments.label(book, shipment_id)


def order_email(call: Call, connection: Connection) -> Any:
    """`POST /V1/orders/{id}/emails`: true; no mail leaves a sandbox."""
    if documents.read(connection, call.store.code, "order", to_int(call.variables["id"])) is None:
        raise no_such_entity()
    return True


def document_email(kind: str) -> Handler:
    """`POST …/{id}/emails` of an invoice or shipment: true; no mail leaves a sandbox."""

    def handler(call: Call, connection: Connection) -> Any:
        if documents.read(connection, call.store.code, kind, to_int(call.variables["id"])) is None:
            raise no_such_entity()
        return True

    return handler


def save_entity(call: Call, connection: Connection) -> Any:
    """`POST /V1/orders` and `PUT /V1/orders/create`."""
    body = call.json_body()
    order_id = orders.find_entity_id(body)
    if order_id is None:
        return orders.save_entity(None, body, call.stores.context(call.store, connection, call.now)).answer
    return act(call, connection, order_id, orders.save_entity, body)


def _entity(body: Any) -> dict[str, Any]:
    entity = body.get("entity") if isinstance(body, dict) else None
    return entity if isinstance(entity, dict) else {}


def _order_named(call: Call, connection: Connection, body: Any) -> int | None:
    """The order that a track or a raw shipment names, if there is such an order."""
    try:
        order_id = to_int(_entity(body).get("order_id"))
    except Refused:
        return None
    return None if documents.read(connection, call.store.code, "order", order_id) is None else order_id


def add_track(call: Call, connection: Connection) -> Any:
    """`POST /V1/shipment/track`."""
    body = call.json_body()
    order_id = _order_named(call, connection, body)
    if order_id is None:
        raise shipments.refuse_track_of_no_order(body)
    return act(call, connection, order_id, shipments.add_track, body)


def delete_track(call: Call, connection: Connection) -> Any:
    """`DELETE /V1/shipment/track/{id}`: true even where there is none."""
    track_id = to_int(call.variables["id"])
    order_id = documents.order_of_track(connection, call.store.code, track_id)
    if order_id is None:
        return shipments.delete_track(None, track_id, call.stores.context(call.store, connection, call.now)).answer
    return act(
        call,
        connection,
        order_id,
        lambda book, body, ctx: shipments.delete_track(book, track_id, ctx),
        call.json_body(),
    )


def add_shipment_comment(call: Call, connection: Connection) -> Any:
    """`POST /V1/shipment/{id}/comments`: the body's `parent_id` says which shipment, else the path does."""
    body = call.json_body()
    shipment_id = to_int(_entity(body).get("parent_id")) or to_int(call.variables["id"])
    order_id = documents.order_of(connection, call.store.code, "shipment", shipment_id)
    if order_id is None:
        refuse_missing_parameter("entity", body)
        raise Refused(400, "Could not save the shipment comment.")
    return act(
        call,
        connection,
        order_id,
        lambda book, sent, ctx: shipments.add_shipment_comment(book, shipment_id, sent, ctx),
        body,
    )


def post_shipment(call: Call, connection: Connection) -> Any:
    """`POST /V1/shipment`, the raw save."""
    body = call.json_body()
    order_id = _order_named(call, connection, body)
    if order_id is None:
        raise Refused(400, "The shipment couldn't be saved.")
    return act(call, connection, order_id, shipments.post_shipment, body)
