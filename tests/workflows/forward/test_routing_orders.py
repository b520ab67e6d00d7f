"""Routing in the OMS: stock is promised once, what cannot be filled waits, what is sent back goes elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from tests.workflows.forward.conftest import HOSKOTE, PUNE, Forward, goods
from tests.workflows.payloads import item

from magento_oms.domain.routing.words import Policy, Strategy
from magento_oms.storage import stock
from magento_oms.storage.database import engine
from magento_oms.workflows.routing.route_orders import route_due
from magento_oms.workflows.routing.simulate import Compared, simulate
from magento_oms.workflows.warehouse.problems import WarehouseProblem
from magento_oms.workflows.warehouse.send_back import reject
from magento_oms.workflows.warehouse.take_stock import StockTaken

D = Decimal


def send_back(forward: Forward, fulfilment_id: int, units: dict[int, Decimal] | None = None) -> None:
    with engine(forward.oms.url).begin() as connection:
        reject(connection, fulfilment_id, units, "damaged", by="test")


def reserved(forward: Forward) -> dict[tuple[str, str], int]:
    """What stock says is promised."""
    rows = forward.oms.rows("select location, sku, reserved from stock where reserved <> 0")
    return {(row["location"], row["sku"]): int(row["reserved"]) for row in rows}


def promised(forward: Forward) -> dict[tuple[str, str], int]:
    """What fulfilments say is promised."""
    rows = forward.oms.rows(
        "select f.location, l.sku, sum(fl.quantity - fl.shipped) as units from fulfilment_line fl"
        " join fulfilment f on f.id = fl.fulfilment_id"
        " join order_line l on l.order_id = fl.order_id and l.item_id = fl.item_id"
        " group by 1, 2 having sum(fl.quantity - fl.shipped) <> 0"
    )
    return {(row["location"], row["sku"]): int(row["units"]) for row in rows}


def test_the_nearest_of_two_ships_and_says_why(forward: Forward) -> None:
    forward.stock("pune", KURTA=1)
    forward.stock("hoskote", KURTA=1)
    entity_id = forward.place(goods("KURTA"))
    summary = forward.route()
    assert (summary.orders, summary.fulfilments, summary.split) == (1, 1, 0)
    [row] = forward.fulfilments(entity_id)
    assert row["location"] == "pune"
    assert "no better way exists" in row["explanation"]["why"]
    assert [each["location"] for each in row["explanation"]["tried"]] == ["pune", "hoskote"]
    assert row["explanation"]["tried"][1]["result"].startswith("could give KURTA 1; ")
    assert forward.oms.order(entity_id)["state"] == "allocated"


def test_stock_is_promised_once(forward: Forward) -> None:
    forward.stock("pune", KURTA=3)
    ids = [forward.place(goods("KURTA")) for _ in range(5)]
    forward.route()
    assert len(forward.fulfilments()) == 3
    assert reserved(forward) == promised(forward) == {("pune", "KURTA"): 3}
    waiting = forward.oms.rows("select queue, reason from unfilled_line")
    assert [row["queue"] for row in waiting] == ["waits_for_stock"] * 2
    assert waiting[0]["reason"] == "1 of 1 KURTA missing; there is: pune 0, hoskote 0."
    states = [forward.oms.order(entity_id)["state"] for entity_id in ids]
    assert sorted(states) == ["allocated"] * 3 + ["open"] * 2
    assert forward.stock("hoskote", KURTA=2).orders_woken == 2
    forward.route()
    assert len(forward.fulfilments()) == 5
    assert forward.oms.count("unfilled_line") == 0


def test_stock_that_comes_while_an_order_is_routed_wakes_it(forward: Forward, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch has looked at the shelves and not yet written that the order waits."""
    entity_id = forward.place(goods("KURTA"))
    look = stock.available_for_update
    with ThreadPoolExecutor(1) as warehouse:
        telling: list[Future[StockTaken]] = []

        def look_before_it_comes(*args: Any) -> dict[tuple[str, str], Decimal]:
            found = look(*args)
            if not telling:
                telling.append(warehouse.submit(forward.stock, "pune", KURTA=1))
                end = time.monotonic() + 10
                while not forward.oms.count("stock"):
                    assert time.monotonic() < end
                    time.sleep(0.02)
            return found

        monkeypatch.setattr(stock, "available_for_update", look_before_it_comes)
        forward.route()
        telling[0].result(10)
    forward.route()
    assert [row["location"] for row in forward.fulfilments(entity_id)] == ["pune"]


def test_nothing_is_acknowledged_before_it_is_allocated(forward: Forward) -> None:
    entity_id = forward.place(goods("KURTA"))
    forward.route()
    forward.push_magento()
    assert forward.store.orders[entity_id]["status"] == "pending"
    forward.stock("pune", KURTA=1)
    forward.route()
    forward.push_magento()
    assert forward.store.orders[entity_id]["status"] == "processing"


