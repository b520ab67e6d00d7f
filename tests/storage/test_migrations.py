"""The migrations make what the models say, and can be taken back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from magento_oms.storage.database import engine
from magento_oms.storage.migrate import alembic_config, upgrade
from magento_oms.storage.tables import Base


def differences(url: str) -> list[object]:
    with engine(url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, Base.metadata))


def test_migrations_make_what_the_models_say(oms_database: str) -> None:
    assert differences(oms_database) == []


def test_down_and_up_again(new_database: Callable[[], str]) -> None:
    url = new_database()
    upgrade(url)
    config = alembic_config(url)
    command.downgrade(config, "base")
    with engine(url).connect() as connection:
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
    upgrade(url)
    assert differences(url) == []


def test_several_processes_may_migrate_at_once(new_database: Callable[[], str]) -> None:
    url = new_database()
    with ThreadPoolExecutor(3) as workers:
        list(workers.map(lambda _: upgrade(url), range(3)))
    assert differences(url) == []
