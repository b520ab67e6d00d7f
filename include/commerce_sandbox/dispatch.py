"""One call to a store from end to end: route, caller, permission, service, rendering, ledger. No web framework here."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from commerce_sandbox import auth, bulk_calls, documents, ledger, pages, xml_answers
from commerce_sandbox.columns import internal_error
from commerce_sandbox.database import Connection, Database
from commerce_sandbox.documents import dump, load
from commerce_sandbox.fields_filter import trim
from commerce_sandbox.http_types import Answer, Call, Rendered, refusal
from commerce_sandbox.magento_rules.book import Document, Refused, wrongly_typed
from commerce_sandbox.php import upper_camel
from commerce_sandbox.routes import Route, find_bulk_route, find_route

log = logging.getLogger(__name__)

_URL_LIMIT = 8192
_DEADLOCK_TRIES = 3


@dataclass(frozen=True, slots=True)
class Target:
    """Where a call goes: the route with its variables, and whether it is queued (`async`, `bulk`) or done at once."""

    route: Route
    variables: dict[str, str]
    mode: str = "now"


def find_target(call: Call) -> Target:
    """The route of a call.

    Raises:
        Refused: 400 for a path that is no API path (also a store code that there is not), 404 for an unknown route.
    """
    parts = call.path.strip("/").split("/")[1:]
    while parts and not parts[0]:
        parts = parts[1:]
    codes = {str(view["code"]) for view in call.store.settings.store_views} | {"all"}
    if parts and parts[0] in codes:
        parts = parts[1:]
    mode = "now"
    if parts[:2] == ["async", "bulk"]:
        mode, parts = "bulk", parts[2:]
    elif parts[:1] == ["async"]:
        mode, parts = "async", parts[1:]
    if not parts or not re.match(r"V\d+", parts[0]):
        raise Refused(400, "Specified request cannot be processed.")
    if mode == "bulk":
        route = find_bulk_route(call.method, parts)
        found: tuple[Route, dict[str, str]] | None = None if route is None else (route, {})
    else:
        found = find_route(call.method, parts)
    if found is not None and parts[1:2] == ["inventory"] and not call.store.settings.switch("msi"):
        found = None
    if found is None or (mode != "now" and call.method == "GET"):
        raise Refused(404, "Request does not match any route.")
    return Target(found[0], found[1], mode)


class Dispatcher:
    """Answers calls. One for a process; safe for threads."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def early(self, call: Call) -> Answer | None:
        """Answers that need no database: pages of the web server, maintenance. None where the call goes on."""
        if len(call.prefix) + len(call.path) + len(call.query_string) + len("GET  HTTP/1.1\r\n") > _URL_LIMIT:
            return pages.URL_TOO_LONG
        if call.store.settings.maintenance:
            return pages.MAINTENANCE
        if not re.match(r"/+rest(/|$)", call.path):
            return pages.storefront(call.path)
        if call.method not in {"GET", "POST", "PUT", "DELETE"}:
            return pages.METHOD_NOT_ALLOWED
        return None

    def answer(self, call: Call, *, guest: bool = False) -> tuple[Answer, Route | None]:
        """The answer to a call, and the route that it took. What was changed is committed when this returns.

        Args:
            guest: treat the caller's token as expired.
        """
        route: Route | None = None
        try:
            target = find_target(call)
            route = target.route
            call.variables = target.variables
            if not guest:
                call.caller = self._caller(call)
            if not all(call.caller is not None and call.caller.may(each) for each in route.resources):
                raise auth.unauthorised(route.resources)  # noqa: TRY301  (one place turns refusals into answers)
            answer = self._with_retries(call, lambda connection: self._serve(call, connection, target))
        except auth.KeptRefusal as kept:
            answer = refusal(kept)  # it is in the ledger with what it left behind
        except Refused as refused:
            answer = refusal(refused)
            self._record(call, answer.status)
        except psycopg.OperationalError as error:
            # The sandbox's own Postgres is away: a real store would look just like this.
            log.warning("the sandbox's database does not answer: %s", error)
            return pages.DATABASE_DOWN, route
        except Exception:
            log.exception("the sandbox failed on %s %s", call.method, call.path)
            answer = refusal(internal_error())
            self._record(call, answer.status)
        return answer, route

    def note(self, call: Call, status: int) -> None:
        """Write a call that a fault answered into the ledger."""
        self._record(call, status)

    def _caller(self, call: Call) -> auth.Caller | None:
        if (known := auth.identify_by_signature(call)) is not None:
            return known
        # A transaction of its own: a nonce counts as used even if the call is refused afterwards.
        with self.database.transaction() as connection:
            return auth.identify(call, connection)

    def _record(self, call: Call, status: int) -> None:
        call.effects.clear()
        with self.database.transaction() as connection:
            connection.execute("set local synchronous_commit to off")
            ledger.record(connection, call, status)

    def _with_retries(self, call: Call, work: Callable[[Connection], Answer | Refused]) -> Answer:
        for attempt in range(_DEADLOCK_TRIES):
            try:
                with self.database.transaction() as connection:
                    done = work(connection)
            except psycopg.errors.DeadlockDetected:
                call.effects.clear()
                if attempt == _DEADLOCK_TRIES - 1:
                    raise
                time.sleep(0.01 * (attempt + 1))
            else:
                if isinstance(done, Refused):
                    raise done
                return done
        raise AssertionError("not reached")

    def _serve(self, call: Call, connection: Connection, target: Target) -> Answer | Refused:
        if call.method == "GET":
            # Reads are in the ledger for proofs too, but need not wait for the disk.
            connection.execute("set local synchronous_commit to off")
        try:
            if target.mode != "now":
                answer = _queue(call, connection, target)
            else:
                answer = _render(call, target.route.handler(call, connection))
        except auth.KeptRefusal as kept:
            ledger.record(connection, call, kept.status)
            return kept
        ledger.record(connection, call, answer.status)
        return answer

    def consume(self, make_call: Callable[[str], Call | None]) -> int:
        """Work off the queue of asynchronous operations; how many were done.

        Args:
            make_call: an empty call to a store by its code; None where the store's consumer is not running.
        """
        with self.database.transaction() as connection:
            rows = connection.execute(
                "select instance, uuid, id, body from sandbox_operation where status = %s order by instance, uuid, id",
                (bulk_calls.OPEN,),
            ).fetchall()
        done = 0
        for instance, bulk_uuid, position, text in rows:
            call = make_call(instance)
            if call is None:
                continue
            self._consume_one(call, bulk_uuid, position, load(text))
            done += 1
        return done

    def _consume_one(self, call: Call, bulk_uuid: str, position: int, operation: Document) -> None:
        found = next(
            match for match in [find_route(operation["method"], operation["template"].split("/"))] if match is not None
        )
        route = found[0]
        body = operation["body"]
        names = [name[1:] for name in route.template.split("/") if name.startswith(":")]
        call.method, call.path = route.method, f"/rest/{route.template}"
        call.variables = {name: str(_parameter(body, name)) for name in names}
        call.headers = {"content-type": "application/json"}
        call.body = dump(body).encode()
        outcome: tuple[int, str | None, str | None, int | None]

        def work(connection: Connection) -> Answer:
            result = route.handler(call, connection)
            shown = None if route.void else result.text if isinstance(result, Rendered) else dump(result)
            message = f"Service execution success {route.service[1] if route.service else route.template}"
            _finish(connection, call, bulk_uuid, position, (bulk_calls.COMPLETE, message, shown, None))
            ledger.record(connection, call, 200)
            return Answer(200, "")

        try:
            self._with_retries(call, work)
        except Refused as refused:
            outcome = (bulk_calls.FAILED, refused.text, None, 0)
            call.effects.clear()
            with self.database.transaction() as connection:
                _finish(connection, call, bulk_uuid, position, outcome)
                ledger.record(connection, call, refused.status)


