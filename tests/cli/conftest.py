"""Running commands over an OMS of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from tests.workflows.fakes import FakeMagento, instance_config, store_config
from tests.workflows.oms import Oms
from typer.testing import CliRunner, Result

from magento_oms.cli.main import app
from magento_oms.orchestration import wiring
from magento_oms.settings import settings
from magento_oms.storage import instances
from magento_oms.storage.database import engine

Run = Callable[..., Result]


def write_config(folder: Path, *, url: str = "https://loom.example.in", **statuses: dict[str, str]) -> None:
    """The file of the instance `loom`, with other statuses where given."""
    config = instance_config(store_config(**({"statuses": statuses} if statuses else {})), url=url)
    (folder / "loom.yaml").write_text(json.dumps(config.model_dump(mode="json", exclude_unset=True)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The instances' folder, with the instance `loom`."""
    write_config(tmp_path)
    return tmp_path


@pytest.fixture
def run(oms_database: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a command over an OMS of its own."""
    monkeypatch.setenv("MAGENTO_OMS_DATABASE_URL", oms_database)
    monkeypatch.setenv("MAGENTO_OMS_INSTANCES_DIR", str(folder))
    settings.cache_clear()

    def command(*arguments: object, code: int = 0, answer: str | None = None) -> Result:
        result = CliRunner().invoke(app, [str(each) for each in arguments], input=answer)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    with structlog.testing.capture_logs():
        yield command
    settings.cache_clear()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FakeMagento:
    """The store that every command finds behind the connection."""
    fake = FakeMagento()
    monkeypatch.setattr(wiring, "magento_for", lambda config: fake)
    return fake


@pytest.fixture
def oms(oms_database: str) -> Oms:
    with engine(oms_database).begin() as connection:
        instances.configure(connection, instance_config())
    return Oms(oms_database)


@pytest.fixture
def order(oms: Oms, store: FakeMagento) -> int:
    """An order that the OMS has taken in."""
    entity_id = store.place()
    oms.take_in(store, instance_config())
    return entity_id
