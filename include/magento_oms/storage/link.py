"""One open connection of a process to the OMS database, for what is asked around every request.

Budget, breaker and stored tokens are asked too often to open a connection each time, and must not take part in their
caller's transaction. All that ask for the same URL in one process share one link. Every statement commits by itself.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, dict_row

from magento_oms.storage.database import psycopg_url

CONNECT_TIMEOUT = 10  # seconds
PATIENCE = 5.0  # seconds that a restarting server is waited for, once a statement has failed
RETRY_EVERY = 0.2  # seconds

_Driver = psycopg.Connection[DictRow]


class _Held:
    """The connection of a link; apart from it, so that it can be closed when the link is gone."""

    def __init__(self) -> None:
        self.connection: _Driver | None = None

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()


class Link:
    """A connection that reopens itself, safe to use from many threads and after a fork.

    Made by `link()`. `lock` may be taken around several steps that belong together; it is a new one after a fork.
    """

    def __init__(self, url: str) -> None:
        self._conninfo = psycopg_url(url)
        self._held = _Held()
        self.lock = threading.RLock()
        self.process = os.getpid()
        weakref.finalize(self, self._held.close)

    def rows(self, statement: str, **values: Any) -> list[DictRow]:
        """Run one statement in a transaction of its own and return its rows.

        A lost connection is opened again and the statement repeated once, so a statement must bear being run twice.

        Raises:
            psycopg.Error: the statement failed, or the server stayed away for longer than `PATIENCE` seconds.
        """
        with self.lock:
            try:
                return self._run(self._open(), statement, values)
            except psycopg.OperationalError:
                if self._held.connection is not None:  # the statement's own fault: a time-out, a deadlock
                    raise
            return self._run(self._reopen(), statement, values)

    def close(self) -> None:
        """Close the connection. The next statement opens it again."""
        with self.lock:
            self._held.close()

    def _run(self, connection: _Driver, statement: str, values: dict[str, Any]) -> list[DictRow]:
        usable = False
        try:
            cursor = connection.execute(statement, values)
            rows = cursor.fetchall() if cursor.description else []
            usable = True
        except psycopg.Error:
            usable = not connection.closed and connection.info.transaction_status is TransactionStatus.IDLE
            raise
        finally:
            if not usable:  # lost, or a signal handler broke in while the answer was under way
                self._held.close()
        return rows

    def _open(self) -> _Driver:
        if self._held.connection is None:
            self._held.connection = psycopg.connect(
                self._conninfo, autocommit=True, connect_timeout=CONNECT_TIMEOUT, row_factory=dict_row
            )
        return self._held.connection

    def _reopen(self) -> _Driver:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return self._open()
            except psycopg.OperationalError:
                if time.monotonic() >= end:
                    raise
                time.sleep(RETRY_EVERY)

    def _after_fork(self) -> None:
        _inherited.append(self._held.connection)  # neither used nor closed here: that would end the parent's session
        self._held.connection = None
        self.lock = threading.RLock()
        self.process = os.getpid()


_links: weakref.WeakValueDictionary[str, Link] = weakref.WeakValueDictionary()
_links_lock = threading.Lock()
_inherited: list[_Driver | None] = []


def link(url: str) -> Link:
    """This process's link to the database at `url`. It closes when the last object that uses it is gone."""
    with _links_lock:
        found = _links.get(url)
        if found is None:
            found = _links[url] = Link(url)
        return found


def _after_fork() -> None:
    global _links_lock
    _links_lock = threading.Lock()
    for each in list(_links.values()):
        each._after_fork()


os.register_at_fork(after_in_child=_after_fork)
