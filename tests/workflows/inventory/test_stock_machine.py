"""Random lives of stock: orders, shipments, cancellations, counts and pushes in any order, with faults and kills.

Two stores sell from one warehouse; one of them ships. After every push that met no trouble Magento sells just what
there is, of all SKUs that had nothing open before it; and when the trouble is over, it does so of all.

How sharp this is was tried with deliberate mistakes in the product: see "How it is proved" in docs/inventory.md.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from tests.workflows.fakes import FakeMagento, instance_config, store_config
from tests.workflows.forward.conftest import HOSKOTE, PUNE, Forward, forward_config, goods
from tests.workflows.inventory.conftest import ONE_SOURCE, TWO_SOURCES, Stocked
from tests.workflows.machines import few, many
from tests.workflows.oms import TARGET, Oms

from magento_oms.ports import OutsideError, RateLimited, RetryableError, UnknownOutcome
from magento_oms.storage import instances
from magento_oms.storage.database import engine
from magento_oms.workflows.acknowledge_order import AcknowledgeOrder
from magento_oms.workflows.fulfilling.create_invoice import CreateInvoice
from magento_oms.workflows.fulfilling.create_shipment import CreateShipment
from magento_oms.workflows.fulfilling.fetch_shipment import FetchShipment
from magento_oms.workflows.fulfilling.tell_magento import TellMagento
from magento_oms.workflows.push import push
from magento_oms.workflows.routing.route_orders import route_due

D = Decimal
SKUS = ("KURTA", "SAREE")
PLACES = {"pune": PUNE, "hoskote": HOSKOTE}
LAYOUTS = {"one source": ONE_SOURCE, "two sources": TWO_SOURCES}
FAULTS = ("late", "part", "lost", "down", "busy", "killed before", "killed after", "killed late")
MEANWHILE = ("ships", "counts")
STEPS = ("bought", "read", "routed", "left", "shipped")
"""How far an order goes at once; from there, the other rules take it on."""

Count = tuple[str, str, int]
COUNT = st.tuples(st.sampled_from(sorted(PLACES)), st.sampled_from(SKUS), st.integers(0, 12))


class Killed(BaseException):
    """The worker is gone."""


class Stock(RuleBasedStateMachine):
    """Two stores, two warehouses, one OMS."""

    new_url: Callable[[], str]

    def __init__(self) -> None:
        super().__init__()
        self.shelf: dict[tuple[str, str], Decimal] = {}
        self.left: dict[int, dict[str, Decimal]] = {}
        self.unread_cancel = False

    @initialize(
        layout=st.sampled_from(sorted(LAYOUTS)),
        buffer=st.integers(0, 2),
        own=st.sampled_from(STEPS),
        others=st.sampled_from(STEPS[1:3]),
    )
    def begin(self, layout: str, buffer: int, own: str, others: str) -> None:
        """Each store has an order, which is on its way somewhere."""
        config = forward_config(locations=LAYOUTS[layout], stock={"buffer": buffer})
        self.buffer = buffer
        other = store_config(store_id=1, locations=[{**PUNE, "msi_source": None}])
        self.other_config = instance_config(other, code="weave", name="Weave")
        oms = Oms(type(self).new_url())
        with engine(oms.url).begin() as connection:
            instances.configure(connection, config)
            instances.configure(connection, self.other_config)
        self.stocked = Stocked(Forward(oms, FakeMagento(), config))
        self.store = self.stocked.store
        self.store.sells(*SKUS, sources={location.msi_source or "default" for location in config.stores[0].locations})
        self.other = FakeMagento("weave", first_id=1001)
        self.oms = oms
        for sku in SKUS:
            self.warehouse_counts("pune", sku, 8)
            self.warehouse_counts("hoskote", sku, 3)
        self.stocked.push()
        self.an_order_goes_on("KURTA", 3, own)
        self.an_order_of_the_other_store_goes_on("SAREE", 2, others)
        self.tell()

    # What happens ---------------------------------------------------------------------------------------------------

    def somebody_buys(self, sku: str, units: int) -> None:
        if self.store.salable(sku) >= units:
            self.stocked.buy(sku, quantity=units)

    @rule(sku=st.sampled_from(SKUS), units=st.integers(1, 4), until=st.sampled_from(STEPS))
    def an_order_goes_on(self, sku: str, units: int, until: str) -> None:
        """Without waiting for anybody, until it is so far."""
        self.somebody_buys(sku, units)
        further = (self.orders_are_read, self.orders_are_routed, self.goods_leave, self.ship)
        for step in further[: STEPS.index(until)]:
            step()

    @rule(sku=st.sampled_from(SKUS), units=st.integers(1, 3), until=st.sampled_from(STEPS[1:3]))
    def an_order_of_the_other_store_goes_on(self, sku: str, units: int, until: str) -> None:
        entity_id = self.other.place(items=goods(sku, quantity=units))
        self.oms.take_in(self.other, self.other_config, [entity_id])
        if until == "routed":
            self.orders_are_routed()

    @precondition(lambda self: self.store.orders)
    @rule(data=st.data())
    def order_is_cancelled_in_admin(self, data: st.DataObject) -> None:
        entity_id = data.draw(st.sampled_from(sorted(self.store.orders)))
        if self.store.orders[entity_id]["state"] in ("new", "processing") and not self.shipped(entity_id):
            self.store.pass_time(1)
            self.store.cancel_in_admin(entity_id)
            self.unread_cancel = True

    @precondition(lambda self: self.other.orders)
    @rule(data=st.data())
    def order_of_the_other_store_is_cancelled(self, data: st.DataObject) -> None:
        entity_id = data.draw(st.sampled_from(sorted(self.other.orders)))
        if self.other.orders[entity_id]["state"] != "canceled":
            self.other.pass_time(1)
            self.other.cancel_in_admin(entity_id)
            self.oms.take_in(self.other, self.other_config, [entity_id])

    def warehouse_counts(self, location: str, sku: str, units: int) -> None:
        """What is promised is there: a warehouse that finds less has lost it, which no push can mend."""
        rows = self.oms.rows("select reserved from stock where location = :l and sku = :s", l=location, s=sku)
        found = max(D(units), rows[0]["reserved"] if rows else D(0))
        self.stocked.forward.stock(location, **{sku: int(found)})
        self.shelf[location, sku] = found

    @rule()
    def orders_are_read(self) -> None:
        self.stocked.take_in()
        self.unread_cancel = False

    @rule()
    def orders_are_routed(self) -> None:
        configs = {config.code: config for config in (self.stocked.forward.config, self.other_config)}
        route_due(self.oms.url, configs, holder="test")

    @rule()
    def goods_leave(self) -> None:
        """All that is routed of the store's oldest order of which something is."""
        routed = [row for row in self.stocked.forward.fulfilments() if row["state"] == "routed"]
        ready = [row["entity_id"] for row in routed if self.may_leave(row["entity_id"])]
        if not ready:
            return
        self.stocked.leave(ready[0])
        of_order = self.left.setdefault(ready[0], {})
        for row in routed:
            if row["entity_id"] == ready[0]:
                for sku, units in row["lines"].items():
                    of_order[sku] = of_order.get(sku, D(0)) + units
                    self.shelf[row["location"], sku] -= units

    def may_leave(self, entity_id: int) -> bool:
        """It is an order of the store that ships, and nothing stops it."""
        return entity_id in self.store.orders and self.oms.order(entity_id)["state"] not in ("held", "cancelled")

    @rule(fault=st.sampled_from(("", "lost", "down")), count=COUNT)
    def magento_is_told_of_orders(self, fault: str, count: Count) -> None:
        """Of one that has just left, too; then its stock is told."""
        self.an_order_goes_on(count[1], 1, "left")
        if fault:
            error = UnknownOutcome("No answer.") if fault == "lost" else RetryableError("Maintenance.", status=503)
            self.store.fail("ship", error, when="after" if fault == "lost" else "before")
        self.ship()
        self.store.faults.clear()
        self.stock_is_told("", count)

    @rule(fault=st.sampled_from(("", *FAULTS)), count=COUNT)
    def stock_is_told(self, fault: str, count: Count) -> None:
        self.warehouse_counts(*count)
        match fault:
            case "late" | "killed late":
                self.store.come_late = 1
                self.store.late_error = Killed() if fault == "killed late" else UnknownOutcome("No answer.")
            case "part":
                self.store.write_parts = 1
            case "lost":
                self.store.fail("set_source_items", UnknownOutcome("No answer."), when="after")
            case "down":
                self.store.fail("set_source_items", RetryableError("Maintenance.", status=503))
            case "busy":
                self.store.fail("set_source_items", RateLimited("Slow down.", retry_after=3, status=429))
            case "killed before" | "killed after":
                when: Any = fault.removeprefix("killed ")
                self.store.fail("set_source_items", Killed(), when=when)  # type: ignore[arg-type]
        self.tell()
        self.store.faults.clear()
        self.store.come_late = self.store.write_parts = 0
        self.oms.run("delete from lease")

    @rule(fault=st.sampled_from(("late", "killed late")), first=COUNT, units=st.integers(0, 12))
    def an_older_figure_comes_after_a_newer_one(self, fault: str, first: Count, units: int) -> None:
        """When time passes; nobody learns of it."""
        self.stock_is_told(fault, first)
        self.stock_is_told("", (*first[:2], units))

    @rule(what=st.sampled_from(MEANWHILE), before=COUNT, units=st.integers(0, 12))
    def something_happens_while_stock_is_told(self, what: str, before: Count, units: int) -> None:
        """Between the reading of the facts and the store's writing of the figure."""

        def meanwhile(method: str) -> None:
            if method == "set_source_items":
                self.store.before_call = lambda method: None
                if what == "ships":
                    self.ship()
                else:
                    self.warehouse_counts(*before[:2], units)

        if what == "ships":
            self.an_order_goes_on(before[1], 1, "left")
        self.warehouse_counts(*before)
        self.store.before_call = meanwhile
        self.tell(counted=what == "counts")
        self.store.before_call = lambda method: None
        if what == "counts":
            self.tell()

    @rule()
    def stock_is_told_while_an_order_is_shipped(self) -> None:
        def meanwhile(method: str) -> None:
            if method == "ship":
                self.store.before_call = lambda method: None
                with suppress(OutsideError):
                    self.stocked.push()

        self.store.before_call = meanwhile
        self.ship()
        self.store.before_call = lambda method: None

    @rule(seconds=st.sampled_from((5, 60, 600)))
    def time_passes(self, seconds: int) -> None:
        """Writes whose answers were lost arrive within the settle delay of 90 s."""
        if seconds > 90:
            self.stocked.time_passes(seconds)
        else:
            late, self.store.on_their_way = self.store.on_their_way, []
            self.stocked.time_passes(seconds)
            self.store.on_their_way = late

    # What must hold -------------------------------------------------------------------------------------------------

    def tell(self, *, counted: bool = False) -> None:
        """A push. If it met no trouble, all that it could tell is right.

        Args:
            counted: a warehouse counted while it told, which it need not have noticed.
        """
        open_before = self.still_open()
        try:
            told = self.stocked.push()
        except (OutsideError, Killed):
            return
        if told.lost or told.later or told.refused or counted:
            return
        assert not told.differed, "what was told and read back"
        if self.unread_cancel:
            return
        for sku in set(SKUS) - open_before:
            if sku in self.perhaps_shipped():
                assert self.store.salable(sku) <= max(self.there_is(sku), D(0)), sku
            else:
                self.magento_sells_what_there_is(sku)

    def still_open(self) -> set[str]:
        """SKUs that no push can tell right now, because what it told before is lost."""
        rows = self.oms.rows(
            "select sku from stock_figure where instance = 'loom' and (due_at > now() or sending_until > now())"
        )
        return {row["sku"] for row in rows}

    def perhaps_shipped(self) -> set[str]:
        """SKUs of which nobody knows whether Magento has shipped them."""
        rows = self.oms.rows(
            "select l.sku from order_line l join effect e on e.order_id = l.order_id"
            " where e.kind = 'create_shipment' and e.state in ('sending', 'unknown')"
        )
        return {row["sku"] for row in rows}

    def magento_sells_what_there_is(self, sku: str) -> None:
        there_is = self.there_is(sku)
        if there_is >= 0:
            assert self.store.salable(sku) == there_is, sku
        else:
            assert self.store.salable(sku) <= 0, sku

    def there_is(self, sku: str) -> Decimal:
        """What is on the shelves and promised to nobody, less the buffer."""
        shelves = sum((units for (_, of), units in self.shelf.items() if of == sku), D(0))
        still_kept_though_left = sum(
            (max(units.get(sku, D(0)) - self.shipped(entity_id, sku), D(0)) for entity_id, units in self.left.items()
             if self.store.orders[entity_id]["state"] != "canceled"),
            D(0),
        )  # fmt: skip
        return shelves - (self.store.kept(sku) - still_kept_though_left) - self.other.kept(sku) - self.buffer

    def shipped(self, entity_id: int, sku: str | None = None) -> Decimal:
        rows = self.store.orders[entity_id]["items"]
        return sum((D(str(row["qty_shipped"])) for row in rows if sku in (None, row["sku"])), D(0))

    def ship(self) -> None:
        config = self.stocked.forward.config
        kinds = (
            AcknowledgeOrder(config), CreateInvoice(config), CreateShipment(config), FetchShipment(config),
            TellMagento(config),
        )  # fmt: skip
        with suppress(OutsideError):
            push(
                self.oms.url, TARGET, self.store, {kind.name: kind for kind in kinds}, holder="test",
                settle_delay=timedelta(seconds=90),
            )  # fmt: skip

    def teardown(self) -> None:
        """The trouble is over: Magento sells just what there is."""
        if not hasattr(self, "oms"):
            return
        for _ in range(4):
            self.orders_are_read()
            self.orders_are_routed()
            self.stocked.time_passes(600)
            self.oms.kill_workers()
            self.ship()
            self.stocked.push()
        for sku in SKUS:
            self.magento_sells_what_there_is(sku)
        assert self.oms.rows("select sku from stock_figure where instance = 'loom' and due_at is not null") == []


@pytest.fixture
def machine(next_oms_database: Callable[[], str]) -> type[Stock]:
    """The machine, with a new OMS database for every example."""

    class Machine(Stock):
        new_url = staticmethod(next_oms_database)

    return Machine


def test_magento_never_sells_more_than_there_is(machine: type[Stock]) -> None:
    run_state_machine_as_test(machine, settings=few(12, 30))


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_many_lives_of_stock(machine: type[Stock]) -> None:
    run_state_machine_as_test(machine, settings=many(300, 60))
