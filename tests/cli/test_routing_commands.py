"""Why orders go where they go, what waits, and what other strategies would have done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.workflows.fakes import FakeMagento
from tests.workflows.forward.conftest import Forward, forward_config, goods
from tests.workflows.oms import Oms

from magento_oms.storage import instances
from magento_oms.storage.database import engine

CONFIG = forward_config(routing={"strategies": ["nearest"], "policy": "complete"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The instances' folder, with a store that ships from wherever is nearest."""
    (tmp_path / "loom.yaml").write_text(json.dumps(CONFIG.model_dump(mode="json", exclude_unset=True)))
    return tmp_path


@pytest.fixture
def forward(oms_database: str, store: FakeMagento) -> Forward:
    """The life behind the commands."""
    with engine(oms_database).begin() as connection:
        instances.configure(connection, CONFIG)
    return Forward(Oms(oms_database), store, CONFIG)


@pytest.fixture
def past(forward: Forward) -> Forward:
    """Three orders that were split over the two warehouses, since each line went to the nearest, and one that waits."""
    forward.stock("pune", KURTA=9)
    forward.stock("hoskote", KURTA=9, SAREE=3)
    for _ in range(3):
        forward.place(goods("KURTA", "SAREE"))
    forward.route()
    forward.place(goods("SAREE"))
    forward.route()
    return forward


def test_another_strategy_is_compared_on_past_orders(run: Run, past: Forward) -> None:
    before = past.oms.rows("select id, location, state from fulfilment order by id")
    result = run("routing", "simulate", "loom", "--strategies", "fewest_parcels,nearest", "--json")
    table = {row["figure"]: (row["was"], row["would be"]) for row in json.loads(result.stdout)}
    assert table["orders"] == (4, 4)
    assert table["parcels"] == (len(before), 3)
    assert len(before) == 3 or table["split"][0] > table["split"][1] == 0
    assert table["unfilled_lines"] == (1, 1)
    assert table["kilometres"][0] > 0
    assert table["kilometres"][1] > 0
    assert "4/4" in result.stderr  # the bar, at its end
    assert past.oms.rows("select id, location, state from fulfilment order by id") == before


def test_another_policy_is_compared_too(run: Run, forward: Forward) -> None:
    forward.stock("pune", KURTA=9)
    forward.place(goods("KURTA", "SAREE"))
    forward.route()
    rows = json.loads(run("routing", "simulate", "loom", "--policy", "many_partial", "--json").stdout)
    table = {row["figure"]: (row["was"], row["would be"]) for row in rows}
    assert (table["parcels"], table["unfilled_lines"]) == ((0, 1), (2, 1))
    assert table["orders that would go another way"][1] == 1
    nothing = run("routing", "simulate", "loom", "--store", 77, "--json").stdout
    assert {row["figure"]: row["was"] for row in json.loads(nothing)}["orders"] == 0


def test_what_is_misspelt_is_told_with_what_there_is(run: Run, past: Forward) -> None:
    told = run("routing", "simulate", "loom", "--strategies", "cheapest", code=1).output
    assert "Strategies: fewest_parcels, nearest, nearest_prefix, priority" in " ".join(told.split())
    assert "valid: loom" in run("routing", "simulate", "lume", code=1).output


def test_an_order_explains_itself(run: Run, past: Forward) -> None:
    entity_id = past.fulfilments()[0]["entity_id"]
    told = run("routing", "explain", "loom", entity_id).output
    assert "compared by distance" in told
    assert "pune: " in told
    assert "hoskote: " in told
    [waiting] = past.oms.rows("select o.entity_id from unfilled_line u join sales_order o on o.id = u.order_id")
    assert (
        "1 of 1 SAREE missing; there is: pune 0, hoskote 0."
        in run("routing", "explain", "loom", waiting["entity_id"]).output
    )


def test_the_queue_names_what_waits_and_why(run: Run, past: Forward) -> None:
    [row] = json.loads(run("routing", "queue", "--json").stdout)
    assert (row["sku"], row["queue"], row["quantity"]) == ("SAREE", "waits_for_stock", "1")
    assert "SAREE" in run("routing", "queue", "--sku", "SAREE").output
    assert json.loads(run("routing", "queue", "--sku", "KURTA", "--json").stdout) == []
