"""The ledger: an append-only record of every call to a store and of what it changed, for proofs.

What a call changed is written in the same transaction as the change, so the ledger and the store cannot disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg.types.json import Jsonb

from commerce_sandbox.database import Connection
from commerce_sandbox.http_types import Call, Effect

_BODY_LIMIT = 20_000


def record(connection: Connection, call: Call, status: int) -> int:
    """Write one call with its effects; the new row's id. Passwords of logins are left out."""
    body = "" if call.path.endswith("/token") or "/tfa/" in call.path else call.body.decode("utf-8", "replace")
    row = connection.execute(
        "insert into sandbox_ledger (instance, method, path, query, body, status, caller, fault)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s) returning id",
        (
            call.store.code,
            call.method,
            call.path,
            call.query_string,
            body[:_BODY_LIMIT].replace("\x00", ""),
            status,
            call.caller.name if call.caller else None,
            call.fault,
        ),
    ).fetchone()
    assert row is not None  # noqa: S101  (an insert returns its row)
    ledger_id = int(row[0])
    if call.effects:
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into sandbox_effect (ledger_id, instance, kind, order_id, detail) values (%s, %s, %s, %s, %s)",
                [
                    (ledger_id, call.store.code, each.kind, each.order_id, Jsonb(dict(each.detail)))
                    for each in call.effects
                ],
            )
    return ledger_id


def record_by_hand(connection: Connection, instance: str, what: str, effects: Sequence[Effect]) -> None:
    """Write effects that came through the control API, not through a call to the store."""
    row = connection.execute(
        "insert into sandbox_ledger (instance, method, path, query, body, status) values (%s, 'HAND', %s, '', '', 200)"
        " returning id",
        (instance, what),
    ).fetchone()
    assert row is not None  # noqa: S101
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into sandbox_effect (ledger_id, instance, kind, order_id, detail) values (%s, %s, %s, %s, %s)",
            [(row[0], instance, each.kind, each.order_id, Jsonb(dict(each.detail))) for each in effects],
        )


def calls(
    connection: Connection,
    instance: str,
    *,
    after: int = 0,
    limit: int = 1000,
    method: str | None = None,
    path_like: str | None = None,
) -> list[dict[str, Any]]:
    """Calls in the order they were answered, oldest first.

    Args:
        after: only rows with a greater id.
        path_like: an SQL LIKE pattern on the path.
    """
    rows = connection.execute(
        "select id, at, method, path, query, body, status, caller, fault from sandbox_ledger"
        " where instance = %s and id > %s and (%s::text is null or method = %s) and (%s::text is null or path like %s)"
        " order by id limit %s",
        (instance, after, method, method, path_like, path_like, limit),
    )
    names = ("id", "at", "method", "path", "query", "body", "status", "caller", "fault")
    return [dict(zip(names, (row[0], row[1].isoformat(), *row[2:]), strict=True)) for row in rows]


def effects(
    connection: Connection,
    instance: str,
    *,
    kind: str | None = None,
    order_id: int | None = None,
    after: int = 0,
    limit: int = 100_000,
) -> list[dict[str, Any]]:
    """Effects in the order they happened, oldest first."""
    rows = connection.execute(
        "select id, ledger_id, at, kind, order_id, detail from sandbox_effect"
        " where instance = %s and id > %s and (%s::text is null or kind = %s)"
        " and (%s::bigint is null or order_id = %s) order by id limit %s",
        (instance, after, kind, kind, order_id, order_id, limit),
    )
    names = ("id", "call", "at", "kind", "order_id", "detail")
    return [dict(zip(names, (row[0], row[1], row[2].isoformat(), *row[3:]), strict=True)) for row in rows]


def counts(connection: Connection, instance: str, *, by_order: bool = False) -> list[dict[str, Any]]:
    """How many effects of each kind there were, by kind or by kind and order."""
    if by_order:
        rows = connection.execute(
            "select kind, order_id, count(*) from sandbox_effect where instance = %s group by 1, 2 order by 1, 2",
            (instance,),
        )
        return [{"kind": row[0], "order_id": row[1], "count": row[2]} for row in rows]
    rows = connection.execute(
        "select kind, count(*) from sandbox_effect where instance = %s group by 1 order by 1", (instance,)
    )
    return [{"kind": row[0], "count": row[1]} for row in rows]
