"""When each watcher was last alive, so that a silent one is noticed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from magento_oms.storage.link import Link, link

_BEAT = """
insert into heartbeat (name, beat_at, details) values (%(name)s, now(), %(details)s)
on conflict (name) do update set beat_at = excluded.beat_at, details = excluded.details
"""
_ALL = "select name, beat_at, details, extract(epoch from now() - beat_at)::float8 as age from heartbeat"


@dataclass(frozen=True, slots=True)
class Beat:
    """The last sign of life of a watcher.

    Attributes:
        name: of the watcher, such as `order_pull_live:heritage`.
        at: when, by the database's clock; aware UTC.
        age: seconds since then.
        details: what it said about itself.
    """

    name: str
    at: datetime
    age: float
    details: Mapping[str, Any]


class Heartbeats:
    """Signs of life, one row a watcher. Each call is a short transaction of its own."""

    def __init__(self, url: str) -> None:
        self._link: Link = link(url)

    def beat(self, name: str, details: Mapping[str, Any] | None = None) -> None:
        """`name` is alive now. `details` replace those of its last beat; no secrets, no personal data."""
        self._link.rows(_BEAT, name=name, details=Jsonb(dict(details or {})))

    def last(self, name: str) -> Beat | None:
        """The last beat of `name`, or None if it never lived."""
        rows = self._link.rows(f"{_ALL} where name = %(name)s", name=name)
        return _beat(rows[0]) if rows else None

    def stale(self, older_than: timedelta) -> list[Beat]:
        """Watchers whose last beat is older than that, the most silent first."""
        seconds = older_than.total_seconds()
        statement = f"{_ALL} where beat_at < now() - make_interval(secs => %(seconds)s) order by beat_at, name"
        return [_beat(row) for row in self._link.rows(statement, seconds=seconds)]

    def forget(self, name: str) -> None:
        """`name` is watched no more (its instance was taken out of the configuration)."""
        self._link.rows("delete from heartbeat where name = %(name)s", name=name)

    def close(self) -> None:
        """Close the connection; it is opened again when needed."""
        self._link.close()


def _beat(row: DictRow) -> Beat:
    return Beat(name=row["name"], at=row["beat_at"].astimezone(UTC), age=row["age"], details=row["details"])
