"""What plays the world in the demo, and what is read of the stand-ins' ledgers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.workflows.fakes import FakeMagento
from tests.workflows.forward.conftest import Forward, forward_config, goods
from tests.workflows.oms import Oms

from magento_oms.local.demo_ledger import an_order_with_papers, check_couriers, check_invoice_numbers, check_store
from magento_oms.local.demo_report import InstanceReport
from magento_oms.local.demo_shop_server import SECRET, ShopServer
from magento_oms.orchestration.store_url import SignedPoster
from magento_oms.ports import PermanentError, RetryableError
from magento_oms.storage import instances
from magento_oms.storage.database import engine
from magento_oms.workflows.warehouse.manifests import create_manifests

NOW = datetime(2026, 11, 26, tzinfo=UTC)
EVENT = {"instance": "loom", "event": "packed"}


def test_the_stores_own_server_takes_an_event_once_and_knows_a_repeat() -> None:
    with ShopServer().running() as shop:
        poster = SignedPoster(SECRET)
        assert [poster.post(shop.url, "e1", EVENT, NOW) for _ in range(2)] == [200, 200]
        poster.post(shop.url, "e2", EVENT | {"event": "delivered"}, NOW)
        assert shop.events("loom") == {"packed": 1, "delivered": 1}
        assert shop.events("mela") == {}
        assert (shop.repeats, shop.forged) == (1, 0)


def test_a_forged_event_is_refused() -> None:
    with ShopServer().running() as shop:
        with pytest.raises(PermanentError, match="401"):
            SignedPoster("another secret").post(shop.url, "e1", EVENT, NOW)
        assert (shop.forged, shop.events("loom")) == (1, {})


def test_a_busy_server_takes_the_event_at_the_second_try() -> None:
    with ShopServer(fail_every=2).running() as shop:
        poster = SignedPoster(SECRET)
        poster.post(shop.url, "e1", EVENT, NOW)
        with pytest.raises(RetryableError):
            poster.post(shop.url, "e2", EVENT, NOW)
        assert shop.events("loom") == {"packed": 1}
        poster.post(shop.url, "e2", EVENT, NOW)
        assert shop.events("loom") == {"packed": 2}


class Ledger:
    """A store's ledger as the check reads it."""

    def __init__(self, **counts: int) -> None:
        self._counts = counts

    def counts_by_order(self) -> dict[tuple[str, int], int]:
        return {(kind, 1): times for kind, times in self._counts.items()}


class Account:
    """A courier account's parcels as the check reads them."""

    account = "main"

    def __init__(self, *parcels: dict[str, Any]) -> None:
        self._parcels = list(parcels)

    def parcels(self) -> list[dict[str, Any]]:
        return self._parcels


@pytest.fixture
def shipped(oms_database: str) -> Forward:
    """One order that went its way."""
    config = forward_config()
    with engine(oms_database).begin() as connection:
        instances.configure(connection, config)
    forward = Forward(Oms(oms_database), FakeMagento(), config)
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA"))
    assert entity_id == 1
    forward.route()
    [row] = forward.fulfilments(entity_id)
    forward.pack(row["id"])
    forward.push_all()
    create_manifests(forward.oms.url, "pune")
    forward.hand_over(row["id"])
    forward.push_all()
    return forward


@pytest.mark.parametrize(
    ("counts", "doubled", "said"),
    [
        ({"invoice": 1, "shipment": 1}, 0, []),
        ({"invoice": 2, "shipment": 1}, 1, ["Magento made 2 invoices, the OMS knows of 1"]),
        ({"invoice": 1}, 0, ["Magento made 0 shipments, the OMS knows of 1"]),
        ({"invoice": 1, "shipment": 1, "refund": 1}, 1, ["Magento made 1 refunds, the OMS knows of 0"]),
    ],
)
def test_the_stores_ledger_is_compared_with_the_oms(
    shipped: Forward, counts: dict[str, int], doubled: int, said: list[str]
) -> None:
    report = InstanceReport("loom", "Loom")
    check_store(report, Ledger(**counts), shipped.oms.url)  # type: ignore[arg-type]
    assert report.doubled == doubled
    assert [failure.partition(": ")[2] for failure in report.failures] == said


def test_a_gap_in_a_series_is_seen(shipped: Forward) -> None:
    assert check_invoice_numbers(shipped.oms.url) == []
    shipped.oms.run("update invoice_series set last = 2")
    [gap] = check_invoice_numbers(shipped.oms.url)
    assert "2 numbers" in gap
    assert "1 are there" in gap


def test_a_second_living_awb_of_a_parcel_is_seen(shipped: Forward) -> None:
    [row] = shipped.oms.rows("select reference from courier_booking")
    one = {"reference": row["reference"], "awb": "A1", "state": "booked"}
    url = shipped.oms.url
    assert check_couriers([Account(one)], url) == []  # type: ignore[list-item]
    assert check_couriers([Account(one, one | {"awb": "A2", "state": "cancelled"})], url) == []  # type: ignore[list-item]
    [double] = check_couriers([Account(one, one | {"awb": "A2"})], url)  # type: ignore[list-item]
    assert "has 2 AWBs" in double


def test_an_order_with_papers_is_named(shipped: Forward) -> None:
    assert an_order_with_papers(shipped.oms.url) == ("loom", str(shipped.store.orders[1]["increment_id"]))
