"""Random lives of orders against random pulls, pushes, faults and killed workers: what must hold, holds.

Hypothesis chooses what happens at the store and to us, in any order. The promises are checked after every step, and at
the end, when the trouble is over, everything must come to rest.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.workflows.fakes import LIVE_FROM, FakeMagento, instance_config, store_config
from tests.workflows.machines import few, many
from tests.workflows.oms import TARGET, Oms
from tests.workflows.payloads import order

from magento_oms.ports import (
    AuthenticationError,
    OutsideError,
    PermanentError,
    RateLimited,
    RetryableError,
    UnknownOutcome,
)
from magento_oms.storage import effects, holds, instances
from magento_oms.storage.database import engine
from magento_oms.workflows import push as push_module
from magento_oms.workflows.acknowledge_order import AcknowledgeOrder
from magento_oms.workflows.order_pull import pull_pending

CALLS = ("order", "add_comment", "set_status", "page_after")
ENDED = ("cancelled", "shipped", "returned")

ERRORS: dict[str, Callable[[], OutsideError]] = {
    "retryable": lambda: RetryableError("The store is down for maintenance."),
    "rate": lambda: RateLimited("Too many requests.", retry_after=1),
    "login": lambda: AuthenticationError("The password is refused."),
    "refused": lambda: PermanentError("The request is refused."),
    "unknown": lambda: UnknownOutcome("No answer."),
}


class Orders(RuleBasedStateMachine):
    """One store and one OMS."""

    new_url: Callable[[], str]

    def __init__(self) -> None:
        super().__init__()
        self.config = instance_config(store_config(), store_config(store_id=2, code="shadow", mode="shadow"))
        self.kind = AcknowledgeOrder(self.config)
        self.store = FakeMagento()
        self.oms = Oms(type(self).new_url())
        self.never: set[int] = set()
        """Orders that must never be acknowledged: history, shadow."""
        with engine(self.oms.url).begin() as connection:
            instances.configure(connection, self.config)

    @initialize(comment_status=st.sampled_from(("accepted", "refused", "ignored")))
    def magento_is_of_some_version(self, comment_status: Any) -> None:
        self.store.comment_status = comment_status

    # The store ------------------------------------------------------------------------------------------------------

    @rule(kind=st.sampled_from(("cod", "unpaid", "paid", "history", "shadow")))
    def order_is_placed(self, kind: str) -> None:
        kinds: dict[str, dict[str, Any]] = {
            "cod": {},
            "unpaid": {"status": "pending_payment", "state": "pending_payment", "method": "razorpay"},
            "paid": {"status": "processing", "state": "processing", "method": "razorpay"},
            "history": {},
            "shadow": {"store_id": 2},
        }
        at = LIVE_FROM - timedelta(days=1) if kind == "history" else self.store.now
        entity_id = len(self.store.orders) + 1
        self.store.place(order(entity_id, at=at, **kinds[kind]))
        if kind == "history":
            self.store.save(entity_id)
        if kind in ("history", "shadow"):
            self.never.add(entity_id)

    @rule(seconds=st.integers(1, 900))
    def time_passes_at_the_store(self, seconds: int) -> None:
        self.store.pass_time(seconds)

    @precondition(lambda self: self.store.orders)
    @rule(data=st.data(), change=st.sampled_from(("pay", "cancel", "hold", "unhold", "comment")))
    def order_changes(self, data: st.DataObject, change: str) -> None:
        entity_id = data.draw(st.sampled_from(sorted(self.store.orders)))
        state = self.store.orders[entity_id]["state"]
        if change == "comment":
            self.store.orders[entity_id]["status_histories"].append({"comment": "by hand", "status": None})
        elif change == "unhold" and state == "holded":
            self.store.unhold(entity_id)
        elif change == "pay" and state in ("new", "pending_payment"):
            self.store.pay(entity_id)
        elif change == "cancel" and state in ("new", "pending_payment", "processing"):
            self.store.cancel_in_admin(entity_id)
        elif change == "hold" and state in ("new", "processing"):
            self.store.hold(entity_id)

    @rule(
        method=st.sampled_from(CALLS),
        error=st.sampled_from(sorted(ERRORS)),
        after=st.booleans(),
        times=st.integers(1, 3),
    )
    def calls_fail(self, method: str, error: str, after: bool, times: int) -> None:
        """Reads never have an unknown outcome; only that may hide a change that was made."""
        if error == "unknown" and method in ("order", "page_after"):
            return
        self.store.fail(
            method, ERRORS[error](), when="after" if after and error == "unknown" else "before", times=times
        )

    # Us -------------------------------------------------------------------------------------------------------------

    @rule()
    def live_pull(self) -> None:
        with suppress(OutsideError):
            self.oms.pull_live(self.store, self.config)

    @rule()
    def pending_sync(self) -> None:
        with suppress(OutsideError):
            pull_pending(self.oms.url, self.store, self.config)

    @rule()
    def push(self) -> None:
        with suppress(OutsideError):
            self.oms.push(self.store, self.config)

    @rule(done=st.sampled_from(("nothing", "status", "all")))
    def worker_is_killed(self, done: str) -> None:
        """A worker claims one effect, does a part of it, and is gone. The hold switch stops those as well."""
        with engine(self.oms.url).begin() as connection:
            if holds.held(connection, TARGET):
                return
            claimed = effects.claim_due(connection, TARGET, limit=1, lease=push_module.CLAIM)
            subjects = [(effect, self.kind.read(connection, effect)) for effect in claimed]
        for effect, subject in subjects:
            if effect.action == "send" and done != "nothing":
                dies = "add_comment" if done == "status" else "nothing"
                self.store.fail(dies, UnknownOutcome("killed"))
                with suppress(Exception):
                    self.kind.send(self.store, subject)
        self.oms.kill_workers()

    @rule(on=st.booleans())
    def hold_switch(self, on: bool) -> None:
        with engine(self.oms.url).begin() as connection:
            if on:
                holds.hold(connection, TARGET, "stop", "a person")
            else:
                holds.release(connection, TARGET)

    @rule()
    def waiting_is_over(self) -> None:
        self.oms.let_effects_fall_due()

    @rule()
    def person_retries_what_failed(self) -> None:
        with engine(self.oms.url).begin() as connection:
            for row in self.oms.effects():
                if row["state"] == "failed":
                    effects.send_on(connection, row["id"])

    # What must hold -------------------------------------------------------------------------------------------------

    @invariant()
    def never_two_acknowledgements_of_one_order(self) -> None:
        for entity_id in self.store.orders:
            assert len(self.acknowledgements(entity_id)) <= 1

    @invariant()
    def history_and_shadow_are_left_alone(self) -> None:
        for entity_id in self.never:
            assert self.acknowledgements(entity_id) == []

    @invariant()
    def nothing_is_due_for_a_stopped_order(self) -> None:
        assert (
            self.oms.rows(
                "select e.id from effect e join sales_order o on o.id = e.order_id"
                " where e.state in ('planned', 'due') and o.state in ('cancelled', 'history')"
            )
            == []
        )

    @invariant()
    def one_effect_of_an_order_is_not_cancelled(self) -> None:
        assert (
            self.oms.rows(
                "select subject from effect where state <> 'cancelled'"
                " group by target, kind, subject having count(*) > 1"
            )
            == []
        )

    def acknowledgements(self, entity_id: int) -> list[str]:
        return [text for text in self.store.histories(entity_id) if "[oms-ack-" in text]

    def teardown(self) -> None:
        """The trouble is over: everything comes to rest, and nothing is missing."""
        self.store.faults.clear()
        self.hold_switch(on=False)
        self.oms.kill_workers()
        for _ in range(2):
            self.store.pass_time(60)
            self.oms.pull_live(self.store, self.config)
            for _ in range(5):
                self.person_retries_what_failed()
                self.waiting_is_over()
                self.oms.push(self.store, self.config)
        self.history_and_shadow_are_left_alone()
        states = self.oms.states()
        assert set(states) == set(self.store.orders)
        assert self.oms.quarantined() == {}
        for entity_id, row in self.store.orders.items():
            if entity_id in self.never:
                continue
            if row["state"] in ("new", "processing"):
                assert len(self.acknowledgements(entity_id)) == 1, (entity_id, row["state"], states[entity_id])
                assert states[entity_id] == "acknowledged"
                assert row["status"] == "processing"
        assert not {"sending", "unknown", "failed"} & set(self.oms.effect_states())
        due = self.oms.rows(
            "select o.state from effect e join sales_order o on o.id = e.order_id where e.state = 'due'"
        )
        assert all(row["state"] == "held" for row in due)


@pytest.fixture
def machine(next_oms_database: Callable[[], str]) -> type[Orders]:
    """The machine, with a new OMS database for every example."""

    class Machine(Orders):
        new_url = staticmethod(next_oms_database)

    return Machine


def test_any_life_ends_well(machine: type[Orders]) -> None:
    run_state_machine_as_test(machine, settings=few(40, 30))


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_many_lives_end_well(machine: type[Orders]) -> None:
    run_state_machine_as_test(machine, settings=many(400, 60))
