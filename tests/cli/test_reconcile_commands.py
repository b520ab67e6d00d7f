"""`magento-oms reconcile`: comparing now, listing, opening."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.workflows.fakes import FakeMagento

from magento_oms.settings import settings

WINDOW = ("--from", "2026-11-20", "--to", "2026-11-21T00:00:00+05:30")


@pytest.fixture(autouse=True)
def reports(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the reports."""
    monkeypatch.setenv("MAGENTO_OMS_REPORTS_DIR", str(tmp_path / "reports"))
    settings.cache_clear()
    return tmp_path / "reports"


@pytest.fixture
def lost(order: int, store: FakeMagento) -> int:
    """An order that the OMS does not have, beside one that it has."""
    entity_id = store.place()
    store.pass_time(86_400)
    return entity_id


def test_orders_are_compared_listed_and_shown(run: Run, lost: int, reports: Path) -> None:
    told = json.loads(run("reconcile", "orders", "loom", *WINDOW, "--json").stdout)
    [store] = told["stores"]
    assert store["proof"].endswith("lost 0, doubled 0, differing 0 (none); 1 healed")
    [listed] = json.loads(run("reconcile", "list", "--json").stdout)
    assert (listed["id"], listed["proof"]) == (store["report"], store["proof"])
    shown = run("reconcile", "show", store["report"]).stdout
    assert "missing" in shown
    assert "healed: 1" in shown
    assert str(reports / store["html"]) in shown
    assert run("reconcile", "list", "--kind", "inventory").stdout.split() == []


def test_what_is_lost_ends_the_command_with_1(run: Run, lost: int) -> None:
    assert "lost 1" in run("reconcile", "orders", "loom", *WINDOW, "--dry-run", code=1).stdout


def test_errors_tell_the_way_out(run: Run, order: int, reports: Path) -> None:
    assert "two ends" in run("reconcile", "orders", "loom", "--from", "2026-11-20", code=1).stderr
    assert "is empty" in run("reconcile", "orders", "loom", "--from", "2026-11-21", "--to", "2026-11-20", code=1).stderr
    assert "is no time" in run("reconcile", "orders", "loom", "--from", "today", "--to", "now", code=1).stderr
    assert "reconcile list" in run("reconcile", "show", 99, code=1).stderr
    run("reconcile", "orders", "loom", *WINDOW)
    for path in reports.rglob("*.csv"):
        path.unlink()
    assert "MAGENTO_OMS_REPORTS_DIR" in run("reconcile", "show", 1, code=1).stderr


def test_old_reports_are_removed_on_demand(run: Run, order: int, reports: Path) -> None:
    run("reconcile", "orders", "loom", *WINDOW)
    assert "0 reports older than 90 days were removed" in run("reconcile", "tidy", "loom").stdout
    assert list(reports.rglob("*.csv"))
