"""Pieces that benchmarks run: Postgres, the sandbox with orders in it, and the peers' environments."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from commerce_sandbox.client import ADMIN_PASSWORD, ADMIN_USER, SandboxClient
from magento_hook.connection import AuthKind, MagentoConnection
from magento_hook.store import MagentoStore, open_magento
from magento_oms.config.models import InstanceConfig
from magento_oms.local.postgres import PostgresServer, free_port
from magento_oms.storage.breaker import SharedBreaker
from magento_oms.storage.budget import SharedBudget

PEERS = Path(__file__).parent / "peers"
ENVIRONMENTS = Path("build/peers")


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """A Postgres with its production settings (every commit is durable)."""
    with tempfile.TemporaryDirectory(prefix="oms-bench-") as folder:
        Path(folder).chmod(0o755)
        with PostgresServer(Path(folder) / "pg") as server:
            yield server


@contextmanager
def sandbox(server: PostgresServer, *, profile: str, instance: str = "bench") -> Iterator[tuple[SandboxClient, int]]:
    """A sandbox with one empty instance, and its process id."""
    port = free_port()
    name = f"sandbox_{port}"
    url = server.create_database(name).replace("postgresql+psycopg://", "postgresql://")
    command = [sys.executable, "-m", "commerce_sandbox", "--port", str(port), "--database-url", url]
    process = subprocess.Popen([*command, "--profile", profile, "--instance", instance], stdout=subprocess.DEVNULL)
    try:
        client = SandboxClient(f"http://127.0.0.1:{port}", instance)
        client.wait_until_ready(60)
        yield client, process.pid
    finally:
        process.terminate()
        process.wait(20)


def as_a_task_opens(store: SandboxClient, oms_url: str, code: str) -> MagentoStore:
    """The hook to the sandbox's instance, with the breaker and budget that a task has."""
    connection = MagentoConnection(store.store_url, AuthKind.ADMIN_TOKEN, username=ADMIN_USER, password=ADMIN_PASSWORD)
    return open_magento(
        connection,
        instance=code,
        breaker=SharedBreaker(oms_url, "magento:bench"),
        budget=SharedBudget(oms_url, "magento:bench", 1000, burst=5000),
    )


def fill(store: SandboxClient, orders: int, *, every_seconds: float = 8.0) -> None:
    """Place generated orders, spread over the past day, ending now."""
    start = time.time() - orders * every_seconds - 60
    placed = 0
    while placed < orders:
        count = min(1000, orders - placed)
        at = time.gmtime(start + placed * every_seconds)
        store.place_orders(
            count, created_at=time.strftime("%Y-%m-%d %H:%M:%S", at), every_seconds=every_seconds, status="pending"
        )
        placed += count
        print(f"  {placed} orders placed in the sandbox", flush=True)


def config_for(store: SandboxClient, code: str = "bench") -> InstanceConfig:
    """An instance's configuration for a sandbox's store views."""
    views = [
        {"store_id": number, "code": f"view{number}", "name": f"View {number}", "live_from": "2020-01-01T00:00:00Z"}
        for number in (1, 2, 3)
    ]
    budget = {"per_second": 1000, "burst": 5000}
    return InstanceConfig.model_validate(
        {"code": code, "name": code, "url": store.store_url, "stores": views, "request_budget": budget}
    )


def token(store: SandboxClient) -> str:
    """An admin token of the sandbox."""
    import requests

    answer = requests.post(
        f"{store.store_url}/rest/V1/integration/admin/token",
        json={"username": ADMIN_USER, "password": ADMIN_PASSWORD},
        timeout=30,
    )
    answer.raise_for_status()
    return str(answer.json())


def peer_python(name: str) -> str:
    """The Python of a peer's own environment, made from its lock when it is not there yet."""
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    ready = folder / ".ready"
    if not ready.exists():
        print(f"  making the environment of {name}", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run(
            [python, "-m", "pip", "install", "-q", "--require-hashes", "-r", PEERS / f"{name}.txt"],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        ready.touch()
    return str(python.absolute())
