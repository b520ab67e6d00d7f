"""Magento's documents as rows: the JSON text as it is served, and the columns that lists filter by."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from commerce_sandbox.database import Connection
from commerce_sandbox.magento_rules.book import Document, OrderBook
from commerce_sandbox.magento_rules.stock_book import fold

CHILD_KINDS = ("invoice", "shipment", "creditmemo")


def dump(value: Any) -> str:
    """JSON as PHP writes it: no blanks, non-ASCII and slashes escaped."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/")


def load(text: str) -> Any:
    """JSON as it was stored."""
    return json.loads(text)


def _identity(kind: str, document: Document) -> int:
    return int(
        document["item_id" if kind == "order_item" else "id" if kind in {"product", "customer"} else "entity_id"]
    )


def _flat(kind: str, document: Document) -> Document:
    """The plain values that filters may ask for."""
    flat = {
        name: (int(value) if isinstance(value, bool) else value)
        for name, value in document.items()
        if value is not None and not isinstance(value, list | dict)
    }
    if kind == "order":
        if remembered := document.get("shipping_address_id") or _shipping_address(document).get("entity_id"):
            flat["shipping_address_id"] = remembered
        if method := _shipping(document).get("method"):
            flat["shipping_method"] = method
    if kind == "product":
        for attribute in document.get("custom_attributes") or ():
            value = attribute["value"]
            flat[attribute["attribute_code"]] = ",".join(map(str, value)) if isinstance(value, list) else value
        websites = (document.get("extension_attributes") or {}).get("website_ids") or [None]
        flat["website_id"] = websites[0]
    return flat


def _shipping(order: Document) -> Document:
    assignments = (order.get("extension_attributes") or {}).get("shipping_assignments") or [{}]
    shipping: Document = assignments[0].get("shipping") or {}
    return shipping


def _shipping_address(order: Document) -> Document:
    address: Document = _shipping(order).get("address") or {}
    return address


def _row(
    instance: str, kind: str, document: Document, order_id: int | None, hidden: Document | None = None
) -> tuple[Any, ...]:
    def folded(name: str) -> str | None:
        value = document.get(name)
        return None if value is None else fold(str(value))

    return (
        instance,
        kind,
        _identity(kind, document),
        order_id if order_id is not None else document.get("order_id"),
        folded("increment_id"),
        folded("state"),
        folded("status"),
        document.get("store_id"),
        document.get("created_at"),
        document.get("updated_at"),
        folded("sku"),
        Jsonb(_flat(kind, document)),
        dump(document),
        dump(hidden) if hidden else None,
    )


_UPSERT = """
insert into sandbox_document (instance, kind, id, order_id, increment_id, state, status, store_id, created_at,
  updated_at, sku, flat, document, hidden)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
on conflict (instance, kind, id) do update set order_id = excluded.order_id, increment_id = excluded.increment_id,
  state = excluded.state, status = excluded.status, store_id = excluded.store_id, created_at = excluded.created_at,
  updated_at = excluded.updated_at, sku = excluded.sku, flat = excluded.flat, document = excluded.document,
  hidden = excluded.hidden
where sandbox_document.document <> excluded.document or sandbox_document.hidden is distinct from excluded.hidden
"""


def save(connection: Connection, instance: str, kind: str, documents: Iterable[Document]) -> None:
    """Insert or replace documents of one kind."""
    rows = [_row(instance, kind, document, None) for document in documents]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(_UPSERT, rows)


def save_books(connection: Connection, instance: str, books: Sequence[OrderBook]) -> None:
    """Write orders with everything under them; what has not changed is not written."""
    with connection.cursor() as cursor:
        cursor.executemany(_UPSERT, [row for book in books for row in _book_rows(instance, book)])


