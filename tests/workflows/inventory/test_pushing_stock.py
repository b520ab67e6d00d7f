"""Telling Magento what changed: the figure, the order against shipments, bad lines, lost answers, kills."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.workflows.fakes import FakeMagento, instance_config, store_config
from tests.workflows.forward.conftest import PUNE, goods
from tests.workflows.inventory.conftest import TWO_SOURCES, Stocked

from magento_oms.ports import ConfigurationError, PermanentError, RateLimited, RetryableError, UnknownOutcome
from magento_oms.ports.inventory import StockLayout
from magento_oms.storage import holds, instances, stock_told
from magento_oms.storage.database import engine
from magento_oms.storage.stock_writer import writer
from magento_oms.workflows.inventory import way
from magento_oms.workflows.inventory.push_stock import push_skus
from magento_oms.workflows.routing.route_orders import route_due

D = Decimal


def test_what_warehouses_have_becomes_what_magento_sells(stocked: Stocked) -> None:
    stocked.forward.stock("pune", KURTA=10, SAREE=4)
    stocked.forward.stock("hoskote", KURTA=5)
    summary = stocked.push()
    assert (summary.told, summary.way) == (2, "source_items")
    assert (stocked.store.salable("KURTA"), stocked.store.salable("SAREE")) == (D(15), D(4))
    assert stocked.push().told == 0


def test_only_what_changed_is_told_and_only_the_newest_figure(stocked: Stocked) -> None:
    stocked.forward.stock("pune", KURTA=10, SAREE=4)
    stocked.push()
    for units in (9, 8, 7):
        stocked.forward.stock("pune", KURTA=units)
    stocked.store.batches.clear()
    stocked.push()
    assert [(line.sku, line.quantity) for batch in stocked.store.batches for line in batch] == [("KURTA", D(7))]


def test_an_order_is_taken_off_once_at_every_stage(stocked: Stocked) -> None:
    stocked.forward.stock("pune", KURTA=10)
    stocked.push()
    entity_id = stocked.buy("KURTA", quantity=3)

    def salable() -> Decimal:
        stocked.push()
        return stocked.store.salable("KURTA")

    assert salable() == 7  # the OMS does not know of it
    stocked.take_in()
    assert salable() == 7  # nothing is reserved yet
    stocked.forward.route()
    assert salable() == 7
    assert stocked.told("KURTA") == {"default": 10}
    stocked.leave(entity_id)
    assert salable() == 7  # it has left the shelf, Magento still keeps it
    stocked.forward.push_magento()
    assert stocked.told("KURTA") == {"default": 7}
    assert salable() == 7


def test_the_last_unit_can_be_shipped(stocked: Stocked) -> None:
    stocked.forward.stock("pune", KURTA=1)
    stocked.push()
    entity_id = stocked.place("KURTA")
    stocked.forward.route()
    stocked.push()
    assert stocked.store.salable("KURTA") == 0
    stocked.leave(entity_id)
    stocked.push()
    stocked.forward.push_magento()
    stocked.push()
    assert [entry for entry in stocked.store.ledger if entry[0] == "ship"] == [("ship", entity_id)]
    assert (stocked.told("KURTA"), stocked.store.salable("KURTA")) == ({"default": D(0)}, D(0))


def test_a_cancelled_order_is_for_sale_again(stocked: Stocked) -> None:
    stocked.forward.stock("pune", KURTA=10)
    entity_id = stocked.place("KURTA", quantity=4)
    stocked.forward.route()
    stocked.push()
    assert stocked.store.salable("KURTA") == 6
    stocked.store.cancel_in_admin(entity_id)
    stocked.push()
    assert stocked.store.salable("KURTA") == 10
    stocked.take_in()
    stocked.push()
    assert stocked.store.salable("KURTA") == 10


def test_what_magento_refunds_or_ships_by_itself_is_told_again(stocked: Stocked) -> None:
    stocked.forward.stock("pune", KURTA=10)
    entity_id = stocked.place("KURTA", quantity=2)
    stocked.forward.route()
    stocked.push()
    items = stocked.store.orders[entity_id]["items"]
    stocked.store.deduct(None, [("KURTA", 2)])
    items[0]["qty_shipped"] = 2
    stocked.store.save(entity_id)
    stocked.take_in()
    stocked.push()
    assert stocked.store.salable("KURTA") == 8


def test_units_that_a_credit_memo_returns_after_the_order_was_read_are_told_away(stocked: Stocked) -> None:
    """Magento's refund call saves the order first, and returns to stock in a transaction of its own afterwards."""
    stocked.forward.stock("pune", KURTA=10)
    entity_id = stocked.place("KURTA", quantity=2)
    stocked.push()
    stocked.store.deduct(None, [("KURTA", 2)])
    [item] = stocked.store.orders[entity_id]["items"]
    item |= {"qty_shipped": 2, "qty_invoiced": 2}
    stocked.store.save(entity_id, state="complete", status="complete")
    stocked.forward.stock("pune", KURTA=8)  # they left without the OMS
    stocked.store.refund_in_admin(entity_id)
    stocked.take_in()
    stocked.push()
    stocked.store.has["KURTA", "default"] += 2
    assert stocked.push().told == 0
    assert stocked.store.salable("KURTA") == 10
    stocked.time_passes(90)
    stocked.push()
    assert stocked.store.salable("KURTA") == 8
    stocked.time_passes(90)
    assert stocked.push().told == 0


