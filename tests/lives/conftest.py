"""What the machines need: a sandbox that serves, and new databases for every life."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import permutations
from typing import Any, ClassVar

import pytest
from tests.contract.conftest import serving
from tests.lives.deaths import Deaths
from tests.lives.http_scene import ORDERS, TROUBLES, HttpOutside
from tests.lives.machine import ForwardLife
from tests.lives.scene import Scene
from tests.workflows.oms import Oms

from magento_oms.local.postgres import PostgresServer
from magento_oms.storage.database import close_connections
from magento_oms.workflows import order_pull

PREFIX = "life_"
"""Names of the OMS databases of lives begin so: there processes die, and not in the sandbox's."""
VENDORS = ("shiprocket", "clickpost", "shipway", "eshipz")
CHOICES = [*permutations(VENDORS, 2), *permutations(VENDORS, 3), *permutations(VENDORS, 4)]
"""Aggregators of a store, in its order."""


@pytest.fixture
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time that only passes would make the proof slow, and proves nothing here."""
    monkeypatch.setattr(order_pull, "SAFETY", timedelta(0))


@pytest.fixture
def new_oms(postgres_server: PostgresServer, _migrated: str) -> Iterator[Callable[[], Oms]]:
    """Makes an empty OMS; the one before is gone then."""
    made: list[str] = []

    def drop() -> None:
        name = made.pop()
        close_connections(postgres_server.url(name))
        postgres_server.drop_database(name)

    def make() -> Oms:
        if made:
            drop()
        made.append(f"{PREFIX}{secrets.token_hex(6)}")
        return Oms(postgres_server.create_database(made[-1], template=_migrated))

    yield make
    if made:
        drop()


@pytest.fixture
def http_machine(
    postgres_server: PostgresServer, new_oms: Callable[[], Oms], _hurried: None
) -> Iterator[type[ForwardLife]]:
    """Lives over HTTP to the sandbox."""
    name = f"sandbox_{secrets.token_hex(6)}"
    database = postgres_server.create_database(name)
    opened: list[HttpOutside] = []

    def close() -> None:
        while opened:
            opened.pop().close()

    killer = Deaths(lambda database: database.startswith(PREFIX))
    with serving(database) as url, killer.watching():

        def make(vendors: int, **rules: Any) -> Scene:
            close()
            outside = HttpOutside(url, database, CHOICES[vendors % len(CHOICES)])
            opened.append(outside)
            return Scene(new_oms(), outside.config(**rules), outside)

        class Machine(ForwardLife):
            new_scene = staticmethod(make)
            deaths = killer
            kinds = tuple(ORDERS)
            troubles = tuple(TROUBLES)
            counted: ClassVar[Counter[str]] = Counter()

            def finish(self) -> None:
                self.counted["calls over HTTP"] += self.scene.outside.ledger.calls()  # type: ignore[attr-defined]
                self.counted["deaths"] = killer.happened

        yield Machine
        close()
    postgres_server.drop_database(name)