def test_what_is_sent_back_goes_elsewhere(forward: Forward) -> None:
    forward.stock("pune", KURTA=5)
    forward.stock("hoskote", KURTA=5)
    entity_id = forward.place([item(10, "KURTA", 3)])
    forward.route()
    [first] = forward.fulfilments(entity_id)
    send_back(forward, first["id"], {10: D(2)})
    forward.route()
    rows = forward.fulfilments(entity_id)
    assert [(row["location"], row["lines"]) for row in rows] == [("pune", {"KURTA": 1}), ("hoskote", {"KURTA": 2})]
    assert reserved(forward) == promised(forward)
    send_back(forward, rows[1]["id"])
    forward.route()
    [waiting] = forward.oms.rows("select queue, reason from unfilled_line")
    assert waiting["queue"] == "person_decides"
    with pytest.raises(WarehouseProblem, match="3 is sent back, 1 is to be shipped"):
        send_back(forward, rows[0]["id"], {10: D(3)})
    forward.pack(rows[0]["id"])
    with pytest.raises(WarehouseProblem, match="only what is not packed yet can be sent back"):
        send_back(forward, rows[0]["id"])


def hamper(*, price: float) -> list[dict[str, object]]:
    """Two bundles, each of a KURTA and two SAREEs; priced as one, or part by part."""
    of_parts = 0 if price else 50
    return [
        item(20, "HAMPER", 2, price, kind="bundle", product_id=90),
        item(21, "KURTA", 2, of_parts, parent_item_id=20),
        item(22, "SAREE", 4, of_parts, parent_item_id=20),
    ]


@pytest.mark.parametrize(("price", "apart", "split"), [(100, False, False), (100, True, False), (0, True, True)])
def test_only_a_bundle_that_magento_takes_in_parts_is_split(
    forward: Forward, price: float, apart: bool, split: bool
) -> None:
    """Magento ships a bundle as a whole unless its product says otherwise; with one price it invoices it as a whole."""
    with engine(forward.oms.url).begin() as connection:
        connection.execute(
            text(
                "insert into product (instance, sku, product_id, type_id, name, updated_at, ships_apart)"
                " values (:instance, 'HAMPER', 90, 'bundle', 'Hamper', now(), :apart)"
            ),
            {"instance": forward.config.code, "apart": apart},
        )
    forward.stock("pune", KURTA=2, SAREE=1)
    forward.stock("hoskote", SAREE=4)
    entity_id = forward.place(hamper(price=price))
    forward.route()
    assert len(forward.fulfilments(entity_id)) == (2 if split else 0)
    forward.stock("hoskote", KURTA=2)
    forward.route()
    if not split:
        assert [row["lines"] for row in forward.fulfilments(entity_id)] == [{"KURTA": 2, "SAREE": 4}]


def test_a_bundle_is_sent_back_as_a_whole(forward: Forward) -> None:
    for location in ("pune", "hoskote"):
        forward.stock(location, KURTA=9, SAREE=9, BELT=9)
    entity_id = forward.place([*hamper(price=100), item(23, "BELT")])
    forward.route()
    [first] = forward.fulfilments(entity_id)
    send_back(forward, first["id"], {22: D(1)})
    forward.route()
    rows = forward.fulfilments(entity_id)
    assert [(row["location"], row["lines"]) for row in rows] == [
        ("pune", {"BELT": 1}),
        ("hoskote", {"KURTA": 2, "SAREE": 4}),
    ]
    assert reserved(forward) == promised(forward)


def test_a_part_goes_out_where_the_store_wants_it(forward_of: Callable[..., Forward]) -> None:
    forward = forward_of(routing={"policy": "many_partial"})
    forward.stock("pune", KURTA=1)
    entity_id = forward.place(goods("KURTA", "SAREE"))
    forward.route()
    forward.push_magento()
    assert [row["lines"] for row in forward.fulfilments(entity_id)] == [{"KURTA": 1}]
    assert forward.oms.order(entity_id)["state"] == "open"
    assert forward.store.orders[entity_id]["status"] == "processing"
    forward.stock("hoskote", SAREE=1)
    forward.route()
    assert [row["location"] for row in forward.fulfilments(entity_id)] == ["pune", "hoskote"]
    assert forward.effects_of("acknowledge_order") == ["done"]


def test_capacity_and_reserve_are_kept(forward_of: Callable[..., Forward]) -> None:
    forward = forward_of(locations=[PUNE | {"capacity_per_day": 2, "reserve": "1"}])
    forward.stock("pune", KURTA=9, SAREE=1)
    for _ in range(3):
        forward.place(goods("KURTA"))
    forward.place(goods("SAREE"))
    forward.route()
    assert len(forward.fulfilments()) == 2
    reasons = {row["sku"]: row["reason"] for row in forward.oms.rows("select sku, reason from unfilled_line")}
    assert "cannot be given more today" in reasons["KURTA"]
    assert "missing" in reasons["SAREE"] or "cannot be given more today" in reasons["SAREE"]
    forward.oms.run("update sales_order set route_at = now() where route_at is not null")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    route_due(forward.oms.url, {"loom": forward.config}, holder="test", now=lambda: tomorrow)
    assert len(forward.fulfilments()) == 3