@pytest.mark.parametrize(("live_from", "days"), [("2026-11-01", 0), ("2036-11-01", 0), ("2036-11-01", 3)])
def test_what_magento_moved_before_an_order_was_first_read_is_told_away(
    stocked_of: Callable[..., Stocked], live_from: str, days: int
) -> None:
    """Also of orders that are never acted on; what was moved long ago is left to the nightly compare."""
    stocked = stocked_of(live_from=f"{live_from}T00:00:00Z")
    stocked.forward.stock("pune", KURTA=10)
    stocked.push()
    stocked.store.now = datetime.now(UTC) - timedelta(days=days)
    entity_id = stocked.buy("KURTA", quantity=2)
    [item] = stocked.store.orders[entity_id]["items"]
    item |= {"qty_shipped": 2, "qty_invoiced": 2, "qty_refunded": 2}
    stocked.store.save(entity_id, state="closed", status="closed")
    stocked.store.has["KURTA", "default"] += 2  # shipped before it had a figure, and returned to stock since
    stocked.take_in()
    stocked.push()
    assert stocked.store.salable("KURTA") == (10 if days == 0 else 12)


def test_each_source_has_its_own_figure(stocked_of: Callable[..., Stocked]) -> None:
    stocked = stocked_of(locations=TWO_SOURCES, stock={"buffer": 2})
    stocked.forward.stock("pune", KURTA=10)
    stocked.forward.stock("hoskote", KURTA=5)
    entity_id = stocked.place("KURTA", quantity=10)
    stocked.forward.route()
    stocked.push()
    [row] = stocked.forward.fulfilments(entity_id)
    assert row["location"] == "pune"
    assert stocked.told("KURTA") == {"hoskote_src": 3, "pune_src": 10}
    assert stocked.store.salable("KURTA") == 3
    stocked.leave(entity_id)
    stocked.forward.push_magento()
    stocked.push()
    assert stocked.told("KURTA") == {"hoskote_src": 3, "pune_src": 0}


def test_without_reservations_magento_gets_what_may_be_sold(stocked_of: Callable[..., Stocked]) -> None:
    stocked = stocked_of(stock={"mode": "none", "buffer": 1})
    stocked.forward.stock("pune", KURTA=10)
    stocked.place("KURTA", quantity=3)
    stocked.push()
    assert stocked.told("KURTA") == {"default": 6}
    stocked.forward.route()
    stocked.push()
    assert stocked.told("KURTA") == {"default": 6}


