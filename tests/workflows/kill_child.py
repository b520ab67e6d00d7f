"""A process that forks workers on demand, each of which may be told to kill itself at one point.

Reads one job a line from standard input and answers each with the worker's exit code. The points are found by wrapping
what every write to the database and every call of the store passes through: psycopg's cursors and commits, and the
methods of the port. Nothing in the product knows of it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import psycopg
import structlog
from tests.workflows.fakes import instance_config, store_config

from magento_hook.connection import AuthKind, MagentoConnection
from magento_hook.store import open_magento
from magento_oms.config.models import InstanceConfig
from magento_oms.workflows import order_pull, push
from magento_oms.workflows.acknowledge_order import AcknowledgeOrder
from magento_oms.workflows.inventory.push_stock import push_stock

PORT = (
    *("page_after", "newest_after", "count", "order", "page_of"),
    *("comments", "add_comment", "set_status", "invoice"),
    *("stock_layout", "product_types", "set_source_items", "source_quantities"),
)
PUNE = {
    "code": "pune",
    "name": "Pune",
    "address": {"lines": ["Plot 7"], "city": "Pune", "state": "Maharashtra", "pincode": "411001"},
}
WRITES = re.compile(r"\b(insert into|update|delete from|copy)\s+\"?(\w+)|(nextval|pg_notify)\s*\(", re.IGNORECASE)


class Line(Protocol):
    """What a worker is told."""

    def line(self) -> str: ...


@dataclass(frozen=True)
class Job:
    """What a worker does.

    Attributes:
        steps: `pull` and `push`, in this order; or `stock`, of a store that sells what a warehouse has.
        point, when: kill the process `before` or `after` this point; never, if empty.
        points_file: where the points that were passed are written.
    """

    oms_url: str
    store_url: str
    user: str
    password: str
    steps: list[str] = field(default_factory=lambda: ["pull", "push"])
    point: str = ""
    when: str = ""
    points_file: str = ""

    def line(self) -> str:
        return json.dumps(asdict(self)) + "\n"


class Points:
    """Counts and names the points that are passed, and kills the process `before` or `after` one of them."""

    def __init__(self, point: str, when: str = "before") -> None:
        self._deadly = (point, when)
        self._lock = threading.Lock()
        self._passed: Counter[str] = Counter()
        self.names: list[str] = []
        self.step = ""

    @contextmanager
    def at(self, what: str) -> Iterator[None]:
        """Around what happens at a point."""
        with self._lock:
            self._passed[f"{self.step} {what}"] += 1
            name = f"{self.step} {what} #{self._passed[f'{self.step} {what}']}"
            self.names.append(name)
        self._die(name, "before")
        try:
            yield
        finally:  # also after a refusal
            self._die(name, "after")

    def _die(self, name: str, when: str) -> None:
        if (name, when) == self._deadly:
            os.kill(os.getpid(), signal.SIGKILL)


def watch_database(points: Points) -> None:
    """Make a point of every writing statement, every COPY and every commit of something written."""
    wrote: WeakKeyDictionary[object, str] = WeakKeyDictionary()  # a closed connection's id is given to another
    execute, copy, commit = psycopg.Cursor.execute, psycopg.Cursor.copy, psycopg.Connection.commit

    def watched_execute(cursor: psycopg.Cursor[Any], query: Any, *args: Any, **more: Any) -> Any:
        what = written(query)
        if what is None:
            return execute(cursor, query, *args, **more)
        with points.at(what):
            found = execute(cursor, query, *args, **more)
            wrote[cursor.connection] = what
            return found

    @contextmanager
    def watched_copy(cursor: psycopg.Cursor[Any], statement: Any, *args: Any, **more: Any) -> Iterator[psycopg.Copy]:
        with points.at(written(statement) or "copy"):
            with copy(cursor, statement, *args, **more) as found:
                yield found
            wrote[cursor.connection] = "copy"

    def watched_commit(connection: psycopg.Connection[Any]) -> None:
        last = wrote.pop(connection, None)
        if last is None:
            commit(connection)
            return
        with points.at(f"commit after {last}"):
            commit(connection)

    psycopg.Cursor.execute = watched_execute  # type: ignore[method-assign,assignment]
    psycopg.Cursor.copy = watched_copy  # type: ignore[method-assign,assignment]
    psycopg.Connection.commit = watched_commit  # type: ignore[method-assign,assignment]


def written(query: Any) -> str | None:
    """What a statement writes, or None."""
    sql = query if isinstance(query, str) else query.decode() if isinstance(query, bytes) else query.as_string(None)
    found = WRITES.search(sql.replace("for update", ""))
    return None if found is None else " ".join(part.lower() for part in found.groups() if part)


class WatchedStore:
    """The store, with a point at every call of the port."""

    def __init__(self, store: Any, points: Points) -> None:
        self._store = store
        self._points = points

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in PORT:
            return found

        def call(*args: Any, **more: Any) -> Any:
            with self._points.at(f"store.{name}"):
                return found(*args, **more)

        return call


def job_config(job: Job) -> InstanceConfig:
    """The configuration of a job's instance."""
    locations = {"locations": [PUNE]} if job.steps == ["stock"] else {}
    return instance_config(store_config(live_from="2020-01-01T00:00:00Z", **locations), url=job.store_url)


def work(job: Job) -> None:
    """Do the steps of a job, over the real hook."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    points = Points(job.point, job.when)
    watch_database(points)
    config = job_config(job)
    connection = MagentoConnection(
        base_url=job.store_url, auth=AuthKind.ADMIN_TOKEN, username=job.user, password=job.password
    )
    store: Any = WatchedStore(open_magento(connection, instance="loom"), points)
    kind = AcknowledgeOrder(config)
    # Time that only passes would make the proof slow, and proves nothing here.
    order_pull.SAFETY = timedelta(0)
    push.LOOK_AGAIN = timedelta(0)
    steps: dict[str, Callable[[], object]] = {
        "pull": lambda: order_pull.pull_live(
            job.oms_url, store, config, holder="worker", sleep=lambda _: time.sleep(0.1)
        ),
        # One at a time, so that every run passes the same points.
        "push": lambda: push.push(
            job.oms_url, "magento:loom", store, {kind.name: kind}, holder="worker", settle_delay=timedelta(0), at_once=1
        ),
        "stock": lambda: push_stock(job.oms_url, config, store, holder="worker", settle_delay=timedelta(seconds=1)),
    }  # fmt: skip
    for step in job.steps:
        points.step = step
        steps[step]()
    if job.points_file:
        Path(job.points_file).write_text("\n".join(points.names) + "\n")


def serve(do: Callable[[dict[str, Any]], None]) -> None:
    """Fork a worker for each job."""
    for line in sys.stdin:
        worker = os.fork()
        if not worker:
            try:
                do(json.loads(line))
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(worker, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve(lambda job: work(Job(**job)))
