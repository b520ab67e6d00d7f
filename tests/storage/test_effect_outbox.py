"""The outbox on a real Postgres: claims, looks, dependencies, generations, and what a person may do."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from magento_oms.domain.intake import PlannedEffect
from magento_oms.storage import effects
from magento_oms.storage.database import autocommit, engine, listener
from magento_oms.storage.effects import ClaimedEffect, ClaimLost

TARGET = "magento:loom"
LEASE = timedelta(minutes=3)


@contextmanager
def begin(url: str) -> Iterator[Connection]:
    with engine(url).begin() as connection:
        yield connection


def planned(number: int = 1, *, lane: str | None = None, withheld: bool = False) -> PlannedEffect:
    return PlannedEffect(TARGET, "acknowledge_order", f"order:{number}", lane or f"order:{number}", withheld)


def plan(url: str, effect: PlannedEffect | None = None, *, after: tuple[int, ...] = ()) -> int | None:
    with begin(url) as connection:
        return effects.plan(connection, effect or planned(), None, after=after)


def claim(url: str, limit: int = 10) -> list[ClaimedEffect]:
    with autocommit(url) as connection:
        return effects.claim_due(connection, TARGET, limit=limit, lease=LEASE)


def state(url: str, effect_id: int | None) -> str:
    with begin(url) as connection:
        return str(connection.execute(text("select state from effect where id = :id"), {"id": effect_id}).scalar())


def run(url: str, sql: str, **values: Any) -> None:
    with begin(url) as connection:
        connection.execute(text(sql), values)


def test_one_of_a_kind_and_subject_until_it_is_cancelled(oms_database: str) -> None:
    first = plan(oms_database)
    assert plan(oms_database) is None
    run(oms_database, "update effect set state = 'cancelled'")
    second = plan(oms_database)
    assert second is not None
    with begin(oms_database) as connection:
        rows = connection.execute(text("select id, generation from effect order by id")).all()
    assert [tuple(row) for row in rows] == [(first, 1), (second, 2)]


@pytest.mark.parametrize("state_", ["planned", "due", "sending", "unknown", "done", "failed", "withheld"])
def test_nothing_is_planned_beside_what_is_not_cancelled(oms_database: str, state_: str) -> None:
    plan(oms_database)
    run(oms_database, "update effect set state = :state", state=state_)
    assert plan(oms_database) is None


def test_withheld_never_becomes_due(oms_database: str) -> None:
    effect_id = plan(oms_database, planned(withheld=True))
    assert claim(oms_database) == []
    with begin(oms_database) as connection:
        assert effects.next_due(connection, TARGET) is None
        effects.look_all_up(connection)
    assert state(oms_database, effect_id) == "withheld"


def test_planning_wakes_the_push_once_it_is_committed(oms_database: str) -> None:
    with listener(oms_database, effects.signal(TARGET)) as heard, listener(oms_database, "effects:other") as other:
        with begin(oms_database) as connection:
            effects.plan(connection, planned(), None)
            assert not heard.wait(0.2)
        assert heard.wait(5)
        assert not other.wait(0.1)


def test_what_the_database_tells_by_itself_wakes_those_who_wait_for_it(oms_database: str) -> None:
    with listener(oms_database, "effects:stock:loom") as heard, listener(oms_database, "effects:stock:other") as other:
        run(oms_database, "insert into instance (code, name, url, config_digest) values ('loom', 'Loom', '', '')")
        run(oms_database, "insert into stock_change (instance, sku) values ('loom', 'A')")
        assert heard.wait(5)
        assert not other.wait(0.1)


def test_claimed_is_sending_before_anyone_acts_and_is_claimed_once(oms_database: str) -> None:
    effect_id = plan(oms_database)
    [claimed] = claim(oms_database)
    assert (claimed.id, claimed.action, claimed.number) == (effect_id, "send", 1)
    assert state(oms_database, effect_id) == "sending"
    assert claim(oms_database) == []


def test_urgent_ones_do_not_wait_behind_a_backlog(oms_database: str) -> None:
    waiting = [plan(oms_database, planned(number)) for number in range(3)]
    urgent = plan(oms_database, replace(planned(9), kind="cancel_order", urgent=True))
    taken = [claimed.id for _ in range(4) for claimed in claim(oms_database, limit=1)]
    assert taken == [urgent, *waiting]


@pytest.mark.parametrize("limit", [1, 10])
def test_an_urgent_one_goes_first_in_its_lane(oms_database: str, limit: int) -> None:
    plan(oms_database, planned(lane="order:1"))
    urgent = plan(oms_database, replace(planned(lane="order:1"), kind="cancel_order", urgent=True))
    assert [claimed.id for claimed in claim(oms_database, limit=limit)] == [urgent]


def test_eight_threads_never_have_one_lane_twice(oms_database: str) -> None:
    for number in range(120):
        plan(oms_database, planned(number, lane=f"lane:{number % 12}"))
    lock, busy, most, sent = threading.Lock(), Counter[str](), Counter[str](), Counter[int]()
    lanes = {}
    with begin(oms_database) as connection:
        for row in connection.execute(text("select id, lane from effect")):
            lanes[row.id] = row.lane

    def work(_: int) -> None:
        idle = 0
        while idle < 5:
            claimed = claim(oms_database, limit=3)
            idle = 0 if claimed else idle + 1
            for effect in claimed:
                with lock:
                    busy[lanes[effect.id]] += 1
                    most[lanes[effect.id]] = max(most[lanes[effect.id]], busy[lanes[effect.id]])
                    sent[effect.id] += 1
            for effect in claimed:
                with lock:
                    busy[lanes[effect.id]] -= 1
                with begin(oms_database) as connection:
                    effects.done(connection, effect, outcome="done")

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(work, range(8)))

    assert len(sent) == 120
    assert set(sent.values()) == {1}
    assert set(most.values()) == {1}


def test_result_of_a_lost_claim_does_not_count(oms_database: str) -> None:
    effect_id = plan(oms_database)
    [claimed] = claim(oms_database)
    run(oms_database, "update effect set claimed_until = now() - interval '1 second'")
    with begin(oms_database) as connection:
        assert effects.expire_claims(connection, TARGET, timedelta(seconds=90)) == 1
    with pytest.raises(ClaimLost), begin(oms_database) as connection:
        effects.done(connection, claimed, outcome="too late")
    assert state(oms_database, effect_id) == "unknown"
    assert claim(oms_database) == []  # not before the settle delay
    run(oms_database, "update effect set due_at = now()")
    [look] = claim(oms_database)
    assert look.action == "find"


def test_claim_that_is_young_does_not_expire(oms_database: str) -> None:
    plan(oms_database)
    claim(oms_database)
    with begin(oms_database) as connection:
        assert effects.expire_claims(connection, TARGET, timedelta(0)) == 0


def test_nothing_found_twice_is_due_again(oms_database: str) -> None:
    effect_id = plan(oms_database)
    [claimed] = claim(oms_database)
    with begin(oms_database) as connection:
        effects.outcome_unknown(connection, claimed, error="no answer", settle_delay=timedelta(0))
    for expected in ("unknown", "due"):
        [look] = claim(oms_database)
        assert look.action == "find"
        with begin(oms_database) as connection:
            effects.nothing_found(connection, look, look_again_in=timedelta(0))
        assert state(oms_database, effect_id) == expected
    [again] = claim(oms_database)
    assert (again.action, again.number, again.not_found) == ("send", 4, 0)


def test_look_of_a_killed_worker_is_taken_over(oms_database: str) -> None:
    plan(oms_database)
    run(oms_database, "update effect set state = 'unknown'")
    assert len(claim(oms_database)) == 1
    assert claim(oms_database) == []
    run(oms_database, "update effect set claimed_until = now() - interval '1 second'")
    assert [effect.action for effect in claim(oms_database)] == ["find"]


def test_lane_waits_for_what_is_of_unknown_outcome(oms_database: str) -> None:
    first = plan(oms_database, planned(1, lane="one"))
    plan(oms_database, planned(2, lane="one"))
    run(
        oms_database, "update effect set state = 'unknown', due_at = now() + interval '1 hour' where id = :id", id=first
    )
    assert claim(oms_database) == []


def test_effect_waits_until_all_it_comes_after_are_done(oms_database: str) -> None:
    first, second = plan(oms_database, planned(1)), plan(oms_database, planned(2))
    assert first is not None
    assert second is not None
    last = plan(oms_database, planned(3), after=(first, second))
    for effect in sorted(claim(oms_database), key=lambda effect: effect.id):
        assert state(oms_database, last) == "planned"
        with begin(oms_database) as connection:
            effects.done(connection, effect, outcome="done")
    assert state(oms_database, last) == "due"
    assert plan(oms_database, planned(4), after=(first, second)) is not None
    assert {effect.subject for effect in claim(oms_database)} == {"order:3", "order:4"}


def test_two_that_end_at_the_same_moment_release_what_waits_for_both(oms_database: str) -> None:
    first, second = plan(oms_database, planned(1)), plan(oms_database, planned(2))
    assert first is not None
    assert second is not None
    last = plan(oms_database, planned(3), after=(first, second))
    one, other = claim(oms_database)

    def finish_other() -> None:
        with begin(oms_database) as connection:
            effects.done(connection, other, outcome="done")

    with ThreadPoolExecutor(1) as worker:
        with begin(oms_database) as connection:
            effects.done(connection, one, outcome="done")
            running = worker.submit(finish_other)
            with pytest.raises(TimeoutError):
                running.result(timeout=0.5)
        running.result(timeout=10)
    assert state(oms_database, last) == "due"


def test_plan_and_end_of_what_it_waits_for_at_the_same_moment(oms_database: str) -> None:
    first = plan(oms_database, planned(1))
    assert first is not None
    [claimed] = claim(oms_database)

    def finish() -> None:
        with begin(oms_database) as connection:
            effects.done(connection, claimed, outcome="done")

    with ThreadPoolExecutor(1) as worker:
        with begin(oms_database) as connection:
            last = effects.plan(connection, planned(2), None, after=(first,))
            running = worker.submit(finish)
            with pytest.raises(TimeoutError):
                running.result(timeout=0.5)
        running.result(timeout=10)
    assert state(oms_database, last) == "due"


def test_next_due(oms_database: str) -> None:
    def next_due() -> float | None:
        with begin(oms_database) as connection:
            found = effects.next_due(connection, TARGET)
        return None if found is None else (found - datetime.now(UTC)).total_seconds()

    assert next_due() is None
    plan(oms_database)
    assert -5 < (next_due() or 0) <= 0
    [claimed] = claim(oms_database)
    assert 170 < (next_due() or 0) <= 180  # the claim expires
    with begin(oms_database) as connection:
        effects.not_happened(connection, claimed, error="busy", way_out="", retry_in=timedelta(seconds=40))
    assert 30 < (next_due() or 0) <= 40
    run(oms_database, "update effect set state = 'done'")
    assert next_due() is None


def test_person_sends_a_failed_one_on_or_gives_it_up(oms_database: str) -> None:
    one, other = plan(oms_database, planned(1)), plan(oms_database, planned(2))
    assert one is not None
    assert other is not None
    for effect in claim(oms_database):
        with begin(oms_database) as connection:
            effects.failed(connection, effect, error="refused", way_out="look")
    with begin(oms_database) as connection:
        assert effects.send_on(connection, one)
        assert effects.give_up(connection, other)
        assert not effects.send_on(connection, one)
        assert not effects.give_up(connection, other)
    assert (state(oms_database, one), state(oms_database, other)) == ("due", "cancelled")


def test_after_a_restored_backup_all_is_looked_up_before_it_is_sent(oms_database: str) -> None:
    ids = {
        name: plan(oms_database, planned(number))
        for number, name in enumerate(("due", "sending", "unknown", "done", "failed", "cancelled", "planned"))
    }
    for name, effect_id in ids.items():
        run(oms_database, "update effect set state = :state where id = :id", state=name, id=effect_id)
    with begin(oms_database) as connection:
        assert effects.look_all_up(connection, "magento:other") == 0
        assert effects.look_all_up(connection, TARGET) == 3
    after = {name: state(oms_database, effect_id) for name, effect_id in ids.items()}
    assert after == {
        "due": "unknown", "sending": "unknown", "unknown": "unknown", "done": "done", "failed": "failed",
        "cancelled": "cancelled", "planned": "planned",
    }  # fmt: skip
    assert {effect.action for effect in claim(oms_database)} == {"find"}


def test_finished_effects_cost_nothing(oms_database: str) -> None:
    """What is asked every few seconds reads no table as a whole, with 100,000 effects of the past."""
    run(
        oms_database,
        "insert into effect (target, kind, subject, lane, state, due_at, finished_at)"
        " select :target, 'acknowledge_order', 'order:' || n, 'order:' || n, 'done', now() - interval '1 day', now()"
        " from generate_series(1000, 101000) n",
        target=TARGET,
    )
    for number in range(20):
        plan(oms_database, planned(number))
    with engine(oms_database).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze effect"))
    plans: list[str] = []

    def explain(_: Connection, cursor: Any, statement: str, parameters: Any, *rest: object) -> None:
        if " effect " in statement:
            found = cursor.connection.execute(f"explain {statement}", parameters).fetchall()
            plans.append("\n".join(row[0] for row in found))

    with begin(oms_database) as connection:
        event.listen(connection, "before_cursor_execute", explain)
        effects.expire_claims(connection, TARGET, timedelta(0))
        claimed = effects.claim_due(connection, TARGET, limit=4, lease=LEASE)
        effects.next_due(connection, TARGET)
        due_targets = connection.execute(text(effects.DUE_TARGETS)).all()
    assert len(claimed) == 4
    assert [row.target for row in due_targets] == [TARGET]
    assert len(plans) == 4
    for found in plans:
        assert "Index" in found
        assert "Seq Scan on effect" not in found, found
