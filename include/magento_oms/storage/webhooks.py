"""Webhooks as they came: stored before they are answered, worked on afterwards, again if need be."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from magento_oms.storage.database import notify, text

SIGNAL = "webhooks"
"""Wakes whoever works on webhooks."""


@dataclass(frozen=True, slots=True)
class StoredWebhook:
    """One webhook. `body` is as it came; personal data."""

    id: int
    target: str
    body: bytes


def digest(body: bytes) -> bytes:
    """What tells two bodies apart."""
    return hashlib.blake2b(body, digest_size=16).digest()


def store(connection: Connection, received: Sequence[tuple[str, bytes]]) -> list[bool]:
    """Keep webhooks, each a target and a body; which of them are new. The same body again is only counted."""
    keys = [(target, digest(body)) for target, body in received]
    times = Counter(keys)
    bodies = {key: body for key, (_, body) in zip(keys, received, strict=True)}
    # Sorted, so that two writers never wait for each other in a circle.
    once = sorted(times)
    rows = connection.execute(
        text(
            "insert into webhook as w (target, digest, body, repeats)"
            " select * from unnest(cast(:targets as text[]), cast(:digests as bytea[]), cast(:bodies as bytea[]),"
            " cast(:repeats as int[]))"
            " on conflict (target, digest) do update set repeats = w.repeats + excluded.repeats + 1"
            " returning target, digest, (xmax = 0) as new"
        ),
        {
            "targets": [target for target, _ in once],
            "digests": [told for _, told in once],
            "bodies": [bodies[key] for key in once],
            "repeats": [times[key] - 1 for key in once],
        },
    )
    new = {(row.target, bytes(row.digest)) for row in rows if row.new}
    if new:
        notify(connection, SIGNAL)
    outcome = []
    for key in keys:
        outcome.append(key in new)
        new.discard(key)
    return outcome


def claim_new(connection: Connection, targets: list[str], *, limit: int) -> list[StoredWebhook]:
    """Webhooks that nobody worked on, the oldest first, locked until the transaction ends."""
    rows = connection.execute(
        text(
            "select id, target, body from webhook where worked_at is null and target = any(:targets)"
            " order by id limit :limit for update skip locked"
        ),
        {"targets": targets, "limit": limit},
    )
    return [StoredWebhook(row.id, row.target, bytes(row.body)) for row in rows]


def worked(connection: Connection, webhook_id: int, outcome: str) -> None:
    """Note what came of one."""
    connection.execute(
        text("update webhook set worked_at = now(), outcome = :outcome where id = :id"),
        {"id": webhook_id, "outcome": outcome},
    )


def work_again(connection: Connection, target: str | None = None, *, outcome_like: str = "%") -> int:
    """Let webhooks be worked on once more; how many.

    Args:
        outcome_like: only those of such an outcome (SQL `like`): `unknown code%`.
    """
    changed = connection.execute(
        text(
            "update webhook set worked_at = null where worked_at is not null and outcome like :outcome"
            " and (cast(:target as text) is null or target = :target)"
        ),
        {"target": target, "outcome": outcome_like},
    ).rowcount
    if changed:
        notify(connection, SIGNAL)
    return changed


def waiting(connection: Connection) -> int:
    """How many nobody worked on."""
    count: int = connection.execute(text("select count(*) from webhook where worked_at is null")).scalar_one()
    return count
