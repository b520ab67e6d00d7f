"""Random lives of orders from the buyer's click to the customer's door, with a nemesis on everything outside.

What must hold is checked after every step against the ledgers of the store and the couriers; at the end, when the
trouble is over, everything must come to rest and all sides must agree.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, ClassVar

import psycopg
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from sqlalchemy.exc import DBAPIError
from tests.lives.deaths import Deaths
from tests.lives.judge import Judge
from tests.lives.scene import LOCATIONS, Scene

from magento_oms.ports import OutsideError
from magento_oms.workflows.couriers.tracking import AnotherPollRuns
from magento_oms.workflows.order_pull import AnotherRunIsLive
from magento_oms.workflows.turns import AnotherRunHasTheTurn
from magento_oms.workflows.warehouse.problems import WarehouseProblem

Row = dict[str, Any]
EXPECTED = (OutsideError, AnotherRunHasTheTurn, AnotherRunIsLive, AnotherPollRuns, WarehouseProblem)
MOST_ORDERS = 5
STOCKED = (
    "select sku from order_line where kind = 'physical' group by sku"
    " having not :alone or max(coalesce(parent_item_id, 0)) = 0 order by sku"
)
"""SKUs; `alone`: of those that are no part of a bundle. Bundles are kept in one place."""
SEEDS = 30
"""The generator of orders makes its catalogue anew for each."""
WEIGHTS = {
    "next_thing_is_done": 10,
    "order_is_placed": 2,
    "order_changes_in_the_store": 3,
    "orders_are_read": 3,
    "stock_is_told": 2,
    "much_stock_is_told": 1,
    "orders_are_routed": 2,
    "location_rejects": 1,
    "warehouse_packs": 2,
    "warehouse_packs_again": 1,
    "courier_takes": 2,
    "courier_takes_a_manifest": 1,
    "seller_cancels": 1,
    "effects_are_carried_out": 6,
    "time_passes": 3,
    "parcels_travel": 1,
    "webhooks_come": 2,
    "tracking_is_polled": 1,
    "calls_go_wrong": 6,
    "account_refuses": 1,
    "account_takes_again": 1,
    "next_process_dies": 4,
    "target_is_held": 1,
    "target_is_released": 2,
    "person_retries_what_failed": 1,
}
"""What happens how often."""
HAPPENINGS = tuple(name for name, weight in WEIGHTS.items() for _ in range(weight))
numbers = st.integers(0, 1_000_000)


class ForwardLife(RuleBasedStateMachine):
    """One store, one OMS, two warehouses, two to four courier accounts.

    There is one rule, which chooses what happens: with a rule for each, Hypothesis leaves some out of every life, and
    few come far.
    """

    new_scene: ClassVar[Callable[..., Scene]]
    deaths: ClassVar[Deaths]
    kinds: ClassVar[tuple[str, ...]]
    troubles: ClassVar[tuple[str, ...]]
    counted: ClassVar[Counter[str]]
    """Steps by what happened, over all lives."""

    scene_type: ClassVar[type[Scene]] = Scene
    judge_type: ClassVar[type[Judge]] = Judge
    journeys: ClassVar[dict[str, int]] = {}
    """Shares of the ways that parcels go; none: all are delivered."""
    scene: Scene
    judge: Judge

    @initialize(
        # A life of noughts only, with which Hypothesis begins, is no life.
        vendors=st.integers(0, 1_000).filter(bool),
        policy=st.sampled_from(("complete", "many_partial", "many_partial")),
        ships_at=st.sampled_from(("handover", "handover", "packed")),
        orders=st.lists(numbers, min_size=1, max_size=3),
    )
    def begins(self, vendors: int, policy: str, ships_at: str, orders: list[int]) -> None:
        self.ids: list[int] = []
        self.die_after: int | None = None
        self.scene = type(self).new_scene(vendors, routing={"policy": policy}, magento_shipment_at=ships_at)
        self.judge = type(self).judge_type(self.scene)
        for number in orders:
            self.order_is_placed(number, number // 7)

    @rule(what=st.sampled_from(HAPPENINGS), which=numbers, more=numbers)
    def happens(self, what: str, which: int, more: int) -> None:
        """One step, and what must hold after it."""
        self.step(what, which, more)

    def step(self, what: str, which: int, more: int) -> None:
        """Do it, and judge."""
        self.counted["steps"] += 1
        if self.ids or what == "order_is_placed":
            getattr(self, what)(which, more)
        self.judge.after_a_step()

    def teardown(self) -> None:
        """The trouble is over: all sides come to rest and agree."""
        if not hasattr(self, "judge"):
            return
        try:
            self.judge.comes_to_rest()
        finally:
            self.finish()

    def finish(self) -> None:
        """The life is over."""

    # The store ----------------------------------------------------------------------------------------------------

    def order_is_placed(self, which: int, more: int) -> None:
        if len(self.ids) >= MOST_ORDERS:
            return
        with self.trouble("placed"):
            self.ids.append(self.scene.outside.place(self.one(self.kinds, which), more % SEEDS))
            self.scene.pull("one", self.ids[-1])

    def order_changes_in_the_store(self, which: int, more: int) -> None:
        change = self.one(("touch", "pay", "unhold", "hold", "cancel", "unhold"), more)
        with self.trouble(f"by hand: {change}"):
            self.scene.outside.by_hand(self.one(self.ids, which), change)

    def orders_are_read(self, which: int, more: int) -> None:
        how = self.one(("one", "pending", "live", "read a page", "take in a page"), more)
        with self.trouble(f"read: {how}"):
            if how == "read a page":
                self.scene.read_a_page(self.one(self.ids, which))
            elif how == "take in a page":
                if self.scene.pages:
                    self.scene.take_in_a_page(which % len(self.scene.pages))
            else:
                self.scene.pull(how, self.one(self.ids, which))

    # The warehouse ------------------------------------------------------------------------------------------------

    def stock_is_told(self, which: int, more: int) -> None:
        with self.trouble("stock"):
            if skus := self.scene.oms.rows(STOCKED, alone=True):
                units = Decimal(more // 2 % 5)
                self.scene.stock(LOCATIONS[more % 2], {self.one(skus, which)["sku"]: units})

    def much_stock_is_told(self, which: int, more: int) -> None:
        with self.trouble("stock"):
            location = LOCATIONS[more % 2]
            skus = self.scene.oms.rows(STOCKED, alone=location != LOCATIONS[0])
            self.scene.stock(location, {row["sku"]: Decimal(100) for row in skus})

    def orders_are_routed(self, which: int, more: int) -> None:
        with self.trouble("route"):
            self.scene.route()

    def location_rejects(self, which: int, more: int) -> None:
        """All of a fulfilment, or one unit. Not the first location: what both sent back waits for a person for ever.
        Bundles are kept whole.
        """
        with self.trouble("reject"):
            found = self.scene.oms.rows(
                "select distinct f.id from fulfilment f join fulfilment_line fl on fl.fulfilment_id = f.id"
                " join order_line l on l.order_id = fl.order_id and l.item_id = fl.item_id"
                " where f.state = 'routed' and f.location <> :first"
                " group by f.id having max(coalesce(l.parent_item_id, 0)) = 0 order by f.id",
                first=LOCATIONS[0],
            )
            if not found:
                return
            chosen = self.one(found, which)["id"]
            lines = self.scene.oms.rows(
                "select item_id from fulfilment_line where fulfilment_id = :id and quantity > 0 order by item_id",
                id=chosen,
            )
            self.scene.reject(chosen, {self.one(lines, which)["item_id"]: Decimal(1)} if more % 2 else None)

    def warehouse_packs(self, which: int, more: int) -> None:
        with self.trouble("pack"):
            if found := self.fulfilments("routed"):
                self.scene.pack(self.one(found, which), 1 + more % 3)

    def warehouse_packs_again(self, which: int, more: int) -> None:
        """Also what must not be packed any more, and with other boxes."""
        with self.trouble("pack again"):
            if found := self.fulfilments():
                self.scene.pack(self.one(found, which), 1 + more % 3, seed=more % 2)

    def courier_takes(self, which: int, more: int) -> None:
        """What is ready; else what must not leave."""
        with self.trouble("hand over"):
            if found := self.fulfilments("ready") or self.fulfilments("packed", "handed_over", "cancelled"):
                self.scene.hand_over(self.one(found, which), check=bool(more % 2))

    def courier_takes_a_manifest(self, which: int, more: int) -> None:
        with self.trouble("manifest"):
            self.scene.manifest(LOCATIONS[more % 2])
            if made := self.scene.oms.rows("select id from manifest order by id"):
                self.scene.hand_over_manifest(self.one(made, which)["id"])

    def seller_cancels(self, which: int, more: int) -> None:
        """A COD order: a captured one needs a credit memo, which a person makes."""
        with self.trouble("seller cancels"):
            if found := self.scene.oms.rows("select id from sales_order where payment_kind = 'cod' order by id"):
                self.scene.seller_cancels(self.one(found, which)["id"])

    # Pushes -------------------------------------------------------------------------------------------------------

    def effects_are_carried_out(self, which: int, more: int) -> None:
        """At one target; that something is due at, rather."""
        due = self.scene.oms.rows(
            "select distinct target from effect where state in ('due', 'unknown', 'sending') order by target"
        )
        target = self.one([row["target"] for row in due] or self.scene.targets, which)
        with self.trouble(f"push {target.partition(':')[0]}"):
            self.scene.push(target)

    def time_passes(self, which: int, more: int) -> None:
        with self.trouble("time"):
            self.scene.time_passes()

    # Couriers -----------------------------------------------------------------------------------------------------

    def parcels_travel(self, which: int, more: int) -> None:
        """A stand-in's parcels go together: once all of them were handed over."""
        with self.trouble("travel"):
            if self.fulfilments("handed_over") and not self.fulfilments("packed", "ready"):
                self.scene.outside.travel(self.one(sorted(self.scene.outside.accounts), which), 1 + more % 3)

    def webhooks_come(self, which: int, more: int) -> None:
        """Some of them, in any order, perhaps repeated."""
        with self.trouble("webhooks"):
            chance = random.Random(which)
            chosen = [each for each in self.scene.outside.told() if chance.random() < 0.7] * (1 + more % 2)
            chance.shuffle(chosen)
            self.scene.hear(chosen)

    def tracking_is_polled(self, which: int, more: int) -> None:
        with self.trouble("poll"):
            self.scene.poll(self.one(sorted(self.scene.outside.accounts), which))

    # The nemesis --------------------------------------------------------------------------------------------------

    def calls_go_wrong(self, which: int, more: int) -> None:
        self.counted["nemesis"] += 1
        targets = ["magento:loom", *(f"courier:{code}" for code in self.scene.outside.accounts)]
        # The store twice as often as each account.
        where = self.one([*targets, targets[0]], which)
        what = ("writes", "writes", "all")[more % 3]
        self.scene.outside.go_wrong(where, self.one(self.troubles, more // 3), 1 + which % 3, what)

    def account_refuses(self, which: int, more: int) -> None:
        self.counted["refusals"] += 1
        self.scene.outside.refuse(self.one(sorted(self.scene.outside.accounts), which), more)

    def account_takes_again(self, which: int, more: int) -> None:
        self.scene.outside.accept(self.one(sorted(self.scene.outside.accounts), which))

    def next_process_dies(self, which: int, more: int) -> None:
        """Whatever comes next is killed at one of its writes."""
        self.die_after = 1 + which % 25

    def target_is_held(self, which: int, more: int) -> None:
        with self.trouble("hold switch"):
            self.scene.hold(self.one(self.scene.targets, which), on=True)

    def target_is_released(self, which: int, more: int) -> None:
        with self.trouble("hold switch"):
            for target in self.scene.targets:
                self.scene.hold(target, on=False)

    def person_retries_what_failed(self, which: int, more: int) -> None:
        with self.trouble("retry"):
            self.scene.retry_failed()

    # Progress -----------------------------------------------------------------------------------------------------

    def next_thing_is_done(self, which: int, more: int) -> None:
        """What is next for what there is."""
        states = Counter(row["state"] for row in self.scene.oms.rows("select state from fulfilment"))
        [waits] = self.scene.oms.rows(
            "select (select count(*) from effect where state in ('due', 'unknown', 'sending')) as effects,"
            " (select count(*) from sales_order where route_at is not null and state <> 'held') as orders"
        )
        if waits["effects"] and which % 3 < 2:
            if which % 5 == 0:
                self.time_passes(which, more)
            self.effects_are_carried_out(which // 3, more)
        elif states["ready"]:
            self.courier_takes(which, more)
        elif states["routed"]:
            self.warehouse_packs(which, more)
        elif waits["orders"]:
            self.much_stock_is_told(which, which)
            self.orders_are_routed(which, more)
        elif len(self.ids) < MOST_ORDERS:
            self.order_is_placed(which, more)
        elif which % 2:
            self.parcels_travel(which, more)
        else:
            self.tracking_is_polled(which, more)

    # --------------------------------------------------------------------------------------------------------------

    @contextmanager
    def trouble(self, what: str) -> Iterator[None]:
        """Something that may fail in the ways that are allowed, or be killed."""
        self.counted[what] += 1
        after, self.die_after = self.die_after, None
        try:
            if after is None:
                yield
            else:
                with self.deaths.dying(after):
                    yield
        except EXPECTED:
            pass
        except DBAPIError as error:
            # A deadlock would be a bug of ours; a dead process's connection is gone.
            if after is None or isinstance(error.orig, psycopg.errors.DeadlockDetected):
                raise

    def fulfilments(self, *states: str) -> list[int]:
        """Ids of those in such states; of all, if none is named."""
        rows = self.scene.oms.rows(
            "select id from fulfilment where :all or state = any(:states) order by id",
            all=not states,
            states=list(states),
        )
        return [row["id"] for row in rows]

    @staticmethod
    def one(some: Any, which: int) -> Any:
        """One of several; small numbers choose the newest."""
        return some[-1 - which % len(some)]
