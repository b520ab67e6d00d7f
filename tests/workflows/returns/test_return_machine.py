"""Random lives of what comes back: asks, scans, receipts, refunds and pushes in any order, with answers that get lost.

Whatever happens, no unit is in two returns, the order shows what is back, stock has what passed, and nothing is
refunded or credited twice.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.workflows.fakes import NOW, FakeMagento
from tests.workflows.forward.conftest import forward_config
from tests.workflows.machines import few, many
from tests.workflows.oms import Oms
from tests.workflows.returns.conftest import BY_COURIER, D, Returns

from magento_oms.domain.returns import ReturnKind, return_state
from magento_oms.ports import ParcelStatus as S
from magento_oms.ports import PermanentError, RetryableError, UnknownOutcome
from magento_oms.storage import instances, return_tracking, returns
from magento_oms.storage.database import engine
from magento_oms.workflows.returns.receive import Verdict
from magento_oms.workflows.returns.sync import sync
from magento_oms.workflows.returns.tracking import Brought
from magento_oms.workflows.warehouse.problems import WarehouseProblem

UNITS = 3
FORWARD = (S.IN_TRANSIT, S.DELIVERY_FAILED, S.RTO_INITIATED, S.RTO_IN_TRANSIT, S.RTO_DELIVERED, S.DELIVERED, S.LOST)
REVERSE = (
    S.RETURN_OUT_FOR_PICKUP, S.RETURN_PICKED_UP, S.RETURN_IN_TRANSIT, S.RETURN_CANCELLED, S.RETURN_QC_FAILED,
    S.RETURN_DELIVERED, S.LOST,
)  # fmt: skip
VERDICTS = (
    (None, ""), (True, ""), (False, "USED_PRODUCT"), (False, "PRODUCT_MISSING"),
)  # fmt: skip


class Lives(RuleBasedStateMachine):
    """One shipped order of three units, and all that may come back of it."""

    new_url: Callable[[], str]

    @initialize()
    def begin(self) -> None:
        config = forward_config(returns={"credit_memo": "all"})
        oms = Oms(type(self).new_url())
        with engine(oms.url).begin() as connection:
            instances.configure(connection, config)
        self.life = Returns(oms, FakeMagento(), config)
        self.entity_id = self.life.shipped("KURTA", quantity=UNITS)
        self.forward = self.life.parcel_of(self.entity_id)["booking"]
        self.shelf = self.life.on_shelf("KURTA")
        self.asked = 0
        self.refunded_in_admin = 0

    # What happens ---------------------------------------------------------------------------------------------------

    @rule(units=st.integers(1, UNITS), kind=st.sampled_from(ReturnKind), booked=st.booleans())
    def ask(self, units: int, kind: ReturnKind, booked: bool) -> None:
        self.asked += 1
        brought = Brought(book_pickup=True) if booked else BY_COURIER
        if kind is not ReturnKind.CUSTOMER_RETURN:
            brought = Brought()
        codes = [f"U{number}" for number in range(units)]
        with suppress(WarehouseProblem):
            self.life.give_back(self.entity_id, self.life.asked(f"R{self.asked}", *codes, kind=kind, brought=brought))

    @rule(data=st.data(), verdict=st.sampled_from(VERDICTS))
    def receive(self, data: st.DataObject, verdict: tuple[bool | None, str]) -> None:
        if chosen := self._some(data):
            return_id, code = chosen
            with suppress(WarehouseProblem):
                self.life.take_in(return_id, Verdict(code, verdict[0], verdict[1]))

    @rule(data=st.data(), whole=st.booleans())
    def call_off(self, data: st.DataObject, whole: bool) -> None:
        if chosen := self._some(data):
            with suppress(WarehouseProblem):
                self.life.call_off(chosen[0], None if whole else [chosen[1]])

    @rule(status=st.sampled_from(FORWARD))
    def forward_scan(self, status: S) -> None:
        self.life.scan(self.forward, status)

    @rule(data=st.data(), status=st.sampled_from(REVERSE))
    def reverse_scan(self, data: st.DataObject, status: S) -> None:
        ids = self.life.oms.rows(
            "select b.id from courier_booking b join parcel p on p.id = b.parcel_id"
            " where p.direction = 'reverse' order by b.id"
        )
        if ids:
            self.life.scan(data.draw(st.sampled_from([row["id"] for row in ids])), status)

    @rule(fault=st.sampled_from(("", "", "lost", "down")))
    def push(self, fault: str) -> None:
        self.life.store.faults.clear()
        if fault == "lost":
            self.life.store.fail("refund", UnknownOutcome("The answer was lost."), when="after")
        elif fault == "down":
            self.life.store.fail("refund", RetryableError("Busy."))
        self.life.push_all()
        self.life.oms.let_effects_fall_due()

    @rule(units=st.integers(1, 2))
    def refund_in_admin(self, units: int) -> None:
        with suppress(PermanentError):
            self.life.store.refund_in_admin(self.entity_id, {10: units})
            self.refunded_in_admin += units

    @rule()
    def read_magento(self) -> None:
        self.life.oms.take_in(self.life.store, self.life.config)
        start = NOW - timedelta(minutes=30)
        sync(
            self.life.oms.url, self.life.store, self.life.config, start=start, end=start + timedelta(hours=1),
            run_id="test",
        )  # fmt: skip

    # What is always so ------------------------------------------------------------------------------------------------

    @invariant()
    def all_is_accounted_for(self) -> None:
        if not hasattr(self, "life"):
            return
        oms = self.life.oms
        states = [row["state"] for row in oms.rows("select state from return_item")]
        back = sum(state in ("received", "passed", "failed") for state in states)
        assert back + states.count("expected") <= UNITS, states
        [line] = oms.rows("select returned from order_line")
        assert line["returned"] == back
        assert self.life.on_shelf("KURTA") == self.shelf + states.count("passed")
        ours = sum(
            float(item["qty"]) for memo in self.life.store.credit_memos if memo["comments"] for item in memo["items"]
        )
        assert ours <= states.count("passed")
        notes = oms.rows("select content from credit_note")
        credited = sum(D(good["quantity"]) for row in notes for good in row["content"]["goods"])
        assert credited <= back
        with engine(oms.url).connect() as connection:
            for row in oms.rows("select id, state, parcel_id from return_order"):
                units = [unit.state for unit in returns.units(connection, [row["id"]])[row["id"]]]
                parcel = return_tracking.parcel_status(connection, row["parcel_id"]) if row["parcel_id"] else None
                assert row["state"] == return_state(units, parcel)

    def teardown(self) -> None:
        """The trouble ends: what passed is refunded unless somebody did it, and credited once."""
        if not hasattr(self, "life"):
            return
        for _ in range(4):
            self.push("")
        self.read_magento()
        self.all_is_accounted_for()
        oms = self.life.oms
        open_ones = oms.rows("select 1 as n from return_item where refund = 'asked'")
        failed = oms.rows("select 1 as n from effect where state = 'failed'")
        assert len(open_ones) == 0 or failed
        assert set(oms.quarantined().values()) <= {"cancelled_parcel_moves", "refused"}, oms.quarantined()

    def _some(self, data: st.DataObject) -> tuple[int, str] | None:
        """A unit of a return."""
        rows = self.life.oms.rows("select return_id, item_code from return_item order by id")
        if not rows:
            return None
        row = data.draw(st.sampled_from(rows))
        return int(row["return_id"]), str(row["item_code"])


@pytest.fixture
def machine(next_oms_database: Callable[[], str]) -> type[Lives]:
    """The machine, with a new OMS database for every example."""

    class Machine(Lives):
        new_url = staticmethod(next_oms_database)

    return Machine


def test_every_unit_that_comes_back_is_accounted_for(machine: type[Lives]) -> None:
    run_state_machine_as_test(machine, settings=few(4, 20))


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_many_lives_of_returns(machine: type[Lives]) -> None:
    run_state_machine_as_test(machine, settings=many(200, 40))
