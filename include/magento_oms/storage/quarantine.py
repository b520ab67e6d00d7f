"""Orders and effects that cannot go on by themselves, each with its reason and a way to send it on.

One open entry per (instance, subject, code), however often it is met; resolved, never deleted here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Text, any_, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from magento_oms.storage import effects
from magento_oms.storage.database import text
from magento_oms.storage.tables import Quarantine


@dataclass(frozen=True, slots=True)
class Entry:
    """One quarantined order or effect. Times are aware UTC; `resolved_at` is None while it is open.

    Attributes:
        subject: `order:<entity_id>` or `effect:<id>`.
        code: the kind of trouble, for programs.
        reason: what is wrong, for people; no personal data.
        way_out: what a person can do.
        seen_times: how often it was met since it was opened.
    """

    id: int
    instance: str
    store_id: int | None
    subject: str
    code: str
    reason: str
    way_out: str
    inbox_id: int | None
    effect_id: int | None
    opened_at: datetime
    seen_times: int
    resolved_at: datetime | None
    resolution: str | None


def open_(
    connection: Connection,
    *,
    instance: str,
    subject: str,
    code: str,
    reason: str,
    way_out: str,
    store_id: int | None = None,
    inbox_id: int | None = None,
    effect_id: int | None = None,
) -> int:
    """Quarantine a subject, in the transaction that found it out. Returns the id of the entry.

    If the same (instance, subject, code) is open already, that entry counts once more and takes the newest reason, way
    out and payload.
    """
    statement = insert(Quarantine).values(
        instance=instance,
        store_id=store_id,
        subject=subject,
        code=code,
        reason=reason,
        way_out=way_out,
        inbox_id=inbox_id,
        effect_id=effect_id,
    )
    new = statement.excluded
    upsert = statement.on_conflict_do_update(
        index_elements=["instance", "subject", "code"],
        index_where=text("resolved_at is null"),
        set_={
            "seen_times": Quarantine.seen_times + 1,
            "reason": new.reason,
            "way_out": new.way_out,
            "store_id": func.coalesce(new.store_id, Quarantine.store_id),
            "inbox_id": func.coalesce(new.inbox_id, Quarantine.inbox_id),
            "effect_id": func.coalesce(new.effect_id, Quarantine.effect_id),
        },
    ).returning(Quarantine.id)
    return int(connection.execute(upsert).scalar_one())


def resolve(connection: Connection, instance: str, subject: str, *, resolution: str, code: str | None = None) -> int:
    """Close the open entries of a subject (only those with `code`, if given). Returns how many were open."""
    statement = update(Quarantine).where(
        Quarantine.instance == instance, Quarantine.subject == subject, Quarantine.resolved_at.is_(None)
    )
    if code is not None:
        statement = statement.where(Quarantine.code == code)
    return connection.execute(statement.values(resolved_at=func.now(), resolution=resolution)).rowcount


def drop_refused(connection: Connection, instance: str, effect_ids: Sequence[int], *, why: str) -> None:
    """Give failed effects up that are not wanted any more, and close their entries: nobody need mend them."""
    for effect_id in effect_ids:
        effects.give_up(connection, effect_id)
    resolve_many(connection, instance, [f"effect:{effect_id}" for effect_id in effect_ids], resolution=why)


def resolve_many(connection: Connection, instance: str, subjects: Sequence[str], *, resolution: str) -> int:
    """Close the open entries of all these subjects with one statement. Returns how many were open."""
    statement = update(Quarantine).where(
        Quarantine.instance == instance,
        Quarantine.subject == any_(literal(list(subjects), ARRAY(Text()))),
        Quarantine.resolved_at.is_(None),
    )
    return connection.execute(statement.values(resolved_at=func.now(), resolution=resolution)).rowcount


def list_open(connection: Connection, instance: str | None = None, *, limit: int = 100) -> list[Entry]:
    """The open entries (of one instance, if given), the longest waiting first, `limit` at most."""
    statement = select(Quarantine.__table__).where(Quarantine.resolved_at.is_(None))
    if instance is not None:
        statement = statement.where(Quarantine.instance == instance)
    rows = connection.execute(statement.order_by(Quarantine.opened_at, Quarantine.id).limit(limit)).mappings()
    return [_entry(row) for row in rows]


def count_open(connection: Connection, instance: str) -> int:
    """How many entries of an instance are open."""
    statement = (
        select(func.count())
        .select_from(Quarantine)
        .where(Quarantine.instance == instance, Quarantine.resolved_at.is_(None))
    )
    return int(connection.execute(statement).scalar_one())


def get(connection: Connection, entry_id: int) -> Entry | None:
    """One entry, open or resolved; None if there is no such."""
    row = connection.execute(select(Quarantine.__table__).where(Quarantine.id == entry_id)).mappings().first()
    return None if row is None else _entry(row)


def _entry(row: RowMapping) -> Entry:
    values: dict[str, Any] = dict(row)
    values["opened_at"] = row["opened_at"].astimezone(UTC)
    if row["resolved_at"] is not None:
        values["resolved_at"] = row["resolved_at"].astimezone(UTC)
    return Entry(**values)
