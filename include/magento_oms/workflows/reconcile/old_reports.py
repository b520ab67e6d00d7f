"""Old reports are removed, their files before their rows: a run that dies in between is finished by the next one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from magento_oms.config.models import InstanceConfig
from magento_oms.storage import reports
from magento_oms.storage.database import autocommit, engine

AT_ONCE = 500


def remove_old_reports(url: str, config: InstanceConfig, folder: Path, *, now: datetime | None = None) -> int:
    """Remove an instance's reports that are older than it keeps them; how many there were.

    Args:
        folder: where reports are written. Files that are not there any more are no trouble.
    """
    before = (now or datetime.now(UTC)) - timedelta(days=config.reconciliation.keep_reports_days)
    removed = 0
    while True:
        with autocommit(url) as connection:
            old = reports.made_before(connection, config.code, before, limit=AT_ONCE)
        for report in old:
            for path in (report.csv_path, report.html_path):
                (folder / path).unlink(missing_ok=True)
        with engine(url).begin() as connection:
            removed += reports.forget(connection, [report.id for report in old])
        if len(old) < AT_ONCE:
            return removed
