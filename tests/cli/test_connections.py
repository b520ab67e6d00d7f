"""Where a command finds an Airflow connection. Each look-up is a process of its own, as a command is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

STORE_IT = """
from airflow import settings
from airflow.models import Connection
from airflow.models.team import Team

with settings.Session() as session:
    Team.__table__.create(session.get_bind())
    Connection.__table__.create(session.get_bind())
    session.add(Connection(conn_id="magento_loom", conn_type="magento", host="loom.test", login="clerk",
                           password="p@ss/word:1", extra='{"auth": "admin_token"}'))
    session.commit()
"""
LOOK_UP = """
import sys
from magento_oms.airflow_compat import connection
from magento_oms.ports import ConfigurationError

try:
    found = connection(sys.argv[1])
except ConfigurationError as error:
    sys.exit(f"told: {error}")
print(found.conn_id, found.conn_type, found.host, found.login, found.password, found.extra_dejson["auth"])
"""
STORED = "magento_loom magento loom.test clerk p@ss/word:1 admin_token"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An Airflow whose metadata database holds one connection."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "_AIRFLOW"))}
    home = tmp_path_factory.mktemp("airflow")
    found = clean | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
    }
    subprocess.run([sys.executable, "-c", STORE_IT], env=found, check=True, timeout=60)
    return found


def look_up(environment: dict[str, str], connection_id: str = "magento_loom") -> str:
    """What is found, or what is told."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK_UP, connection_id], env=environment, capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in done.stderr
    assert "p@ss" not in done.stderr
    if done.returncode == 0:
        return done.stdout.strip()
    return next(line for line in done.stderr.splitlines() if line.startswith("told: "))


def test_a_stored_connection_is_found(environment: dict[str, str]) -> None:
    assert look_up(environment) == STORED
    told = look_up(environment, "magento_warp")
    assert "no Airflow connection 'magento_warp'" in told
    assert "AIRFLOW_CONN_MAGENTO_WARP" in told


def test_environment_and_secrets_backend_come_first(environment: dict[str, str], tmp_path: Path) -> None:
    secret = tmp_path / "connections.json"
    secret.write_text(json.dumps({"magento_loom": {"conn_type": "magento", "host": "secret.test", "login": "a",
                                                   "password": "long-enough", "extra": {"auth": "x"}}}))  # fmt: skip
    backend = "airflow.secrets.local_filesystem.LocalFilesystemBackend"
    kept = environment | {
        "AIRFLOW__SECRETS__BACKEND": backend,
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"connections_file_path": str(secret)}),
    }
    assert " secret.test " in look_up(kept)
    variable = {"conn_type": "magento", "host": "variable.test", "login": "b", "extra": {"auth": "y"}}
    assert " variable.test " in look_up(environment | {"AIRFLOW_CONN_MAGENTO_LOOM": json.dumps(variable)})


def test_a_process_of_airflow_does_not_read_its_database(environment: dict[str, str]) -> None:
    assert "no Airflow connection" in look_up(environment | {"_AIRFLOW_PROCESS_CONTEXT": "client"})


def test_another_key_is_told(environment: dict[str, str]) -> None:
    for key in (Fernet.generate_key().decode(), "no key"):
        assert "AIRFLOW__CORE__FERNET_KEY" in look_up(environment | {"AIRFLOW__CORE__FERNET_KEY": key})


def test_a_database_that_cannot_be_read_is_told(environment: dict[str, str], tmp_path: Path) -> None:
    empty = f"sqlite:///{tmp_path}/empty.db"
    told = look_up(environment | {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": empty})
    assert "no such table" in told
    assert "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" in told