@pytest.mark.parametrize("more", [{"mode": "shadow"}, {"locations": [], "aggregators": []}])
def test_nothing_is_told_where_the_store_only_looks_on(
    stocked_of: Callable[..., Stocked], more: dict[str, object]
) -> None:
    stocked = stocked_of(**more)
    stocked.oms.run("insert into location (code, name, address) values ('pune', 'P', '{}') on conflict do nothing")
    stocked.forward.stock("pune", KURTA=10)
    assert stocked.push().told == 0
    assert stocked.store.has == {}


# Order against the shipment on Magento ------------------------------------------------------------------------------


def test_a_shipment_waits_while_its_stock_is_told(stocked: Stocked) -> None:
    stocked.forward.stock("pune", KURTA=10)
    entity_id = stocked.place("KURTA", quantity=3)
    stocked.forward.route()
    stocked.leave(entity_id)

    def meanwhile(method: str) -> None:
        if method == "set_source_items":
            stocked.store.before_call = lambda _: None
            stocked.forward.push_magento()

    stocked.store.before_call = meanwhile
    stocked.push()
    assert stocked.store.shipments == []
    assert stocked.told("KURTA") == {"default": 10}
    stocked.oms.let_effects_fall_due()
    stocked.forward.push_magento()
    stocked.push()
    assert (len(stocked.store.shipments), stocked.store.salable("KURTA")) == (1, D(7))


def test_stock_waits_while_a_shipment_of_it_is_sent(stocked: Stocked) -> None:
    stocked.forward.stock("pune", KURTA=10)
    entity_id = stocked.place("KURTA", quantity=3)
    stocked.forward.route()
    stocked.push()
    stocked.leave(entity_id)
    told: list[int] = []

    def meanwhile(method: str) -> None:
        if method == "ship":
            stocked.forward.stock("pune", KURTA=20)
            told.append(stocked.push().told)

    stocked.store.before_call = meanwhile
    stocked.forward.push_magento()
    assert told == [0]
    stocked.time_passes(5)
    stocked.push()
    assert stocked.store.salable("KURTA") == 20


def test_after_a_lost_answer_the_shipment_waits_until_nothing_can_arrive_any_more(stocked: Stocked) -> None:
    stocked.forward.stock("pune", KURTA=10)
    entity_id = stocked.place("KURTA", quantity=3)
    stocked.forward.route()
    stocked.store.come_late = 1
    assert stocked.push().lost == 1
    stocked.leave(entity_id)
    stocked.forward.push_magento()
    assert stocked.store.shipments == []
    stocked.time_passes()
    stocked.forward.push_magento()
    stocked.push()
    assert (len(stocked.store.shipments), stocked.store.salable("KURTA")) == (1, D(7))


def test_a_late_write_of_an_older_figure_is_overwritten(stocked: Stocked) -> None:
    stocked.forward.stock("pune", KURTA=10)
    stocked.store.come_late = 1
    stocked.push()
    stocked.forward.stock("pune", KURTA=2)
    stocked.push()
    assert stocked.told("KURTA") == {"default": 2}
    stocked.time_passes()
    assert stocked.told("KURTA") == {"default": 10}  # what nobody can prevent
    stocked.push()
    assert stocked.told("KURTA") == {"default": 2}
    assert stocked.push().told == 0


# Bad lines, refusals, troubles --------------------------------------------------------------------------------------


