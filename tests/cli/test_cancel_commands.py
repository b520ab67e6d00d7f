"""`magento-oms orders cancel` and `release`."""

from __future__ import annotations

from tests.cli.conftest import Run
from tests.workflows.fakes import FakeMagento, instance_config
from tests.workflows.oms import Oms
from tests.workflows.payloads import item


def test_units_and_orders_are_cancelled_once(run: Run, oms: Oms, store: FakeMagento) -> None:
    entity_id = store.place(items=[item(10, "KURTA", 2), item(11, "SAREE", 1)])
    oms.take_in(store, instance_config())
    asked = ("orders", "cancel", "loom", entity_id, "--reason", "out of stock")
    assert "Magento is told" in run(*asked, "--line", "10=1").stdout
    assert "asked before" in run(*asked, "--line", "10=1").stdout
    shown = run("orders", "show", "loom", entity_id).stdout
    assert "Cancellations" in shown
    assert "out of stock" in shown
    assert "is held, and cancelled on Magento" in run(*asked).stdout
    assert "asked before" in run(*asked).stdout
    assert oms.states() == {entity_id: "held"}


def test_what_cannot_be_cancelled_is_told(run: Run, order: int) -> None:
    asked = ("orders", "cancel", "loom", order, "--reason", "no")
    assert "is not understood" in run(*asked, "--line", "ten", code=1).stderr
    assert "The order has no such line" in run(*asked, "--line", "99=1", code=1).stderr
    assert "no order" in run("orders", "cancel", "loom", 4711, "--reason", "no", code=1).stderr


def test_a_hold_is_released_and_the_order_goes_on(run: Run, oms: Oms, store: FakeMagento, order: int) -> None:
    new = store.place(relation_parent_real_id=f"{order:09d}", relation_parent_id=str(order))
    oms.take_in(store, instance_config(), [new])
    assert oms.states()[new] == "held"
    assert "under no hold 'nothing'" in run("orders", "release", "loom", new, "nothing", code=1).stderr
    assert "is released" in run("orders", "release", "loom", new, "replaces_order").stdout
    assert oms.states()[new] == "allocated"
    assert [row["kind"] for row in oms.effects(new)] == ["acknowledge_order"]
