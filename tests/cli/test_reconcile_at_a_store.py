"""Reconciling a stand-in Magento over HTTP, through the real hook, while it answers badly: it ends in agreement."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from tests.cli.conftest import Run, write_config

from commerce_sandbox.client import ADMIN_PASSWORD, ADMIN_USER, SandboxClient
from magento_oms.config.load import load_instances
from magento_oms.local import demo_reconcile
from magento_oms.local.postgres import PostgresServer
from magento_oms.settings import settings
from magento_oms.storage.database import engine

PLACED = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
WINDOW = ("--from", (PLACED - timedelta(hours=1)).isoformat(), "--to", (PLACED + timedelta(hours=2)).isoformat())


@pytest.fixture(scope="module")
def store(postgres_server: PostgresServer) -> Iterator[SandboxClient]:
    """A stand-in of Magento with sixty orders, over an hour."""
    name = f"sandbox_{secrets.token_hex(6)}"
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    program = str(Path(sys.executable).with_name("magento-oms"))
    process = subprocess.Popen(
        [program, "sandbox", "run", "--port", str(port), "--instance", "loom"],
        env={**os.environ, "COMMERCE_SANDBOX_DATABASE_URL": postgres_server.create_database(name)},
    )
    client = SandboxClient(f"http://127.0.0.1:{port}", "loom")
    try:
        client.wait_until_ready()
        client.place_orders(60, store_id=1, created_at=f"{PLACED:%Y-%m-%d %H:%M:%S}", every_seconds=60)
        yield client
    finally:
        process.terminate()
        process.wait(10)
        postgres_server.drop_database(name)


@pytest.fixture(autouse=True)
def _at_the_store(store: SandboxClient, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_config(folder, url=store.store_url)
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    connection = {"conn_type": "magento", "login": ADMIN_USER, "password": ADMIN_PASSWORD}
    monkeypatch.setenv("AIRFLOW_CONN_MAGENTO_LOOM", json.dumps(connection))
    monkeypatch.setenv("MAGENTO_OMS_REPORTS_DIR", str(folder / "reports"))
    settings.cache_clear()


def compared(run: Run, *words: str) -> dict[str, Any]:
    """The only store's summary."""
    told = json.loads(run("reconcile", "orders", "loom", *WINDOW, *words, "--json").stdout)
    [summary] = told["stores"]
    return dict(summary)


def test_everything_is_healed_though_the_store_answers_badly(run: Run, store: SandboxClient, oms_database: str) -> None:
    store.add_fault("error_before", method="GET", path="/orders", times=2, skip=3)
    store.add_fault("too_many_requests", method="GET", path="/orders", times=1, skip=6, retry_after=1)
    store.add_fault("reset_after", method="GET", path="/orders", times=1, skip=8)
    first = compared(run)
    store.clear_faults()
    assert first["proof"] == "orders on Magento 60, in OMS 60, lost 0, doubled 0, differing 0 (none); 60 healed"

    before = len(store.calls(path_like="%/orders"))
    clean = compared(run)
    assert clean["proof"] == "orders on Magento 60, in OMS 60, lost 0, doubled 0, differing 0 (none)"
    assert clean["rows_read"] <= 10
    asked = len(store.calls(path_like="%/orders")) - before
    assert clean["requests"] == asked - 1  # one is for the store's clock

    with engine(oms_database).connect() as connection:
        [entity_id, other] = connection.exec_driver_sql(
            "select entity_id from sales_order order by entity_id limit 2 offset 20"
        ).scalars()
    store.change_order(entity_id, "cancel")
    with engine(oms_database).begin() as connection:
        for table in ("order_event", "order_hold", "effect", "order_line"):
            connection.exec_driver_sql(
                f"delete from {table} where order_id in (select id from sales_order where entity_id = {other})"
            )
        connection.exec_driver_sql(f"delete from sales_order where entity_id = {other}")
    again = compared(run)
    assert (again["lost"], again["differing"]) == (0, 0)
    assert compared(run, "--full")["proof"].startswith(
        "orders on Magento 60, in OMS 60, lost 0, doubled 0, differing 0"
    )
    with engine(oms_database).connect() as connection:
        rows = connection.exec_driver_sql("select entity_id, state from sales_order")
        states = {row.entity_id: row.state for row in rows}
    assert states[entity_id] == "cancelled"
    assert other in states
    assert len(states) == 60


def test_refunds_are_compared_and_stock_that_nobody_keeps_is_not(run: Run, store: SandboxClient) -> None:
    [placed] = store.place_orders(1, store_id=1, payment="cod", shape="simple")
    for change in ("invoice", "refund"):
        store.change_order(placed.entity_id, change)
    now = datetime.now(UTC)
    window = ("--from", (now - timedelta(minutes=30)).isoformat(), "--to", (now + timedelta(minutes=5)).isoformat())
    [first] = json.loads(run("reconcile", "returns", "loom", *window, "--json").stdout)["stores"]
    assert first["proof"] == "credit memos on Magento 1, in OMS 1, lost 0, doubled 0, differing 0 (none); 1 healed"
    [again] = json.loads(run("reconcile", "returns", "loom", *window, "--json").stdout)["stores"]
    assert again["proof"] == "credit memos on Magento 1, in OMS 1, lost 0, doubled 0, differing 0 (none)"
    assert json.loads(run("reconcile", "inventory", "loom", "--json").stdout) == {"instance": "loom"}


def test_the_demo_reconciles_its_day_by_the_same_commands(
    store: SandboxClient, folder: Path, oms_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_instances(folder).good[0]
    found = demo_reconcile.reconcile([config], {"MAGENTO_OMS_DATABASE_URL": oms_database}, PLACED + timedelta(hours=2))
    assert found.problems == []
    assert found.proofs["Loom, orders"].startswith("orders on Magento 60, in OMS 60, lost 0, doubled 0, differing 0")
    assert "lost 0, doubled 0" in found.proofs["Loom, returns"]
    monkeypatch.setenv("AIRFLOW_CONN_MAGENTO_LOOM", json.dumps({"conn_type": "magento", "login": "x", "password": "y"}))
    troubled = demo_reconcile.reconcile([config], {"MAGENTO_OMS_DATABASE_URL": oms_database}, PLACED)
    assert all("could not be compared" in problem for problem in troubled.problems)
    assert troubled.problems
