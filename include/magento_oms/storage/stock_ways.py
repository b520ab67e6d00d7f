"""How an instance takes stock: the way that was learnt, and how many lines at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from magento_oms.storage.database import text


@dataclass(frozen=True, slots=True)
class LearntWay:
    """How an instance takes stock; `lines` a call, `limit` the most that it allows."""

    way: str
    why: str
    lines: int
    limit: int | None


def way(connection: Connection, instance: str, config_digest: str, *, at_most_old: timedelta) -> LearntWay | None:
    """What was learnt; None: nothing yet, or it is too old, or the configuration has changed."""
    row = connection.execute(
        text(
            'select way, why, lines, "limit" from stock_way where instance = :instance and config_digest = :digest'
            " and learnt_at > now() - :at_most_old"
        ),
        {"instance": instance, "digest": config_digest, "at_most_old": at_most_old},
    ).one_or_none()
    return None if row is None else LearntWay(*row)


def note_way(connection: Connection, instance: str, config_digest: str, learnt: LearntWay) -> None:
    """Remember what was learnt."""
    connection.execute(
        text(
            'insert into stock_way (instance, way, why, lines, "limit", config_digest)'
            " values (:instance, :way, :why, :lines, :limit, :digest) on conflict (instance) do update set"
            ' way = excluded.way, why = excluded.why, lines = excluded.lines, "limit" = excluded."limit",'
            " config_digest = excluded.config_digest, learnt_at = now()"
        ),
        {
            "instance": instance,
            "way": learnt.way,
            "why": learnt.why,
            "lines": learnt.lines,
            "limit": learnt.limit,
            "digest": config_digest,
        },
    )


def note_lines(connection: Connection, instance: str, lines: int, limit: int | None) -> None:
    """Remember how many lines a call has."""
    connection.execute(
        text('update stock_way set lines = :lines, "limit" = :limit where instance = :instance'),
        {"instance": instance, "lines": lines, "limit": limit},
    )
