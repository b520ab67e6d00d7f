"""Quarantine: one open entry a trouble, resolved and met again."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from magento_oms.storage import quarantine
from magento_oms.storage.database import engine

if TYPE_CHECKING:
    from tests.storage_shared.conftest import AtOnce


def open_one(
    connection: Connection,
    subject: str = "order:42",
    *,
    instance: str = "heritage",
    code: str = "bad_totals",
    reason: str = "The lines add up to 990.00, the order says 999.00.",
    store_id: int | None = None,
) -> int:
    return quarantine.open_(
        connection,
        instance=instance,
        subject=subject,
        code=code,
        reason=reason,
        way_out="Look at the order in Magento, then retry.",
        store_id=store_id,
    )


def test_meeting_the_same_trouble_again_counts(connection: Connection) -> None:
    first = open_one(connection, store_id=3)
    assert open_one(connection, reason="The lines add up to 980.00, the order says 999.00.") == first
    entry = quarantine.get(connection, first)
    assert entry is not None
    assert (entry.seen_times, entry.store_id, entry.resolved_at) == (2, 3, None)
    assert entry.reason.startswith("The lines add up to 980.00")
    assert entry.opened_at.tzinfo is UTC
    assert quarantine.count_open(connection, "heritage") == 1


def test_a_resolved_one_that_is_met_again_is_a_new_entry(connection: Connection) -> None:
    first = open_one(connection)
    assert quarantine.resolve(connection, "heritage", "order:42", resolution="replayed") == 1
    assert quarantine.resolve(connection, "heritage", "order:42", resolution="replayed") == 0
    second = open_one(connection)
    assert second != first
    old, new = quarantine.get(connection, first), quarantine.get(connection, second)
    assert old is not None
    assert new is not None
    assert (old.resolution, new.resolution, new.seen_times) == ("replayed", None, 1)
    assert old.resolved_at is not None
    assert old.resolved_at.tzinfo is UTC


def test_resolving_by_code_leaves_the_others(connection: Connection) -> None:
    open_one(connection, code="bad_totals")
    open_one(connection, code="unknown_status")
    open_one(connection, "order:43")
    open_one(connection, instance="urban")
    assert quarantine.resolve(connection, "heritage", "order:42", code="unknown_status", resolution="mapped") == 1
    assert [(entry.subject, entry.code) for entry in quarantine.list_open(connection, "heritage")] == [
        ("order:42", "bad_totals"),
        ("order:43", "bad_totals"),
    ]
    assert len(quarantine.list_open(connection)) == 3
    assert len(quarantine.list_open(connection, limit=2)) == 2
    assert quarantine.resolve_many(connection, "heritage", ["order:42", "order:43", "order:9"], resolution="gone") == 2
    assert [entry.instance for entry in quarantine.list_open(connection)] == ["urban"]


def test_what_is_not_there(connection: Connection) -> None:
    assert quarantine.get(connection, 1) is None
    assert quarantine.list_open(connection) == []
    assert quarantine.count_open(connection, "heritage") == 0


def test_it_is_part_of_the_callers_transaction(connection: Connection) -> None:
    open_one(connection)
    connection.rollback()
    assert quarantine.list_open(connection) == []


def test_many_at_once_make_one_entry(oms_database: str, at_once: AtOnce) -> None:
    def work(_: int) -> int:
        with engine(oms_database).begin() as connection:
            return open_one(connection)

    found = at_once(8, work)
    assert len(set(found)) == 1
    with engine(oms_database).begin() as connection:
        entry = quarantine.get(connection, found[0])
    assert entry is not None
    assert entry.seen_times == 8
