"""`docker-compose.yaml` runs what the local supervisor runs, with the same settings, and not without its secrets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from pytest_httpserver import HTTPServer
from tests.repository.checkout import REPOSITORY

from magento_oms.local.airflow_env import (
    MIGRATIONS,
    TUNING,
    AirflowPorts,
    AirflowSecrets,
    airflow_settings,
    component_commands,
    gateway_command,
)
from magento_oms.local.postgres import MAX_CONNECTIONS, PostgresServer, binaries

COMPOSE = REPOSITORY / "docker-compose.yaml"
DOCKERFILE = REPOSITORY / "Dockerfile"

EVERYWHERE = "0.0.0.0"  # noqa: S104  (in a container; the host publishes it on its loopback address)
PORT = 8080

ONE_MACHINE = {
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "in production people log in",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "in production a person switches on what sends",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "an image's DAG files do not change",
    "AIRFLOW__API__PORT": "each container has ports of its own",
    "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": "each container has ports of its own",
    "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": "each container has ports of its own",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "the supervisor's logs are read by one person; Docker keeps all",
}
"""Settings of the local set-up that containers do without, each with its reason."""


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


def airflow_services(services: dict[str, Any]) -> dict[str, Any]:
    return {name: service for name, service in services.items() if name != "postgres"}


def test_the_file_is_valid_by_the_compose_schema() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_containers_run_the_supervisors_commands(services: dict[str, Any]) -> None:
    expected = {name: ["airflow", *command] for name, command in component_commands(PORT, EVERYWHERE).items()}
    expected["gateway"] = ["python", *gateway_command(8070, EVERYWHERE)]
    found = {name: service["command"] for name, service in airflow_services(services).items() if name != "migrate"}
    assert found == expected


def test_both_databases_are_migrated_first(services: dict[str, Any]) -> None:
    shell, option, script = services["migrate"]["command"]
    assert (shell, option) == ("sh", "-c")
    assert script == " && ".join(" ".join(command) for command in MIGRATIONS)
    assert services["api-server"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_no_setting_of_latency_or_recovery_is_forgotten(services: dict[str, Any]) -> None:
    for name, service in airflow_services(services).items():
        environment = service["environment"]
        assert {key: environment.get(key) for key in TUNING} == dict(TUNING), name


def test_the_database_bears_as_many_connections_as_the_local_one(services: dict[str, Any]) -> None:
    assert services["postgres"]["command"] == ["postgres", "-c", f"max_connections={MAX_CONNECTIONS}"]
    pool = int(TUNING["AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE"])
    overflow = int(TUNING["AIRFLOW__DATABASE__SQL_ALCHEMY_MAX_OVERFLOW"])
    assert pool + overflow <= MAX_CONNECTIONS / 2  # as many again for everything else


def test_every_other_setting_is_made_or_left_out_with_a_reason(services: dict[str, Any]) -> None:
    here = airflow_settings(
        REPOSITORY,
        Path("home"),
        database_url="postgresql://",
        ports=AirflowPorts(1, 2, 3),
        secrets=AirflowSecrets("key", "secret"),
    )
    final_stage = DOCKERFILE.read_text().rpartition("\nFROM ")[2]
    in_image = re.findall(r"^(?:ENV)?\s+([A-Z][A-Z0-9_]+)=", final_stage, re.MULTILINE)
    for name, service in airflow_services(services).items():
        made = set(service["environment"]) | set(in_image)
        assert set(here) - made == set(ONE_MACHINE), name


def test_nothing_starts_without_its_secrets(services: dict[str, Any]) -> None:
    secret = re.compile(r"PASSWORD$|_KEY$|_SECRET$|SQL_ALCHEMY_CONN$|DATABASE_URL$")
    seen = 0
    for service in services.values():
        for key, value in service["environment"].items():
            if secret.search(key):
                seen += 1
                assert re.search(r"\$\{[A-Z_]+:\?[^}]+\}", value), key
                assert not re.search(r"\$\{[A-Z_]+(:?-[^}]*)?\}", value), f"{key} must have no default"
    assert seen >= 7


def test_everything_is_watched_and_started_again(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if name == "migrate":
            assert service["restart"] == "no"
        else:
            assert service["restart"] == "unless-stopped", name
            assert service["healthcheck"]["test"][0] == "CMD", name


def test_ports_are_published_to_this_machine_only(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_mounted_files_exist(services: dict[str, Any]) -> None:
    mounted = {
        volume.partition(":")[0]
        for service in services.values()
        for volume in service["volumes"]
        if volume.startswith(".")
    }
    assert mounted
    assert [path for path in mounted if not (REPOSITORY / path).exists()] == []


def test_the_image_is_made_from_the_lock_and_does_not_run_as_root() -> None:
    text = DOCKERFILE.read_text()
    assert re.search(r"^FROM python:3\.\d+-slim", text, re.MULTILINE)
    users = re.findall(r"^USER (\S+)$", text, re.MULTILINE)
    assert users
    assert users[-1] not in ("root", "0")
    commands = re.findall(r"pip (?:install|wheel) (.*)", text)
    assert commands
    for command in commands:
        # Either from a lock with hashes, or our own code with nothing fetched.
        assert "--require-hashes" in command or ("--no-index" in command and "--no-deps" in command), command


def test_everything_that_the_image_copies_is_there_and_sent_to_the_builder() -> None:
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE.read_text(), re.MULTILINE)
        for source in line.split()[:-1]
    ]
    sent = (REPOSITORY / ".dockerignore").read_text().splitlines()
    assert copied
    assert [source for source in copied if not (REPOSITORY / source).exists() or f"!{source}" not in sent] == []


@pytest.fixture(scope="module")
def fresh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server on which `docker/databases.sh` makes its databases, as the image does at its first start."""
    folder = tmp_path_factory.mktemp("compose")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    with PostgresServer(folder / "pg", options={"fsync": "off"}) as server:
        password = server.url("postgres").partition("postgres:")[2].partition("@")[0]
        environment = {
            "PATH": f"{binaries()}{os.pathsep}{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(server.port),
            "PGPASSWORD": password,
            "AIRFLOW_DATABASE_PASSWORD": 'air\'flow "1"',
            "OMS_DATABASE_PASSWORD": "oms$2",
        }
        subprocess.run(["sh", REPOSITORY / "docker" / "databases.sh"], env=environment, check=True, capture_output=True)
        yield server


