"""The sandbox's own Postgres: its tables, and a small pool of connections.

Every statement is written here or in the modules that own a table, in plain SQL; nothing is shared with the product.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from queue import Empty, LifoQueue
from typing import Any, LiteralString, cast

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]

SCHEMA: LiteralString = """
create table if not exists sandbox_instance (
  code text primary key,
  settings jsonb not null,
  secret text not null,
  tokens_from double precision not null default 0,
  created_at timestamptz not null default now()
);
create table if not exists sandbox_counter (
  instance text not null, name text not null, value bigint not null,
  primary key (instance, name)
);
create table if not exists sandbox_document (
  instance text not null, kind text not null, id bigint not null,
  order_id bigint, increment_id text collate "C", state text collate "C", status text collate "C", store_id bigint,
  created_at text collate "C", updated_at text collate "C", sku text collate "C",
  flat jsonb not null, document text not null, hidden text,
  primary key (instance, kind, id)
);
create index if not exists sandbox_document_updated on sandbox_document (instance, kind, updated_at, id);
create index if not exists sandbox_document_created on sandbox_document (instance, kind, created_at, id);
create index if not exists sandbox_document_status on sandbox_document (instance, kind, status, id);
create index if not exists sandbox_document_increment on sandbox_document (instance, kind, increment_id);
create index if not exists sandbox_document_order on sandbox_document (instance, kind, order_id, id);
create index if not exists sandbox_document_sku on sandbox_document (instance, kind, sku);
create table if not exists sandbox_source (
  instance text not null, source_code text not null, document text not null, id bigserial,
  primary key (instance, source_code)
);
create table if not exists sandbox_stock (
  instance text not null, stock_id bigint not null, document text not null, indexed boolean not null default true,
  primary key (instance, stock_id)
);
create table if not exists sandbox_stock_link (
  instance text not null, stock_id bigint not null, source_code text not null, priority bigint not null,
  primary key (instance, stock_id, source_code)
);
create table if not exists sandbox_source_item (
  id bigserial, instance text not null, folded text collate "C" not null, sku text not null,
  source_code text not null, quantity numeric not null, status bigint not null,
  primary key (instance, folded, source_code)
);
create table if not exists sandbox_reservation (
  id bigserial primary key, instance text not null, stock_id bigint not null, folded text collate "C" not null,
  sku text not null, quantity numeric not null, metadata jsonb not null
);
create index if not exists sandbox_reservation_sku on sandbox_reservation (instance, stock_id, folded);
create table if not exists sandbox_stock_item (
  instance text not null, folded text collate "C" not null, document text not null,
  primary key (instance, folded)
);
create table if not exists sandbox_login (
  instance text not null, username text not null, failures bigint not null, locked_until double precision not null,
  primary key (instance, username)
);
create table if not exists sandbox_token (
  instance text not null, token text not null, username text not null,
  issued double precision not null, expires double precision not null,
  primary key (instance, token)
);
create table if not exists sandbox_nonce (
  instance text not null, consumer_key text not null, nonce text not null,
  primary key (instance, consumer_key, nonce)
);
create table if not exists sandbox_ledger (
  id bigserial primary key, instance text not null, at timestamptz not null default clock_timestamp(),
  method text not null, path text not null, query text not null, body text not null,
  status bigint not null, caller text, fault text
);
create index if not exists sandbox_ledger_instance on sandbox_ledger (instance, id);
create table if not exists sandbox_effect (
  id bigserial primary key, ledger_id bigint not null references sandbox_ledger (id), instance text not null,
  at timestamptz not null default clock_timestamp(), kind text not null, order_id bigint, detail jsonb not null
);
create index if not exists sandbox_effect_kind on sandbox_effect (instance, kind, order_id);
create table if not exists sandbox_fault (
  id bigserial primary key, instance text, rule jsonb not null, seen bigint not null default 0,
  fired bigint not null default 0
);
create table if not exists sandbox_bulk (
  instance text not null, uuid text not null, topic text not null, started text not null,
  user_id bigint not null, user_type bigint not null, count bigint not null,
  primary key (instance, uuid)
);
create table if not exists sandbox_operation (
  instance text not null, uuid text not null, id bigint not null, body text not null, status bigint not null,
  result_message text, result text, error_code bigint,
  primary key (instance, uuid, id)
);
"""


def libpq_url(url: str) -> str:
    """A database URL as libpq takes it: a driver name such as `postgresql+psycopg` is cut off."""
    scheme, separator, rest = url.partition("://")
    return scheme.partition("+")[0] + separator + rest


class Database:
    """A pool of connections to the sandbox's database, for threads. Creates the tables when it is made.

    Args:
        url: `postgresql://…`, also as SQLAlchemy writes it.
        size: how many connections at the most; who wants one more waits.
    """

    def __init__(self, url: str, *, size: int = 12) -> None:
        self.url = libpq_url(url)
        self._idle: LifoQueue[Connection | None] = LifoQueue()
        for _ in range(size):
            self._idle.put(None)
        self._size = size
        self._counting = threading.Lock()
        self._counter: Connection | None = None
        with self.transaction() as connection:
            connection.execute("select pg_advisory_xact_lock(hashtext('commerce_sandbox schema'))")
            connection.execute(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back on any exception."""
        connection = self._idle.get()
        try:
            with ExitStack() as stack:
                connection = self._begin(connection, stack)
                try:
                    yield connection
                except psycopg.OperationalError:
                    if connection.broken:
                        connection.close()
                    raise
        finally:
            self._idle.put(connection)

    def _begin(self, connection: Connection | None, stack: ExitStack) -> Connection:
        """Begin a transaction; on a new connection if the idle one did not survive a restart of Postgres."""
        if connection is not None and not connection.closed:
            try:
                stack.enter_context(connection.transaction())
            except psycopg.OperationalError:
                connection.close()
            else:
                return connection
        connection = self._connect()
        stack.enter_context(connection.transaction())
        return connection

    def _connect(self) -> Connection:
        return cast("Connection", psycopg.connect(self.url, autocommit=True, connect_timeout=10))

    def next_value(self, instance: str, name: str, count: int = 1) -> int:
        """The first of `count` new values of a counter. As with MySQL's auto-increment, a rollback keeps them used."""
        with self._counting:
            try:
                row = self._count(instance, name, count)
            except psycopg.OperationalError:
                # Postgres was restarted: an answer that was lost only leaves numbers unused.
                self._counter = None
                row = self._count(instance, name, count)
            assert row is not None  # noqa: S101  (an upsert returns a row)
            return int(row[0]) - count + 1

    def _count(self, instance: str, name: str, count: int) -> tuple[Any, ...] | None:
        if self._counter is None or self._counter.closed:
            self._counter = self._connect()
        return self._counter.execute(
            "insert into sandbox_counter values (%s, %s, %s)"
            " on conflict (instance, name) do update set value = sandbox_counter.value + excluded.value"
            " returning value",
            (instance, name, count),
        ).fetchone()

    def close(self) -> None:
        """Close every connection; who still holds one closes it when giving it back is impossible anyway."""
        if self._counter is not None:
            self._counter.close()
        for _ in range(self._size):
            try:
                connection = self._idle.get(timeout=5)
            except Empty:
                break
            if connection is not None:
                connection.close()
