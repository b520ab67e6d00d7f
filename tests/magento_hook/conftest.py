"""A server that answers as a test says, and stores opened on it."""

from __future__ import annotations

import importlib.util
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pytest_httpserver import HTTPServer

from careful_http.client import Patience
from careful_http.endpoint import Timeouts
from careful_http.memory import MemoryTokenStore
from commerce_sandbox.client import ADMIN_PASSWORD, ADMIN_USER, SandboxClient
from magento_hook.connection import AuthKind, MagentoConnection
from magento_hook.store import MagentoStore, open_magento
from magento_oms.local.postgres import PostgresServer
from magento_oms.ports import Breaker

# Tests import `doubles` by a name of its own, so that it cannot clash with a module of another folder.
_spec = importlib.util.spec_from_file_location("magento_hook_doubles", Path(__file__).with_name("doubles.py"))
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
sys.modules["magento_hook_doubles"] = _module
_spec.loader.exec_module(_module)

if TYPE_CHECKING:
    from tests.magento_hook.doubles import SpyBreaker, SpyBudget
else:
    from magento_hook_doubles import SpyBreaker, SpyBudget

ADMIN: dict[str, Any] = {"auth": AuthKind.ADMIN_TOKEN, "username": ADMIN_USER, "password": ADMIN_PASSWORD}
HASTY = Patience(tries=3, first=0.001, longest=0.5, total=10)


@pytest.fixture(scope="module")
def listening() -> Iterator[HTTPServer]:
    """A server with a thread for each request."""
    with HTTPServer(threaded=True) as server:
        yield server


@pytest.fixture
def server(listening: HTTPServer) -> Iterator[HTTPServer]:
    """The server, with nothing to answer yet."""
    listening.clear()
    yield listening
    listening.check_handler_errors()


@pytest.fixture
def breaker() -> SpyBreaker:
    return SpyBreaker()


@pytest.fixture
def budget() -> SpyBudget:
    return SpyBudget()


@pytest.fixture
def open_store(server: HTTPServer, breaker: SpyBreaker, budget: SpyBudget) -> Iterator[Callable[..., MagentoStore]]:
    """Opens stores on `server`; keywords go to the connection."""
    opened: list[MagentoStore] = []

    def open_store(*, tokens: MemoryTokenStore | None = None, patience: Patience = HASTY, **given: Any) -> MagentoStore:
        values: dict[str, Any] = {
            "base_url": server.url_for("").rstrip("/"),
            "auth": AuthKind.INTEGRATION_BEARER,
            "access_token": "integration-token",
            "timeouts": Timeouts(connect=1, read=1, total=2),
        }
        store = open_magento(
            MagentoConnection(**{**values, **given}),
            instance="kurta",
            tokens=tokens or MemoryTokenStore(),
            breaker=breaker,
            budget=budget,
            patience=patience,
        )
        opened.append(store)
        return store

    yield open_store
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[..., MagentoStore]) -> MagentoStore:
    """A store that is reached with a bearer token."""
    return open_store()


@pytest.fixture(scope="module")
def sandbox_process(postgres_server: PostgresServer) -> Iterator[SandboxClient]:
    """A sandbox as a process of its own."""
    name = f"sandbox_{secrets.token_hex(6)}"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = postgres_server.create_database(name)
    command = [sys.executable, "-m", "commerce_sandbox", "--port", str(port), "--database-url", url]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    client = SandboxClient(f"http://127.0.0.1:{port}")
    try:
        client.wait_until_ready()
        yield client
    finally:
        process.terminate()
        process.wait(10)
        postgres_server.drop_database(name)


@pytest.fixture
def sandbox(sandbox_process: SandboxClient) -> SandboxClient:
    """A store of its own within the sandbox."""
    client = sandbox_process.at(f"shop{secrets.token_hex(4)}")
    client.set_up()
    return client


@pytest.fixture
def connect(sandbox: SandboxClient, breaker: Breaker) -> Iterator[Callable[..., MagentoStore]]:
    opened: list[MagentoStore] = []

    def connect(tokens: MemoryTokenStore | None = None, **given: Any) -> MagentoStore:
        connection = MagentoConnection(
            base_url=sandbox.store_url, timeouts=Timeouts(connect=2, read=5, total=10), **(given or ADMIN)
        )
        opened.append(
            open_magento(
                connection,
                instance=sandbox.instance,
                tokens=tokens or MemoryTokenStore(),
                breaker=breaker,
                patience=Patience(tries=10, first=0.01, longest=0.2),
            )
        )
        return opened[-1]

    yield connect
    for store in opened:
        store.close()