def test_shadow_orders_are_decided_upon_and_reserve_nothing(forward_of: Callable[..., Forward]) -> None:
    forward = forward_of(mode="shadow")
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA"))
    forward.route()
    assert forward.fulfilments() == []
    assert reserved(forward) == {}
    assert forward.oms.order(entity_id)["state"] == "allocated"
    assert forward.oms.count("routing_decision") == 1
    assert forward.effects_of("acknowledge_order") == ["withheld"]


def test_a_held_order_waits_and_goes_on(forward: Forward) -> None:
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA"), status="pending_payment", state="pending_payment", method="razorpay")
    assert forward.route().orders == 0
    forward.store.pass_time(60)
    forward.store.pay(entity_id)
    forward.oms.take_in(forward.store, forward.config)
    assert forward.route().fulfilments == 1


def test_an_order_cancelled_before_packing_gives_its_stock_to_who_waits(forward: Forward) -> None:
    forward.stock("pune", KURTA=2)
    entity_id = forward.place(goods("KURTA", quantity=2))
    waiting = forward.place(goods("KURTA", quantity=2))
    forward.route()
    forward.store.pass_time(5)
    forward.store.cancel_in_admin(entity_id)
    forward.oms.take_in(forward.store, forward.config)
    assert forward.fulfilments(entity_id)[0]["state"] == "cancelled"
    assert reserved(forward) == promised(forward) == {}
    forward.route()
    assert [row["lines"] for row in forward.fulfilments(waiting)] == [{"KURTA": 2}]
    assert forward.oms.count("freed_stock") == 0


def test_a_store_that_is_not_configured_any_more_is_told(forward: Forward) -> None:
    forward.place(goods("KURTA"))
    route_due(forward.oms.url, {}, holder="test")
    assert forward.oms.quarantined() != {}
    assert forward.oms.rows("select 1 from sales_order where route_at is not null") == []


def test_past_orders_are_replayed_with_another_strategy(forward_of: Callable[..., Forward]) -> None:
    forward = forward_of(locations=[PUNE, HOSKOTE], routing={"strategies": ["nearest"], "policy": "complete"})
    forward.stock("pune", KURTA=9)
    forward.stock("hoskote", KURTA=9, SAREE=9)
    for _ in range(3):
        forward.place(goods("KURTA", "SAREE"))
    forward.route()
    now = datetime.now(UTC)
    compared = simulate(
        forward.oms.url, "loom", store_id=None, since=now - timedelta(hours=1), until=now + timedelta(hours=1),
        strategies=[Strategy.FEWEST_PARCELS],
    )  # fmt: skip
    assert (compared.was.orders, compared.would.orders) == (3, 3)
    assert compared.would.parcels == 3
    assert compared.was.parcels >= compared.would.parcels
    assert forward.oms.count("fulfilment") == compared.was.parcels  # nothing was changed


def simulated(forward: Forward, *strategies: Strategy, policy: Policy | None = None) -> Compared:
    """All decisions so far, by other rules."""
    now = datetime.now(UTC)
    return simulate(
        forward.oms.url, "loom", store_id=None, since=now - timedelta(hours=1), until=now + timedelta(hours=1),
        strategies=strategies, policy=policy,
    )  # fmt: skip


def test_an_order_that_waited_is_one_order_of_the_comparison(forward: Forward) -> None:
    """Looked at three times, filled the third time; what waits as before is not noted again."""
    entity_id = forward.place(goods("KURTA", "SAREE"))
    forward.route()
    forward.oms.run("update sales_order set route_at = now()")
    forward.route()
    assert forward.oms.count("routing_decision") == 1
    forward.stock("pune", KURTA=1)
    forward.route()
    forward.stock("hoskote", SAREE=1)
    forward.route()
    assert len(forward.fulfilments(entity_id)) == 2
    same = simulated(forward)
    assert same.was == same.would
    assert (same.was.orders, same.was.parcels, same.was.split, same.was.unfilled_lines, same.changed) == (1, 2, 1, 0, 0)
    assert same.was.kilometres > 0
    early = simulated(forward, policy=Policy.MANY_PARTIAL)
    assert (early.would.parcels, early.would.unfilled_lines, early.changed) == (2, 0, 0)


def test_what_still_waits_is_counted_once(forward: Forward) -> None:
    forward.stock("pune", KURTA=1)
    forward.place(goods("KURTA", "SAREE"))
    forward.route()
    forward.stock("pune", KURTA=2)
    forward.route()
    compared = simulated(forward, policy=Policy.MANY_PARTIAL)
    assert (compared.was.parcels, compared.was.unfilled_lines) == (0, 2)
    assert (compared.would.parcels, compared.would.unfilled_lines, compared.changed) == (1, 1, 1)


def test_what_was_sent_back_is_sent_back_in_both(forward: Forward) -> None:
    forward.stock("pune", KURTA=5)
    forward.stock("hoskote", KURTA=5)
    entity_id = forward.place([item(10, "KURTA", 3)])
    forward.route()
    send_back(forward, forward.fulfilments(entity_id)[0]["id"], {10: D(2)})
    forward.route()
    compared = simulated(forward)
    assert compared.was == compared.would
    assert (compared.was.orders, compared.was.parcels) == (1, 2)
