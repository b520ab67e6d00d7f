"""The environment that Airflow's components and our own processes run in. One place, pure.

Why each setting is as it is stands beside it; the figures were measured on Airflow 3.3.2.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class AirflowPorts:
    """Ports of one Airflow on 127.0.0.1."""

    api: int
    worker_logs: int
    trigger_logs: int


@dataclass(frozen=True, slots=True)
class AirflowSecrets:
    """Made once for a state folder."""

    fernet_key: str
    jwt_secret: str  # 64 bytes or more


TUNING: Mapping[str, str] = {
    # A LocalExecutor whose tasks start at half the cost.
    "AIRFLOW__CORE__EXECUTOR": "magento_oms.orchestration.warm_executor.WarmLocalExecutor",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
    # A push lingers in its slot; live pulls of every instance want one too.
    "AIRFLOW__CORE__PARALLELISM": "32",
    # The API server asks for a connection on its event loop too. Where none is free it stands still until the pool
    # gives up, half a minute later, and tasks and people get a 500: so there are more than ever are at work at once.
    "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE": "20",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_MAX_OVERFLOW": "80",
    # Instances' files are read anew as often, by default every 30 s. Every 60 s took a tenth of a core of four stores.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
    # A task that a person stops in the UI ends within so many seconds. Those that linger are asked all day long.
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "10",
    # A killed scheduler's tasks are taken over within seconds; by default after five minutes.
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    # Not shorter: on a machine with ten processes waiting for each core a scheduler was late by more than 12 s, took
    # its own tasks for orphans, and ended them, again and again.
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "30",
    "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "2",
    # Not shorter: a restart of the API server takes 18 s, and a task declared dead meanwhile would run twice.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "90",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    # One triggerer: a killed one's watchers start again within seconds.
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
}
"""What makes Airflow quick to wake and quick to recover, on one machine and in `docker-compose.yaml` alike."""

MIGRATIONS: Sequence[Sequence[str]] = (
    ("python", "-m", "magento_oms.storage.migrate"),
    ("airflow", "db", "migrate"),
)
"""What brings the two databases to their present shape, before anything else is started."""


def component_commands(port: int, host: str = "127.0.0.1") -> dict[str, list[str]]:
    """What each of Airflow's components is started with (after `airflow`), in the order of their start.

    The API server first: the others ask it. One worker is enough for one machine.
    """
    return {
        "api-server": ["api-server", "--host", host, "--port", str(port), "--workers", "1"],
        "scheduler": ["scheduler"],
        "dag-processor": ["dag-processor"],
        "triggerer": ["triggerer"],
    }


def gateway_command(port: int, host: str = "127.0.0.1") -> list[str]:
    """What the gateway is started with (after `python`)."""
    return ["-m", "magento_oms.gateway", "--host", host, "--port", str(port)]


def airflow_settings(
    repository: Path, home: Path, *, database_url: str, ports: AirflowPorts, secrets: AirflowSecrets
) -> dict[str, str]:
    """Airflow's settings, as environment variables."""
    url = f"http://127.0.0.1:{ports.api}"
    return {
        **TUNING,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(repository / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(repository / "plugins"),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        # A new DAG file is seen within half a minute, not after five.
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__CORE__FERNET_KEY": secrets.fernet_key,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        # On one machine, for one person: no login.
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.jwt_secret,
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__PORT": str(ports.api),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_url,
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(ports.worker_logs),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(ports.trigger_logs),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    }


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without what would disturb: another Airflow's settings, and the switch that makes
    every task start slowly because nothing it imports stays compiled.
    """
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(("AIRFLOW", "MAGENTO_OMS_", "COMMERCE_SANDBOX_"))
        and name not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME")
    }


def process_environment(repository: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a child process: ours, cleaned, with `settings` over it."""
    environment = clean_environment(os.environ)
    programs = str(Path(sys.executable).parent)
    environment["PATH"] = os.pathsep.join([programs, environment.get("PATH", os.defpath)])
    # `airflow_local_settings` is found here: it waits for a database that restarts.
    environment["PYTHONPATH"] = str(repository / "config")
    environment["PYTHONUNBUFFERED"] = "1"
    return environment | straight_to_this_machine(environment) | dict(settings)


def straight_to_this_machine(environment: Mapping[str, str]) -> dict[str, str]:
    """What `NO_PROXY` has to be, so that a proxy of the user's is not asked for what runs here."""
    told = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    names = [name for name in (part.strip() for part in told.split(",")) if name]
    value = ",".join(dict.fromkeys([*names, "127.0.0.1", "localhost"]))
    return {"no_proxy": value, "NO_PROXY": value}
