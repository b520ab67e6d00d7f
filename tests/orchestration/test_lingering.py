"""Who waits for more work: runs that a watcher woke."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.sdk.api.datamodels._generated import DagRunType  # what Airflow gives to tasks

from magento_oms.orchestration import tasks
from magento_oms.workflows.turns import NO_LINGER, Linger


@pytest.mark.parametrize("kind", list(DagRunType))
def test_only_a_run_that_was_woken_waits_for_more(kind: DagRunType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "get_current_context", lambda: {"dag_run": SimpleNamespace(run_type=kind)})
    assert tasks.linger() == (Linger() if kind is DagRunType.ASSET_TRIGGERED else NO_LINGER)
