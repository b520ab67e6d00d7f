"""Products, customers and waiting orders through the real hook: the stand-in Magento, its faults, a real database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from cryptography.fernet import Fernet
from sqlalchemy import text

from commerce_sandbox.client import ADMIN_PASSWORD, ADMIN_USER, SandboxClient
from magento_hook.store import MagentoStore
from magento_oms.config.models import InstanceConfig
from magento_oms.ports import ChangedIn, OutsideError
from magento_oms.settings import settings
from magento_oms.storage.catalogue import BEGINNING
from magento_oms.storage.database import engine
from magento_oms.workflows.master_data.pull import CUSTOMERS, PRODUCTS, Kind, pull
from magento_oms.workflows.master_data.waiting import ask_for_unknown
from magento_oms.workflows.order_pull import pull_live

Connect = Callable[..., MagentoStore]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MAGENTO_OMS_FERNET_KEY", Fernet.generate_key().decode())
    settings.cache_clear()
    with structlog.testing.capture_logs():
        yield
    settings.cache_clear()


@pytest.fixture
def config(sandbox: SandboxClient) -> InstanceConfig:
    store = {"store_id": 1, "code": "default", "name": "Loom", "live_from": "2026-01-01T00:00:00Z"}
    return InstanceConfig.model_validate(
        {
            "code": sandbox.instance,
            "name": "Loom",
            "url": "https://loom.example",
            "stores": [store],
            "page_size": 30,
            "catalogue": {"barcode_attribute": "ean", "gst_by_tax_class": {"2": 18, "4": 12, "5": 5}},
        }
    )


def rows(url: str, query: str) -> list[dict[str, Any]]:
    with engine(url).connect() as connection:
        return [dict(row) for row in connection.execute(text(query)).mappings()]


def read_all(url: str, store: MagentoStore, config: InstanceConfig, kind: Kind) -> dict[str, object]:
    return pull(url, store, config, kind, start=BEGINNING, end=datetime.now(UTC), run_id="test").as_dict()


@pytest.mark.parametrize("fault", [None, "error_before", "reset_after", "php_down", "database_down", "expired_token"])
def test_catalogue_is_whole_whatever_happens_on_the_way(
    oms_database: str, sandbox: SandboxClient, connect: Connect, config: InstanceConfig, fault: str | None
) -> None:
    sandbox.place_orders(1)
    if fault:
        sandbox.add_fault(fault, method="GET", path="/products$", times=1, skip=2)
    summary = read_all(oms_database, connect(), config, PRODUCTS)
    assert summary["read"] == summary["new"] == connect().count_products(ChangedIn())
    assert summary["noted"] == summary["quarantined"] == 0
    kinds = {row["type_id"]: row for row in rows(oms_database, "select distinct on (type_id) * from product")}
    assert set(kinds) == {"simple", "virtual", "configurable", "bundle"}
    assert kinds["simple"]["barcode"].startswith("8901")
    assert {row["gst_percent"] for row in rows(oms_database, "select gst_percent from product")} == {5, 12, 18}
    [tee] = rows(oms_database, "select * from product where sku = 'TEE-1'")
    assert (tee["hsn"], len(tee["children"]), len(tee["images"])) == ("61091000", 4, 1)


def test_store_that_is_down_leaves_the_window_open(
    oms_database: str, sandbox: SandboxClient, connect: Connect, config: InstanceConfig
) -> None:
    sandbox.place_orders(1)
    number = sandbox.add_fault("php_down", method="GET", path="/products$", skip=1)
    with pytest.raises(OutsideError):
        read_all(oms_database, connect(), config, PRODUCTS)
    assert len(rows(oms_database, "select sku from product")) == 30
    assert rows(oms_database, "select * from window_ledger") == []
    sandbox.clear_faults(number)
    now = datetime.now(UTC)
    summary = pull(
        oms_database, connect(), config, PRODUCTS, start=now - timedelta(hours=1), end=now, run_id="2", catch_up=True
    )
    assert summary.window == "everything"
    assert summary.counts.unchanged == 30


def test_customers_are_read_and_nobody_is_named(
    oms_database: str, sandbox: SandboxClient, connect: Connect, config: InstanceConfig
) -> None:
    sandbox.place_orders(1)
    assert read_all(oms_database, connect(), config, CUSTOMERS)["new"] == 50
    stored = str(rows(oms_database, "select customer_id, gstin, updated_at from customer"))
    assert "@" not in stored


def test_order_of_a_product_made_a_minute_ago_goes_on_within_the_run(
    oms_database: str, sandbox: SandboxClient, connect: Connect, config: InstanceConfig
) -> None:
    """The catalogue was read when the store had one product; the orders bring all the others."""
    lamp = {"id": 9001, "sku": "LAMP-NEW", "name": "Lamp", "type_id": "simple", "status": 1, "price": 99}
    sandbox.put_products([lamp | {"created_at": "2026-01-01 00:00:00", "updated_at": "2026-01-01 00:00:00"}])
    store = connect()
    read_all(oms_database, store, config, PRODUCTS)
    placed = sandbox.place_orders(12, store_id=1, state="new", status="pending")
    sandbox.add_fault("error_before", method="GET", path="/products$", times=1)
    summary = pull_live(
        oms_database, store, config, holder="test", then=lambda: ask_for_unknown(oms_database, store, config)
    )
    assert summary.counts.new == len(placed)
    orders = rows(oms_database, "select state, count(*) as n from sales_order group by state")
    assert orders == [{"state": "allocated", "n": 12}]
    holds = rows(oms_database, "select code, released_at is not null as over from order_hold")
    assert {(row["code"], row["over"]) for row in holds} == {("unknown_sku", True)}
    assert rows(oms_database, "select * from awaited_sku") == []


def test_labels_of_dropdowns_are_read_and_a_changed_one_makes_products_new(
    oms_database: str, sandbox: SandboxClient, connect: Connect, config: InstanceConfig
) -> None:
    sandbox.place_orders(1)
    shirt = {"id": 9001, "sku": "SHIRT", "name": "Shirt", "type_id": "simple", "status": 1, "price": 99}
    shirt |= {"created_at": "2026-01-01 00:00:00", "updated_at": "2026-01-01 00:00:00"}
    sandbox.put_products([shirt | {"custom_attributes": [{"attribute_code": "hsn_code", "value": "5421"}]}])
    sandbox.set_up(attribute_options={"hsn_code": {"5421": "62052000"}})
    store = connect()

    def shirts() -> list[dict[str, Any]]:
        return rows(oms_database, "select hsn, notes from product where sku = 'SHIRT'")

    read_all(oms_database, store, config, PRODUCTS)
    assert shirts() == [{"hsn": "62052000", "notes": []}]
    sandbox.set_up(attribute_options={"hsn_code": {"5421": "62053000"}})
    assert ask_for_unknown(oms_database, store, config) == 0
    assert read_all(oms_database, store, config, PRODUCTS)["changed"] != 0
    assert shirts() == [{"hsn": "62053000", "notes": []}]


def test_without_the_permission_for_attributes_no_number_is_taken_for_a_code(
    oms_database: str, sandbox: SandboxClient, connect: Connect, config: InstanceConfig
) -> None:
    sandbox.place_orders(1)
    resources = ["Magento_Catalog::products"]
    sandbox.set_up(users={ADMIN_USER: {"password": ADMIN_PASSWORD, "resources": resources}})
    with pytest.raises(OutsideError, match="Magento_Catalog::attributes_attributes"):
        read_all(oms_database, connect(), config, PRODUCTS)
    assert rows(oms_database, "select sku from product") == []
