"""Carrying out effects: what every kind of answer leads to, and who may send when."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from tests.workflows.fakes import FakeMagento, instance_config, store_config
from tests.workflows.oms import TARGET, Oms

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import (
    AlreadyDone,
    AuthenticationError,
    ConfigurationError,
    OutsideError,
    PermanentError,
    RateLimited,
    RetryableError,
    UnknownOutcome,
)
from magento_oms.storage import effects, holds, quarantine
from magento_oms.storage.database import engine
from magento_oms.storage.leases import Lease
from magento_oms.workflows.turns import AnotherRunHasTheTurn, Linger, turn_lease

REFERENCE = "[oms-ack-loom-1]"


@pytest.fixture
def placed(oms: Oms, store: FakeMagento, config: InstanceConfig) -> int:
    """A live order whose acknowledgement is due."""
    entity_id = store.place()
    oms.take_in(store, config)
    return entity_id


def seconds_put_off(oms: Oms) -> int:
    """How long the one effect has to wait, from the end of its last attempt: however late we look."""
    [row] = oms.rows(
        "select ceil(extract(epoch from e.due_at - a.ended_at))::int as wait from effect e"
        " join effect_attempt a on a.effect_id = e.id and a.number = e.attempts"
    )
    return int(row["wait"])


def test_pending_order_is_acknowledged(oms: Oms, store: FakeMagento, config: InstanceConfig, placed: int) -> None:
    summary = oms.push(store, config)

    assert summary.done == 1
    assert store.orders[placed]["status"] == "processing"
    assert store.histories(placed) == [f"Accepted for fulfilment. {REFERENCE}"]
    assert oms.order(placed)["state"] == "acknowledged"
    assert oms.effect_states() == ["done"]
    assert oms.rows("select acknowledgement_found from instance") == [{"acknowledgement_found": "entity"}]
    assert oms.push(store, config).done == 0
    store.pass_time(60)
    oms.pull_live(store, config)
    assert (oms.order(placed)["state"], oms.effect_states()) == ("acknowledged", ["done"])


def test_captured_order_gets_its_comment_only(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    entity_id = store.place(status="processing", state="processing", method="razorpay")
    oms.take_in(store, config)

    oms.push(store, config)

    assert store.ledger == [("comment", entity_id)]
    assert oms.order(entity_id)["state"] == "acknowledged"
    assert oms.rows("select acknowledgement_found from instance") == [{"acknowledgement_found": None}]


@pytest.mark.parametrize(
    ("comment_status", "expected"),
    [
        ("accepted", [("comment", 1)]),
        ("refused", [("status", 1), ("comment", 1)]),
        ("ignored", [("comment", 1), ("status", 1)]),
    ],
)
def test_first_order_finds_the_strategy(
    oms: Oms, config: InstanceConfig, comment_status: str, expected: list[tuple[str, int]]
) -> None:
    store = FakeMagento(comment_status=comment_status)  # type: ignore[arg-type]
    store.place()
    oms.take_in(store, config)

    oms.push(store, config)

    assert store.ledger == expected
    assert len(store.histories(1)) == 1
    second = store.place()
    oms.take_in(store, config)
    before = store.calls["add_comment"]
    oms.push(store, config)
    assert store.calls["add_comment"] == before + 1  # the one that worked is tried first
    assert oms.order(second)["state"] == "acknowledged"


def test_where_nothing_works_a_person_is_told(oms: Oms, config: InstanceConfig) -> None:
    store = FakeMagento(entity="refused")
    store.place()
    oms.take_in(store, config)

    summary = oms.push(store, config)

    assert summary.refused == 1
    [effect] = oms.effects()
    assert effect["state"] == "failed"
    [entry] = oms.rows("select * from quarantine")
    assert entry["subject"] == f"effect:{effect['id']}"
    assert "instances/loom.yaml" in entry["way_out"]
    store.entity = "accepted"
    with engine(oms.url).begin() as connection:
        assert effects.send_on(connection, effect["id"])
    oms.push(store, config)
    assert oms.effect_states() == ["done"]
    assert oms.quarantined() == {}


def test_configured_strategy_is_the_only_one(oms: Oms, store: FakeMagento) -> None:
    config = instance_config(acknowledgement={"strategy": "invoice"})
    store.place()
    oms.take_in(store, config)

    oms.push(store, config)

    assert store.ledger == [("invoice", 1), ("comment", 1)]


def test_interrupted_try_leaves_no_second_comment(oms: Oms, config: InstanceConfig) -> None:
    """The comment was written and its status ignored; then the store was busy. The next try goes on from there."""
    store = FakeMagento(comment_status="ignored")
    store.place()
    oms.take_in(store, config)
    store.fail("set_status", RetryableError("The store is busy."))
    oms.push(store, config)
    assert oms.effect_states() == ["due"]
    oms.let_effects_fall_due()

    oms.push(store, config)

    assert oms.effect_states() == ["done"]
    assert len(store.histories(1)) == 1


@pytest.mark.parametrize(
    ("error", "state", "wait", "raises"),
    [
        (RetryableError("The store is down for maintenance."), "due", 5, False),
        (RateLimited("Too many requests.", retry_after=7), "due", 7, False),
        (AuthenticationError("The password is refused."), "due", 5, True),
        (ConfigurationError("Magento_Sales::comment is missing."), "due", 5, True),
        (UnknownOutcome("No answer within 120 s."), "unknown", 90, False),
        (PermanentError("The comment is too long."), "failed", None, False),
        (AlreadyDone("The order was acknowledged before."), "done", None, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_every_error_leads_to_its_state(
    oms: Oms,
    store: FakeMagento,
    config: InstanceConfig,
    placed: int,
    error: OutsideError,
    state: str,
    wait: float | None,
    raises: bool,
) -> None:
    store.save(placed, state="processing", status="processing")
    store.fail("add_comment", error)

    if raises:
        with pytest.raises(type(error)):
            oms.push(store, config)
    else:
        oms.push(store, config)

    [effect] = oms.effects()
    assert effect["state"] == state
    assert effect["claim"] is None
    if state not in ("done",):
        assert effect["last_error"] == error.what
    if wait is not None:
        assert seconds_put_off(oms) == wait
    [attempt] = oms.rows("select * from effect_attempt")
    assert attempt["action"] == "send"
    assert attempt["ended_at"] is not None
    assert set(oms.quarantined().values()) == ({"acknowledge_order"} if state == "failed" else set())


def test_retries_wait_longer_each_time(oms: Oms, store: FakeMagento, config: InstanceConfig, placed: int) -> None:
    waits = []
    for _ in range(4):
        store.fail("order", RetryableError("The store is down."))
        oms.push(store, config)
        waits.append(seconds_put_off(oms))
        oms.let_effects_fall_due()
    assert waits == [5, 10, 20, 40]


@pytest.mark.parametrize("happened", [True, False])
def test_unknown_outcome_is_settled_by_looking(
    oms: Oms, store: FakeMagento, config: InstanceConfig, placed: int, happened: bool
) -> None:
    store.comment_status = "accepted"
    store.fail("add_comment", UnknownOutcome("No answer."), when="after" if happened else "before")
    oms.push(store, config)
    assert oms.effect_states() == ["unknown"]
    store.calls.clear()
    oms.push(store, config)
    assert store.calls.total() == 0  # not before the settle delay

    summaries = []
    for _ in range(1 if happened else 3):
        oms.let_effects_fall_due()
        summaries.append(oms.push(store, config))

    assert sum(summary.found for summary in summaries) == int(happened)
    assert sum(summary.done for summary in summaries) == int(not happened)
    assert oms.effect_states() == ["done"]
    assert len(store.histories(placed)) == 1
    assert oms.order(placed)["state"] == "acknowledged"


def test_two_empty_looks_come_before_the_second_sending(
    oms: Oms, store: FakeMagento, config: InstanceConfig, placed: int
) -> None:
    store.fail("set_status", UnknownOutcome("No answer."))
    oms.push(store, config)
    for looks in (1, 2):
        oms.let_effects_fall_due()
        writes = store.calls["set_status"]
        oms.push(store, config)
        if looks == 1:
            assert store.calls["set_status"] == writes
            assert oms.effect_states() == ["unknown"]
            assert seconds_put_off(oms) == 30
    oms.let_effects_fall_due()
    oms.push(store, config)
    assert oms.effect_states() == ["done"]
    actions = [row["action"] for row in oms.rows("select action from effect_attempt order by number")]
    assert actions == ["send", "find", "find", "send"]


def test_look_that_fails_says_nothing(oms: Oms, store: FakeMagento, config: InstanceConfig, placed: int) -> None:
    store.fail("set_status", UnknownOutcome("No answer."), when="after")
    oms.push(store, config)
    oms.let_effects_fall_due()
    store.fail("order", RetryableError("The store is down."))
    oms.push(store, config)
    [effect] = oms.effects()
    assert (effect["state"], effect["not_found"]) == ("unknown", 0)


@pytest.mark.parametrize("state", ["holded", "canceled", "payment_review", "pending_payment"])
def test_order_that_was_stopped_meanwhile_is_left_alone(
    oms: Oms, store: FakeMagento, config: InstanceConfig, placed: int, state: str
) -> None:
    store.save(placed, state=state, status=state)

    summary = oms.push(store, config)

    assert summary.postponed == 1
    assert store.ledger == []
    assert oms.effect_states() == ["due"]
    assert seconds_put_off(oms) == 60


def test_hold_that_comes_while_the_effect_is_under_way_stops_the_retry(
    oms: Oms, store: FakeMagento, config: InstanceConfig, placed: int
) -> None:
    strict = instance_config(store_config(payment={"prepaid": []}))

    def hold(method: str) -> None:
        if method == "set_status":
            store.before_call = lambda method: None
            store.save(placed, status="odd_status")
            oms.take_in(store, strict)

    store.before_call = hold
    store.fail("set_status", RetryableError("The store is busy."))
    oms.push(store, config)

    assert oms.order(placed)["state"] == "held"
    oms.let_effects_fall_due()
    assert oms.push(store, config).done == 0
    assert oms.effect_states() == ["due"]
    store.pass_time(1)
    store.save(placed, status="pending")
    oms.take_in(store, config)
    assert oms.push(store, config).done == 1


def test_comment_of_before_the_hold_counts(oms: Oms, store: FakeMagento, config: InstanceConfig, placed: int) -> None:
    """The answer was lost, the order was held and released, and the second try finds the first."""
    store.fail("add_comment", RetryableError("Busy."), times=1)
    store.comment_status = "accepted"
    oms.let_effects_fall_due()
    oms.push(store, config)
    store.fail("order", RetryableError("Busy, after the comment was written."), times=1)
    store.add_comment(placed, f"Accepted for fulfilment. {REFERENCE}", status="processing")
    oms.let_effects_fall_due()
    oms.push(store, config)
    store.hold(placed)
    oms.take_in(store, config)
    store.pass_time(1)
    store.unhold(placed)
    oms.take_in(store, config)

    oms.let_effects_fall_due()
    oms.push(store, config)

    assert oms.effect_states() == ["done"]
    assert len(store.histories(placed)) == 1


def test_lost_answer_is_found_on_an_order_that_was_held_since(
    oms: Oms, store: FakeMagento, config: InstanceConfig, placed: int
) -> None:
    store.save(placed, state="processing", status="processing")
    store.fail("add_comment", UnknownOutcome("No answer."), when="after")
    oms.push(store, config)
    store.hold(placed)
    oms.take_in(store, config)
    oms.let_effects_fall_due()

    oms.push(store, config)

    assert oms.effect_states() == ["done"]
    assert oms.order(placed)["state"] == "held"


def test_hold_switch_stops_between_effects(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    for _ in range(12):
        store.place()
    oms.take_in(store, config)

    def brake(method: str) -> None:
        if method == "set_status":
            with engine(oms.url).begin() as connection:
                holds.hold(connection, TARGET, "stop", "a person")

    store.before_call = brake
    summary = oms.push(store, config)

    assert summary.held == "stop"
    assert 1 <= summary.done <= 4
    assert oms.effect_states().count("due") == 12 - summary.done
    with engine(oms.url).begin() as connection:
        holds.release(connection, TARGET)
    store.before_call = lambda method: None
    assert oms.push(store, config).done == 12 - summary.done


def test_held_target_is_sent_nothing(oms: Oms, store: FakeMagento, config: InstanceConfig, placed: int) -> None:
    with engine(oms.url).begin() as connection:
        holds.hold(connection, "*", "migration", "a person")
    store.calls.clear()

    summary = oms.push(store, config)

    assert summary.held == "migration"
    assert store.calls.total() == 0


def test_lingering_push_picks_new_work_up_within_a_second(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    with ThreadPoolExecutor(1) as other:
        running = other.submit(oms.push, store, config, linger=Linger(idle=3, at_most=30))
        for _ in range(3):
            time.sleep(0.5)
            store.place()
            oms.take_in(store, config)
        summary = running.result(timeout=60)

    assert summary.done == 3
    waits = oms.rows(
        "select a.started_at - o.stored_at as wait from effect_attempt a join effect e on e.id = a.effect_id"
        " join sales_order o on o.id = e.order_id"
    )
    assert sorted(row["wait"] for row in waits)[1] < timedelta(seconds=1)  # a stall of the machine lengthens one


def test_lingering_push_ends_when_nothing_comes(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    summary = oms.push(store, config, linger=Linger(idle=0.3, at_most=5))
    assert 0.2 < summary.seconds < 2


def test_one_push_a_target(oms: Oms, store: FakeMagento, config: InstanceConfig, placed: int) -> None:
    store.calls.clear()
    with Lease(oms.url, turn_lease(TARGET), "somebody", ttl=60), pytest.raises(AnotherRunHasTheTurn):
        oms.push(store, config)
    assert store.calls.total() == 0


def test_outage_is_raised_after_everything_was_recorded(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    for _ in range(10):
        store.place()
    oms.take_in(store, config)
    store.calls.clear()
    store.fail("*", RetryableError("The store is down."), times=100)

    with pytest.raises(RetryableError):
        oms.push(store, config)

    assert store.calls.total() <= 8
    assert set(oms.effect_states()) == {"due"}
    assert oms.count("effect_attempt") == len([row for row in oms.effects() if row["attempts"]])


def test_refusals_of_single_orders_are_no_outage(oms: Oms, config: InstanceConfig) -> None:
    store = FakeMagento(entity="refused")
    for _ in range(6):
        store.place()
    oms.take_in(store, config)

    assert oms.push(store, config).refused == 6
    assert set(oms.effect_states()) == {"failed"}


def test_rate_limit_stops_quietly(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    for _ in range(10):
        store.place()
    oms.take_in(store, config)
    store.fail("order", RateLimited("Slow down.", retry_after=30))

    summary = oms.push(store, config)

    assert summary.postponed == 1
    assert summary.done == 3


def test_four_at_once_and_one_a_lane(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    for _ in range(8):
        store.place()
    oms.take_in(store, config)
    four, begun = threading.Barrier(4), iter(range(4))

    def meet(method: str) -> None:
        if next(begun, None) is not None:
            four.wait(timeout=10)

    store.before_call = meet
    summary = oms.push(store, config)

    assert summary.done == 8
    assert store.most_in_flight == 4
    assert store.doubled_in_flight == 0


def test_result_that_comes_after_its_claim_expired_does_not_count(
    oms: Oms, store: FakeMagento, config: InstanceConfig, placed: int
) -> None:
    """Whatever the late result is, the push goes on and the effect is settled by looking."""

    def expire(method: str) -> None:
        if method == "set_status":
            oms.kill_workers()
            with engine(oms.url).begin() as connection:
                effects.expire_claims(connection, TARGET, timedelta(seconds=90))

    store.before_call = expire
    for error in (None, RetryableError("Busy."), PermanentError("No."), UnknownOutcome("?")):
        oms.run("update effect set state = 'due', due_at = now(), claim = null, claimed_until = null")
        store.save(placed, state="new", status="pending")
        if error is not None:
            store.fail("set_status", error)
        oms.push(store, config)
        [effect] = oms.effects()
        assert effect["state"] == "unknown"
    assert oms.quarantined() == {}


def test_killed_worker_s_effect_is_looked_up_after_the_settle_delay(
    oms: Oms, store: FakeMagento, config: InstanceConfig, placed: int
) -> None:
    with engine(oms.url).begin() as connection:
        effects.claim_due(connection, TARGET, limit=1, lease=timedelta(minutes=3))
    store.set_status(placed, state="processing", status="processing")
    store.add_comment(placed, f"Accepted for fulfilment. {REFERENCE}")
    oms.kill_workers()

    summary = oms.push(store, config)
    assert (summary.expired_claims, summary.done) == (1, 0)
    [row] = oms.rows("select due_at - now() as wait from effect")
    assert timedelta(seconds=85) < row["wait"] <= timedelta(seconds=90)
    oms.let_effects_fall_due()

    assert oms.push(store, config).found == 1
    assert len(store.histories(placed)) == 1


def test_quarantined_effect_that_is_given_up_stays_so(oms: Oms, config: InstanceConfig) -> None:
    store = FakeMagento(entity="refused")
    store.place()
    oms.take_in(store, config)
    oms.push(store, config)
    [effect] = oms.effects()
    with engine(oms.url).begin() as connection:
        assert effects.give_up(connection, effect["id"])
        quarantine.resolve(connection, "loom", f"effect:{effect['id']}", resolution="dismissed")
    assert oms.push(store, config).done == 0
    assert oms.effect_states() == ["cancelled"]
