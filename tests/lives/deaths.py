"""A process that dies between two writes, without a new process: from the chosen point on nothing of it has effect.

The points are what every write passes through: statements that write, COPY, commits, and requests to the outside. Once
dead, every further one fails too, so that no clean-up of the dying code reaches the database. For the machines, which
need thousands of deaths; real SIGKILLs are in the tests of kill points.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from tests.workflows.kill_child import written

from careful_http.transport import Transport


class Killed(BaseException):
    """The process is dead. No `except Exception` catches it, as none outlives a SIGKILL."""


class Deaths:
    """Kills what happens within `dying()`, at the n-th point that it passes.

    Args:
        ours: whether a database, by its name, is the OMS's: the sandbox lives on.
    """

    def __init__(self, ours: Callable[[str], bool]) -> None:
        self._ours = ours
        self._lock = threading.Lock()
        self._left: int | None = None
        self._dead = False
        self.happened = 0

    @contextmanager
    def dying(self, after: int) -> Iterator[None]:
        """Die at the point number `after` within the block; live on where it passes fewer."""
        self._left, self._dead = after, False
        try:
            yield
        except Killed:
            self.happened += 1
        finally:
            self._left, self._dead = None, False

    def _point(self) -> None:
        with self._lock:
            if self._dead:
                raise Killed
            if self._left is None:
                return
            self._left -= 1
            if self._left <= 0:
                self._dead = True
                raise Killed

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Make points of everything that writes; for the length of the block."""
        execute, copy, commit = psycopg.Cursor.execute, psycopg.Cursor.copy, psycopg.Connection.commit
        many, fetch = psycopg.Cursor.executemany, Transport.fetch

        def watched_execute(cursor: psycopg.Cursor[Any], query: Any, *args: Any, **more: Any) -> Any:
            if self._idle or not self._is_ours(cursor.connection) or written(query) is None:
                return execute(cursor, query, *args, **more)
            self._point()
            return execute(cursor, query, *args, **more)

        def watched_many(cursor: psycopg.Cursor[Any], query: Any, *args: Any, **more: Any) -> Any:
            if not self._idle and self._is_ours(cursor.connection):
                self._point()
            return many(cursor, query, *args, **more)

        @contextmanager
        def watched_copy(cursor: psycopg.Cursor[Any], statement: Any, *args: Any, **more: Any) -> Iterator[Any]:
            if not self._idle and self._is_ours(cursor.connection):
                self._point()
            with copy(cursor, statement, *args, **more) as found:
                yield found

        def watched_commit(connection: psycopg.Connection[Any]) -> None:
            if self._idle or not self._is_ours(connection):
                commit(connection)
                return
            self._point()
            commit(connection)
            self._point()

        def watched_fetch(transport: Transport, *args: Any, **more: Any) -> Any:
            self._point()
            outcome = fetch(transport, *args, **more)
            self._point()
            return outcome

        psycopg.Cursor.execute = watched_execute  # type: ignore[method-assign,assignment]
        psycopg.Cursor.executemany = watched_many  # type: ignore[method-assign,assignment]
        psycopg.Cursor.copy = watched_copy  # type: ignore[method-assign,assignment]
        psycopg.Connection.commit = watched_commit  # type: ignore[method-assign,assignment]
        Transport.fetch = watched_fetch  # type: ignore[method-assign,assignment]
        try:
            yield
        finally:
            psycopg.Cursor.execute = execute  # type: ignore[method-assign]
            psycopg.Cursor.executemany = many  # type: ignore[method-assign]
            psycopg.Cursor.copy = copy  # type: ignore[method-assign]
            psycopg.Connection.commit = commit  # type: ignore[method-assign]
            Transport.fetch = fetch  # type: ignore[method-assign]

    @property
    def _idle(self) -> bool:
        return self._left is None and not self._dead

    def _is_ours(self, connection: psycopg.Connection[Any]) -> bool:
        return not connection.closed and self._ours(connection.info.dbname)
