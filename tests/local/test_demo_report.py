"""The demo's own check sees every way in which an order can go wrong, and calls nothing wrong that is right."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from pytest_httpserver import HTTPServer
from tests.workflows.fakes import LIVE_FROM, FakeMagento, instance_config, store_config
from tests.workflows.oms import Oms
from werkzeug import Request, Response

from magento_oms.config.models import InstanceConfig
from magento_oms.local.demo_report import InstanceReport, compare, p95
from magento_oms.storage import instances
from magento_oms.storage.database import engine

CONFIG = instance_config(store_config(), store_config(store_id=2, code="trial", name="Trial", mode="shadow"))
PASSWORD = "Loom-admin-1"


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def store() -> FakeMagento:
    return FakeMagento()


@pytest.fixture
def oms(oms_database: str) -> Oms:
    with engine(oms_database).begin() as connection:
        instances.configure(connection, CONFIG)
    return Oms(oms_database)


@pytest.fixture
def url(httpserver: HTTPServer, store: FakeMagento) -> str:
    """The store's REST API, as far as the check reads it."""

    def log_in(request: Request) -> Response:
        right = request.get_json() == {"username": "admin", "password": PASSWORD}
        return Response(json.dumps("a-token"), 200 if right else 401, content_type="application/json")

    def orders(request: Request) -> Response:
        if request.headers.get("Authorization") != "Bearer a-token":
            return Response("{}", 401)
        size, page = (int(request.args[f"searchCriteria[{name}]"]) for name in ("pageSize", "currentPage"))
        rows = [store.orders[entity_id] for entity_id in sorted(store.orders)]
        shown = rows[(page - 1) * size : page * size]
        return Response(json.dumps({"items": shown or None, "total_count": len(rows)}), content_type="application/json")

    httpserver.expect_request("/rest/V1/integration/admin/token", method="POST").respond_with_handler(log_in)
    httpserver.expect_request("/rest/V1/orders").respond_with_handler(orders)
    return httpserver.url_for("").rstrip("/")


@pytest.fixture
def check(url: str, oms: Oms) -> Callable[..., InstanceReport]:
    """What the demo says of the store and the OMS as they are."""

    def run(config: InstanceConfig = CONFIG, placed: dict[int, datetime] | None = None) -> InstanceReport:
        return compare(config, url, PASSWORD, oms.url, placed or {})

    return run


Check = Callable[..., InstanceReport]


def acknowledged(store: FakeMagento, oms: Oms) -> int:
    """An order that came in and was acknowledged."""
    entity_id = store.place()
    store.pass_time(60)
    oms.pull_live(store, CONFIG)
    oms.push(store, CONFIG)
    assert oms.states()[entity_id] == "acknowledged"
    return entity_id


def name(store: FakeMagento, entity_id: int) -> str:
    return f"loom {store.orders[entity_id]['increment_id']}"


def test_orders_that_went_their_way_are_fine(store: FakeMagento, oms: Oms, check: Check) -> None:
    acknowledged(store, oms)
    acknowledged(store, oms)
    report = check()
    assert report.settled
    assert (report.on_magento, report.in_oms, report.lost, report.doubled, report.waiting) == (2, 2, 0, 0, 0)
    assert report.by_state == {"acknowledged": 2}


def test_an_order_that_is_missing_is_lost(store: FakeMagento, check: Check) -> None:
    entity_id = store.place()
    report = check()
    assert report.lost == 1
    assert report.failures == [f"{name(store, entity_id)} (pending) is not in the OMS"]
    assert not report.settled


def test_an_order_that_was_told_twice_is_doubled(store: FakeMagento, oms: Oms, check: Check) -> None:
    entity_id = acknowledged(store, oms)
    store.orders[entity_id]["status_histories"] *= 2
    report = check()
    assert report.doubled == 1
    assert f"{name(store, entity_id)} was acknowledged 2 times" in report.failures


def test_an_order_that_is_not_acknowledged_yet_is_waited_for(store: FakeMagento, oms: Oms, check: Check) -> None:
    entity_id = store.place()
    store.pass_time(60)
    oms.pull_live(store, CONFIG)
    report = check()
    assert (report.lost, report.waiting) == (0, 1)
    assert report.failures == [f"{name(store, entity_id)} is allocated in the OMS and pending on Magento"]


def test_an_acknowledgement_that_magento_knows_nothing_of_is_seen(store: FakeMagento, oms: Oms, check: Check) -> None:
    entity_id = acknowledged(store, oms)
    store.orders[entity_id]["status_histories"] = []
    [failure] = check().failures
    assert failure == (f"{name(store, entity_id)} counts as acknowledged, but Magento says processing, told 0 times")