def test_a_sku_that_magento_does_not_know_is_never_sent(stocked: Stocked) -> None:
    stocked.forward.stock("pune", KURTA=1, GHOST=1)
    stocked.store.products["BOX"] = "bundle"
    stocked.forward.stock("pune", BOX=3)
    summary = stocked.push()
    assert (summary.told, summary.refused) == (1, 2)
    assert set(stocked.store.has) == {("KURTA", "default")}
    with engine(stocked.oms.url).connect() as connection:
        problems = {figure.sku: figure.problem for _, figure in stock_told.problems(connection, "loom", 10)}
    assert "no product with the SKU GHOST" in problems["GHOST"]
    assert "bundle" in problems["BOX"]
    stocked.store.sells("GHOST")
    stocked.oms.run(
        "insert into product (instance, sku, product_id, type_id, name, updated_at)"
        " values ('loom', 'GHOST', 7, 'simple', 'Ghost', now())"
    )
    assert stocked.push().told == 1  # the catalogue has read it
    with engine(stocked.oms.url).connect() as connection:
        assert [figure.sku for _, figure in stock_told.problems(connection, None, 10)] == ["BOX"]


def test_a_bad_line_never_spoils_its_batch(stocked: Stocked) -> None:
    names = [f"SKU-{number}" for number in range(40)]
    stocked.store.sells(*names, "BAD ")
    stocked.forward.stock("pune", **dict.fromkeys([*names, "BAD "], 5))
    summary = stocked.push()
    assert (summary.told, summary.refused) == (40, 1)
    assert all(stocked.store.salable(name) == 5 for name in names)


def test_a_write_in_part_under_a_lock_is_sent_again(stocked: Stocked) -> None:
    stocked.forward.stock("pune", KURTA=1, SAREE=2, DHOTI=3)
    stocked.store.write_parts = 2
    assert stocked.push().told == 3
    assert [stocked.store.salable(sku) for sku in ("KURTA", "SAREE", "DHOTI")] == [1, 2, 3]


def test_a_store_that_allows_few_lines_is_learnt(stocked: Stocked) -> None:
    names = [f"SKU-{number}" for number in range(45)]
    stocked.store.sells(*names)
    stocked.store.limit = 20
    stocked.forward.stock("pune", **dict.fromkeys(names, 5))
    assert stocked.push().told == 45
    assert max(map(len, stocked.store.batches)) <= 20
    calls = stocked.store.calls["set_source_items"]
    stocked.forward.stock("pune", **dict.fromkeys(names, 6))
    assert stocked.push().told == 45
    assert stocked.store.calls["set_source_items"] - calls <= 4


@pytest.mark.parametrize(
    ("line", "grown"),
    [(0.004, 1000), (0.008, 550), (0.04, 100)],  # what should take about 4.5 s, 1,000 at the most
)
def test_more_lines_a_call_while_that_pays(line: float, grown: int) -> None:
    lines = way.Lines(100)
    for _ in range(8):
        lines.took(lines.now, 0.1 + lines.now * line)
    assert lines.now == pytest.approx(grown, abs=20)


def test_calls_that_are_split_evenly_grow_too() -> None:
    lines = way.Lines(200)
    for _ in range(4):
        some = lines.of(1000, 2)
        lines.took(some, 0.1 + some * 0.004)
    assert lines.of(1000, 2) == 500


def test_fewer_lines_a_call_when_it_takes_long_or_is_lost() -> None:
    lines = way.Lines(800)
    lines.took(800, 9)
    assert lines.now == 400
    lines.lost()
    assert lines.now == 200
    lines.refused(20)
    assert lines.of(1000, 2) == 20


def test_lines_are_split_evenly_over_connections() -> None:
    assert way.Lines(1000).of(1000, 2) == 500
    assert way.Lines(800).of(10_000, 2) == 715
    assert way.Lines(800).of(30, 2) == 50
    assert way.Lines(800).of(1, 2) == 50


def test_sources_of_the_configuration_must_be_those_that_sell(stocked_of: Callable[..., Stocked]) -> None:
    stocked = stocked_of()
    stocked.store.layout = StockLayout({1: 2}, {1: frozenset({"default"}), 2: frozenset({"wh_blr"})})
    stocked.forward.stock("pune", KURTA=1)
    with pytest.raises(ConfigurationError, match="sells from the sources wh_blr; 'default' is not one"):
        stocked.push()
    assert stocked.store.has == {}


