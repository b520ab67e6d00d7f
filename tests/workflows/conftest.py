"""What the tests of the workflows share: a store in memory beside a real OMS database."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

sys.path.insert(0, str(Path(__file__).parents[2]))  # the tests' own modules are imported as `tests.…`

from tests.workflows.fakes import FakeMagento, instance_config
from tests.workflows.oms import Oms

from magento_oms.config.models import InstanceConfig
from magento_oms.storage import instances
from magento_oms.storage.database import engine
from magento_oms.storage.migrate import upgrade


@pytest.fixture
def store() -> FakeMagento:
    """A Magento 2.4.7: comments do not move the status, the order entity does."""
    return FakeMagento()


@pytest.fixture
def config() -> InstanceConfig:
    return instance_config()


@pytest.fixture
def oms(oms_database: str, config: InstanceConfig) -> Oms:
    """An OMS that knows the instance."""
    with engine(oms_database).begin() as connection:
        instances.configure(connection, config)
    return Oms(oms_database)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Warnings about quarantined orders are what these tests provoke."""
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def new_oms(new_database: Callable[[], str], config: InstanceConfig) -> Callable[[], Oms]:
    """Makes more of them."""

    def make() -> Oms:
        url = new_database()
        upgrade(url)
        with engine(url).begin() as connection:
            instances.configure(connection, config)
        return Oms(url)

    return make
