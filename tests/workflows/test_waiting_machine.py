"""Orders and their products in any order, with faults and killed runs: in the end every order goes on, once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.workflows.fakes import FakeMagento, instance_config
from tests.workflows.oms import Oms
from tests.workflows.payloads import item

from magento_oms.ports import OutsideError, RetryableError
from magento_oms.workflows.master_data import pull, waiting
from magento_oms.workflows.order_pull import pull_live

SKUS = ["KURTA", "SAREE", "TEE, blue", "कुर्ता-01"]


class Killed(BaseException):
    """The process is gone."""


def test_in_the_end_every_order_goes_on(new_oms: Callable[[], Oms]) -> None:
    class Shop(RuleBasedStateMachine):
        """A store whose products are made before, with, or long after the orders that name them."""

        @initialize()
        def open(self) -> None:
            self.oms, self.store, self.config = new_oms(), FakeMagento(), instance_config(page_size=2)
            self.store.add_product(99, "FIRST")
            self._pull()

        @rule(names=st.lists(st.sampled_from(range(len(SKUS))), min_size=1, max_size=2, unique=True))
        def order_is_placed(self, names: list[int]) -> None:
            entity_id = len(self.store.orders) + 1
            items = [item(10 * entity_id + name, SKUS[name], product_id=name + 1) for name in names]
            self.store.place(items=items)

        @rule(name=st.sampled_from(range(len(SKUS))))
        def product_is_made_or_saved(self, name: int) -> None:
            self.store.add_product(name + 1, SKUS[name])

        @rule(seconds=st.sampled_from([1, 300, 4000]))
        def time_passes(self, seconds: int) -> None:
            self.store.pass_time(seconds)
            self.oms.run("update awaited_sku set ask_at = ask_at - make_interval(secs => :s)", s=seconds)

        @rule(method=st.sampled_from(["products_after", "products_of", "page_after"]))
        def next_call_fails(self, method: str) -> None:
            self.store.fail(method, RetryableError("502"))

        @rule(dies_at=st.none() | st.sampled_from(["products_after", "products_of", "page_after"]))
        def live_run(self, dies_at: str | None) -> None:
            self._run(self._live, dies_at)

        @rule(dies_at=st.none() | st.sampled_from(["products_after"]))
        def catalogue_is_pulled(self, dies_at: str | None) -> None:
            self._run(self._pull, dies_at)

        @invariant()
        def nobody_goes_on_without_its_product(self) -> None:
            if not hasattr(self, "oms"):
                return
            [row] = self.oms.rows(
                "select count(*) as n from sales_order o join order_line l on l.order_id = o.id"
                " where o.state <> 'held' and not exists (select from product p where p.sku = l.sku)"
            )
            assert row["n"] == 0

        def teardown(self) -> None:
            if not hasattr(self, "oms"):
                return
            self.store.faults.clear()
            for name in range(len(SKUS)):
                self.product_is_made_or_saved(name)
            self.store.pass_time(5)
            self._live()
            self.store.pass_time(3600)
            self._pull()
            assert set(self.oms.states()) == set(self.store.orders)
            assert set(self.oms.states().values()) <= {"allocated"}
            assert self.oms.count("effect") == len(self.store.orders)
            assert self.oms.count("awaited_sku") == 0
            assert self.oms.quarantined() == {}

        def _live(self) -> None:
            pull_live(
                self.oms.url,
                self.store,
                self.config,
                holder="test",
                sleep=self.store.pass_time,
                then=lambda: waiting.ask_for_unknown(self.oms.url, self.store, self.config),
            )

        def _pull(self) -> None:
            end = self.store.now
            start = end - timedelta(hours=1)
            pull.pull(
                self.oms.url, self.store, self.config, pull.PRODUCTS, start=start, end=end, run_id="t", catch_up=True
            )

        def _run(self, work: Callable[[], None], dies_at: str | None) -> None:
            def die(method: str) -> None:
                if method == dies_at:
                    raise Killed

            self.store.before_call = die
            try:
                work()
            except (Killed, OutsideError):
                # The leases of a killed run end by themselves.
                self.oms.run("delete from lease")
            finally:
                self.store.before_call = lambda method: None

    run_state_machine_as_test(
        Shop,
        settings=settings(
            max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


pytestmark = pytest.mark.timeout(600)
