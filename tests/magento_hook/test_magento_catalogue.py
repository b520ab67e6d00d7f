"""Products and customers of the stand-in Magento, which shares no code with the hook: pages, filters, faults."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from pytest_httpserver import HTTPServer

from commerce_sandbox.client import SandboxClient
from commerce_sandbox.generator.catalogue import ODD_SKUS
from commerce_sandbox.versions import VERSIONS
from magento_hook.store import MagentoStore
from magento_oms.ports import ChangedIn, ConfigurationError, PermanentError

if TYPE_CHECKING:
    from tests.magento_hook.doubles import SpyBudget

EVERYTHING = ChangedIn()
YEAR = datetime(2026, 1, 1, tzinfo=UTC)
Connect = Callable[..., MagentoStore]


@pytest.fixture
def shop(sandbox: SandboxClient) -> SandboxClient:
    """A store with the generator's products and customers: placing an order brings them."""
    sandbox.place_orders(1)
    return sandbox


def product_ids(store: MagentoStore, where: ChangedIn = EVERYTHING, *, page_size: int = 20) -> list[int]:
    found: list[int] = []
    while True:
        page = store.products_after(found[-1] if found else 0, where, page_size=page_size)
        found += [row["id"] for row in page.rows]
        if page.last:
            return found


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_s_catalogue_is_read_to_the_end(shop: SandboxClient, connect: Connect, version: str) -> None:
    shop.set_up(version=version)
    store = connect()
    found = product_ids(store)
    assert len(found) == store.count_products(EVERYTHING) == len(set(found))
    assert product_ids(store, page_size=300) == found
    kinds = {row["type_id"] for row in store.products_after(0, EVERYTHING, page_size=300).rows}
    assert kinds == {"simple", "virtual", "configurable", "bundle"}


def test_page_limit_is_learnt_and_kept(shop: SandboxClient, connect: Connect) -> None:
    shop.set_up(input_limits={"max_page_size": 30})
    store = connect()
    assert len(product_ids(store, page_size=200)) == store.count_products(EVERYTHING)


def test_windows_of_the_last_change(shop: SandboxClient, connect: Connect) -> None:
    store = connect()
    lamp = {"id": 1, "sku": "LAMP", "name": "Lamp", "type_id": "simple", "status": 1, "price": 99}
    shop.put_products([lamp | {"created_at": "2026-01-01 00:00:00", "updated_at": "2026-11-20 12:00:00"}])
    noon, later = datetime(2026, 11, 20, 12, tzinfo=UTC), datetime(2026, 11, 20, 13, tzinfo=UTC)
    assert product_ids(store, ChangedIn(noon, later)) == [1]
    assert product_ids(store, ChangedIn(later, None)) == []
    assert 1 not in product_ids(store, ChangedIn(YEAR, noon))
    assert store.count_products(ChangedIn(noon)) == 1


def test_products_by_id_and_by_odd_skus(shop: SandboxClient, connect: Connect) -> None:
    store = connect()
    found = store.products_of([1, 999_999], ODD_SKUS)
    assert {row["sku"] for row in found.rows} >= set(ODD_SKUS)
    assert [row["id"] for row in found.rows if row["sku"] not in ODD_SKUS] == [1]
    with pytest.raises(PermanentError, match="no product can have"):
        store.products_of([], [" ", "a\tb"])


def test_customers_with_their_addresses(shop: SandboxClient, connect: Connect) -> None:
    store = connect()
    first = store.customers_after(0, EVERYTHING, page_size=30)
    assert not first.last
    rest = store.customers_after(first.end or 0, EVERYTHING, page_size=30)
    assert rest.last
    assert len(first.rows) + len(rest.rows) == store.count_customers(EVERYTHING) == 50
    assert first.rows[0]["addresses"][0]["country_id"] == "IN"
    assert store.customers_after(0, ChangedIn(datetime(2027, 1, 1, tzinfo=UTC)), page_size=30).rows == []


@pytest.mark.parametrize("kind", ["error_before", "reset", "reset_after", "php_down", "database_down", "expired_token"])
def test_faults_under_way_lose_nothing(shop: SandboxClient, connect: Connect, kind: str) -> None:
    store = connect()
    everything = product_ids(store)
    shop.add_fault(kind, method="GET", path="/products$", times=1, skip=1)
    assert product_ids(store) == everything
    assert all(rule["fired"] == 1 for rule in shop.faults() if rule.get("instance") == shop.instance)


def test_store_that_does_not_sort_stops_the_reading(server: HTTPServer, store: MagentoStore, budget: SpyBudget) -> None:
    rows = [{"id": 2, "sku": "B"}, {"id": 1, "sku": "A"}]
    headers = {"Date": "Mon, 23 Nov 2026 14:00:00 GMT"}
    server.expect_request("/rest/V1/products").respond_with_json({"items": rows, "total_count": 2}, headers=headers)
    with pytest.raises(ConfigurationError, match="does not sort or filter products as asked"):
        store.products_after(0, EVERYTHING, page_size=20)
    assert budget.heard == [("GET products/1 ~1kB", 200)]