def _finish(
    connection: Connection,
    call: Call,
    bulk_uuid: str,
    position: int,
    outcome: tuple[int, str | None, str | None, int | None],
) -> None:
    connection.execute(
        "update sandbox_operation set status = %s, result_message = %s, result = %s, error_code = %s"
        " where instance = %s and uuid = %s and id = %s",
        (*outcome, call.store.code, bulk_uuid, position),
    )


def _parameter(body: Any, name: str) -> Any:
    """A path variable from a bulk body, in either spelling."""
    values = {upper_camel(key): value for key, value in body.items()} if isinstance(body, dict) else {}
    return values.get(upper_camel(name), "")


def _queue(call: Call, connection: Connection, target: Target) -> Answer:
    body = call.json_body()
    if target.mode == "bulk":
        bodies = list(body.values()) if isinstance(body, dict) else body if isinstance(body, list) else []
        bodies = [each for each in bodies if isinstance(each, dict)] if isinstance(body, dict) else bodies
    else:
        bodies = [{**target.variables, **(body if isinstance(body, dict) else {})}]
    return bulk_calls.accept(call, connection, target.route, bodies)


def _render(call: Call, result: Any) -> Answer:
    """A service's result as the caller wants it: trimmed by `fields`, as JSON, or as XML if only that is accepted.

    Raises:
        Refused: 500 in plain text for an `Accept` that Magento cannot serve.
    """
    if isinstance(result, Answer):
        return result
    fields = call.query.get("fields")
    if isinstance(fields, str) and fields not in {"", "0"}:
        value = load(result.text) if isinstance(result, Rendered) else result
        if isinstance(value, dict | list):
            try:
                result = trim(value, fields)
            except TypeError:
                raise internal_error() from None
    text = result.text if isinstance(result, Rendered) else dump(result)
    accept = call.headers.get("accept", "*/*").lower()
    if "json" in accept or "*/*" in accept or "application/*" in accept or not accept.strip():
        return Answer(200, text)
    if "xml" in accept:
        return Answer(200, xml_answers.render(load(text)), "application/xml; charset=utf-8")
    raise wrongly_typed()


def touch_oldest(connection: Connection, instance: str, count: int, now: str) -> list[int]:
    """Move `updated_at` of the orders changed longest ago, as a change of their own would; their ids."""
    rows = connection.execute(
        "select document from sandbox_document where instance = %s and kind = 'order' order by updated_at, id limit %s"
        " for update",
        (instance, count),
    ).fetchall()
    orders = [load(row[0]) for row in rows]
    for order in orders:
        order["updated_at"] = now
    documents.save(connection, instance, "order", orders)
    return [int(order["entity_id"]) for order in orders]
