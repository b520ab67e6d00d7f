"""The circuit breaker: opens once for all processes, lets one probe through at a time, remembers when it began."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from magento_oms.ports import Breaker, RetryableError
from magento_oms.storage.breaker import SharedBreaker
from magento_oms.storage.link import Link

if TYPE_CHECKING:
    from tests.storage_shared.conftest import AtOnce, Elapse, StartChild, Tell

SCOPE = "magento:heritage"


def breaker(url: str, scope: str = SCOPE, *, remember: float = 0.0) -> SharedBreaker:
    return SharedBreaker(url, scope, threshold=3, first=100, longest=1000, probe=50, remember=remember)


def let_through(asked: Breaker) -> bool:
    try:
        asked.before_call()
    except RetryableError:
        return False
    return True


def break_it(asked: SharedBreaker, times: int = 3) -> None:
    for _ in range(times):
        asked.failed("503 Service Unavailable")


def test_failures_in_a_row_open_it_for_everyone(oms_database: str) -> None:
    first, second = breaker(oms_database), breaker(oms_database)
    break_it(first, 2)
    assert let_through(second)
    second.failed("connection refused")
    with pytest.raises(
        RetryableError, match=r"magento:heritage is not called: 3 failures in a row since .* UTC.*refused"
    ):
        first.before_call()
    assert let_through(breaker(oms_database, "magento:urban"))


def test_a_success_between_failures_starts_the_count_anew(oms_database: str) -> None:
    asked = breaker(oms_database)
    break_it(asked, 2)
    asked.succeeded()
    break_it(asked, 2)
    assert let_through(asked)


def test_after_the_pause_one_probe_and_its_success_closes_it(oms_database: str, elapse: Elapse) -> None:
    first, second = breaker(oms_database), breaker(oms_database)
    break_it(first)
    elapse("circuit_breaker", 90)
    assert not let_through(first)
    elapse("circuit_breaker", 10)
    assert let_through(first)
    assert not let_through(second)
    assert not let_through(first)
    first.succeeded()
    assert let_through(second)
    assert second.outage() is None


def test_failed_probes_make_the_pause_longer_up_to_a_bound_and_the_outage_stays_one(
    oms_database: str, elapse: Elapse
) -> None:
    asked = breaker(oms_database)
    before = datetime.now(UTC) - timedelta(seconds=5)
    break_it(asked)
    gone = 0
    for number, pause in enumerate([100, 200, 400, 800, 1000, 1000, 1000]):
        elapse("circuit_breaker", pause - 10)
        assert not let_through(asked), number
        elapse("circuit_breaker", 10)
        gone += pause
        assert let_through(asked), number
        asked.failed("still down")
    outage = asked.outage()
    assert outage is not None
    assert outage.failures == 10
    assert outage.reason == "still down"
    assert abs((before - timedelta(seconds=gone) - outage.since).total_seconds()) < 60


def test_a_probe_without_a_result_is_given_up(oms_database: str, elapse: Elapse) -> None:
    dead, alive = breaker(oms_database), breaker(oms_database)
    break_it(dead)
    elapse("circuit_breaker", 100)
    assert let_through(dead)
    elapse("circuit_breaker", 40)
    assert not let_through(alive)
    elapse("circuit_breaker", 10)
    assert let_through(alive)


def test_late_results_of_earlier_requests_change_nothing(oms_database: str, elapse: Elapse) -> None:
    asked = breaker(oms_database)
    break_it(asked)
    asked.succeeded()
    assert not let_through(asked)
    break_it(asked, 5)
    elapse("circuit_breaker", 100)
    assert let_through(asked)


def test_while_all_is_well_nothing_is_written_and_little_is_read(
    oms_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = breaker(oms_database, remember=60)
    statements: list[str] = []
    real = Link.rows

    def counted(self: Link, statement: str, **values: Any) -> Any:
        statements.append(statement)
        return real(self, statement, **values)

    monkeypatch.setattr(Link, "rows", counted)
    for _ in range(50):
        asked.before_call()
        asked.succeeded()
    assert len(statements) == 1


def test_what_is_remembered_does_not_hide_ones_own_failures(oms_database: str) -> None:
    asked = breaker(oms_database, remember=60)
    for _ in range(3):
        asked.before_call()
        asked.failed("503 Service Unavailable")
    assert not let_through(asked)


def test_of_many_who_want_to_probe_one_does(oms_database: str, elapse: Elapse, at_once: AtOnce) -> None:
    break_it(breaker(oms_database))
    elapse("circuit_breaker", 100)
    assert sum(at_once(8, lambda _: let_through(breaker(oms_database)))) == 1


def test_of_many_processes_one_probes(oms_database: str, elapse: Elapse, child: StartChild) -> None:
    asked = breaker(oms_database)
    break_it(asked)
    elapse("circuit_breaker", 100)

    def probe(tell: Tell) -> None:
        tell(str(let_through(asked)))

    assert sorted(each.hear() for each in [child(probe) for _ in range(4)]) == ["False", "False", "False", "True"]


def test_failures_at_the_same_moment_are_all_counted(oms_database: str, at_once: AtOnce) -> None:
    at_once(8, lambda _: SharedBreaker(oms_database, SCOPE, threshold=8).failed("time-out"))
    outage = breaker(oms_database).outage()
    assert outage is not None
    assert outage.failures == 8


def test_whatever_happens_it_follows_the_rules(oms_database: str, elapse: Elapse) -> None:
    numbers = itertools.count()

    class Circuit(RuleBasedStateMachine):
        """Two processes and a jumping clock against the rules in plain words. Times are whole tens of seconds."""

        def __init__(self) -> None:
            super().__init__()
            scope = f"{SCOPE}:{next(numbers)}"
            self.breakers = [breaker(oms_database, scope) for _ in range(2)]
            self.failures = 0
            self.shut: int | None = None  # seconds of the pause that are left; None while closed
            self.probing = 0

        @rule(who=st.integers(0, 1))
        def call(self, who: int) -> None:
            expected = self.shut is None or (self.shut <= 0 and self.probing <= 0)
            assert let_through(self.breakers[who]) is expected
            if self.shut is not None and expected:
                self.probing = 50

        @rule(who=st.integers(0, 1))
        def fail(self, who: int) -> None:
            self.breakers[who].failed("down")
            if self.shut is None or self.shut <= 0:
                self.failures += 1
                self.probing = 0
                if self.failures >= 3:
                    self.shut = int(min(1000, 100 * 2 ** (self.failures - 3)))

        @rule(who=st.integers(0, 1))
        def succeed(self, who: int) -> None:
            self.breakers[who].succeeded()
            if self.shut is None or self.shut <= 0:
                self.failures, self.shut, self.probing = 0, None, 0

        @rule(tens=st.sampled_from([1, 4, 5, 10, 20, 40, 100]))
        def time_passes(self, tens: int) -> None:
            elapse("circuit_breaker", 10 * tens)
            self.probing -= 10 * tens
            if self.shut is not None:
                self.shut -= 10 * tens

        @rule()
        def look(self) -> None:
            outage = self.breakers[0].outage()
            assert (outage is None) is (self.shut is None)
            if outage is not None:
                assert outage.failures == self.failures

    run_state_machine_as_test(
        Circuit,
        settings=settings(
            max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
