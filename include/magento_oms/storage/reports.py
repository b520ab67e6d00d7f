"""Reconciliation reports: noted when their files are written, listed, and found again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from magento_oms.storage.report_tables import ReconciliationReport


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report. Times are aware UTC; the paths lie below the reports' folder."""

    id: int
    kind: str
    instance: str
    store_id: int
    start_at: datetime
    end_at: datetime
    run_id: str
    dry_run: bool
    proof: str
    differing: int
    counts: dict[str, Any]
    csv_path: str
    html_path: str
    made_at: datetime


def note(connection: Connection, **values: Any) -> int:
    """Note a report (the columns of the table); its id."""
    statement = insert(ReconciliationReport).values(**values).returning(ReconciliationReport.id)
    return int(connection.execute(statement).scalar_one())


def newest(
    connection: Connection, *, kind: str | None = None, instance: str | None = None, limit: int = 50
) -> list[StoredReport]:
    """Reports, the newest first."""
    statement = select(ReconciliationReport.__table__).order_by(ReconciliationReport.id.desc()).limit(limit)
    if kind is not None:
        statement = statement.where(ReconciliationReport.kind == kind)
    if instance is not None:
        statement = statement.where(ReconciliationReport.instance == instance)
    return [_stored(row) for row in connection.execute(statement).mappings()]


def made_before(connection: Connection, instance: str, before: datetime, *, limit: int) -> list[StoredReport]:
    """Reports of an instance that were made before a time, the oldest first."""
    table = ReconciliationReport
    statement = (
        select(table.__table__)
        .where(table.instance == instance, table.made_at < before)
        .order_by(table.made_at, table.id)
        .limit(limit)
    )
    return [_stored(row) for row in connection.execute(statement).mappings()]


def forget(connection: Connection, report_ids: Sequence[int]) -> int:
    """Forget reports whose files are gone; how many there were."""
    return connection.execute(delete(ReconciliationReport).where(ReconciliationReport.id.in_(report_ids))).rowcount


def get(connection: Connection, report_id: int) -> StoredReport | None:
    """One report; None: there is none of that id."""
    statement = select(ReconciliationReport.__table__).where(ReconciliationReport.id == report_id)
    row = connection.execute(statement).mappings().one_or_none()
    return _stored(row) if row else None


def _stored(row: Any) -> StoredReport:
    values = dict(row)
    for name in ("start_at", "end_at", "made_at"):
        values[name] = values[name].astimezone(UTC)
    return StoredReport(**values)
