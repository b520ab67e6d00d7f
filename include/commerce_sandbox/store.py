"""The stores of a sandbox: their settings and secrets, kept in the database and cached in the process."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from psycopg.types.json import Jsonb

from commerce_sandbox.database import Connection, Database
from commerce_sandbox.magento_rules.book import PAYMENT_METHODS, PaymentMethod, RuleSwitches, Statuses
from commerce_sandbox.magento_rules.stock_book import StockBook
from commerce_sandbox.settings import BadSettings, InstanceSettings, settings_from
from commerce_sandbox.sql_stock import SqlStockBook

DEFAULT_INSTANCE = "default"
RESERVED_CODES = {"rest", "_sandbox", "admin"}

_OTHER_TABLES = [
    "counter",
    "document",
    "source",
    "stock",
    "stock_link",
    "source_item",
    "reservation",
    "stock_item",
    "login",
    "token",
    "nonce",
    "fault",
    "bulk",
    "operation",
]


@dataclass(frozen=True, slots=True)
class Store:
    """One stand-in store as a call sees it.

    Attributes:
        secret: signs its tokens.
        tokens_from: tokens issued before this time (seconds since 1970) count as expired.
    """

    code: str
    settings: InstanceSettings
    secret: str
    tokens_from: float

    def stock(self, connection: Connection) -> SqlStockBook:
        """The store's stock within a transaction."""
        return SqlStockBook(connection, self.code, self.settings)


@dataclass
class ActionContext:
    """The world around one action, as the rules ask for it (`Context` in the rules)."""

    now: datetime
    rules: RuleSwitches
    statuses: Statuses
    stock: StockBook
    database: Database
    instance: str
    payment_methods: Mapping[str, PaymentMethod] = field(default_factory=lambda: PAYMENT_METHODS)

    def next_id(self, kind: str) -> int:
        """See `Context`."""
        return self.database.next_value(self.instance, kind)

    def next_increment(self, kind: str, store_id: int) -> str:
        """See `Context`; the default store view's numbers have no prefix, the others begin with their id."""
        number = self.database.next_value(self.instance, f"{kind} increment {store_id}")
        return f"{store_id if store_id > 1 else ''}{number:09d}"


class Stores:
    """All stores of a sandbox by code."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._cache: dict[str, Store] = {}
        self._lock = threading.Lock()

    def codes(self) -> list[str]:
        """Every store's code, in the order of their making."""
        with self.database.transaction() as connection:
            return [row[0] for row in connection.execute("select code from sandbox_instance order by created_at, code")]

    def find(self, code: str) -> Store | None:
        """A store by its code."""
        found = self._cache.get(code)
        return found if found else self._load(code)

    def _load(self, code: str) -> Store | None:
        with self.database.transaction() as connection:
            row = connection.execute(
                "select settings, secret, tokens_from from sandbox_instance where code = %s", (code,)
            ).fetchone()
        if row is None:
            return None
        store = Store(code, settings_from(row[0]), row[1], row[2])
        self._cache[code] = store
        return store

    def put(self, code: str, patch: Mapping[str, Any]) -> Store:
        """Make a store, or change some settings of one.

        Raises:
            BadSettings: a setting that no store can have, or a code that cannot stand in a URL.
        """
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", code) or code in RESERVED_CODES:
            raise BadSettings(
                f"instance code {code!r} must be lower-case letters, digits, _ or -, and none of the words"
                f" {', '.join(sorted(RESERVED_CODES))}"
            )
        with self._lock:
            known = self.find(code)
            settings = (known.settings if known else InstanceSettings()).changed(patch)
            with self.database.transaction() as connection:
                fresh = connection.execute(
                    "insert into sandbox_instance (code, settings, secret) values (%s, %s, %s)"
                    " on conflict (code) do update set settings = excluded.settings returning (xmax = 0)",
                    (code, Jsonb(settings.as_document()), secrets.token_urlsafe(32)),
                ).fetchone()
                if fresh and fresh[0]:
                    SqlStockBook(connection, code, settings).install()
            self._cache.pop(code, None)
        found = self._load(code)
        assert found is not None  # noqa: S101  (just written)
        return found

    def expire_tokens(self, code: str) -> None:
        """Make every token that a store has given out so far count as expired."""
        with self.database.transaction() as connection:
            connection.execute("update sandbox_instance set tokens_from = %s where code = %s", (time.time(), code))
        self._cache.pop(code, None)

    def reset(self, code: str) -> None:
        """Forget everything about a store but its settings and its ledger: as freshly installed."""
        store = self.find(code)
        if store is None:
            return
        with self.database.transaction() as connection:
            for table in _OTHER_TABLES:
                connection.execute(f"delete from sandbox_{table} where instance = %s", (code,))  # noqa: S608
            SqlStockBook(connection, code, store.settings).install()

    def context(self, store: Store, connection: Connection, now: float | None = None) -> ActionContext:
        """What an action on this store's orders needs to know."""
        return ActionContext(
            datetime.fromtimestamp(time.time() if now is None else now, UTC).replace(microsecond=0),
            store.settings.rules,
            store.settings.all_statuses,
            SqlStockBook(connection, store.code, store.settings),
            self.database,
            store.code,
        )