def test_an_acknowledgement_that_did_not_move_the_status_is_seen(store: FakeMagento, oms: Oms, check: Check) -> None:
    entity_id = acknowledged(store, oms)
    store.orders[entity_id] |= {"status": "pending", "state": "new"}
    [failure] = check().failures
    assert "Magento says pending, told 1 times" in failure


def test_history_stays_untouched_and_anything_else_is_seen(store: FakeMagento, oms: Oms, check: Check) -> None:
    store.now = LIVE_FROM - timedelta(days=1)
    entity_id = store.place()
    store.now = LIVE_FROM + timedelta(days=1)
    oms.take_in(store, CONFIG)
    assert check().settled
    assert oms.states() == {entity_id: "history"}

    store.orders[entity_id]["status_histories"] = [{"comment": f"[oms-ack-loom-{entity_id}]"}]
    assert check().failures == [f"{name(store, entity_id)} was acknowledged though it should not have been"]

    oms.run("update sales_order set state = 'allocated'")
    assert f"{name(store, entity_id)} is allocated in the OMS and pending on Magento" in check().failures


def test_a_shadow_store_is_planned_and_never_told(store: FakeMagento, oms: Oms, check: Check) -> None:
    entity_id = store.place(store_id=2)
    store.pass_time(60)
    oms.pull_live(store, CONFIG)
    oms.push(store, CONFIG)
    assert check().settled

    store.orders[entity_id]["status_histories"] = [{"comment": f"[oms-ack-loom-{entity_id}]"}]
    assert check().failures == [f"{name(store, entity_id)} was acknowledged though it should not have been"]


def test_a_cancelled_order_has_to_be_cancelled_in_the_oms(store: FakeMagento, oms: Oms, check: Check) -> None:
    entity_id = acknowledged(store, oms)
    store.pass_time(60)
    store.cancel(entity_id)
    assert check().failures == [f"{name(store, entity_id)} is acknowledged in the OMS and canceled on Magento"]
    store.pass_time(60)
    oms.pull_live(store, CONFIG)
    assert check().settled


def test_an_order_on_hold_has_to_be_held(store: FakeMagento, oms: Oms, check: Check) -> None:
    entity_id = store.place()
    store.hold(entity_id)
    store.pass_time(60)
    oms.pull_live(store, CONFIG)
    assert check().settled
    oms.run("update sales_order set state = 'allocated'")
    assert check().failures == [f"{name(store, entity_id)} is allocated in the OMS and holded on Magento"]


def test_orders_of_stores_that_are_not_configured_are_none_of_ours(store: FakeMagento, check: Check) -> None:
    store.place(store_id=77)
    report = check()
    assert (report.on_magento, report.settled) == (0, True)


def test_orders_are_read_beyond_the_first_page(store: FakeMagento, check: Check) -> None:
    for _ in range(401):
        store.place()
    report = check()
    assert (report.on_magento, report.lost) == (401, 401)


def test_an_open_quarantine_is_counted(store: FakeMagento, oms: Oms, check: Check) -> None:
    store.place(status="gone_fishing", state="new")
    store.pass_time(60)
    oms.pull_live(store, CONFIG)
    assert len(check().quarantine) == 1
    oms.run("update quarantine set resolved_at = now()")
    assert check().quarantine == []


def test_times_count_from_placing_the_order(store: FakeMagento, oms: Oms, check: Check) -> None:
    entity_id = acknowledged(store, oms)
    placed = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    oms.run(
        "update sales_order set stored_at = :stored, acknowledged_at = :told",
        stored=placed + timedelta(seconds=1.5),
        told=placed + timedelta(seconds=4),
    )
    report = check(placed={entity_id: placed})
    assert (report.stored_after, report.acknowledged_after) == ([1.5], [4.0])
    assert report.as_dict()["seconds_to_oms"] == {"median": 1.5, "p95": 1.5, "max": 1.5}


@pytest.mark.parametrize(
    ("values", "expected"), [([3.0], 3.0), ([1.0, 9.0, 2.0], 9.0), ([float(n) for n in range(1, 101)], 95.95)]
)
def test_the_95th_percentile_of_few_values_is_the_largest(values: list[float], expected: float) -> None:
    assert p95(values) == pytest.approx(expected)


def test_an_order_that_only_the_oms_knows_is_a_failure(store: FakeMagento, oms: Oms, check: Check) -> None:
    entity_id = acknowledged(store, oms)
    del store.orders[entity_id]
    report = check()
    assert report.failures == [
        f"{CONFIG.code}: the order with entity id {entity_id} is in the OMS, but is not on Magento"
    ]


def test_an_order_that_was_placed_and_is_nowhere_is_a_failure(check: Check) -> None:
    report = check(placed={4711: datetime.now(UTC)})
    assert report.failures == [f"{CONFIG.code}: the order with entity id 4711 was placed, but is not on Magento"]
