"""Writing a report's files and noting it, so that people can list and open it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from magento_oms.documents import reconciliation_report
from magento_oms.documents.reconciliation_report import Report
from magento_oms.storage import reports


@dataclass(frozen=True, slots=True)
class Published:
    """A report's number, and its page's path below the reports' folder."""

    id: int
    html: str


def publish(
    connection: Connection, report: Report, folder: Path, *, run_id: str, dry_run: bool, differing: int
) -> Published:
    """Write the files, then note them in the caller's transaction: a report that is listed is there."""
    csv_path, html_path = reconciliation_report.write(report, folder)
    number = reports.note(
        connection,
        kind=report.kind,
        instance=report.instance,
        store_id=report.store_id,
        start_at=report.start,
        end_at=report.end,
        run_id=run_id,
        dry_run=dry_run,
        proof=report.proof,
        differing=differing,
        counts=dict(report.facts),
        csv_path=csv_path,
        html_path=html_path,
    )
    return Published(number, html_path)
