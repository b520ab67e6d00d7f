"""What the tests of the shared storage need: the passing of time, a key, and many callers at once."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Connection, DateTime, text

from magento_oms.settings import settings
from magento_oms.storage.database import engine
from magento_oms.storage.tables import Base

Result = TypeVar("Result")


@pytest.fixture
def connection(oms_database: str) -> Iterator[Connection]:
    """A connection in a transaction, as a workflow would have it."""
    with engine(oms_database).connect() as opened:
        yield opened


def let_time_pass(url: str, table: str, seconds: float) -> None:
    """Make everything in `table` older by `seconds`: what the database's clock would do."""
    times = [column.name for column in Base.metadata.tables[table].columns if isinstance(column.type, DateTime)]
    changes = ", ".join(f"{name} = {name} - make_interval(secs => :seconds)" for name in times)
    with engine(url).begin() as opened:
        opened.execute(text(f"update {table} set {changes}"), {"seconds": seconds})


@pytest.fixture
def elapse(oms_database: str) -> Elapse:
    """`elapse(table, seconds)`: that much time passes for the table."""
    return lambda table, seconds: let_time_pass(oms_database, table, seconds)


@pytest.fixture
def set_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Set the product's Fernet key; none of Airflow's is there."""

    def set_them(keys: str) -> None:
        monkeypatch.setenv("MAGENTO_OMS_FERNET_KEY", keys)
        monkeypatch.delenv("AIRFLOW__CORE__FERNET_KEY", raising=False)
        settings.cache_clear()

    yield set_them
    settings.cache_clear()


@pytest.fixture
def key(set_keys: Callable[[str], None]) -> str:
    """A key that is set."""
    made = Fernet.generate_key().decode()
    set_keys(made)
    return made


class AtOnce(Protocol):
    """`at_once(count, work)`: what `work(0) … work(count - 1)` return, all started at the same moment in threads."""

    def __call__(self, count: int, work: Callable[[int], Result]) -> list[Result]: ...


def _at_once(count: int, work: Callable[[int], Result]) -> list[Result]:
    start = threading.Barrier(count)

    def one(number: int) -> Result:
        start.wait(timeout=30)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


@pytest.fixture
def at_once() -> AtOnce:
    """See `AtOnce`."""
    return _at_once


class Child:
    """A forked process, as Airflow forks its tasks. `tell` sends a word to the test, which waits with `hear`."""

    def __init__(self, work: Callable[[Tell], None]) -> None:
        context = multiprocessing.get_context("fork")
        self._ear, mouth = context.Pipe(duplex=False)
        self._process = context.Process(target=lambda: work(mouth.send), daemon=True)
        self._process.start()
        mouth.close()

    def hear(self, timeout: float = 30) -> str:
        """The next word of the child."""
        if not self._ear.poll(timeout):
            raise TimeoutError("the child said nothing")
        return str(self._ear.recv())

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._process.kill()
        self._process.join(30)
        self._ear.close()

    def end(self) -> int | None:
        """Wait for it to end by itself; its exit code."""
        self._process.join(60)
        self._ear.close()
        return self._process.exitcode


Tell = Callable[[str], None]
StartChild = Callable[[Callable[[Tell], None]], Child]
Elapse = Callable[[str, float], None]


@pytest.fixture
def child() -> Iterator[StartChild]:
    """Starts children, and ends those that the test left running."""
    started: list[Child] = []

    def start(work: Callable[[Tell], None]) -> Child:
        started.append(Child(work))
        return started[-1]

    yield start
    for each in started:
        each.kill()
