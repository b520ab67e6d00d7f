"""Generated orders placed into a store, with the catalogue and the customers that they need."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

from commerce_sandbox import documents, ledger
from commerce_sandbox.database import Connection, Database
from commerce_sandbox.generator import BulkOrder, OrderGenerator, bulk
from commerce_sandbox.generator.orders import STORE_VIEWS, Payment, Shape
from commerce_sandbox.http_types import Effect
from commerce_sandbox.magento_rules.book import OrderBook
from commerce_sandbox.magento_rules.lifecycle import follow_copies
from commerce_sandbox.magento_rules.stock_book import fold
from commerce_sandbox.placing import bulk_context, ids_in, place, put_products, raise_counters
from commerce_sandbox.store import ActionContext, Store, Stores

OPTIONS: Mapping[str, str] = {
    "payment": f"one of {', '.join(get_args(Payment))}",
    "shape": f"one of {', '.join(get_args(Shape))}",
    "store_id": "the store view",
    "lines": "how many top-level lines",
    "coupon": "whether there is one",
    "seed": "the same seed makes the same orders (ids and times apart)",
    "created_at": "UTC text `YYYY-MM-DD HH:MM:SS` of the first; now if left out",
    "every_seconds": "time between two orders, 0 if left out",
    "state": "written into the order as it is placed, with `status`",
    "status": "written into the order as it is placed",
}

_PIECES = Decimal(1_000_000)
_generators: dict[tuple[str, int], OrderGenerator] = {}
_lock = threading.Lock()


class BadOptions(ValueError):
    """Options that make no order; the text says what is allowed."""


def place_generated(
    database: Database, stores: Stores, store: Store, count: int, options: Mapping[str, Any]
) -> list[tuple[int, str]]:
    """Generate orders and place them in one transaction; (entity_id, increment_id) of each.

    Args:
        options: see `OPTIONS`.

    Raises:
        BadOptions: an unknown option or value.
    """
    _refuse_bad(store, options)
    seed = int(options.get("seed", 0))
    with _lock:
        generator = _generators.get((store.code, seed))
        if generator is None or "seed" in options:
            generator = _generators[store.code, seed] = _generator(store, seed)
        with database.transaction() as connection:
            connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 7))", (store.code,))
            base = stores.context(store, connection)
            _put_catalogue(connection, base, generator)
            context = bulk_context(connection, base, store.settings, count)
            start = _start(options, base.now)
            books = []
            for number in range(count):
                context.at(start + timedelta(seconds=float(options.get("every_seconds", 0)) * number))
                book = generator.order(
                    context,
                    payment=options.get("payment"),
                    shape=options.get("shape"),
                    store=next((view for view in STORE_VIEWS if view.store_id == options.get("store_id")), None),
                    lines=options.get("lines"),
                    coupon=options.get("coupon"),
                    reserve=context.rules.msi,
                )
                if changed := {name: options[name] for name in ("state", "status") if name in options}:
                    book.order.update(changed)
                    follow_copies(book.order)
                books.append(book)
            context.bulk_stock.flush()
            effects = place(connection, store.code, books)
            ledger.record_by_hand(connection, store.code, "place", effects)
    return [(int(book.order["entity_id"]), str(book.order["increment_id"])) for book in books]


def fill(
    database: Database,
    stores: Stores,
    store: Store,
    count: int,
    *,
    seed: int,
    created_at: str | None,
    every_seconds: float,
) -> dict[str, int]:
    """Fill a store with many orders of the past, quickly: copies of some hundred generated ones with ids of their own.

    They take nothing out of stock and are not in the ledger one by one. Order ids first and last.

    Args:
        created_at: UTC text of the first; so that the last is placed now if left out.
        every_seconds: time between two.

    Raises:
        BadOptions: `created_at` is no time.
    """
    with database.transaction() as connection:
        connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 7))", (store.code,))
        context = stores.context(store, connection)
        generator = _generator(store, seed)
        _put_catalogue(connection, context, generator)
        rows = connection.execute("select name, value from sandbox_counter where instance = %s", (store.code,))
        first_ids = {str(name): int(value) + 1 for name, value in rows}
        start = _start({} if created_at is None else {"created_at": created_at}, context.now)
        if created_at is None:
            start -= timedelta(seconds=every_seconds * (count - 1))
        highest: dict[str, int] = {}
        made = bulk(
            count,
            seed=seed,
            first_ids=first_ids,
            start=start,
            every=timedelta(seconds=every_seconds),
            generator=generator,
        )
        documents.copy_new_books(connection, store.code, _counted(made, highest))
        raise_counters(connection, store.code, highest)
        first = first_ids.get("order", 1)
        ledger.record_by_hand(connection, store.code, "fill", [Effect("fill", None, {"first": first, "count": count})])
    return {"first": first, "last": highest.get("order", first - 1), "count": count}


def _counted(made: Iterable[BulkOrder], highest: dict[str, int]) -> Iterator[OrderBook]:
    """The orders' documents, with the highest id of every counter noted on the way."""
    for each in made:
        book = OrderBook(documents.load(each.order), [documents.load(invoice) for invoice in each.invoices])
        for name, value in ids_in([book]).items():
            highest[name] = max(highest.get(name, 0), value)
        yield book


def _generator(store: Store, seed: int) -> OrderGenerator:
    there = {view["id"] for view in store.settings.store_views}
    return OrderGenerator(seed, stores=[view for view in STORE_VIEWS if view.store_id in there] or STORE_VIEWS[:1])


def _refuse_bad(store: Store, options: Mapping[str, Any]) -> None:
    if unknown := set(options) - set(OPTIONS):
        raise BadOptions(f"unknown options {sorted(unknown)}; there are {', '.join(OPTIONS)}")
    for name, allowed in (("payment", get_args(Payment)), ("shape", get_args(Shape))):
        if options.get(name) is not None and options[name] not in allowed:
            raise BadOptions(f"{name} {options[name]!r} is not one of {', '.join(allowed)}")
    there = {view["id"] for view in store.settings.store_views} & {view.store_id for view in STORE_VIEWS}
    if options.get("store_id") is not None and options["store_id"] not in there:
        raise BadOptions(f"store_id {options['store_id']!r} is not one of {sorted(there)}")


def _start(options: Mapping[str, Any], now: datetime) -> datetime:
    if "created_at" not in options:
        return now
    try:
        return datetime.strptime(str(options["created_at"]), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise BadOptions(f"created_at {options['created_at']!r} is not YYYY-MM-DD HH:MM:SS in UTC") from None


def _put_catalogue(connection: Connection, context: ActionContext, generator: OrderGenerator) -> None:
    """Put what the generator sells into the store, as far as the store does not have it."""
    products = generator.products()
    rows = connection.execute(
        "select sku from sandbox_document where instance = %s and kind = 'product' and sku = any(%s)",
        (context.instance, [fold(str(product["sku"])) for product in products]),
    )
    known = {row[0] for row in rows}
    missing = [product for product in products if fold(str(product["sku"])) not in known]
    if not missing:
        return
    taken = {
        int(row[0])
        for row in connection.execute(
            "select id from sandbox_document where instance = %s and kind = 'product'", (context.instance,)
        )
    }
    free = max([*taken, *(int(product["id"]) for product in missing)]) + 1
    for product in missing:
        if product["id"] in taken:
            product["id"], free = free, free + 1
    put_products(connection, context, missing, _PIECES)
    documents.save(connection, context.instance, "customer", generator.customer_documents())
