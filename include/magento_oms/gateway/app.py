"""The gateway as an ASGI application."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from magento_oms.gateway.doors import Doors, KeptDoors
from magento_oms.gateway.webhooks import webhook_routes
from magento_oms.gateway.writer import Writer
from magento_oms.storage import webhooks
from magento_oms.storage.database import autocommit, engine, notify, text
from magento_oms.workflows.order_pull import orders_signal


def create_app(url: str, load: Callable[[], Doors], api: FastAPI | None = None) -> FastAPI:
    """The application; it stores only, see `working` for what comes of it.

    Args:
        url: the OMS database.
        load: reads the doors, now and every minute.
        api: the OMS API, served under /api/v1.
    """
    doors = KeptDoors(load)
    writer = Writer(url)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        writing = asyncio.create_task(writer.work())
        keeping = threading.Thread(target=doors.keep, name="doors", daemon=True)
        keeping.start()
        yield
        doors.stop()
        writing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writing

    def wake(instance: str) -> None:
        with engine(url).begin() as connection:
            notify(connection, orders_signal(instance))

    # No page of the routes: strangers need not know them.
    app = FastAPI(title="Gateway", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(webhook_routes(doors, writer, wake))

    @app.get("/health")
    async def health() -> dict[str, str]:
        """That the process lives."""
        return {"status": "ok"}

    @app.get("/ready", responses={503: {"description": "The database does not answer."}})
    async def ready() -> JSONResponse:
        """That webhooks can be stored, and how many wait to be worked on."""

        def look() -> int:
            with autocommit(url) as connection:
                connection.execute(text("select 1"))
                return webhooks.waiting(connection)

        try:
            async with asyncio.timeout(3):
                waiting = await run_in_threadpool(look)
        except Exception:
            return JSONResponse({"status": "the database does not answer"}, status_code=503)
        return JSONResponse({"status": "ok", "waiting": waiting})

    if api is not None:
        app.mount("/api/v1", api)
    return app
