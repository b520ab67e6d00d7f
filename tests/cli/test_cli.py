"""The command `magento-oms` from outside, over a real Postgres."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.workflows.fakes import FakeMagento, instance_config
from tests.workflows.oms import Oms

from magento_oms.orchestration import wiring
from magento_oms.ports import AuthenticationError
from magento_oms.settings import settings


def test_orders_are_listed_for_people_and_programs(run: Run, order: int) -> None:
    assert run("orders", "list").stdout.splitlines()[0].startswith("instance\tentity_id\t")
    [row] = json.loads(run("orders", "list", "--instance", "loom", "--json").stdout)
    assert row["entity_id"] == order
    assert json.loads(run("orders", "list", "--state", "cancelled", "--json").stdout) == []
    assert "allocated" in run("orders", "list", "--state", "nonsense", code=1).stderr


def test_an_order_is_shown_without_the_buyer_unless_asked(run: Run, oms: Oms, order: int) -> None:
    shown = run("orders", "show", "loom", order).stdout
    assert "Time line" in shown
    assert "IST" in shown
    assert "asha@example.com" not in shown
    assert "Rao" not in shown
    assert "asha@example.com" in run("orders", "show", "loom", order, "--personal").stdout
    assert run("orders", "show", "loom", oms.order(order)["increment_id"]).stdout == shown
    assert "orders pull" in run("orders", "show", "loom", 987654, code=1).stderr


def test_an_ambiguous_number_is_explained(run: Run, oms: Oms, store: FakeMagento, order: int) -> None:
    other = store.place()
    oms.take_in(store, instance_config())
    oms.run("update sales_order set increment_id = :n where entity_id = :id", n=str(order), id=other)
    assert "--by entity" in run("orders", "show", "loom", order, code=1).stderr
    assert f"entity_id: {order}\n" in run("orders", "show", "loom", order, "--by", "entity").stdout
    assert f"entity_id: {other}\n" in run("orders", "show", "loom", order, "--by", "increment").stdout


def test_one_order_is_pulled(run: Run, oms: Oms, store: FakeMagento) -> None:
    entity_id = store.place()
    assert "new, now" in run("orders", "pull", "loom", entity_id).stdout
    assert oms.order(entity_id)["entity_id"] == entity_id
    assert "unchanged" in run("orders", "pull", "loom", oms.order(entity_id)["increment_id"]).stdout
    run("orders", "pull", "loom", 424242, code=1)
    assert "entity id" in run("orders", "pull", "loom", "000999999", code=1).stderr
    assert "valid: loom" in run("orders", "pull", "lom", 1, code=1).stderr


def test_effects_are_listed_held_and_released(run: Run, order: int) -> None:
    [row] = json.loads(run("effects", "list", "--order", order, "--target", "loom", "--json").stdout)
    assert row["state"] == "due"
    assert "Use planned" in run("effects", "list", "--state", "nonsense", code=1).stderr
    run("effects", "hold", "loom", "--reason", "stocktaking")
    assert "magento:loom" in run("effects", "list").stderr
    run("effects", "hold", "all", "--reason", "storm")
    assert "still held: storm" in run("effects", "release", "magento:loom").stdout
    run("effects", "release", "*")
    assert "Held now: none" in run("effects", "release", "loom", code=1).stderr
    assert "valid: loom" in run("effects", "hold", "lom", "--reason", "x", code=1).stderr


@pytest.mark.usefixtures("order")
def test_recovery_asks_first(run: Run, oms: Oms) -> None:
    run("effects", "recover", answer="n\n", code=1)
    assert oms.effect_states() == ["due"]
    assert "1 effects" in run("effects", "recover", "--target", "loom", "--yes").stdout
    assert oms.effect_states() == ["unknown"]


def test_configuration_is_checked(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unwise = run("config", "check")
    assert "No warehouse is configured" in unwise.output
    assert unwise.exit_code == 0  # it works, it may only not be meant
    assert "no instance 'lom'" in run("config", "check", "lom", code=1).stdout
    (folder / "bad.yaml").write_text("code: bad\nnme: Bad\n")
    findings = json.loads(run("config", "check", "--json", code=1).stdout)
    assert {"bad.yaml:2"} <= {finding["where"] for finding in findings}
    run("config", "check", "loom")

    def refused(config: object) -> None:
        raise AuthenticationError("The store refuses the password.", way_out="Correct the connection.")

    monkeypatch.setattr(wiring, "magento_for", refused)
    assert "Correct the connection." in run("config", "check", "loom", "--live", code=1).stdout


def test_the_schema_is_written(run: Run, tmp_path: Path) -> None:
    run("config", "schema", tmp_path / "schema.json")
    assert "stores" in json.loads((tmp_path / "schema.json").read_text())["properties"]
    assert "cannot be written" in run("config", "schema", tmp_path / "no" / "schema.json", code=1).stderr


def test_a_database_that_is_not_migrated_is_upgraded(
    run: Run, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAGENTO_OMS_DATABASE_URL", new_database())
    settings.cache_clear()
    assert "magento-oms database upgrade" in run("orders", "list", code=1).stderr
    run("database", "upgrade")
    run("orders", "list")


@pytest.mark.parametrize(
    ("url", "told"),
    [("", "is not known"), ("nonsense", "is no database URL"),
     ("postgresql+psycopg://me:hush@h:port/x", "is no database URL"),
     ("postgresql+psycopg://me:hush@127.0.0.1:1/x", "cannot be reached")],
)  # fmt: skip
def test_a_missing_database_is_named(run: Run, monkeypatch: pytest.MonkeyPatch, url: str, told: str) -> None:
    monkeypatch.setenv("MAGENTO_OMS_DATABASE_URL", url)
    settings.cache_clear()
    error = run("orders", "list", code=1).stderr
    assert told in error
    assert "hush" not in error
    assert "Traceback" not in error


@pytest.mark.usefixtures("order", "run")  # `run` sets the environment that the child has
def test_a_terminal_gets_a_table() -> None:
    ours, theirs = pty.openpty()
    command = [str(Path(sys.executable).with_name("magento-oms")), "orders", "list"]
    child = subprocess.Popen(command, stdout=theirs, env={**os.environ, "COLUMNS": "200", "TERM": "xterm"})
    os.close(theirs)
    printed = b""
    # A terminal whose other side has closed is read with an error.
    with contextlib.suppress(OSError):
        while chunk := os.read(ours, 65536):
            printed += chunk
    os.close(ours)
    assert child.wait(30) == 0
    assert "│ loom" in printed.decode()


def test_help_is_quick_and_everywhere(run: Run) -> None:
    assert run("--version").stdout.startswith("magento-oms ")
    for group in ("config", "orders", "effects", "quarantine", "parcels", "webhooks", "sandbox", "database"):
        assert "Usage" in run(group, "--help").stdout
    heavy = "import sys, magento_oms.cli.main; print({'airflow', 'pandas', 'sqlalchemy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True).stdout == "set()\n"
