"""The request budget: a bound that holds over processes, waiting in order, pauses, and few round trips."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from magento_oms.ports import Budget, RateLimited
from magento_oms.storage.budget import SharedBudget
from magento_oms.storage.link import Link

if TYPE_CHECKING:
    from tests.storage_shared.conftest import AtOnce, Elapse, StartChild, Tell

SCOPE = "magento:heritage"


def took(budget: Budget, *, wait: float = 30.0, requests: float = 1.0) -> float:
    """Seconds that spending took."""
    began = time.monotonic()
    budget.spend(requests, wait=wait)
    return time.monotonic() - began


def test_a_burst_is_free_then_it_waits(oms_database: str) -> None:
    budget = SharedBudget(oms_database, SCOPE, per_second=2, burst=3)
    began = time.monotonic()
    for _ in range(3):
        budget.spend(wait=0)
    SharedBudget(oms_database, SCOPE, per_second=2, burst=3).spend()
    assert time.monotonic() - began >= 0.45


def test_what_would_take_too_long_is_refused_and_takes_nothing(oms_database: str, elapse: Elapse) -> None:
    budget = SharedBudget(oms_database, SCOPE, per_second=0.1, burst=1)
    budget.spend()
    for _ in range(3):
        with pytest.raises(RateLimited, match=r"magento:heritage: the budget of 0\.1 requests") as refused:
            budget.spend(wait=2)
        assert 8 < refused.value.retry_after <= 10
    elapse("request_budget", 10)
    assert took(budget, wait=0) < 1


def test_more_than_a_burst_at_once_is_possible_by_waiting(oms_database: str) -> None:
    budget = SharedBudget(oms_database, SCOPE, per_second=10, burst=2)
    assert 0.25 <= took(budget, requests=5) < 1.5


def test_a_bucket_never_holds_more_than_a_burst(oms_database: str, elapse: Elapse) -> None:
    budget = SharedBudget(oms_database, SCOPE, per_second=0.1, burst=2)
    budget.spend(2)
    elapse("request_budget", 36000)
    budget.spend(2, wait=0)
    with pytest.raises(RateLimited):
        budget.spend(wait=0.2)


def test_a_pause_stops_everyone_and_a_shorter_one_does_not_end_it(oms_database: str, elapse: Elapse) -> None:
    budget, other = (SharedBudget(oms_database, SCOPE, per_second=2, burst=2) for _ in range(2))
    budget.spend()
    other.slow_down(60)
    budget.slow_down(5)
    for each in (budget, other):
        with pytest.raises(RateLimited) as refused:
            each.spend(wait=1)
        assert 55 < refused.value.retry_after <= 61
    elapse("request_budget", 61)
    budget.spend(wait=0)


def test_after_a_pause_it_starts_slowly(oms_database: str, elapse: Elapse) -> None:
    budget = SharedBudget(oms_database, SCOPE, per_second=0.1, burst=10)
    budget.spend()
    budget.slow_down(60)
    elapse("request_budget", 60)
    with pytest.raises(RateLimited):
        budget.spend(wait=1)
    elapse("request_budget", 10)
    budget.spend(wait=1)


def test_a_pause_before_the_first_request_counts(oms_database: str) -> None:
    budget = SharedBudget(oms_database, SCOPE, per_second=100)
    budget.slow_down(60)
    with pytest.raises(RateLimited):
        budget.spend(wait=1)


def test_those_who_wait_obey_a_pause_that_begins_meanwhile(oms_database: str, at_once: AtOnce) -> None:
    budget = SharedBudget(oms_database, SCOPE, per_second=0.5, burst=1)
    budget.spend()
    began = time.monotonic()

    def work(number: int) -> float:
        if number == 0:
            time.sleep(0.2)
            SharedBudget(oms_database, SCOPE, per_second=0.5, burst=1).slow_down(2.5)
            return 0
        budget.spend()
        return time.monotonic() - began

    assert at_once(2, work)[1] > 2.65


def test_waiting_is_served_in_order(oms_database: str) -> None:
    budget = SharedBudget(oms_database, SCOPE, per_second=0.1, burst=1)
    budget.spend()
    places = [budget._reserve(1, wait=60) for _ in range(4)]
    assert places == sorted(places)
    assert [later - earlier > 5 for earlier, later in itertools.pairwise(places)] == [True] * 3


def test_processes_and_threads_together_keep_to_it(oms_database: str, child: StartChild, at_once: AtOnce) -> None:
    rate, burst, seconds = 40, 10, 4.0
    start = time.monotonic() + 1.0

    def spend(number: int) -> int:
        budget = SharedBudget(oms_database, SCOPE, per_second=rate, burst=burst)
        made = 0
        while True:
            try:
                budget.spend(wait=max(start + seconds - time.monotonic(), 0))
            except RateLimited:
                return made
            if time.monotonic() >= start + seconds:
                return made
            made += 1

    def work(tell: Tell) -> None:
        time.sleep(max(0.0, start - time.monotonic()))
        tell(str(sum(at_once(2, spend))))

    made = sum(int(each.hear()) for each in [child(work) for _ in range(3)])
    assert made <= burst + rate * (seconds + 0.5)
    assert made >= 0.4 * rate * seconds


def test_no_token_is_spent_twice(oms_database: str, child: StartChild) -> None:
    start = time.monotonic() + 0.5

    def work(tell: Tell) -> None:
        budget = SharedBudget(oms_database, SCOPE, per_second=0.001, burst=120)
        time.sleep(max(0.0, start - time.monotonic()))
        made = 0
        try:
            while True:
                budget.spend(wait=0)
                made += 1
        except RateLimited:
            tell(str(made))

    assert sum(int(each.hear()) for each in [child(work) for _ in range(4)]) == 120


def test_at_higher_rates_most_requests_cost_no_round_trip(oms_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    budget = SharedBudget(oms_database, SCOPE, per_second=200)
    budget.spend()
    asked: list[str] = []
    real = Link.rows

    def counted(self: Link, statement: str, **values: Any) -> Any:
        asked.append(statement)
        return real(self, statement, **values)

    monkeypatch.setattr(Link, "rows", counted)
    for _ in range(120):
        budget.spend()
    assert len(asked) <= 12


def test_a_forked_child_does_not_spend_what_its_parent_took(oms_database: str, child: StartChild) -> None:
    budget = SharedBudget(oms_database, SCOPE, per_second=10, burst=2)
    budget.spend()  # takes two, keeps one

    def work(tell: Tell) -> None:
        try:
            budget.spend(wait=0)
        except RateLimited:
            tell("limited")
        else:
            tell("spent")

    began = time.monotonic()
    answer = child(work).hear()
    assert answer == "limited" or time.monotonic() - began > 0.05  # half a tenth of a second refills the bucket


def test_a_budget_of_nothing_is_refused(oms_database: str) -> None:
    with pytest.raises(ValueError, match="nothing through"):
        SharedBudget(oms_database, SCOPE, per_second=0)


def test_whatever_is_asked_the_bound_holds(oms_database: str, elapse: Elapse) -> None:
    numbers = itertools.count()
    rate, burst = 5.0, 5.0

    class Bucket(RuleBasedStateMachine):
        """Two processes, a clock that jumps, and a bucket in plain arithmetic beside them."""

        def __init__(self) -> None:
            super().__init__()
            scope = f"{SCOPE}:{next(numbers)}"
            self.budgets = [SharedBudget(oms_database, scope, per_second=rate, burst=burst) for _ in range(2)]
            self.began = time.monotonic()
            self.jumped = 0.0
            self.least = burst  # tokens that are surely there
            self.shut = 0.0  # seconds of the pause that are left at most
            self.spent = 0

        @rule(who=st.integers(0, 1), requests=st.integers(1, 7))
        def spend(self, who: int, requests: int) -> None:
            began = time.monotonic()
            refused: RateLimited | None = None
            try:
                self.budgets[who].spend(requests, wait=0)
            except RateLimited as limited:
                refused = limited
            assert time.monotonic() - began < 5, "asked not to wait"
            if refused is not None:
                assert requests > self.least or self.shut > 0
                assert 0 < refused.retry_after <= self.shut + requests / rate
                return
            assert self.shut <= time.monotonic() - self.began
            self.least = max(self.least - requests, 0.0)
            self.spent += requests

        @rule(who=st.integers(0, 1), seconds=st.integers(1, 50))
        def slow_down(self, who: int, seconds: int) -> None:
            self.budgets[who].slow_down(seconds)
            self.shut = max(self.shut, float(seconds))
            self.least = 0

        @rule(seconds=st.integers(1, 20))
        def time_passes(self, seconds: int) -> None:
            elapse("request_budget", seconds)
            self.jumped += seconds
            open_for = max(seconds - self.shut, 0.0)
            self.shut = max(self.shut - seconds, 0.0)
            self.least = min(burst, self.least + rate * open_for)

        @invariant()
        def the_bound_holds(self) -> None:
            assert self.spent <= burst + rate * (self.jumped + time.monotonic() - self.began)

    run_state_machine_as_test(
        Bucket,
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
