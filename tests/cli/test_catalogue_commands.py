"""`magento-oms catalogue` and `magento-oms budget`: what people see of products, waiting SKUs and budgets."""

from __future__ import annotations

import json

import pytest
from tests.cli.conftest import Run
from tests.workflows.fakes import FakeMagento, instance_config
from tests.workflows.oms import Oms
from tests.workflows.payloads import item

from magento_oms.storage.budget import SharedBudget
from magento_oms.storage.catalogue import BEGINNING
from magento_oms.workflows.master_data.pull import PRODUCTS, pull


@pytest.fixture
def catalogue(oms: Oms, store: FakeMagento) -> None:
    """The whole catalogue was read: a tee with one of its two choices."""
    store.add_product(1, "TEE", "configurable", extension_attributes={"configurable_product_links": [2, 3]})
    store.add_product(2, "TEE-Red", attributes={"hsn_code": "soft"})
    pull(oms.url, store, instance_config(), PRODUCTS, start=BEGINNING, end=store.now, run_id="test")


@pytest.mark.usefixtures("catalogue")
def test_show_tells_what_is_known_and_what_was_odd(run: Run) -> None:
    shown = run("catalogue", "show", "loom", "TEE").stdout
    assert "type_id: configurable" in shown
    assert "TEE-Red\tProduct TEE-Red\t1" in shown
    assert "notes: the HSN code is 'soft', not 4, 6 or 8 digits" in run("catalogue", "show", "loom", "TEE-Red").stdout
    told = json.loads(run("catalogue", "show", "loom", "TEE", "--json").stdout)
    assert [child["known"] for child in told["children"]] == [True, False]
    assert "has no SKU 'NOPE'" in run("catalogue", "show", "loom", "NOPE", code=1).stderr


@pytest.mark.usefixtures("catalogue")
def test_order_that_waits_is_seen_and_sent_on(run: Run, store: FakeMagento, oms: Oms) -> None:
    entity_id = store.place(items=[item(1, "NEW", product_id=9)])
    run("orders", "pull", "loom", entity_id)
    assert oms.states() == {entity_id: "held"}
    [row] = json.loads(run("catalogue", "awaited", "--json").stdout)
    assert (row["sku"], row["orders"], row["asked"]) == ("NEW", 1, 1)
    store.add_product(9, "NEW")
    assert (
        "1 new, 0 changed, 0 known as they are, 0 in quarantine; 1 orders went on."
        in run("catalogue", "pull", "loom", "NEW").stdout
    )
    assert oms.states() == {entity_id: "allocated"}
    assert "No order waits" in run("catalogue", "awaited").stderr


@pytest.mark.usefixtures("catalogue")
def test_orders_are_let_go_on_without_a_product(run: Run, store: FakeMagento, oms: Oms) -> None:
    entity_id = store.place(items=[item(1, "NEVER", product_id=9)])
    run("orders", "pull", "loom", entity_id)
    assert "no product 'NEVER'" in run("catalogue", "pull", "loom", "NEVER", code=1).stderr
    listed = run("quarantine", "list").stdout
    assert "magento-oms catalogue accept loom SKU" in listed
    assert "stays: Orders wait for the SKU 'NEVER'" in run("quarantine", "retry", "--all", code=1).stdout
    assert "1 orders went on" in run("catalogue", "accept", "loom", "NEVER").stdout
    assert oms.states() == {entity_id: "allocated"}
    assert "No order of loom waits" in run("catalogue", "accept", "loom", "NEVER", code=1).stderr


def test_too_many_skus_for_one_request_are_refused(run: Run) -> None:
    assert "21 SKUs are too many" in run("catalogue", "pull", "loom", *map(str, range(21)), code=1).stderr


def test_budgets_are_shown(run: Run, oms_database: str) -> None:
    assert "Nothing was sent to anybody yet." in run("budget", "show").stderr
    budget = SharedBudget(oms_database, "magento:loom", per_second=20, burst=40)
    budget.spend()
    budget.observed("GET orders/1 ~1kB", 0.05, 503)
    [row] = json.loads(run("budget", "show", "--json").stdout)
    assert (row["scope"], row["per_second"], row["burst"]) == ("magento:loom", 20, 40)
    assert 10 <= row["allowed"] < 11
    assert "503" in row["eased_why"]
    assert "magento:loom" in run("budget", "show", "magento:loom").stdout
    assert "Nothing was ever sent to 'x'" in run("budget", "show", "x", code=1).stderr
