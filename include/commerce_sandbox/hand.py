"""Changes to a store's orders by hand, as its people, its customers and its payment provider would make them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from commerce_sandbox import documents, ledger
from commerce_sandbox.actions import Footprint
from commerce_sandbox.database import Database
from commerce_sandbox.http_types import Effect
from commerce_sandbox.magento_rules import invoices, orders, refunds, shipments
from commerce_sandbox.magento_rules.as_placed import as_placed
from commerce_sandbox.magento_rules.book import Document, OrderBook, Outcome, Refused
from commerce_sandbox.magento_rules.lifecycle import follow_copies
from commerce_sandbox.placing import bulk_context, ids_in, place, raise_counters, reserve
from commerce_sandbox.store import ActionContext, Store, Stores

CHANGES = ("cancel", "hold", "unhold", "invoice", "ship", "refund", "set", "touch", "edit", "payment_review", "pay")


class BadChange(ValueError):
    """A change that cannot be made; the text says why."""


def change_order(
    database: Database, stores: Stores, store: Store, order_id: int, change: str, values: Mapping[str, Any]
) -> Document:
    """Change an order and write it to the ledger; the order as it is then.

    Args:
        change: `cancel` (as the customer), `hold`, `unhold`, `invoice`, `ship`, `refund` (`values` are the REST body),
            `pay` (a late online payment is captured: `pending_payment` or `payment_review` goes on), `payment_review`,
            `touch` (only `updated_at` moves), `set` (`values` are written into the order's row) or `edit` (as the admin
            does it: the order is cancelled and a new one, numbered `…-1`, takes its place).

    Raises:
        BadChange: no such order or change, or the order's state does not allow it.
    """
    with database.transaction() as connection:
        connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 7))", (store.code,))
        book = documents.read_book(connection, store.code, order_id, lock=True)
        if book is None:
            raise BadChange(f"instance {store.code} has no order {order_id}")
        context = stores.context(store, connection)
        before = Footprint(book)
        try:
            successor = _apply(book, context, change, values)
        except Refused as refused:
            raise BadChange(f"order {order_id} cannot {change}: {refused.text}") from None
        documents.save_books(connection, store.code, [book])
        effects = before.effects_until(Footprint(book), order_id) or [Effect(change, order_id, dict(values))]
        if successor is not None:
            effects += place(connection, store.code, [successor])
            reserve(bulk_context(connection, context, store.settings, 1), [successor])
        ledger.record_by_hand(connection, store.code, change, effects)
    return (successor or book).order


def _apply(book: OrderBook, context: ActionContext, change: str, values: Mapping[str, Any]) -> OrderBook | None:
    """Change the documents; the order that `edit` makes anew."""
    body = dict(values)
    match change:
        case "cancel":
            _must(orders.cancel(book, context))
        case "hold":
            orders.hold(book, context)
        case "unhold":
            orders.unhold(book, context)
        case "invoice":
            invoices.invoice(book, {"capture": True, **body}, context)
        case "ship":
            shipments.ship(book, body, context)
        case "refund":
            refunds.refund_order(book, body, context)
        case "pay":
            _pay(book, context)
        case "payment_review":
            _write(book, context, {"state": "payment_review", "status": "payment_review", **body})
        case "touch":
            _write(book, context, {})
        case "set":
            _write(book, context, body)
        case "edit":
            return _edit(book, context)
        case _:
            raise BadChange(f"change {change!r} is not one of {', '.join(CHANGES)}")
    return None


def _must(outcome: Outcome) -> None:
    if outcome.answer is False:
        raise BadChange("the order's state does not allow it")


def _write(book: OrderBook, context: ActionContext, values: Mapping[str, Any]) -> None:
    book.order.update(values)
    book.order["updated_at"] = context.now.strftime("%Y-%m-%d %H:%M:%S")
    follow_copies(book.order)


def _pay(book: OrderBook, context: ActionContext) -> None:
    """A payment that was waited for has come: the order is invoiced in full and goes to processing."""
    if book.order.get("state") in {"pending_payment", "payment_review"}:
        book.order |= {"state": "new", "status": "pending"}
    invoices.invoice(book, {"capture": True}, context)


def _edit(book: OrderBook, context: ActionContext) -> OrderBook:
    old = book.order
    original = str(old.get("original_increment_id") or old["increment_id"])
    edition = int(old.get("edit_increment") or 0) + 1
    new = as_placed(copy.deepcopy(old))
    now = context.now.strftime("%Y-%m-%d %H:%M:%S")
    new |= {
        "entity_id": context.next_id("order"),
        "increment_id": f"{original}-{edition}",
        "original_increment_id": original,
        "edit_increment": edition,
        "relation_parent_id": str(old["entity_id"]),
        "relation_parent_real_id": old["increment_id"],
        "created_at": now,
        "updated_at": now,
    }
    renumbered = {item["item_id"]: context.next_id("order_item") for item in new["items"]}
    for item in new["items"]:
        item |= {
            "item_id": renumbered[item["item_id"]],
            "order_id": new["entity_id"],
            "created_at": now,
            "updated_at": now,
        }
        if "parent_item_id" in item:
            item["parent_item_id"] = renumbered[item["parent_item_id"]]
    follow_copies(new)
    _must(orders.cancel(book, context))
    old |= {"relation_child_id": str(new["entity_id"]), "relation_child_real_id": new["increment_id"]}
    hidden = copy.deepcopy(book.hidden)
    if separate := hidden.get("ships_separately"):
        hidden["ships_separately"] = [renumbered[item_id] for item_id in separate]
    return OrderBook(new, hidden=hidden)


def place_documents(
    database: Database, stores: Stores, store: Store, books: Sequence[OrderBook]
) -> list[tuple[int, str]]:
    """Place orders as documents say, with whatever hangs under them; (entity_id, increment_id) of each."""
    with database.transaction() as connection:
        connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 7))", (store.code,))
        raise_counters(connection, store.code, ids_in(books))
        effects = place(connection, store.code, books)
        reserve(bulk_context(connection, stores.context(store, connection), store.settings, len(books)), books)
        ledger.record_by_hand(connection, store.code, "place", effects)
    return [(int(book.order["entity_id"]), str(book.order["increment_id"])) for book in books]
