"""Which stores sell from the same sources, and what is behind each."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.workflows.fakes import instance_config, store_config
from tests.workflows.forward.conftest import HOSKOTE, PUNE

from magento_oms.ports import ConfigurationError
from magento_oms.ports.inventory import StockLayout
from magento_oms.workflows.inventory.pools import Pool, pools_of, told_pools
from magento_oms.workflows.inventory.way import check_sources

D = Decimal
NO_SOURCE: dict[str, Any] = {**PUNE, "msi_source": None}


def view(number: int, *locations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return store_config(store_id=number, code=f"view{number}", locations=list(locations), **more)


def pools(*stores: dict[str, Any]) -> list[Pool]:
    return list(pools_of(instance_config(*stores)))


def test_stores_that_share_a_source_are_one_pool() -> None:
    second = {**HOSKOTE, "msi_source": "south"}
    [pool] = pools(view(1, PUNE), view(2, second), view(3, PUNE, second))
    assert set(pool.store_ids) == {1, 2, 3}
    assert set(pool.sources) == {"pune_src", "south"}
    assert pool.source_of[3, "hoskote"] == "south"


def test_stores_without_a_common_source_have_figures_of_their_own() -> None:
    found = pools(view(1, PUNE), view(2, {**PUNE, "msi_source": "other"}), view(3))
    assert [(pool.store_ids, pool.sources) for pool in found] == [((1,), ("pune_src",)), ((2,), ("other",))]


def test_locations_without_a_source_are_together_the_default_one() -> None:
    [pool] = pools(view(1, NO_SOURCE, HOSKOTE))
    assert (pool.sources, pool.all_locations) == (("default",), ("hoskote", "pune"))


def test_sources_come_in_the_order_in_which_they_ship() -> None:
    [pool] = pools(view(1, {**PUNE, "priority": 5}, {**HOSKOTE, "msi_source": "south", "priority": 1}))
    assert pool.sources == ("south", "pune_src")


def test_the_most_careful_rule_of_several_stores_counts() -> None:
    careful = view(2, NO_SOURCE, stock={"mode": "none", "buffer": 4, "buffers": {"KURTA": 1}})
    [pool] = pools(view(1, NO_SOURCE, stock={"buffer": 2, "min_qty": 1}), careful)
    assert not pool.keeps_reservations
    assert pool.deductions("KURTA", D(0)).buffer == 2
    assert pool.deductions("SAREE", D(3)).buffer == 4
    assert pool.deductions("SAREE", D(3)).min_qty == 1


@pytest.mark.parametrize(
    ("store", "why"),
    [
        (view(1, {**PUNE, "stock": "unlimited"}), "the location pune has unlimited stock"),
        (view(1, PUNE, mode="shadow"), "the store is in shadow mode"),
        (view(1, PUNE), ""),
    ],
)
def test_why_figures_are_not_told(store: dict[str, Any], why: str) -> None:
    [pool] = pools(store)
    assert pool.why_not_told == why
    assert len(told_pools(instance_config(store))) == (not why)


def test_a_store_view_whose_website_sells_from_no_stock_is_named() -> None:
    config = instance_config(view(1, PUNE))
    with pytest.raises(ConfigurationError, match="view1 sells from no stock"):
        check_sources(config, pools_of(config), StockLayout({}, {1: frozenset({"pune_src"})}))
