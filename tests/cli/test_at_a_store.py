"""The commands at a stand-in Magento, through the real hook; the sandbox is started by its own command."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from tests.cli.conftest import Run, write_config

from commerce_sandbox.client import ADMIN_PASSWORD, ADMIN_USER, SandboxClient
from magento_oms.local.postgres import PostgresServer

MAGENTO_OMS = Path(sys.executable).with_name("magento-oms")


@pytest.fixture(scope="module")
def sandbox(postgres_server: PostgresServer) -> Iterator[SandboxClient]:
    """A sandbox with the instance `loom`."""
    name = f"sandbox_{secrets.token_hex(6)}"
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    command = [str(MAGENTO_OMS), "sandbox", "run", "--port", str(port), "--version", "2.4.8", "--instance", "loom"]
    settings = {**os.environ, "COMMERCE_SANDBOX_DATABASE_URL": postgres_server.create_database(name)}
    process = subprocess.Popen(command, env=settings)
    client = SandboxClient(f"http://127.0.0.1:{port}", "loom")
    try:
        client.wait_until_ready()
        yield client
    finally:
        process.terminate()
        process.wait(10)
        postgres_server.drop_database(name)


@pytest.fixture(autouse=True)
def _at_the_sandbox(sandbox: SandboxClient, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_config(folder, url=sandbox.store_url)
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    connect_as(monkeypatch, ADMIN_PASSWORD)


def connect_as(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    connection = {"conn_type": "magento", "login": ADMIN_USER, "password": password}
    monkeypatch.setenv("AIRFLOW_CONN_MAGENTO_LOOM", json.dumps(connection))


def test_the_sandbox_is_what_was_asked_for(sandbox: SandboxClient) -> None:
    assert sandbox.settings()["version"] == "2.4.8"


def test_an_order_is_pulled_from_the_store(run: Run, sandbox: SandboxClient) -> None:
    [placed] = sandbox.place_orders(1, store_id=1)
    assert "new, now allocated" in run("orders", "pull", "loom", placed.entity_id).stdout
    assert f"increment_id: {placed.increment_id}" in run("orders", "show", "loom", placed.entity_id).stdout
    assert "doesn't exist" in run("orders", "pull", "loom", 987654, code=1).stderr


def test_a_store_is_checked_live(run: Run, folder: Path, sandbox: SandboxClient) -> None:
    told = json.loads(run("config", "check", "--live", "--json").stdout)
    assert {finding["level"] for finding in told} == {"warning"}
    assert any("store view 2" in finding["problem"] for finding in told)
    before = json.loads(run("config", "check", "--json").stdout)
    assert [finding for finding in told if finding in before] == before
    write_config(folder, url=f"{sandbox.base_url}/nowhere")
    [error] = errors(run("config", "check", "--live", "--json", code=1).stdout)
    assert error["where"] == "loom"


def test_a_wrong_password_is_told_and_not_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    connect_as(monkeypatch, "hush-hush-hush")
    checked = run("config", "check", "--live", "--json", code=1)
    [error] = errors(checked.stdout)
    assert error["field"] == "connection_id"
    assert "password" in error["way_out"]
    pulled = run("orders", "pull", "loom", 1, code=1)
    assert "password" in pulled.stderr
    assert "hush-hush" not in checked.output + pulled.output


def test_a_store_that_does_not_answer_is_named(run: Run, folder: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        nobody = f"http://127.0.0.1:{probe.getsockname()[1]}/loom"
    write_config(folder, url=nobody)
    [error] = errors(run("config", "check", "--live", "--json", code=1).stdout)
    assert nobody in error["problem"]
    assert error["field"] == "url"
    assert nobody in run("orders", "pull", "loom", 1, code=1).stderr


def test_a_database_that_is_missing_is_told_live_too(
    run: Run, monkeypatch: pytest.MonkeyPatch, oms_database: str
) -> None:
    from magento_oms.settings import settings

    monkeypatch.setenv("MAGENTO_OMS_DATABASE_URL", "postgresql+psycopg://me:hush@127.0.0.1:1/x")
    settings.cache_clear()
    told = run("config", "check", "--live", code=1)
    assert "cannot be reached" in told.stderr
    assert "hush" not in told.output
    monkeypatch.setenv("MAGENTO_OMS_DATABASE_URL", oms_database.rpartition("/")[0] + "/postgres")
    settings.cache_clear()
    assert "database upgrade" in run("config", "check", "--live", code=1).stderr


def errors(printed: str) -> list[dict[str, str]]:
    """The errors among printed findings."""
    return [finding for finding in json.loads(printed) if finding["level"] == "error"]