def test_without_source_items_the_legacy_way_is_taken(stocked: Stocked) -> None:
    stocked.store.fail("set_source_items", ConfigurationError("The store lacks this call.", status=404))
    stocked.forward.stock("pune", KURTA=3, SAREE=4)
    summary = stocked.push()
    assert (summary.told, summary.way) == (2, "stock_items")
    assert stocked.told("SAREE") == {"default": 4}
    stocked.forward.stock("pune", KURTA=0)
    assert stocked.push().way == "stock_items"
    assert stocked.told("KURTA") == {"default": 0}


def test_a_store_without_sources_gets_stock_items(stocked: Stocked) -> None:
    stocked.store.layout = None
    stocked.forward.stock("pune", KURTA=3)
    assert (stocked.push().way, stocked.told("KURTA")) == ("stock_items", {"default": D(3)})


def test_the_legacy_way_is_never_taken_where_it_sells_nothing(stocked_of: Callable[..., Stocked]) -> None:
    stocked = stocked_of(locations=TWO_SOURCES)
    stocked.store.fail("set_source_items", ConfigurationError("A permission is missing.", status=401), times=9)
    stocked.forward.stock("pune", KURTA=3)
    with pytest.raises(ConfigurationError, match="permission"):
        stocked.push()
    assert stocked.store.calls["set_stock_item"] == 0


def test_a_store_in_trouble_fails_the_run_and_loses_nothing(stocked: Stocked) -> None:
    stocked.forward.stock("pune", KURTA=3)
    stocked.push()
    stocked.forward.stock("pune", KURTA=4)
    stocked.store.fail("set_source_items", ConfigurationError("Wrong URL.", status=403))
    with pytest.raises(ConfigurationError):
        stocked.push()
    stocked.time_passes()
    assert stocked.push().told == 1
    assert stocked.store.salable("KURTA") == 4


@pytest.mark.parametrize(
    "error", [RetryableError("Maintenance.", status=503), RateLimited("Slow down.", retry_after=7, status=429)]
)
def test_what_was_not_sent_is_sent_later(stocked: Stocked, error: RetryableError) -> None:
    stocked.forward.stock("pune", KURTA=3)
    stocked.store.fail("set_source_items", error)
    assert stocked.push().later == 1
    stocked.time_passes()
    assert stocked.push().told == 1


def test_a_held_instance_gets_nothing(stocked: Stocked) -> None:
    stocked.forward.stock("pune", KURTA=3)
    with engine(stocked.oms.url).begin() as connection:
        holds.hold(connection, "magento:loom", "sale", "test")
    assert stocked.push().held == "sale"
    assert stocked.store.has == {}


def test_only_one_tells_an_instance_at_a_time(stocked: Stocked) -> None:
    stocked.forward.stock("pune", KURTA=3)
    with writer(stocked.oms.url, "loom") as first, writer(stocked.oms.url, "loom") as second:
        assert first is not None
        assert second is None
        assert stocked.push().told == 0
    assert stocked.push().told == 1


def test_what_magento_does_not_keep_is_seen(stocked: Stocked) -> None:
    stocked.forward.stock("pune", KURTA=3)
    forgetting = stocked.store._write
    stocked.store._write = lambda lines: None  # type: ignore[method-assign]
    for _ in range(2):
        assert stocked.push().differed == 1
        stocked.time_passes()
    with pytest.raises(ConfigurationError, match="keeps nothing of it"):
        stocked.push()
    stocked.store._write = forgetting  # type: ignore[method-assign]
    stocked.time_passes(8000)
    stocked.push()
    assert stocked.store.salable("KURTA") == 3


