"""The request budget gives way: backfills to live work, everybody to a system in trouble."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from magento_oms.ports import RateLimited
from magento_oms.storage import easing
from magento_oms.storage.budget import SharedBudget
from magento_oms.storage.database import engine
from magento_oms.storage.easing import BudgetNow, budgets

if TYPE_CHECKING:
    from tests.storage_shared.conftest import AtOnce, Elapse

SCOPE = "magento:heritage"
KIND = "GET orders/1 ~64kB"


def now(url: str) -> BudgetNow:
    with engine(url).connect() as connection:
        [found] = budgets(connection)
    return found


def note_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(easing, "NOTE_EVERY", 0.0)


def test_backfill_leaves_half_of_a_burst_to_live_work(oms_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("magento_oms.storage.budget.PATIENCE", 0.0)
    backfill = SharedBudget(oms_database, SCOPE, per_second=0.1, burst=10, gives_way=True)
    live = SharedBudget(oms_database, SCOPE, per_second=0.1, burst=10)
    for _ in range(5):
        backfill.spend(wait=0)
    with pytest.raises(RateLimited, match="spent by live work"):
        backfill.spend(wait=0)
    for _ in range(5):
        live.spend(wait=0)
    with pytest.raises(RateLimited):
        live.spend(wait=0)


def test_live_work_overtakes_a_backfill_that_waits(oms_database: str, at_once: AtOnce) -> None:
    SharedBudget(oms_database, SCOPE, per_second=4, burst=1).spend()
    ended: list[str] = []

    def work(number: int) -> None:
        if number == 0:
            SharedBudget(oms_database, SCOPE, per_second=4, burst=1, gives_way=True).spend()
            ended.append("backfill")
            return
        live = SharedBudget(oms_database, SCOPE, per_second=4, burst=1)
        time.sleep(0.1)  # the backfill waits already
        for _ in range(3):
            live.spend()
        ended.append("live")

    at_once(2, work)
    assert ended == ["live", "backfill"]


def test_backfill_waits_patiently(oms_database: str) -> None:
    budget = SharedBudget(oms_database, SCOPE, per_second=2, burst=1, gives_way=True)
    budget.spend()
    began = time.monotonic()
    budget.spend(wait=0)
    assert 0.3 < time.monotonic() - began < 5


@pytest.mark.parametrize("status", [429, 503])
def test_overload_halves_the_rate_once_and_it_grows_back(oms_database: str, elapse: Elapse, status: int) -> None:
    budget = SharedBudget(oms_database, SCOPE, per_second=10)
    budget.spend()
    for _ in range(8):  # all that were under way at once
        budget.observed(KIND, 0.1, status)
    eased = now(oms_database)
    assert eased.allowed == pytest.approx(5, abs=0.3)
    assert str(status) in eased.eased_why
    elapse("request_budget", easing.RECOVERY / 2)
    assert now(oms_database).allowed == 10
    for _ in range(20):
        elapse("request_budget", 6)
        budget.observed(KIND, 0.1, status)
    # Lasting trouble settles where what grows back is halved again.
    assert 0.5 <= (now(oms_database).allowed or 0) < 1


def test_lower_rate_is_kept_by_all_processes(oms_database: str) -> None:
    budget, other = (SharedBudget(oms_database, SCOPE, per_second=10, burst=1) for _ in range(2))
    budget.spend()
    for _ in range(4):
        budget.observed(KIND, 0.1, 429)
        with engine(oms_database).begin() as connection:
            connection.exec_driver_sql("update request_budget set eased_at = eased_at - interval '6 seconds'")
    other.spend()
    with pytest.raises(RateLimited) as refused:
        other.spend(wait=0)
    assert refused.value.retry_after > 0.4


def test_rising_latency_lowers_the_rate(oms_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    note_often(monkeypatch)
    budget = SharedBudget(oms_database, SCOPE, per_second=10)
    budget.spend()
    for _ in range(10):
        budget.observed(KIND, 0.1, 200)
    assert now(oms_database).allowed == 10
    for _ in range(10):
        budget.observed(KIND, 1.0, 200)
    eased = now(oms_database)
    assert (eased.allowed or 0) < 7
    assert "times as long as usual" in eased.eased_why
    assert (eased.slowness or 0) > 3


def test_lost_answers_count_as_slow_ones(oms_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    note_often(monkeypatch)
    budget = SharedBudget(oms_database, SCOPE, per_second=10)
    budget.spend()
    budget.observed(KIND, 0.1, 200)
    for _ in range(3):
        budget.observed(KIND, 60, None)
    assert (now(oms_database).allowed or 0) < 7


def test_other_kinds_of_requests_are_not_slow_ones(oms_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of a hundred orders takes longer than a poll; that is no trouble."""
    note_often(monkeypatch)
    budget = SharedBudget(oms_database, SCOPE, per_second=10)
    budget.spend()
    for _ in range(10):
        budget.observed("GET orders/1 ~1kB", 0.08, 200)
    for _ in range(10):
        budget.observed("GET orders/1 ~1024kB", 1.25, 200)
    assert now(oms_database).allowed == 10


def test_fast_answers_that_become_a_little_slower_are_no_trouble(
    oms_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    note_often(monkeypatch)
    budget = SharedBudget(oms_database, SCOPE, per_second=10)
    budget.spend()
    for _ in range(10):
        budget.observed(KIND, 0.01, 200)
    for _ in range(10):
        budget.observed(KIND, 0.06, 200)
    assert now(oms_database).allowed == 10


def test_what_is_usual_is_kept_for_few_kinds(oms_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    note_often(monkeypatch)
    budget = SharedBudget(oms_database, SCOPE, per_second=10)
    budget.spend()
    for number in range(easing.KINDS + 20):
        budget.observed(f"GET {number}/1 ~1kB", 0.1, 200)
    assert len(now(oms_database).usual_ms) == easing.KINDS
