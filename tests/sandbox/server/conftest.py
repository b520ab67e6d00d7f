"""A sandbox in the test's own process."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest

from commerce_sandbox.app import create_app
from commerce_sandbox.in_process import InProcess
from magento_oms.local.postgres import PostgresServer


@pytest.fixture
def sandbox(new_database: Callable[[], str]) -> Iterator[InProcess]:
    """A fresh sandbox with one store, logged in."""
    app = create_app(new_database(), threads=4)
    found = InProcess(app)
    found.log_in()
    yield found
    app.sandbox.close()


@pytest.fixture(scope="module")
def recorded(postgres_server: PostgresServer) -> Iterator[InProcess]:
    """A sandbox with the recorded orders, logged in; tests only read from it."""
    name = f"recorded_{secrets.token_hex(6)}"
    app = create_app(postgres_server.create_database(name), threads=2)
    found = InProcess(app)
    found.log_in()
    found.control("POST", "instances/default/history")
    yield found
    app.sandbox.close()
    postgres_server.drop_database(name)