@pytest.mark.parametrize(("role", "password"), [("airflow", 'air\'flow "1"'), ("oms", "oms$2")])
def test_each_role_owns_its_database_and_enters_no_other(
    fresh_server: PostgresServer, role: str, password: str
) -> None:
    def enter(database: str) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1", port=fresh_server.port, user=role, password=password, dbname=database, connect_timeout=5
        )

    with enter(role) as connection:
        connection.execute("create table mine (id int)")
    other = {"airflow": "oms", "oms": "airflow"}[role]
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        enter(other)


@pytest.mark.parametrize(("status", "code"), [("healthy", 0), ("unhealthy", 1)])
def test_a_containers_health_is_what_airflow_says(httpserver: HTTPServer, status: str, code: int) -> None:
    httpserver.expect_request("/api/v2/monitor/health").respond_with_json(
        {"scheduler": {"status": status}, "triggerer": {"status": "healthy"}}
    )
    asked = health_of("scheduler", httpserver.url_for("").rstrip("/"))
    assert (asked.returncode, asked.stdout.strip()) == (code, f"scheduler: {status}")


def test_a_component_that_airflow_does_not_know_of_is_not_healthy(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/v2/monitor/health").respond_with_json({})
    assert health_of("scheduler", httpserver.url_for("").rstrip("/")).returncode == 1


def test_an_api_server_that_does_not_answer_is_named(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/v2/monitor/health").respond_with_data("busy", status=503)
    asked = health_of("scheduler", httpserver.url_for("").rstrip("/"))
    assert asked.returncode == 1
    assert "gave no answer on the health of scheduler" in asked.stderr


def health_of(component: str, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, REPOSITORY / "docker" / "healthy.py", component],
        env={"AIRFLOW_HEALTH_URL": url, "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        check=False,
    )
