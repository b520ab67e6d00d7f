"""Orders through real Airflow processes: live, by backfill, with stores in trouble and processes killed."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from tests.airflow.whole_stack import Stack, kill_busy_workers

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]


def acknowledged(stack: Stack, code: str, entity_id: int) -> bool:
    """Whether the OMS counts the order as acknowledged."""
    return stack.order(code, entity_id) is not None and stack.order(code, entity_id)[1] is not None  # type: ignore[index]


def references(stack: Stack, code: str, entity_id: int) -> int:
    """How many comments of ours the order has on Magento."""
    order = stack.sandbox(code).order(entity_id)["order"]
    return sum("[oms-ack-" in str(entry.get("comment")) for entry in order["status_histories"])


def test_a_live_order_is_stored_and_acknowledged_within_seconds(stack: Stack) -> None:
    (placed,) = stack.sandbox("mela").place_orders(1, store_id=1, payment="cod", shape="simple")
    stack.wait_for("acknowledged", lambda: acknowledged(stack, "mela", placed.entity_id), 40)
    order = stack.sandbox("mela").order(placed.entity_id)["order"]
    assert order["status"] == "processing"
    assert references(stack, "mela", placed.entity_id) == 1


def test_the_next_order_is_taken_by_the_runs_that_linger(stack: Stack) -> None:
    def at_work() -> list[tuple[str, str]]:
        names = ["order_pull_live:mela", "push:magento:mela"]
        return stack.rows(
            "select name, holder from lease where name = any(%s) and expires_at > now() order by 1", names
        )

    def take_one() -> list[tuple[str, str]]:
        (placed,) = stack.sandbox("mela").place_orders(1, store_id=1, payment="cod", shape="simple")
        stack.wait_for("acknowledged", lambda: acknowledged(stack, "mela", placed.entity_id), 60)
        return at_work()

    first = take_one()
    assert len(first) == 2
    assert take_one() == first


def test_an_order_paid_late_is_held_and_goes_on_when_it_is_paid(stack: Stack) -> None:
    (placed,) = stack.sandbox("mela").place_orders(1, store_id=1, payment="late_paid", shape="simple")
    stack.wait_for("held", lambda: (stack.order("mela", placed.entity_id) or ("",))[0] == "held")
    assert references(stack, "mela", placed.entity_id) == 0
    stack.sandbox("mela").change_order(placed.entity_id, "pay")
    stack.wait_for("acknowledged", lambda: acknowledged(stack, "mela", placed.entity_id))


def test_an_order_of_a_shadow_store_is_stored_and_nothing_is_sent(stack: Stack) -> None:
    (placed,) = stack.sandbox("mela").place_orders(1, store_id=3, payment="cod", shape="simple")
    stack.wait_for("stored", lambda: stack.order("mela", placed.entity_id) is not None)
    effects = stack.rows(
        "select state from effect where target = 'magento:mela' and subject = %s", f"order:{placed.entity_id}"
    )
    assert effects == [("withheld",)]
    assert references(stack, "mela", placed.entity_id) == 0


def test_the_wrong_password_fails_one_instance_with_one_alert_and_never_locks_the_account(stack: Stack) -> None:
    def failed() -> bool:
        return any(run["state"] == "failed" for run in stack.runs("order_pull_live__lockedout"))

    stack.wait_for("the live run of the locked-out instance failed", failed, 90)
    alerts = stack.rows('select "group", times from sent_alert where "group" like %s', "outage:lockedout")
    assert len(alerts) == 1
    refused = [call for call in stack.sandbox("heritage").calls(path_like="%admin/token%") if call["status"] == 401]
    assert 1 <= len(refused) <= 2
    (placed,) = stack.sandbox("heritage").place_orders(1, store_id=1, payment="cod", shape="simple")
    stack.wait_for("the other instance goes on", lambda: acknowledged(stack, "heritage", placed.entity_id))


def test_all_who_look_at_the_runs_at_once_are_answered(stack: Stack) -> None:
    """A dozen browsers on top of tasks. The API server stood still for half a minute, for tasks as well, when its
    connections to the database had run out.
    """
    with ThreadPoolExecutor(60) as lookers:
        seen = list(lookers.map(lambda _: stack.api("GET", "/dags/~/dagRuns?limit=100"), range(120)))
    assert all(answer["dag_runs"] for answer in seen)


def test_a_malformed_file_is_an_import_error_that_names_it_and_the_other_dags_live(stack: Stack) -> None:
    def errors() -> list[dict[str, str]]:
        found: list[dict[str, str]] = stack.api("GET", "/importErrors")["import_errors"]
        return found

    stack.wait_for("the file is read", lambda: bool(errors()), 150)
    (error,) = errors()
    assert error["filename"].endswith("configuration.py")
    assert "malformed.yaml:3: The file is no valid YAML" in error["stack_trace"]
    dags = {dag["dag_id"] for dag in stack.api("GET", "/dags?limit=100")["dags"]}
    assert {"order_pull_live__mela", "order_pull_live__lockedout", "magento_push__heritage"} <= dags


def test_a_backfill_from_before_the_watermark_runs_while_live_orders_go_on(stack: Stack) -> None:
    day = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
    old = stack.sandbox("mela").place_orders(
        8, store_id=1, payment="cod", shape="simple", created_at=f"{day:%Y-%m-%d %H:%M:%S}", every_seconds=1500
    )
    first, last = day - timedelta(hours=1), day + timedelta(hours=4)
    made = stack.airflow(
        *("backfill", "create", "--dag-id", "order_pull__mela", "--reprocess-behavior", "none"),
        *("--from-date", first.isoformat(), "--to-date", last.isoformat()),
    )
    assert made.returncode == 0, made.stderr[-2000:]
    (live,) = stack.sandbox("mela").place_orders(1, store_id=2, payment="cod", shape="simple")
    stack.wait_for("the live order is acknowledged", lambda: acknowledged(stack, "mela", live.entity_id), 60)
    stack.wait_for(
        "the backfilled orders are acknowledged",
        lambda: all(acknowledged(stack, "mela", order.entity_id) for order in old),
        120,
    )

    def windows() -> int:
        return len(
            stack.rows(
                "select 1 from window_ledger where instance = 'mela' and workflow = 'order_pull'"
                " and start_at >= %s and end_at <= %s",
                first,
                last + timedelta(hours=1),
            )
        )

    stack.wait_for("the ledger knows the windows", lambda: windows() >= 5, 60)
    assert all(references(stack, "mela", order.entity_id) == 1 for order in [*old, live])


@pytest.mark.parametrize("work", ["pull", "acknowledgement"])
def test_a_worker_killed_in_the_middle_of_its_work_loses_and_doubles_nothing(stack: Stack, work: str) -> None:
    store = stack.sandbox("mela")
    method, path = {"pull": ("GET", "/V1/orders$"), "acknowledgement": ("POST", "/V1/orders")}[work]
    fault = store.add_fault("latency", seconds=4, times=6, method=method, path=path)
    lease = {"pull": "order_pull_live:mela", "acknowledgement": "push:magento:mela"}[work]
    dag_id = {"pull": "order_pull_live__mela", "acknowledgement": "magento_push__mela"}[work]
    orders = store.place_orders(3, store_id=1, payment="cod", shape="simple")

    def at_work() -> bool:
        held = stack.rows("select 1 from lease where name = %s and expires_at > now()", lease)
        return bool(held) and any(rule["id"] == fault and rule["fired"] for rule in store.faults())

    stack.wait_for(f"a task is in the middle of the {work}", at_work, 60)
    assert any(run["state"] == "running" for run in stack.runs(dag_id))
    assert kill_busy_workers(stack), "no worker was busy"
    store.clear_faults()
    # What the killed task held runs out by itself after minutes; the test does not wait for that.
    time.sleep(5)
    stack.rows_changed("update effect set claimed_until = now() where state = 'sending'")
    stack.rows_changed("update lease set expires_at = now()")
    stack.wait_for(
        "all orders are acknowledged",
        lambda: all(acknowledged(stack, "mela", order.entity_id) for order in orders) or stack.hurry("magento:mela"),
        300,
    )
    assert [references(stack, "mela", order.entity_id) for order in orders] == [1, 1, 1]


@pytest.mark.parametrize("name", ["triggerer", "scheduler"])
def test_a_component_that_is_killed_comes_back_and_orders_flow_again(stack: Stack, name: str) -> None:
    os.killpg(stack.local.pids()[name], signal.SIGKILL)
    (placed,) = stack.sandbox("mela").place_orders(1, store_id=1, payment="cod", shape="simple")
    stack.wait_for("acknowledged", lambda: acknowledged(stack, "mela", placed.entity_id), 120)
    assert stack.local.restarts()[name] >= 1
    assert references(stack, "mela", placed.entity_id) == 1
