"""What is unwise in valid configurations, and where one and the store disagree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from magento_oms.config.check import Finding, check_instances, check_live
from magento_oms.config.load import load_instance
from magento_oms.config.models import InstanceConfig, StatusRules
from magento_oms.ports import StoreFacts

NOW = datetime(2026, 12, 2, tzinfo=UTC)


@pytest.fixture
def sample() -> InstanceConfig:
    """The file that a brand copies."""
    config, problems = load_instance(Path(__file__).parents[2] / "instances" / "example.yaml.sample")
    assert config is not None, problems
    return config


def changed(config: InstanceConfig, **store: Any) -> InstanceConfig:
    """The same with other values in its only store."""
    return config.model_copy(update={"stores": (config.stores[0].model_copy(update=store),)})


def with_url(config: InstanceConfig, url: str) -> InstanceConfig:
    """The same at another address."""
    return InstanceConfig.model_validate(config.model_dump() | {"url": url})


def told(*configs: InstanceConfig, connections: bool = True) -> list[Finding]:
    """Findings about configurations, with all connections or none."""
    return check_instances(configs, folder=Path("nowhere"), now=NOW, connection_exists=lambda name: connections)


def test_what_is_unwise_is_told(tmp_path: Path, sample: InstanceConfig) -> None:
    now = datetime(2026, 12, 2, tzinfo=UTC)
    config = sample
    assert check_instances([config], folder=tmp_path, now=now, connection_exists=lambda name: True) == []
    (store,) = config.stores
    unwise = config.model_copy(
        update={
            "stores": (
                store.model_copy(
                    update={
                        "live_from": now - timedelta(days=900),
                        "locations": (),
                        "statuses": StatusRules(hold={}),
                        "invoice": store.invoice.model_copy(update={"logo": "none.png"}),
                        "payment": store.payment.model_copy(update={"cod": ()}),
                    }
                ),
            )
        }
    )
    found = check_instances([unwise], folder=tmp_path, now=now, connection_exists=lambda name: False)
    names = ("live_from", "locations", "statuses.hold", "invoice.logo", "payment.cod")
    assert {finding.field for finding in found} == {
        *(f"stores.0.{name}" for name in names),
        "connection_id",
        "stores.aggregators",
    }
    assert all(finding.way_out for finding in found)
    twin = config.model_copy(update={"code": "twin"})
    shared = check_instances([config, twin], folder=tmp_path, now=now)
    assert {finding.field for finding in shared} == {"url", "invoice.prefix"}


def test_where_the_store_disagrees_is_told(sample: InstanceConfig) -> None:
    facts = StoreFacts(
        version="2.4.7",
        store_views={0: "admin", 2: "hindi"},
        statuses=frozenset({"pending", "packed_by_hand"}),
        server_time=datetime(2026, 12, 2, tzinfo=UTC),
        missing_permissions=("Magento_Sales::comment",),
        clock_ahead=90.0,
    )
    found = check_live(sample, facts)
    text = " ".join(f"{finding.message} {finding.way_out}" for finding in found)
    for words in (
        "Magento_Sales::comment",
        "no store view 1",
        "2 (hindi) is not configured",
        "packed_by_hand",
        "+90 s",
    ):
        assert words in text


def test_customers_permission_matters_only_where_they_are_read(sample: InstanceConfig) -> None:
    facts = StoreFacts(
        version="2.4.7",
        store_views={store.store_id: store.code for store in sample.stores},
        statuses=frozenset(),
        server_time=datetime(2026, 12, 2, tzinfo=UTC),
        missing_permissions=("Magento_Customer::customer",),
    )
    assert [finding.field for finding in check_live(sample, facts)] == ["connection_id"]
    without = sample.model_copy(update={"customers": sample.customers.model_copy(update={"pull": False})})
    assert check_live(without, facts) == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://www.mybrand.example/admin", "/admin"),
        ("https://www.mybrand.example/rest/V1/", "/rest"),
        ("https://www.mybrand.example/index.php", "/index.php"),
        ("http://www.mybrand.example", "credentials"),
    ],
)
def test_an_address_that_will_not_do_is_told(sample: InstanceConfig, url: str, words: str) -> None:
    (finding,) = told(with_url(sample, url))
    assert finding.field == "url"
    assert words in finding.message


def test_a_store_that_goes_live_next_year_is_told(sample: InstanceConfig) -> None:
    (finding,) = told(changed(sample, live_from=NOW + timedelta(days=400)))
    assert (finding.level, finding.field) == ("warning", "stores.0.live_from")


def test_one_source_for_two_warehouses_is_told_also_over_two_stores(sample: InstanceConfig) -> None:
    (store,) = sample.stores
    (location,) = store.locations
    other = location.model_copy(update={"code": "other", "name": "Other warehouse"})
    within = changed(sample, locations=(location, other))
    second = store.model_copy(update={"store_id": 2, "code": "second", "locations": (other,)})
    across = sample.model_copy(update={"stores": (store, second)})
    for config in (within, across):
        (finding,) = [finding for finding in told(config) if finding.level == "error"]
        assert "Bhiwandi warehouse and Other warehouse" in finding.message
    shared = sample.model_copy(update={"stores": (store, second.model_copy(update={"locations": (location,)}))})
    assert not [finding for finding in told(shared) if finding.level == "error"]


def test_a_warehouse_that_two_files_describe_differently_is_told(sample: InstanceConfig) -> None:
    (location,) = sample.stores[0].locations
    twin = with_url(sample, "https://twin.example").model_copy(update={"code": "twin"})
    moved = changed(twin, locations=(location.model_copy(update={"name": "Elsewhere"}),))
    assert not [finding for finding in told(sample, twin) if finding.level == "error"]
    (finding,) = [finding for finding in told(sample, moved) if finding.level == "error"]
    assert (finding.instance, finding.field) == ("twin", "stores")
    assert "differs from that of mybrand" in finding.message


def test_missing_connections_of_the_store_and_of_its_couriers_are_told(sample: InstanceConfig) -> None:
    found = {finding.field: finding for finding in told(sample, connections=False)}
    assert "AIRFLOW_CONN_MAGENTO_MYBRAND" in found["connection_id"].way_out
    assert found["connection_id"].level == "error"
    assert "shiprocket_main" in found["stores.aggregators"].message


def test_a_warehouse_without_a_gstin_is_told(sample: InstanceConfig) -> None:
    (location,) = sample.stores[0].locations
    (finding,) = told(changed(sample, locations=(location.model_copy(update={"gstin": None}),)))
    assert finding.field == "stores.0.locations.0.gstin"


def test_a_store_that_agrees_has_nothing_to_tell(sample: InstanceConfig) -> None:
    facts = StoreFacts(
        version="2.4.7",
        store_views={0: "admin", 1: "default"},
        statuses=frozenset({"pending", "complete"}),
        server_time=NOW,
        clock_ahead=-2.0,
    )
    assert check_live(sample, facts) == []


def test_a_warehouse_that_couriers_cannot_use_is_told(sample: InstanceConfig) -> None:
    (store,) = sample.stores
    (location,) = store.locations
    (account,) = store.aggregators

    (phone,) = told(changed(sample, locations=(location.model_copy(update={"phone": ""}),)))
    (name,) = told(changed(sample, aggregators=(account.model_copy(update={"pickup_locations": {}}),)))
    none = told(
        changed(sample, aggregators=(account.model_copy(update={"aggregator": "eshipz", "pickup_locations": {}}),))
    )

    assert (phone.field, phone.level) == ("stores.0.locations.0.phone", "warning")
    assert (name.field, name.level) == ("stores.0.aggregators.0.pickup_locations", "warning")
    assert "Shiprocket does not ship from Bhiwandi warehouse" in name.message
    assert none == []
