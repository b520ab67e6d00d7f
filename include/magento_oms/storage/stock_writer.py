"""Who tells an instance's stock: one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from magento_oms.storage.database import engine, text
from magento_oms.storage.inventory import target


class Writer:
    """The right to tell an instance's stock. It ends with its database session, however its process ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction in the session that holds the right."""
        with self._connection.begin():
            yield self._connection

    def still_mine(self) -> bool:
        """Whether the session that holds the right is alive."""
        try:
            self._connection.execute(text("select 1"))
            self._connection.rollback()
        except Exception:  # the session is gone, whatever the driver calls it
            return False
        return True


@contextmanager
def writer(url: str, instance: str) -> Iterator[Writer | None]:
    """Become the one who tells an instance's stock; None: somebody else is. Never waits."""
    name = {"name": target(instance)}
    with engine(url).connect() as connection:
        got = connection.execute(text("select pg_try_advisory_lock(hashtextextended(:name, 13))"), name).scalar()
        connection.rollback()
        if not got:
            yield None
            return
        try:
            yield Writer(connection)
        except BaseException:
            connection.invalidate()  # the session ends, and the right with it
            raise
        try:
            connection.execute(text("select pg_advisory_unlock(hashtextextended(:name, 13))"), name)
        except DBAPIError:
            connection.invalidate()
