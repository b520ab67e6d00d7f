"""`magento-oms quarantine`: sending on and dismissing what waits for a person."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Run, write_config
from tests.workflows.fakes import FakeMagento, instance_config, store_config
from tests.workflows.oms import Oms

from magento_oms.storage import quarantine
from magento_oms.storage.database import engine


def test_a_held_order_goes_on_once_its_status_is_configured(
    run: Run, oms: Oms, store: FakeMagento, folder: Path
) -> None:
    entity_id = store.place(status="gift_check")
    assert "gift_check" in run("orders", "pull", "loom", entity_id, code=1).stderr
    [entry] = json.loads(run("quarantine", "list", "loom", "--json").stdout)
    assert "stays: " in run("quarantine", "retry", entry["id"], code=1).stdout
    write_config(folder, pull={"pending": "Placed", "gift_check": "Gift checked"})
    assert "understood" in run("quarantine", "retry", entry["id"]).stdout
    assert oms.states()[entity_id] == "allocated"
    assert oms.quarantined() == {}
    assert oms.count("inbox") == 1
    assert "resolved already" in run("quarantine", "retry", entry["id"], code=1).stderr
    assert "empty" in run("quarantine", "retry", "--all").stdout


def test_retry_settles_an_order_that_is_stored_from_the_same_payload(run: Run, oms: Oms, order: int) -> None:
    with engine(oms.url).begin() as connection:
        quarantine.open_(
            connection, instance="loom", subject=f"order:{order}", code="backwards", reason="r", way_out="w"
        )
    before = oms.business()
    run("quarantine", "retry", "--all", "--instance", "loom")
    assert oms.quarantined() == {}
    assert oms.business() == before
    assert len(oms.effects(order)) == 1


def failed_effect(oms: Oms) -> int:
    [effect] = oms.effects()
    oms.run("update effect set state = 'failed', finished_at = now()")
    with engine(oms.url).begin() as connection:
        return quarantine.open_(
            connection, instance="loom", subject=f"effect:{effect['id']}", code="refused", reason="r", way_out="w",
            effect_id=effect["id"],
        )  # fmt: skip


@pytest.mark.usefixtures("order")
def test_a_refused_effect_is_sent_on(run: Run, oms: Oms) -> None:
    entry = failed_effect(oms)
    assert "due again" in run("quarantine", "retry", entry).stdout
    assert oms.effect_states() == ["due"]
    assert oms.quarantined() == {}


@pytest.mark.usefixtures("order")
def test_a_dismissal_gives_up_and_says_why(run: Run, oms: Oms) -> None:
    entry = failed_effect(oms)
    assert "says why" in run("quarantine", "dismiss", entry, "--reason", " ", code=1).stderr
    run("quarantine", "dismiss", entry, "--reason", "done by hand")
    assert oms.effect_states() == ["cancelled"]
    [row] = oms.rows("select resolution from quarantine")
    assert row["resolution"].endswith(": done by hand")
    assert "no quarantine entry" in run("quarantine", "dismiss", 999, "--reason", "x", code=1).stderr
    assert "--all" in run("quarantine", "retry", code=1).stderr


@pytest.mark.usefixtures("order")
def test_an_effect_that_is_done_meanwhile_is_not_sent_again(run: Run, oms: Oms) -> None:
    entry = failed_effect(oms)
    oms.run("update effect set state = 'done'")
    assert "not sent on: it is done" in run("quarantine", "retry", entry).stdout
    assert oms.effect_states() == ["done"]
    assert oms.quarantined() == {}


@pytest.mark.usefixtures("order")
def test_a_refused_effect_of_a_cancelled_order_is_not_sent_on(run: Run, oms: Oms) -> None:
    entry = failed_effect(oms)
    oms.run("update sales_order set state = 'cancelled'")
    assert "no longer wanted" in run("quarantine", "retry", entry).stdout
    assert oms.effect_states() == ["cancelled"]


def test_one_that_stays_does_not_stop_the_others(run: Run, oms: Oms, store: FakeMagento, folder: Path) -> None:
    gone, held, other = (store.place(status="gift_check") for _ in range(3))
    for entity_id in (gone, held):
        run("orders", "pull", "loom", entity_id, code=1)
    oms.run("update quarantine set inbox_id = null where subject = :subject", subject=f"order:{gone}")
    oms.run("delete from inbox where entity_id = :id", id=gone)
    with engine(oms.url).begin() as connection:
        quarantine.open_(
            connection, instance="left", subject=f"order:{other}", code="unknown_status", reason="r", way_out="w"
        )
    write_config(folder, pull={"pending": "Placed", "gift_check": "Gift checked"})
    told = run("quarantine", "retry", "--all", code=1).stdout.splitlines()
    assert f"orders pull loom {gone}" in told[0]
    assert told[1].endswith("understood")
    assert "instance 'left'" in told[2]
    assert oms.states()[held] == "allocated"
    assert set(oms.quarantined()) == {f"order:{gone}", f"order:{other}"}
    run("orders", "pull", "loom", gone)  # the way out that was told
    assert set(oms.quarantined()) == {f"order:{other}"}


def test_a_stored_order_that_is_to_be_ignored_is_left_alone(
    run: Run, oms: Oms, store: FakeMagento, folder: Path
) -> None:
    entity_id = store.place(status="gift_check")
    run("orders", "pull", "loom", entity_id, code=1)
    write_config(folder, ignore={"gift_check": "Not ours"})
    run("quarantine", "retry", "--all")
    assert oms.quarantined() == {}
    assert oms.effects() == []
    assert oms.states()[entity_id] not in ("held", "allocated")


def test_an_order_of_a_new_store_view_that_is_to_be_ignored_is_not_stored(
    run: Run, oms: Oms, store: FakeMagento, folder: Path
) -> None:
    entity_id = store.place(status="gift_check", store_id=9)
    assert "store view 9" in run("orders", "pull", "loom", entity_id, code=1).stderr
    ninth = store_config(store_id=9, code="ninth", statuses={"ignore": {"gift_check": "Not ours"}})
    config = instance_config(store_config(), ninth)
    (folder / "loom.yaml").write_text(json.dumps(config.model_dump(mode="json", exclude_unset=True)))
    assert "nothing to do" in run("quarantine", "retry", "--all").stdout
    assert oms.quarantined() == {}
    assert oms.states() == {}


def test_one_trouble_gone_brings_the_next_to_light(run: Run, oms: Oms, store: FakeMagento, folder: Path) -> None:
    entity_id = store.place(status="gift_check", store_id=9)
    run("orders", "pull", "loom", entity_id, code=1)
    config = instance_config(store_config(), store_config(store_id=9, code="ninth"))
    (folder / "loom.yaml").write_text(json.dumps(config.model_dump(mode="json", exclude_unset=True)))
    assert "'gift_check' is not configured" in run("quarantine", "retry", "--all", code=1).stdout
    assert oms.quarantined() == {f"order:{entity_id}": "unknown_status"}
