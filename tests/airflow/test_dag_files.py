"""Every DAG is what the architecture asks for, and its file is light to read. Each is read in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from magento_oms.local.supervisor import REPOSITORY

PARSE = """
import json, sys, warnings
warnings.simplefilter("ignore")
sys.path[:0] = [{plugins!r}, {dags!r}]
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(dag_folder={dags!r})
found = []
for dag in bag.dags.values():
    task = dag.tasks[0]
    found.append(dict(
        dag_id=dag.dag_id, doc=dag.doc_md or "", tags=sorted(dag.tags), owner=task.owner, title=dag.dag_display_name,
        tasks=len(dag.tasks), timeout=task.execution_timeout is not None, retries=task.retries, catchup=dag.catchup,
        params=sorted(dag.params), schedule=type(dag.timetable).__name__, runs=dag.max_active_runs,
        alerts=bool(task.on_failure_callback), inlets=len(task.inlets), outlets=len(task.outlets),
        priority=task.priority_weight,
    ))
print(json.dumps(dict(dags=found, errors=bag.import_errors)))
"""

LIGHT = """
import json, runpy, sys, warnings
warnings.simplefilter("ignore")
import airflow.sdk, airflow.triggers.base
before = set(sys.modules)
for name in {files!r}:
    runpy.run_path(name)
print(json.dumps(sorted(set(sys.modules) - before)))
"""

INSTANCES = ("heritage", "mela")
ACCOUNTS = {
    "heritage_click": "heritage",
    "heritage_ship": "heritage",
    "mela_ez": "mela",
    "mela_way": "mela",
}
"""The demo's courier accounts, each with the instance that ships with it."""
OF_ALL = {"order_routing"}
OF_ACCOUNTS = {"courier_push", "shipment_tracking"}
OF_INSTANCES = {
    "customer_cancellation_pull",
    "inventory_push",
    "inventory_reconciliation",
    "master_data_pull",
    "magento_push",
    "notification_push",
    "order_pull",
    "order_pull_live",
    "order_reconciliation",
    "pending_order_sync",
    "return_reconciliation",
    "return_sync",
}

HEAVY = (
    "pandas",
    "psycopg",
    "requests",
    "alembic",
    "magento_hook",
    "aggregator_hooks",
    "magento_oms.storage",
    "magento_oms.workflows",
)
"""SQLAlchemy is not among them only because Airflow itself loads it."""


def run(script: str, folder: Path) -> Any:
    """What a script prints, run in a process of its own with an Airflow home of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "MAGENTO_OMS"))}
    environment |= {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "MAGENTO_OMS_INSTANCES_DIR": str(REPOSITORY / "instances" / "demo"),
    }
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All DAGs of the demo's instances."""
    script = PARSE.format(plugins=str(REPOSITORY / "plugins"), dags=str(REPOSITORY / "dags"))
    found: dict[str, Any] = run(script, tmp_path_factory.mktemp("airflow"))
    return found


def test_every_file_is_read_without_an_error(bag: dict[str, Any]) -> None:
    assert bag["errors"] == {}
    of_instances = {f"{workflow}__{code}" for workflow in OF_INSTANCES for code in INSTANCES}
    of_instances -= {"inventory_push__mela"}  # its only warehouse is unlimited
    of_accounts = {f"{workflow}__{code}" for workflow in OF_ACCOUNTS for code in ACCOUNTS}
    assert {dag["dag_id"] for dag in bag["dags"]} == OF_ALL | of_instances | of_accounts


def test_every_dag_has_what_people_and_policies_ask_for(bag: dict[str, Any]) -> None:
    for dag in bag["dags"]:
        code = dag["dag_id"].partition("__")[2]
        assert len(dag["doc"]) > 200, f"{dag['dag_id']} has no runbook"
        assert "If it fails" in dag["doc"]
        assert not code or f"instance:{ACCOUNTS.get(code, code)}" in dag["tags"]
        assert code not in ACCOUNTS or f"account:{code}" in dag["tags"]
        assert {"pull", "push", "reconcile", "routing"} & set(dag["tags"])
        assert dag["owner"] == "magento-oms"
        assert dag["title"] != dag["dag_id"]
        assert dag["timeout"]
        assert dag["alerts"]
        assert dag["retries"] == 1
        assert not dag["catchup"]
        assert dag["inlets"] == dag["outlets"] == 1
        assert dag["runs"] <= 2


def test_windows_are_never_of_zero_length_and_have_a_form(bag: dict[str, Any]) -> None:
    by_id = {dag["dag_id"]: dag for dag in bag["dags"]}
    assert by_id["order_pull__mela"]["schedule"] == "CronDataIntervalTimetable"
    assert by_id["order_pull__mela"]["params"] == ["dry_run", "from", "to"]
    assert by_id["pending_order_sync__mela"]["schedule"] == "CronDataIntervalTimetable"
    assert by_id["pending_order_sync__mela"]["params"] == ["dry_run"]
    assert by_id["master_data_pull__mela"]["schedule"] == "CronDataIntervalTimetable"
    assert by_id["master_data_pull__mela"]["params"] == ["dry_run", "everything", "from", "to"]
    assert by_id["master_data_pull__mela"]["tasks"] == 2
    assert by_id["order_reconciliation__mela"]["schedule"] == "CronDataIntervalTimetable"
    assert by_id["order_reconciliation__mela"]["params"] == ["dry_run", "from", "full", "to"]
    assert by_id["order_pull_live__mela"]["schedule"] == "AssetTriggeredTimetable"
    assert by_id["courier_push__mela_ez"]["schedule"] == "AssetTriggeredTimetable"
    assert by_id["shipment_tracking__mela_ez"]["schedule"] == "CronDataIntervalTimetable"


def test_what_somebody_waits_for_goes_before_the_windows(bag: dict[str, Any]) -> None:
    woken = {dag["dag_id"] for dag in bag["dags"] if dag["schedule"] == "AssetTriggeredTimetable"}
    assert {dag["dag_id"] for dag in bag["dags"] if dag["priority"] > 1} == woken
    assert woken


def test_nothing_heavy_is_imported_at_the_top_of_a_dag_file(tmp_path: Path) -> None:
    files = [str(path) for path in sorted((REPOSITORY / "dags").glob("*.py"))]
    loaded = run(LIGHT.format(files=files), tmp_path)
    assert [name for name in loaded if name.startswith(HEAVY)] == []
