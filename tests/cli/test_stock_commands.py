"""`magento-oms stock`."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.workflows.fakes import FakeMagento
from tests.workflows.forward.conftest import Forward, forward_config, goods
from tests.workflows.inventory.conftest import ONE_SOURCE
from tests.workflows.oms import Oms

from magento_oms.storage import instances, stock
from magento_oms.storage.database import engine

D = Decimal


@pytest.fixture
def forward(oms: Oms, store: FakeMagento, folder: Path) -> Forward:
    """A store with two warehouses that are one source, and a buffer of two units."""
    config = forward_config(locations=ONE_SOURCE, stock={"buffer": 2})
    (folder / "loom.yaml").write_text(json.dumps(config.model_dump(mode="json", exclude_unset=True)))
    with engine(oms.url).begin() as connection:
        instances.configure(connection, config)
    store.sells("KURTA")
    return Forward(oms, store, config)


def test_show_tells_what_every_location_has(run: Run, oms: Oms) -> None:
    oms.run("insert into location (code, name, address) values ('pune', 'Pune', '{}'), ('delhi', 'Delhi', '{}')")
    with engine(oms.url).begin() as connection:
        stock.set_absolute(connection, "pune", {"KURTA-M": D(10)})
        stock.set_absolute(connection, "delhi", {"KURTA-M": D("2.5"), "KURTA-L": D(1)})
        stock.reserve(connection, {("pune", "KURTA-M"): D(3)})
    rows = json.loads(run("stock", "show", "KURTA-M", "--json").output)
    assert [(row["location"], D(row["quantity"]), D(row["reserved"]), D(row["free"])) for row in rows] == [
        ("delhi", D("2.5"), D(0), D("2.5")),
        ("pune", D(10), D(3), D(7)),
    ]
    assert "No location has told of NONE" in run("stock", "show", "NONE").output


def test_explain_prints_the_sum_line_by_line(run: Run, forward: Forward, store: FakeMagento) -> None:
    forward.stock("pune", KURTA=10)
    forward.stock("hoskote", KURTA=4)
    forward.place(goods("KURTA", quantity=3))
    forward.route()
    run("stock", "push", "loom", "KURTA")
    told = " ".join(run("stock", "explain", "loom/default", "KURTA").output.split())
    for line in (
        "on the shelf at pune 10",
        "on the shelf at hoskote 4",
        "less reserved for open fulfilments at pune -3",
        "less safety buffer -2",
        "= available to sell 9",
        "Magento still keeps units for order 000000001 3 reserved at pune",
        "= to tell the source default 12",
        "told to the source default 12",
        "Magento has at the source default 12",
        "Magento would sell (stock 1) 9",
    ):
        assert line in told, told
    [part] = json.loads(run("stock", "explain", "loom", "KURTA", "--json", "--offline").output)
    figures = {line["text"]: line["figure"] for line in part["lines"]}
    assert D(figures["= available to sell"]) == 9
    assert not any("Magento would sell" in text for text in figures)


def test_explain_of_what_nobody_told_or_magento_does_not_know(run: Run, forward: Forward) -> None:
    assert "No location of these stores has told of it" in run("stock", "explain", "loom", "NONE").output
    assert "no store view 'x'" in run("stock", "explain", "loom/x", "KURTA", code=1).stderr
    assert "no valid configuration" in run("stock", "explain", "nowhere", "KURTA", code=1).stderr


def test_push_tells_what_became_of_each_sku(run: Run, forward: Forward, store: FakeMagento) -> None:
    forward.stock("pune", KURTA=10, GHOST=1)
    output = run("stock", "push", "loom", "KURTA", "GHOST", "NONE", code=1).output
    assert "KURTA\tdefault\ttold 8" in output
    assert "GHOST\tdefault\tMagento has no product with the SKU GHOST." in output
    assert "NONE\t\tno location of its stores has told of it" in output
    assert store.has == {("KURTA", "default"): D(8)}
    [row] = json.loads(run("stock", "problems", "--json").output)
    assert (row["instance"], row["sku"]) == ("loom", "GHOST")
    assert "told 8" in run("stock", "push", "loom", "KURTA").output


def test_push_says_that_the_instance_is_on_hold(run: Run, forward: Forward, store: FakeMagento) -> None:
    forward.stock("pune", KURTA=10)
    run("effects", "hold", "loom", "--reason", "sale")
    result = run("stock", "push", "loom", "KURTA", code=1)
    assert "on hold (sale)" in result.stderr
    assert store.has == {}
