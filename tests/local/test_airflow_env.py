"""The environment of Airflow's processes: nothing of another Airflow, and quick to recover."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from magento_oms.local.airflow_env import (
    TUNING,
    AirflowPorts,
    AirflowSecrets,
    airflow_settings,
    clean_environment,
    component_commands,
    process_environment,
    straight_to_this_machine,
)

REPOSITORY = Path("/srv/my repository")
URL = "postgresql+psycopg://airflow:secret@127.0.0.1:15000/airflow"


@pytest.fixture
def settings() -> dict[str, str]:
    ports, keys = AirflowPorts(15001, 15002, 15003), AirflowSecrets("fernet", "j" * 64)
    return airflow_settings(REPOSITORY, REPOSITORY / ".run/home", database_url=URL, ports=ports, secrets=keys)


def test_every_port_and_path_is_its_own(settings: dict[str, str]) -> None:
    assert settings["AIRFLOW_HOME"] == "/srv/my repository/.run/home"
    assert settings["AIRFLOW__CORE__DAGS_FOLDER"] == "/srv/my repository/dags"
    assert settings["AIRFLOW__CORE__PLUGINS_FOLDER"] == "/srv/my repository/plugins"
    assert settings["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == URL
    assert settings["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:15001/execution/"
    assert settings["AIRFLOW__API__PORT"] == "15001"
    assert settings["AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT"] == "15002"
    assert settings["AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT"] == "15003"


def test_the_api_server_starts_first_and_listens_where_it_is_told() -> None:
    commands = component_commands(15001)
    assert list(commands) == ["api-server", "scheduler", "dag-processor", "triggerer"]
    assert commands["api-server"][1:5] == ["--host", "127.0.0.1", "--port", "15001"]
    assert component_commands(8080, "0.0.0.0")["api-server"][2] == "0.0.0.0"  # noqa: S104


def test_recovery_is_quick_but_a_restart_of_the_api_server_runs_no_task_twice(settings: dict[str, str]) -> None:
    assert settings.items() >= TUNING.items()
    assert float(settings["AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL"]) <= 15
    # Shorter, and a scheduler that a crowded machine makes late ends its own tasks.
    assert float(settings["AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD"]) == 30
    assert float(settings["AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD"]) <= 10
    assert float(settings["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"]) >= 60
    # A component must send several heartbeats before it counts as dead.
    for part in ("SCHEDULER", "TRIGGERER"):
        threshold = float(settings[f"AIRFLOW__{part}__{part}_HEALTH_CHECK_THRESHOLD"])
        assert threshold >= 4 * float(settings[f"AIRFLOW__{part}__JOB_HEARTBEAT_SEC"])


KNOWN_SETTINGS = """
from airflow.configuration import conf
for section, described in conf.configuration_description.items():
    for option in described["options"]:
        print(f"AIRFLOW__{section}__{option}".upper())
"""


def test_airflow_knows_every_setting_that_we_give_it(settings: dict[str, str], tmp_path: Path) -> None:
    # In a process of its own: Airflow writes its configuration into its home as soon as it is imported.
    asked = subprocess.run(
        [sys.executable, "-c", KNOWN_SETTINGS],
        env={"AIRFLOW_HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    unknown = set(settings) - {"AIRFLOW_HOME"} - set(asked.stdout.split())
    assert unknown == set()


def test_another_airflows_settings_and_what_slows_tasks_down_are_left_out() -> None:
    mine = {
        "AIRFLOW_HOME": "/opt/other",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW_CONN_MAGENTO_HERITAGE": "another store",
        "MAGENTO_OMS_DATABASE_URL": "a real one",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": "/opt/other",
        "PIP_INDEX_URL": "kept",
        "PATH": "/usr/bin",
    }
    assert clean_environment(mine) == {"PIP_INDEX_URL": "kept", "PATH": "/usr/bin"}


def test_children_find_our_python_first_and_the_patience_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PATH", "/usr/bin")
    environment = process_environment(REPOSITORY, {"AIRFLOW_HOME": "/here"})
    assert environment["PATH"].split(os.pathsep) == [str(Path(sys.executable).parent), "/usr/bin"]
    assert environment["PYTHONPATH"] == "/srv/my repository/config"
    assert environment["AIRFLOW_HOME"] == "/here"
    assert "PYTHONDONTWRITEBYTECODE" not in environment


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, "127.0.0.1,localhost"),
        ({"NO_PROXY": "intra.example, 10.0.0.1"}, "intra.example,10.0.0.1,127.0.0.1,localhost"),
        ({"no_proxy": "localhost"}, "localhost,127.0.0.1"),
    ],
)
def test_a_proxy_is_never_asked_for_this_machine(before: dict[str, str], after: str) -> None:
    assert straight_to_this_machine(before) == {"no_proxy": after, "NO_PROXY": after}
