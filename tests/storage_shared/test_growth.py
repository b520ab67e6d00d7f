"""What is asked often costs the same with a thousand rows as with a million: every statement goes by an index."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, event, text

from magento_oms.ports import Alert, Cursor, Token
from magento_oms.storage import holds, leases, quarantine, watermarks, windows
from magento_oms.storage.alerts import AlertBook
from magento_oms.storage.breaker import SharedBreaker
from magento_oms.storage.budget import SharedBudget
from magento_oms.storage.database import engine
from magento_oms.storage.heartbeats import Heartbeats
from magento_oms.storage.leases import Lease
from magento_oms.storage.link import Link
from magento_oms.storage.tokens import SharedTokenStore

if TYPE_CHECKING:
    from tests.storage_shared.conftest import Elapse

START = datetime(2026, 4, 1, tzinfo=UTC)
MANY = 20_000

FILL = [
    "insert into lease select 'l' || n, 'x', now() from generate_series(1, :n) n",
    "insert into hold_switch select 'magento:' || n, 'why', 'cli', now() from generate_series(1, :n) n",
    "insert into stored_token (scope) select 'magento:' || n from generate_series(1, :n) n",
    "insert into circuit_breaker (scope) select 'magento:' || n from generate_series(1, :n) n",
    "insert into request_budget select 'magento:' || n, 1, now() from generate_series(1, :n) n",
    "insert into heartbeat select 'h' || n, now() from generate_series(1, :n) n",
    "insert into sent_alert (\"group\", title) select 'g' || n, 't' from generate_series(1, :n) n",
    "insert into watermark select 'i' || n, 'order_pull', now(), 0, now(), 0 from generate_series(1, :n) n",
    (
        "insert into window_ledger select 'i' || n % 50, 'order_pull', 0, now() - n * interval '1 hour',"
        " now() - (n - 1) * interval '1 hour', 1, 1, now(), 'r' from generate_series(1, :n) n"
    ),
    (
        "insert into quarantine (instance, subject, code, reason, way_out, resolved_at)"
        " select 'i' || n % 50, 'order:' || n, 'c', 'r', 'w', case when n > 200 then now() end"
        " from generate_series(1, :n) n"
    ),
]


@pytest.fixture
def full(oms_database: str) -> str:
    """A database in which every shared table has many rows."""
    with engine(oms_database).begin() as connection:
        for statement in FILL:
            connection.execute(text(statement), {"n": MANY})
        connection.execute(text("analyze"))
    return oms_database


Plans = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def plans(full: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plans]:
    """The plan of every statement that is run, before it is run."""
    seen: Plans = []
    real = Link.rows

    def rows(self: Link, statement: str, **values: Any) -> Any:
        seen.append((statement, real(self, f"explain (format json) {statement}", **values)[0]["QUERY PLAN"][0]))
        return real(self, statement, **values)

    def before(_: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if statement.lstrip().lower().startswith(("select", "insert", "update", "delete")):
            cursor.execute(f"explain (format json) {statement}", parameters)
            seen.append((statement, cursor.fetchone()[0][0]))

    monkeypatch.setattr(Link, "rows", rows)
    event.listen(engine(full), "before_cursor_execute", before)
    yield seen
    event.remove(engine(full), "before_cursor_execute", before)


def whole_table_reads(plan: Mapping[str, Any]) -> list[str]:
    """The tables that a plan reads from end to end."""
    found = [plan["Relation Name"]] if plan["Node Type"] == "Seq Scan" else []
    for part in plan.get("Plans", []):
        found += whole_table_reads(part)
    return found


def check(plans: Plans, at_least: int) -> None:
    assert len(plans) >= at_least
    for statement, plan in plans:
        assert whole_table_reads(plan["Plan"]) == [], statement


class Silent:
    def notify(self, alert: Alert) -> None:
        pass


def use_lease(url: str) -> None:
    lease = Lease(url, "l7", "me", ttl=60)
    assert lease.acquire()
    assert lease.renew()
    assert not lease.held_by_other()
    leases.holder_of(url, "l7")
    lease.release()


def use_tokens(url: str) -> None:
    store = SharedTokenStore(url)
    with store.login("magento:7") as turn:
        turn.succeeded(Token("t"))
    store.forget("magento:7", Token("t"))
    with store.login("magento:7") as turn:
        turn.refused("no")


def use_budget(url: str) -> None:
    budget = SharedBudget(url, "magento:7", per_second=1000)
    budget.spend()
    budget.spend(2000)
    budget.slow_down(1)


def use_heartbeats(url: str) -> None:
    Heartbeats(url).beat("h7")
    Heartbeats(url).last("h7")
    Heartbeats(url).forget("h7")


def use_alerts(url: str) -> None:
    book = AlertBook(url, Silent())
    assert book.raise_alert(Alert("g7", "title", "text"))
    assert not book.raise_alert(Alert("g7", "title", "text"))
    assert book.end("g7")
    assert not book.end("g7")


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("use", [use_lease, use_tokens, use_budget, use_heartbeats, use_alerts])
def test_shared_objects(full: str, plans: Plans, use: Callable[[str], None]) -> None:
    use(full)
    check(plans, at_least=3)


def test_breaker(full: str, plans: Plans, elapse: Elapse) -> None:
    breaker = SharedBreaker(full, "magento:7", threshold=1, first=10, remember=0)
    breaker.before_call()
    breaker.failed("down")
    elapse("circuit_breaker", 10)
    plans.clear()  # the passing of time touches every row
    breaker.before_call()
    breaker.succeeded()
    breaker.failed("down")
    check(plans, at_least=3)


def use_holds(connection: Connection) -> None:
    holds.held(connection, "magento:7")
    holds.hold(connection, "magento:7", "why", "cli")
    holds.release(connection, "magento:7")


def use_watermarks(connection: Connection) -> None:
    mark = watermarks.read(connection, "new", "order_pull", START)
    assert watermarks.move(connection, mark, Cursor(START, 1), Cursor(START, 1), swept_at=START)


def use_windows(connection: Connection) -> None:
    hour = timedelta(hours=1)
    windows.cover(connection, "i7", "order_pull", START, START + hour, rows_read=1, rows_changed=1, run_id="r")
    assert windows.covered(connection, "i7", "order_pull", START, START + hour)
    windows.gaps(connection, "i7", "order_pull", START, START + 24 * hour, store_id=3)
    windows.latest(connection, "i7", "order_pull")


def use_quarantine(connection: Connection) -> None:
    entry = quarantine.open_(connection, instance="i7", subject="order:1", code="c", reason="r", way_out="w")
    quarantine.get(connection, entry)
    quarantine.list_open(connection)
    quarantine.list_open(connection, "i7")
    quarantine.count_open(connection, "i7")
    quarantine.resolve(connection, "i7", "order:1", resolution="done")
    quarantine.resolve_many(connection, "i7", ["order:1", "order:2"], resolution="done")


@pytest.mark.parametrize("use", [use_holds, use_watermarks, use_windows, use_quarantine])
def test_parts_of_a_callers_transaction(full: str, plans: Plans, use: Callable[[Connection], None]) -> None:
    with engine(full).begin() as connection:
        use(connection)
    check(plans, at_least=3)