def test_stock_push_tells_skus_by_hand_whatever_is_thought(stocked: Stocked, store: FakeMagento) -> None:
    stocked.forward.stock("pune", KURTA=3, SAREE=4)
    stocked.push()
    store.has["KURTA", "default"] = D(99)
    stocked.forward.stock("pune", SAREE=5)
    summary = push_skus(stocked.oms.url, stocked.forward.config, store, ["KURTA"])
    assert (summary.told, stocked.told("KURTA")) == (1, {"default": D(3)})
    assert stocked.told("SAREE") == {"default": 4}
    stocked.push()
    assert stocked.told("SAREE") == {"default": 5}


def test_a_killed_push_is_made_up_for(stocked: Stocked) -> None:
    """Killed after Magento wrote, and before: the same in the end."""

    class Killed(BaseException):
        pass

    stocked.forward.stock("pune", KURTA=10)
    for when in ("before", "after"):
        stocked.store.fail("set_source_items", Killed(), when=when)  # type: ignore[arg-type]
        with pytest.raises(Killed):
            stocked.push()
        stocked.forward.stock("pune", KURTA=4)
        stocked.oms.run("update lease set expires_at = now() - interval '1 second'")
        stocked.push()
        assert stocked.told("KURTA") == {"default": 4}
        stocked.time_passes()
        stocked.push()
        assert stocked.oms.rows("select due_at, sending_until, unsettled_until, told from stock_figure") == [
            {"due_at": None, "sending_until": None, "unsettled_until": None, "told": D(4)}
        ]
        stocked.forward.stock("pune", KURTA=10)


def test_a_changed_buffer_is_told(stocked_of: Callable[..., Stocked]) -> None:
    stocked = stocked_of()
    stocked.forward.stock("pune", KURTA=10)
    stocked.push()
    again = stocked_of(stock={"buffer": 1, "buffers": {"KURTA": 3}})
    again.push()
    assert again.told("KURTA") == {"default": 7}


def test_an_unknown_outcome_shrinks_calls_and_is_settled(stocked: Stocked) -> None:
    stocked.forward.stock("pune", KURTA=3)
    stocked.push()
    stocked.forward.stock("pune", KURTA=2)
    stocked.store.fail("set_source_items", UnknownOutcome("No answer."), when="after")
    summary = stocked.push(settle_delay=timedelta(seconds=1))
    assert (summary.lost, summary.lines_a_call) == (1, 50)
    stocked.time_passes(30)
    assert stocked.push().told == 1


def test_a_refused_line_says_why(stocked: Stocked) -> None:
    stocked.forward.stock("pune", KURTA=3)
    stocked.store.fail("set_source_items", PermanentError("The quantity is odd.", status=400))
    assert stocked.push().refused == 1
    with engine(stocked.oms.url).connect() as connection:
        [(_, figure)] = stock_told.problems(connection, "loom", 10)
    assert figure.problem == "The quantity is odd."


def test_orders_of_another_store_that_wait_are_not_offered_here(stocked: Stocked) -> None:
    other_config = instance_config(store_config(locations=[{**PUNE, "msi_source": None}]), code="weave", name="Weave")
    with engine(stocked.oms.url).begin() as connection:
        instances.configure(connection, other_config)
    stocked.forward.stock("pune", KURTA=10)
    stocked.push()
    other = FakeMagento("weave")
    entity_id = other.place(items=goods("KURTA", quantity=4))
    stocked.oms.take_in(other, other_config, [entity_id])
    stocked.push()
    assert stocked.store.salable("KURTA") == 6  # nothing is reserved yet
    route_due(stocked.oms.url, {"weave": other_config}, holder="test")
    stocked.push()
    assert stocked.store.salable("KURTA") == 6
    other.pass_time(1)
    other.cancel_in_admin(entity_id)
    stocked.oms.take_in(other, other_config, [entity_id])
    stocked.push()
    assert stocked.store.salable("KURTA") == 10
