"""The routes that couriers and stores post to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import orjson
import structlog
from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse

from magento_oms.gateway.doors import Doors, is_signed
from magento_oms.gateway.limits import Rate, TooLargeError, TooSlowError, body_of
from magento_oms.gateway.writer import NotStoredError, Writer

log = structlog.get_logger(__name__)

PER_ACCOUNT = (1000.0, 3000.0)
"""Webhooks a second of one account, and at once."""
STRANGERS = (1.0, 30.0)
"""Requests a second of one address that are not known here, and at once."""


class Refused(Exception):
    """A request that changes nothing."""

    def __init__(self, status: int, why: str, *, retry_after: int | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.headers = {} if retry_after is None else {"Retry-After": str(retry_after)}


_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "Stored; the same body again changes nothing."},
    400: {"description": "No JSON, or of no shape that this sender has."},
    401: {"description": "Not known here."},
    408: {"description": "The body did not come in time."},
    413: {"description": "The body is too large."},
    415: {"description": "The body is compressed."},
    429: {"description": "Too many; `Retry-After` tells when."},
    503: {"description": "It could not be stored: send it again."},
}


def webhook_routes(doors: Callable[[], Doors], writer: Writer, wake: Callable[[str], None]) -> APIRouter:
    """The routes.

    Args:
        doors: who may post, as it is now.
        writer: stores before the answer.
        wake: tells the watcher of an instance that orders changed. Blocking.
    """
    router = APIRouter()
    accounts, strangers = Rate(*PER_ACCOUNT), Rate(*STRANGERS)

    async def courier(request: Request, body: bytes, path: str) -> str:
        door = doors().courier(path)
        if door is None:
            raise Refused(401, "not known here")
        if wait := accounts.wait(door.target):
            raise Refused(429, "too many", retry_after=int(wait) + 1)
        content = _decoded(request, body)
        if not door.lets_in(request.headers, content):
            raise Refused(401, "not known here")
        try:
            tells_something = bool(door.read(content))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
            raise Refused(400, "this is none of the shapes of this sender's webhooks") from None
        if not tells_something:
            return "test"
        return "stored" if await writer.store(door.target, body) else "known"

    async def store(request: Request, body: bytes, instance: str) -> str:
        secrets = doors().stores.get(instance, ())
        signature = request.headers.get("x-signature", "")
        if not is_signed(secrets, request.headers.get("x-timestamp", ""), signature, body):
            raise Refused(401, "not known here, or not signed within the last five minutes")
        from starlette.concurrency import run_in_threadpool

        try:
            await run_in_threadpool(wake, instance)
        except Exception:
            raise NotStoredError from None
        return "woken"

    async def answered(request: Request, take: Callable[[bytes], Any]) -> JSONResponse:
        """One request from end to end: whatever is wrong has its status, and changes nothing."""
        address = request.client.host if request.client else ""
        size = 0
        try:
            body = await body_of(request)
            size = len(body)
            outcome = await take(body)
        except Refused as refusal:
            if refusal.status == 401 and strangers.wait(address):
                refusal = Refused(429, "too many", retry_after=60)
            return _refusal(refusal, size)
        except TooLargeError:
            return _refusal(Refused(413, "the body is too large"), size)
        except TooSlowError:
            return _refusal(Refused(408, "the body did not come in time"), size)
        except NotStoredError:
            return _refusal(Refused(503, "it could not be stored: send it again", retry_after=5), size)
        log.debug("webhook", outcome=outcome, bytes=size)
        return JSONResponse({"status": "ok"})

    @router.post("/webhooks/magento/{instance}", responses=_RESPONSES)
    async def from_a_store(
        request: Request, instance: Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{1,30}$")]
    ) -> JSONResponse:
        """A store says that orders changed: they are read at once. Signed: see the documentation of the gateway."""
        return await answered(request, lambda body: store(request, body, instance))

    @router.post("/webhooks/{path}", responses=_RESPONSES)
    async def from_a_courier(request: Request, path: str) -> JSONResponse:
        """An aggregator tells of parcels. The path is the account's secret."""
        return await answered(request, lambda body: courier(request, body, path))

    return router


def _decoded(request: Request, body: bytes) -> Any:
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(415, "compressed bodies are not taken")
    try:
        return orjson.loads(body)
    except ValueError:
        raise Refused(400, "this is no JSON") from None


def _refusal(refusal: Refused, size: int) -> JSONResponse:
    log.info("webhook refused", status=refusal.status, why=str(refusal), bytes=size)
    return JSONResponse({"error": str(refusal)}, status_code=refusal.status, headers=refusal.headers)
