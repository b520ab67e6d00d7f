"""What the machines need: a sandbox that serves, and new databases for every life."""

from __future__ import annotations

import gc
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import permutations
from typing import Any, ClassVar, TypeVar

import pytest
from tests.contract.conftest import serving
from tests.lives.deaths import Deaths
from tests.lives.http_scene import ORDERS, TROUBLES, HttpOutside
from tests.lives.machine import ForwardLife
from tests.lives.scene import Scene
from tests.lives.whole_machine import WholeLife
from tests.workflows.oms import Oms

from magento_oms.local.postgres import PostgresServer
from magento_oms.storage.database import close_connections
from magento_oms.workflows import order_pull

Life = TypeVar("Life", bound=ForwardLife)
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
def sandbox_database(postgres_server: PostgresServer) -> Iterator[str]:
    """URL of an empty database for the sandbox."""
    name = f"sandbox_{secrets.token_hex(6)}"
    yield postgres_server.create_database(name)
    postgres_server.drop_database(name)


@pytest.fixture
def http_machine(sandbox_database: str, new_oms: Callable[[], Oms], _hurried: None) -> Iterator[type[ForwardLife]]:
    """Lives over HTTP to the sandbox."""
    with serving(sandbox_database) as url, machine(url, sandbox_database, new_oms, ForwardLife) as made:
        yield made


@pytest.fixture
def whole_machine(sandbox_database: str, new_oms: Callable[[], Oms], _hurried: None) -> Iterator[type[WholeLife]]:
    """Lives with all that may be cancelled and come back, over HTTP to the sandbox."""
    with serving(sandbox_database) as url, machine(url, sandbox_database, new_oms, WholeLife) as made:
        yield made


@contextmanager
def machine(url: str, database: str, new_oms: Callable[[], Oms], kind: type[Life]) -> Iterator[type[Life]]:
    """A kind of lives with a sandbox at a URL."""
    opened: list[HttpOutside] = []

    def close() -> None:
        while opened:
            opened.pop().close()

    killer = Deaths(lambda name: name.startswith(PREFIX))

    def make(vendors: int, **rules: Any) -> Scene:
        close()
        outside = HttpOutside(url, database, CHOICES[vendors % len(CHOICES)], kind.journeys)
        opened.append(outside)
        return kind.scene_type(new_oms(), outside.config(**rules), outside)

    class Machine(kind):  # type: ignore[valid-type,misc]
        new_scene = staticmethod(make)
        deaths = killer
        kinds = tuple(ORDERS)
        troubles = tuple(TROUBLES)
        counted: ClassVar[Counter[str]] = Counter()

        def finish(self) -> None:
            super().finish()
            self.counted["calls answered"] += self.scene.outside.ledger.calls()
            self.counted["deaths"] = killer.happened

    with killer.watching():
        yield Machine
        close()
    gc.collect()
