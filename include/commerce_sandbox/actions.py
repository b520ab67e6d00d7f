"""Changes to orders: loads an order's documents, lets the rules act on them, and writes back what changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from commerce_sandbox import documents
from commerce_sandbox.database import Connection
from commerce_sandbox.http_types import Call, Effect
from commerce_sandbox.magento_rules.book import Context, OrderBook, Outcome, Refused, no_such_entity
from commerce_sandbox.php import to_int
from commerce_sandbox.reads import Handler

OrderRule = Callable[[OrderBook, Any, Context], Outcome]


class Footprint:
    """What can be told of an order's documents before and after an action, to see what the action did."""

    def __init__(self, book: OrderBook) -> None:
        order = book.order
        self.state = str(order.get("state")), str(order.get("status"))
        self.cancelled = sum(float(item.get("qty_canceled") or 0) for item in order.get("items") or ())
        self.documents = {
            "invoice": {int(each["entity_id"]) for each in book.invoices},
            "shipment": {int(each["entity_id"]) for each in book.shipments},
            "refund": {int(each["entity_id"]) for each in book.creditmemos},
            "track": {int(track["entity_id"]) for each in book.shipments for track in each.get("tracks") or ()},
            "comment": {int(each["entity_id"]) for each in order.get("status_histories") or ()},
            "shipment comment": {
                int(each["entity_id"]) for shipment in book.shipments for each in shipment.get("comments") or ()
            },
        }

    def effects_until(self, after: Footprint, order_id: int) -> list[Effect]:
        """What happened between this footprint and a later one."""
        found = [
            Effect(kind, order_id, {"id": identity})
            for kind, identities in after.documents.items()
            for identity in sorted(identities - self.documents[kind])
        ]
        found += [
            Effect("track deleted", order_id, {"id": identity})
            for identity in sorted(self.documents["track"] - after.documents["track"])
        ]
        if after.cancelled > self.cancelled or (after.state[0] == "canceled" != self.state[0]):
            found.append(Effect("cancel", order_id, {"quantity": after.cancelled - self.cancelled}))
        if after.state != self.state:
            found.append(Effect("state", order_id, {"before": list(self.state), "after": list(after.state)}))
        return found


def lock_store(call: Call, connection: Connection) -> None:
    """Let no other change of this store's stock happen until the transaction ends, if the version locks orders.

    Without it two shipments of one SKU could wait for each other for ever or lose each other's deduction.
    """
    if call.store.settings.rules.mutex:
        connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 7))", (call.store.code,))


def act(call: Call, connection: Connection, order_id: int, rule: OrderRule, body: Any) -> Any:
    """Run a rule on an order and keep what it did; its answer.

    Raises:
        Refused: as the rule says, or 404; nothing is kept then.
    """
    store = call.store
    lock_store(call, connection)
    book = documents.read_book(connection, store.code, order_id, lock=store.settings.rules.mutex)
    if book is None:
        raise no_such_entity()
    before = Footprint(book)
    outcome = rule(book, body, call.stores.context(store, connection, call.now))
    documents.save_books(connection, store.code, [book])
    call.effects += before.effects_until(Footprint(book), order_id)
    return outcome.answer


def on_order(rule: OrderRule, variable: str = "id") -> Handler:
    """A handler that runs a rule on the order named in the path."""

    def handler(call: Call, connection: Connection) -> Any:
        return act(call, connection, to_int(call.variables[variable]), rule, call.json_body())

    return handler


def on_document(kind: str, rule: Callable[[OrderBook, int, Any, Context], Outcome], variable: str = "id") -> Handler:
    """A handler that runs a rule on the order of the invoice or shipment named in the path.

    The rule gets the document's id after the order's documents.
    """

    def handler(call: Call, connection: Connection) -> Any:
        identity = to_int(call.variables[variable])
        order_id = documents.order_of(connection, call.store.code, kind, identity)
        if order_id is None:
            raise no_such_entity()
        return act(
            call, connection, order_id, lambda book, body, ctx: rule(book, identity, body, ctx), call.json_body()
        )

    return handler


def refuse_missing_parameter(name: str, body: Any) -> None:
    """Refuse a body that lacks a parameter, before anything is looked up.

    Raises:
        Refused: 400.
    """
    if not isinstance(body, dict) or body.get(name) is None:
        raise Refused(400, '"%fieldName" is required. Enter and try again.', {"fieldName": name})
