"""Reports are kept as long as the instance says, and then removed with their files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.workflows.reconcile.conftest import Reconciling

from magento_oms.workflows.reconcile.old_reports import remove_old_reports

LATER = datetime.now(UTC) + timedelta(days=90, hours=1)


def removed(reconciling: Reconciling, *, now: datetime | None = None) -> int:
    forward = reconciling.forward
    return remove_old_reports(forward.oms.url, forward.config, reconciling.folder, now=now)


def files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


def test_what_is_young_stays_and_what_is_old_goes(reconciling: Reconciling) -> None:
    reconciling.forward.place()
    old, young = reconciling.one().report, reconciling.one().report
    assert removed(reconciling) == 0
    assert files(reconciling.folder) == 4
    oms = reconciling.forward.oms
    oms.run("update reconciliation_report set made_at = now() - interval '90 days 1 second' where id = :id", id=old)
    assert removed(reconciling) == 1
    assert [row["id"] for row in oms.rows("select id from reconciliation_report")] == [young]
    assert files(reconciling.folder) == 2
    assert removed(reconciling, now=LATER) == 1
    assert (oms.count("reconciliation_report"), files(reconciling.folder)) == (0, 0)


def test_a_run_that_died_between_is_finished_by_the_next_one(reconciling: Reconciling) -> None:
    reconciling.forward.place()
    reconciling.one()
    for path in reconciling.folder.rglob("*.csv"):
        path.unlink()
    assert removed(reconciling, now=LATER) == 1
    assert (reconciling.forward.oms.count("reconciliation_report"), files(reconciling.folder)) == (0, 0)


def test_another_instance_s_reports_are_not_touched(reconciling: Reconciling) -> None:
    reconciling.forward.place()
    reconciling.one()
    reconciling.forward.oms.run("update reconciliation_report set instance = 'other'")
    assert removed(reconciling, now=LATER) == 0
    assert files(reconciling.folder) == 2
