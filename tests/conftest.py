"""Fixtures that all tests share: a Postgres of their own, and databases in it."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from magento_oms.local.postgres import PostgresServer
from magento_oms.storage.database import close_connections

NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB"}
"""Nobody needs a test's data after a power cut."""


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A Postgres that lives as long as this process's tests."""
    with tempfile.TemporaryDirectory(prefix="oms-tests-") as folder:
        Path(folder).chmod(0o755)
        with PostgresServer(Path(folder) / "pg", options=NOT_DURABLE) as server:
            yield server


@pytest.fixture
def new_database(postgres_server: PostgresServer) -> Iterator[Callable[[], str]]:
    """Makes fresh empty databases and gives their URLs; they are dropped afterwards."""
    made: list[str] = []

    def make() -> str:
        made.append(f"test_{secrets.token_hex(6)}")
        return postgres_server.create_database(made[-1])

    yield make
    for name in made:
        close_connections(postgres_server.url(name))
        postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def _migrated(postgres_server: PostgresServer) -> str:
    from magento_oms.storage.migrate import upgrade

    upgrade(postgres_server.create_database("oms_template"))
    return "oms_template"


@pytest.fixture
def oms_database(postgres_server: PostgresServer, _migrated: str) -> Iterator[str]:
    """URL of an OMS database of its own, migrated to head."""
    name = f"oms_{secrets.token_hex(6)}"
    url = postgres_server.create_database(name, template=_migrated)
    yield url
    close_connections(url)
    postgres_server.drop_database(name)


@pytest.fixture
def next_oms_database(postgres_server: PostgresServer, _migrated: str) -> Iterator[Callable[[], str]]:
    """Makes a migrated OMS database, instead of the one before, and gives its URL: one for each of many lives."""
    now = ""

    def drop() -> None:
        if now:
            close_connections(postgres_server.url(now))
            postgres_server.drop_database(now)

    def make() -> str:
        nonlocal now
        drop()
        now = f"oms_{secrets.token_hex(6)}"
        return postgres_server.create_database(now, template=_migrated)

    yield make
    drop()
