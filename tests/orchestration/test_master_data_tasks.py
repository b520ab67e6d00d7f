"""What the tasks of `master_data_pull` make of a run: its window, the form, and who may catch up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from airflow.sdk.api.datamodels._generated import DagRunType  # what Airflow gives to tasks
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from cryptography.fernet import Fernet
from tests.workflows.fakes import NOW, FakeMagento, instance_config

from magento_oms.orchestration import master_data_tasks, tasks, wiring
from magento_oms.settings import settings
from magento_oms.storage.leases import Lease

HOUR = timedelta(hours=1)
Run = Callable[..., dict[str, object]]


@pytest.fixture
def store() -> FakeMagento:
    fake = FakeMagento()
    fake.add_product(1, "EARLY", updated_at="2026-11-20 09:30:00")
    fake.add_product(2, "LATE", updated_at="2026-11-20 11:30:00")
    fake.add_customer(1)
    return fake


@pytest.fixture
def run(oms_database: str, store: FakeMagento, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a task as Airflow would: with the run's type, window and form."""
    monkeypatch.setenv("MAGENTO_OMS_FERNET_KEY", Fernet.generate_key().decode())
    settings.cache_clear()
    opened: list[bool] = []

    def run(
        task: Callable[[str], dict[str, object]], run_type: str = "scheduled", config: dict[str, Any] | None = None,
        window: bool = True, **form: object,
    ) -> dict[str, object]:  # fmt: skip
        context = {
            "params": {"from": None, "to": None, "everything": False, "dry_run": False} | form,
            "dag_run": SimpleNamespace(dag_id="master_data_pull__loom", run_id="run 1", run_type=DagRunType(run_type)),
            "data_interval_start": NOW - HOUR if window else None,
            "data_interval_end": NOW if window else None,
        }
        made = instance_config(**(config or {}))

        def opened_for(config: object, *, gives_way: bool = False) -> FakeMagento:
            opened.append(gives_way)
            return store

        with monkeypatch.context() as patched:
            for module in (tasks, master_data_tasks):
                patched.setattr(module, "get_current_context", lambda: context)
            patched.setattr(wiring, "oms_url", lambda: oms_database)
            patched.setattr(wiring, "instance", lambda code: made)
            patched.setattr(wiring, "magento_for", opened_for)
            patched.setattr(tasks, "tell_it_is_over", lambda dag: None)
            summary = task("loom")
        assert all(opened), "master data give way to live work"
        return summary

    with structlog.testing.capture_logs():
        yield run
    settings.cache_clear()


def test_timed_run_begins_where_nothing_was_covered(run: Run) -> None:
    assert run(master_data_tasks.pull_catalogue)["window"] == "everything"
    window = f"[{(NOW - HOUR).isoformat()}, {NOW.isoformat()})"
    assert run(master_data_tasks.pull_catalogue)["window"] == window


def test_backfilled_run_reads_its_window(run: Run) -> None:
    summary = run(master_data_tasks.pull_catalogue, "backfill")
    assert (summary["read"], summary["new"]) == (1, 1)


def test_form_reads_any_span_or_everything_or_only_counts(run: Run) -> None:
    span = {"from": "2026-11-20T09:00:00+00:00", "to": "2026-11-20T10:00:00"}
    assert run(master_data_tasks.pull_catalogue, "manual", window=False, **span)["new"] == 1
    assert run(master_data_tasks.pull_catalogue, "manual", everything=True, dry_run=True)["read"] == 2
    assert run(master_data_tasks.pull_catalogue, "manual", everything=True)["new"] == 1
    with pytest.raises(AirflowFailException, match="has no window"):
        run(master_data_tasks.pull_catalogue, "manual", window=False)


def test_customers_are_left_alone_where_nobody_wants_them(run: Run) -> None:
    assert run(master_data_tasks.pull_customers)["new"] == 1
    with pytest.raises(AirflowSkipException, match=r"customers\.pull"):
        run(master_data_tasks.pull_customers, config={"customers": {"pull": False}})


def test_second_run_that_would_catch_up_is_skipped(run: Run, oms_database: str) -> None:
    with Lease(oms_database, "catalog_pull:loom", "another", ttl=60):
        with pytest.raises(AirflowSkipException, match="at work on the catalog_pull"):
            run(master_data_tasks.pull_catalogue)
        assert run(master_data_tasks.pull_catalogue, "backfill")["read"] == 1
