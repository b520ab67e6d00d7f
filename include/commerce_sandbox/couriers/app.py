"""The courier stand-ins as an ASGI application below `/couriers/{account}`, with faults on demand."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping, MutableMapping, Sequence
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING, Any

from commerce_sandbox.couriers.desk import CourierCall, Reply
from commerce_sandbox.dropping import drop_connection
from commerce_sandbox.faults import Fault

if TYPE_CHECKING:
    from commerce_sandbox.app import Sandbox

Scope = MutableMapping[str, Any]

_HANG_SECONDS = 120.0
_NO_BODY = frozenset({204, 304})
_PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr>nginx</body></html>"
_NAMES = {500: "500 Internal Server Error", 502: "502 Bad Gateway", 503: "503 Service Unavailable",
          504: "504 Gateway Time-out"}  # fmt: skip


class CourierApp:
    """Answers requests to the accounts."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """One request."""
        body = await _read(receive)
        code, _, rest = scope["path"].removeprefix("/couriers/").partition("/")
        account = await self._in_thread(self._sandbox.couriers.accounts.find, code)
        if account is None:
            await _send(send, Reply(404, {"message": f"there is no courier account {code!r} in this sandbox"}))
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        root = f"{scope.get('scheme', 'http')}://{headers.get('host', '127.0.0.1')}/couriers/{code}"
        struck: Sequence[Fault] = ()
        if self._sandbox.faults.any:
            struck = await self._in_thread(self._sandbox.faults.choose, f"courier:{code}", scope["method"], f"/{rest}")
        kinds = [fault.kind for fault in struck]
        call = CourierCall(
            scope["method"], f"/{rest}", scope["query_string"].decode("latin-1"), headers, body, root,
            expired="expired_token" in kinds,
        )  # fmt: skip
        note = ", ".join(kinds) or None
        await asyncio.sleep(float(account.settings["latency_ms"]) / 1000)
        for fault in struck:
            if fault.kind == "latency":
                await asyncio.sleep(float(fault.rule.get("seconds", 1)))
            if fault.kind == "reset":
                drop_connection(receive)
                return
            if (instead := _instead(fault)) is not None:
                await self._in_thread(self._sandbox.couriers.note, account, call, instead, note)
                await _send(send, instead)
                return
        reply = await self._in_thread(self._sandbox.couriers.answer, account, call, fault=note)
        if reply.slow_seconds:
            await asyncio.sleep(reply.slow_seconds)
        for fault in struck:
            if fault.kind == "error_after":
                reply = _page(int(fault.rule.get("status", 500)))
            if fault.kind == "timeout_after":
                await asyncio.sleep(float(fault.rule.get("seconds", _HANG_SECONDS)))
            if fault.kind in ("timeout_after", "reset_after"):
                drop_connection(receive)
                return
        await _send(send, reply)

    async def _in_thread(self, work: Any, *arguments: Any, **named: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._sandbox.threads, partial(work, *arguments, **named))


async def _read(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _instead(fault: Fault) -> Reply | None:
    """The answer that a fault gives instead of doing anything."""
    rule = fault.rule
    match fault.kind:
        case "error_before":
            return _page(int(rule.get("status", 500)))
        case "php_down":
            return _page(502)
        case "maintenance" | "database_down":
            return _page(503)
        case "too_many_requests":
            after: Mapping[str, str] = {"retry-after": str(rule["retry_after"])} if "retry_after" in rule else {}
            return Reply(429, {"message": "Too Many Attempts."}, headers=after)
        case "redirect":
            return Reply(302, "", "text/html", {"location": str(rule.get("location", "https://vendor.invalid/"))})
        case _:
            return None


def _page(status: int) -> Reply:
    return Reply(status, _PAGE.format(_NAMES.get(status, str(status))), "text/html")


async def _send(send: Any, reply: Reply) -> None:
    if isinstance(reply.body, bytes):
        body = reply.body
    elif isinstance(reply.body, str) and reply.content_type != "application/json":
        body = reply.body.encode()
    else:
        body = b"" if reply.status in _NO_BODY else json.dumps(reply.body, ensure_ascii=False).encode()
    headers = {
        "date": formatdate(usegmt=True),
        "content-type": reply.content_type,
        "content-length": str(len(body)),
        **reply.headers,
    }
    if reply.status in _NO_BODY:
        headers.pop("content-length")
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


async def travel_for_ever(sandbox: Sandbox, *, every: float = 0.25) -> None:
    """Move parcels and send webhooks, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(every)
        with contextlib.suppress(Exception):
            # Postgres may be away for a moment: what waits is in its tables.
            await loop.run_in_executor(sandbox.threads, sandbox.couriers.travel)
            await loop.run_in_executor(sandbox.threads, sandbox.couriers.deliver)
