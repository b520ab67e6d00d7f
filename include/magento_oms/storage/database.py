"""Connections to the OMS database, and waking those who wait for its changes."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from hashlib import md5

import psycopg
from sqlalchemy import Connection, Engine, TextClause, create_engine, event
from sqlalchemy import text as new_text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from magento_oms.ports import ConfigurationError
from magento_oms.settings import settings

CHANNEL = "magento_oms"
"""The `NOTIFY` channel of all signals, such as `effects:magento:heritage`. Each has one of its own beside it: who waits
for one is not woken by the others.
"""


RESTED = 30.0
"""Seconds after which a kept connection is asked before it is used. Sooner if its socket has something to say."""
PREPARE_AFTER = 2
"""Uses of a statement on a connection after which the server keeps its plan."""


def database_url() -> str:
    """The URL of the OMS database.

    Raises:
        ConfigurationError: it is not set.
    """
    url = settings().database_url.get_secret_value()
    if not url:
        raise ConfigurationError(
            "The OMS database is not known.",
            way_out="Set MAGENTO_OMS_DATABASE_URL to postgresql+psycopg://user:password@host:port/name.",
        )
    return url


_engines: dict[str, Engine] = {}
_making = threading.Lock()


def engine(url: str) -> Engine:
    """The engine of this process. Its few connections are kept: logging in costs more than writing a page of orders."""
    with _making:
        if url not in _engines:
            made = create_engine(
                url,
                pool_size=4,
                max_overflow=16,
                connect_args={"connect_timeout": 10, "prepare_threshold": PREPARE_AFTER},
                # Parameters are addresses and payloads: an error of the database must not carry them into a log.
                hide_parameters=True,
            )
            _ask_after_a_rest(made)
            _engines[url] = made
        return _engines[url]


def _ask_after_a_rest(made: Engine) -> None:
    """A connection that has rested is asked whether it is alive before it is lent. Asking each time would be every
    tenth round trip, and a server that ends says so: there is something to read where nothing was asked.
    """

    @event.listens_for(made, "checkin")
    def _note(_: object, record: ConnectionPoolEntry) -> None:
        record.info["rests_since"] = time.monotonic()

    @event.listens_for(made, "checkout")
    def _ask(connection: DBAPIConnection, record: ConnectionPoolEntry, _: object) -> None:
        rests_since = record.info.get("rests_since")
        if rests_since is None:
            return
        try:
            if time.monotonic() - rests_since < RESTED and not _has_something_to_say(connection):
                return
            alive = made.dialect.do_ping(connection)
        except made.dialect.loaded_dbapi.Error:
            alive = False
        if not alive:
            raise DisconnectionError("the connection was lost while it rested")


def _has_something_to_say(connection: DBAPIConnection) -> bool:
    """Whether the server sent, or closed, what nobody has read: it ends, most likely."""
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


@lru_cache(maxsize=2048)
def text(statement: str) -> TextClause:
    """SQLAlchemy's `text`, made once a statement: to make it, and find what it compiles to, costs a fifth."""
    return new_text(statement)


@contextmanager
def autocommit(url: str) -> Iterator[Connection]:
    """A connection on which every statement commits by itself: for looking, and for what one statement does.

    It takes no `BEGIN`, and ends with no rollback, after which the driver would forget what it has prepared.
    """
    with engine(url).connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def own_connection(url: str) -> Iterator[Connection]:
    """A connection that is closed at the end, whatever it holds: session locks and settings end with it."""
    with engine(url).connect() as connection:
        try:
            yield connection
        finally:
            connection.invalidate()


def close_connections(url: str) -> None:
    """Close what is kept for `url` (before the database is copied or dropped)."""
    with _making:
        made = _engines.pop(url, None)
    if made is not None:
        made.dispose()


def _begin_anew() -> None:
    """In a forked child (Airflow forks its tasks): empty pools, and the parent's connections left alone."""
    global _making
    _making = threading.Lock()
    for made in _engines.values():
        made.dispose(close=False)


os.register_at_fork(after_in_child=_begin_anew)


def psycopg_url(url: str) -> str:
    """The same URL as libpq wants it."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def driver(connection: Connection) -> psycopg.Connection[tuple[object, ...]]:
    """The psycopg connection underneath, for COPY inside the same transaction."""
    raw = connection.connection.driver_connection
    if not isinstance(raw, psycopg.Connection):  # pragma: no cover  (engine() makes no others)
        raise TypeError(f"expected a psycopg connection, got {type(raw)}")
    return raw


@contextmanager
def copy_into(connection: Connection, table: str, columns: Sequence[str]) -> Iterator[psycopg.Copy]:
    """COPY into `table` inside the connection's transaction; rows are given to `write_row`.

    Raises:
        sqlalchemy.exc.DBAPIError: as other statements do, such as IntegrityError where a row is there already.
    """
    statement = psycopg.sql.SQL("copy {} ({}) from stdin").format(
        psycopg.sql.Identifier(table), psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, columns))
    )
    try:
        with driver(connection).cursor() as cursor, cursor.copy(statement) as copy:
            yield copy
    except psycopg.Error as error:
        raise DBAPIError.instance(f"copy {table}", None, error, psycopg.Error) from error


def given_rows(columns: Mapping[str, str]) -> str:
    """SQL for rows that one statement is given, as a table `given`; their values come from `by_column`.

    Args:
        columns: name → type of Postgres.
    """
    arrays = ", ".join(f"cast(:{name} as {kind}[])" for name, kind in columns.items())
    return f"unnest({arrays}) as given ({', '.join(columns)})"


def by_column(columns: Mapping[str, str], rows: Iterable[Sequence[object]]) -> dict[str, list[object]]:
    """The values of rows, column by column, as `given_rows` wants them."""
    return {name: list(values) for name, values in zip(columns, zip(*rows, strict=True), strict=True)}


def new_ids(connection: Connection, table: str, count: int) -> list[int]:
    """Ids for new rows of a table that numbers them itself."""
    if not count:
        return []
    return list(
        connection.execute(
            text("select nextval(pg_get_serial_sequence(:table, 'id')) from generate_series(1, :count)"),
            {"table": table, "count": count},
        ).scalars()
    )


def notify(connection: Connection, signal: str) -> None:
    """Wake those who wait for `signal`, when (and only if) the transaction commits."""
    connection.execute(
        text("select pg_notify(:all_signals, :signal), pg_notify(:its_own, '')"),
        {"all_signals": CHANNEL, "signal": signal, "its_own": channel_of(signal)},
    )


def channel_of(signal: str) -> str:
    """The channel of one signal. The database's own functions tell there, too (`tell`)."""
    return f"{CHANNEL}_{md5(signal.encode(), usedforsecurity=False).hexdigest()[:16]}"


@contextmanager
def listener(url: str, signal: str) -> Iterator[Listener]:
    """A connection that hears `signal` from now on."""
    with psycopg.connect(psycopg_url(url), autocommit=True, connect_timeout=10) as connection:
        connection.execute(f"listen {channel_of(signal)}")
        yield Listener(connection)


class Listener:
    """Hears one signal."""

    def __init__(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        self._connection = connection

    def wait(self, timeout: float) -> bool:
        """Whether the signal was heard within `timeout` seconds. Returns at once when it is."""
        return any(True for _ in self._connection.notifies(timeout=max(timeout, 0), stop_after=1))