def copy_new_books(connection: Connection, instance: str, books: Iterable[OrderBook]) -> None:
    """Write orders that are new, many at a time.

    Raises:
        psycopg.errors.UniqueViolation: one of them is there already.
    """
    statement = (
        "copy sandbox_document (instance, kind, id, order_id, increment_id, state, status, store_id, created_at,"
        " updated_at, sku, flat, document, hidden) from stdin"
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for book in books:
            for row in _book_rows(instance, book):
                copy.write_row(row)


def _book_rows(instance: str, book: OrderBook) -> Iterator[tuple[Any, ...]]:
    """The rows of an order and of everything under it."""
    order_id = int(book.order["entity_id"])
    yield _row(instance, "order", book.order, order_id, book.hidden)
    for item in book.order.get("items") or ():
        yield _row(instance, "order_item", item, order_id)
    for kind, rows in zip(CHILD_KINDS, (book.invoices, book.shipments, book.creditmemos), strict=True):
        for document in rows:
            yield _row(instance, kind, document, order_id)


def read(connection: Connection, instance: str, kind: str, identity: int) -> str | None:
    """The JSON text of one document, None if there is none."""
    row = connection.execute(
        "select document from sandbox_document where instance = %s and kind = %s and id = %s",
        (instance, kind, min(identity, 2**63 - 1)),
    ).fetchone()
    return None if row is None else str(row[0])


def read_by_sku(connection: Connection, instance: str, sku: str) -> str | None:
    """The JSON text of a product."""
    row = connection.execute(
        "select document from sandbox_document where instance = %s and kind = 'product' and sku = %s",
        (instance, fold(sku)),
    ).fetchone()
    return None if row is None else str(row[0])


def has_attribute(connection: Connection, instance: str, code: str) -> bool:
    """Whether some product has a custom attribute of that code."""
    pattern = f'"attribute_code": *"{re.escape(code)}"'
    row = connection.execute(
        "select 1 from sandbox_document where instance = %s and kind = 'product' and document::text ~ %s limit 1",
        (instance, pattern),
    ).fetchone()
    return row is not None


_READ_ORDER = "select document, hidden from sandbox_document where instance = %s and kind = 'order' and id = %s"
_READ_ORDER_AND_LOCK = _READ_ORDER + " for update"


def read_book(connection: Connection, instance: str, order_id: int, *, lock: bool) -> OrderBook | None:
    """An order with everything under it, None if there is no such order.

    Args:
        lock: whether other actions on this order wait until the transaction ends.
    """
    row = connection.execute(
        _READ_ORDER_AND_LOCK if lock else _READ_ORDER,
        (instance, min(order_id, 2**63 - 1)),
    ).fetchone()
    if row is None:
        return None
    children: Mapping[str, list[Document]] = {kind: [] for kind in CHILD_KINDS}
    for kind, text in connection.execute(
        "select kind, document from sandbox_document"
        " where instance = %s and kind = any(%s) and order_id = %s order by kind, id",
        (instance, list(CHILD_KINDS), order_id),
    ):
        children[kind].append(load(text))
    return OrderBook(
        load(row[0]),
        children["invoice"],
        children["shipment"],
        children["creditmemo"],
        load(row[1]) if row[1] else {},
    )


def order_of(connection: Connection, instance: str, kind: str, identity: int) -> int | None:
    """The order that an invoice, shipment or credit memo belongs to."""
    row = connection.execute(
        "select order_id from sandbox_document where instance = %s and kind = %s and id = %s",
        (instance, kind, min(identity, 2**63 - 1)),
    ).fetchone()
    return None if row is None else int(row[0])


def order_of_track(connection: Connection, instance: str, track_id: int) -> int | None:
    """The order whose shipment has a track."""
    row = connection.execute(
        "select order_id from sandbox_document where instance = %s and kind = 'shipment'"
        " and exists (select from json_array_elements(document::json->'tracks') as track"
        "   where track->>'entity_id' = %s)",
        (instance, str(track_id)),
    ).fetchone()
    return None if row is None else int(row[0])
