"""The sandbox as an ASGI application: stores below `/{instance}/rest/…` (the default one also at the root), courier
accounts below `/couriers/{account}`, and the control API below `/_sandbox`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import formatdate
from functools import partial
from typing import Any

import psycopg

from commerce_sandbox import pages
from commerce_sandbox.control import control_api
from commerce_sandbox.couriers.accounts import StandIn
from commerce_sandbox.couriers.app import CourierApp, travel_for_ever
from commerce_sandbox.couriers.control import courier_control
from commerce_sandbox.couriers.vendors import VENDORS
from commerce_sandbox.couriers.world import Couriers
from commerce_sandbox.database import Database
from commerce_sandbox.dispatch import Dispatcher, touch_oldest
from commerce_sandbox.documents import dump
from commerce_sandbox.dropping import drop_connection
from commerce_sandbox.faults import Fault, Faults
from commerce_sandbox.http_types import HTML_TYPE, Answer, Call, Effect, refusal
from commerce_sandbox.magento_rules.book import Refused
from commerce_sandbox.profiles import PROFILES, Pace
from commerce_sandbox.routes import Route
from commerce_sandbox.store import DEFAULT_INSTANCE, Store, Stores

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]

_CONSUMER_PERIOD_SECONDS = 1.0
_HANG_SECONDS = 120.0


class Sandbox:
    """Everything behind the application: database, stores, faults."""

    def __init__(self, database_url: str, *, threads: int = 8, stand_ins: Sequence[StandIn] = VENDORS) -> None:
        self.database = Database(database_url, size=threads + 4)
        self.stores = Stores(self.database)
        self.faults = Faults(self.database)
        self.couriers = Couriers(self.database, stand_ins)
        self.dispatcher = Dispatcher(self.database)
        self.threads = ThreadPoolExecutor(threads, thread_name_prefix="sandbox")
        self._paces: dict[str, tuple[str, Pace]] = {}

    def pace(self, store: Store) -> Pace:
        """The pace of a store; a new one when its profile has changed."""
        name = store.settings.profile
        known = self._paces.get(store.code)
        if known is None or known[0] != name:
            known = self._paces[store.code] = (name, Pace(PROFILES[name]))
        return known[1]

    def consume(self, code: str | None = None) -> int:
        """Work off the queues of the stores whose consumer runs, or of one store whether it runs or not."""

        def make_call(instance: str) -> Call | None:
            store = self.stores.find(instance)
            if store is None or (code is None and not store.settings.consumer_running) or code not in {None, instance}:
                return None
            return Call(store, self.stores, "", "", "", {}, b"", time.time())

        return self.dispatcher.consume(make_call)

    def close(self) -> None:
        """Stop the threads and close the connections."""
        self.threads.shutdown(wait=True, cancel_futures=True)
        self.couriers.close()
        self.database.close()


class SandboxApp:
    """The ASGI application over a `Sandbox`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._control = control_api(sandbox)
        self._courier_control = courier_control(sandbox.couriers)
        self._couriers = CourierApp(sandbox)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """One connection's request, or the application's own start and end."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http" and scope["path"].startswith("/couriers/"):
            await self._couriers(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].startswith("/_sandbox/couriers"):
            await self._courier_control(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].startswith("/_sandbox"):
            await self._control(scope, receive, send)
        elif scope["type"] == "http":
            await self._magento(scope, receive, send)

    async def _lifespan(self, receive: Any, send: Any) -> None:
        at_work: list[asyncio.Task[None]] = []
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                at_work = [
                    asyncio.create_task(self._consume_for_ever()),
                    asyncio.create_task(travel_for_ever(self.sandbox)),
                ]
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                for each in at_work:
                    each.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await each
                await asyncio.to_thread(self.sandbox.close)
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _consume_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_CONSUMER_PERIOD_SECONDS)
            try:
                await self._in_thread(self.sandbox.consume)
            except psycopg.Error as error:
                log.warning("asynchronous operations wait: %s", error)

    async def _in_thread(self, work: Any, *arguments: Any, **named: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.sandbox.threads, partial(work, *arguments, **named))

    async def _magento(self, scope: Scope, receive: Any, send: Any) -> None:
        call = await self._read_call(scope, receive)
        if call is None:
            await _send(send, Answer(503, "no such instance, and no default one", HTML_TYPE), "GET")
            return
        struck: Sequence[Fault] = ()
        if self.sandbox.faults.any:
            struck = await self._in_thread(self.sandbox.faults.choose, call.store.code, call.method, call.path)
        call.fault = ", ".join(fault.kind for fault in struck) or None
        answer = await self._answer(call, struck)
        if answer is None or any(fault.kind in {"reset", "reset_after"} for fault in struck):
            drop_connection(receive)
            return
        for fault in struck:
            if fault.kind == "timeout_after":
                await asyncio.sleep(float(fault.rule.get("seconds", _HANG_SECONDS)))
                drop_connection(receive)
                return
        await _send(send, answer, call.method)

    async def _read_call(self, scope: Scope, receive: Any) -> Call | None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
        stores = self.sandbox.stores
        first = path.lstrip("/").partition("/")[0]
        prefix = ""
        store = None
        if first and first != "rest":
            store = await self._in_thread(stores.find, first) if first.isascii() else None
        if store is not None:
            prefix, path = f"/{first}", path.lstrip("/")[len(first) :] or "/"
        else:
            store = await self._in_thread(stores.find, DEFAULT_INSTANCE)
        if store is None:
            return None
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        return Call(
            store,
            stores,
            scope["method"],
            path,
            scope["query_string"].decode("latin-1"),
            headers,
            body,
            time.time(),
            prefix,
        )

    async def _answer(self, call: Call, struck: Sequence[Fault]) -> Answer | None:
        """The answer with the faults that struck; None where the connection is to be reset before anything is done."""
        for fault in struck:
            if fault.kind == "latency":
                await asyncio.sleep(float(fault.rule.get("seconds", 1)))
            if fault.kind == "reset":
                return None
            if (instead := _instead(fault)) is not None:
                await self._in_thread(self.sandbox.dispatcher.note, call, instead.status)
                return instead
        pace = self.sandbox.pace(call.store)
        async with pace.worker() as since:
            answer = self.sandbox.dispatcher.early(call)
            route: Route | None = None
            if answer is None:
                for fault in struck:
                    if fault.kind == "moving_rows":
                        await self._in_thread(self._touch, call, int(fault.rule.get("count", 1)))
                guest = any(fault.kind == "expired_token" for fault in struck)
                answer, route = await self._in_thread(self.sandbox.dispatcher.answer, call, guest=guest)
            await pace.spend(route, call.rows, since)
        for fault in struck:
            if fault.kind == "error_after":
                status = int(fault.rule.get("status", 500))
                return pages.GATEWAY_TIMEOUT if status == 504 else _error(status)
        return answer

    def _touch(self, call: Call, count: int) -> None:
        now = datetime.fromtimestamp(call.now, UTC).strftime("%Y-%m-%d %H:%M:%S")
        with self.sandbox.database.transaction() as connection:
            moved = touch_oldest(connection, call.store.code, count, now)
        call.effects += [Effect("touch", order_id) for order_id in moved]


def _instead(fault: Fault) -> Answer | None:
    """The answer that a fault gives instead of doing anything; None for faults of another sort."""
    rule = fault.rule
    match fault.kind:
        case "error_before":
            return _error(int(rule.get("status", 500)))
        case "too_many_requests":
            after: Mapping[str, str] = {"retry-after": str(rule["retry_after"])} if "retry_after" in rule else {}
            return Answer(429, dump({"message": "Too Many Requests"}), headers=after)
        case "maintenance":
            return pages.MAINTENANCE
        case "database_down":
            return pages.DATABASE_DOWN
        case "php_down":
            return pages.PHP_DOWN
        case "deadlock":
            return refusal(Refused(400, str(rule.get("message", "Could not save Source Item"))))
        case "redirect":
            return Answer(302, "", HTML_TYPE, {"location": str(rule.get("location", "https://magento.invalid/"))})
        case _:
            return None


def _error(status: int) -> Answer:
    if status == 504:
        return pages.GATEWAY_TIMEOUT
    if status == 502:
        return pages.PHP_DOWN
    if status == 503:
        return pages.MAINTENANCE
    return refusal(
        Refused(status, "Internal Error. Details are available in Magento log file. Report ID: webapi-%report")
    )


async def _send(send: Any, answer: Answer, method: str) -> None:
    body = b"" if method == "HEAD" else answer.text.encode()
    headers = {
        "date": formatdate(usegmt=True),
        "server": "nginx/1.22.1",
        "content-type": answer.content_type,
        "content-length": str(len(body)),
        "cache-control": "no-store",
        **answer.headers,
    }
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})


def create_app(
    database_url: str,
    *,
    profile: str = "none",
    version: str = "2.4.7",
    instances: Sequence[str] = (DEFAULT_INSTANCE,),
    couriers: Sequence[str] = (),
    threads: int = 8,
    stand_ins: Sequence[StandIn] = VENDORS,
) -> SandboxApp:
    """The application over a database; instances that are not there yet are made.

    Args:
        database_url: a Postgres database of the sandbox's own; its tables are made.
        profile, version: of the instances that are made now; one that was there keeps its settings.
        couriers: accounts that are made if they are not there, each `aggregator:code`.
        threads: calls worked on at once.
        stand_ins: aggregators that there are.

    Raises:
        BadSettings: an unknown version, or an unknown aggregator.
    """
    sandbox = Sandbox(database_url, threads=threads, stand_ins=stand_ins)
    for code in instances:
        if sandbox.stores.find(code) is None:
            sandbox.stores.put(code, {"profile": profile, "version": version})
    for courier in couriers:
        vendor, _, code = courier.partition(":")
        if sandbox.couriers.accounts.find(code) is None:
            sandbox.couriers.accounts.put(code, {"vendor": vendor})
    return SandboxApp(sandbox)
