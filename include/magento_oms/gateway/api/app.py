"""The OMS API as an ASGI application of its own, mounted by the gateway under `/api/v1`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response

from magento_oms.gateway.api import (
    cancellation_routes,
    fulfilment_routes,
    manifest_routes,
    order_routes,
    permit_routes,
    return_routes,
    stock_routes,
)
from magento_oms.gateway.api.callers import Callers
from magento_oms.gateway.api.problems import answer, describe_problems, handle_problems
from magento_oms.gateway.api.room import Room
from magento_oms.gateway.limits import TooLargeError, TooSlowError, body_of

LARGEST_BODY = 4 * 1024 * 1024


def create_api(room: Room, callers: Callers | None = None) -> FastAPI:
    """The application. Every route asks for a token with a scope, but the description itself.

    Args:
        callers: None: with the usual limits.
    """
    app = FastAPI(
        title="OMS API",
        version="1",
        # The pages that FastAPI makes of the description load scripts of others from the internet.
        docs_url=None,
        redoc_url=None,
        description="Fulfilments to work on, packing, handing over, stock and orders. Errors are problem details"
        " (RFC 9457). Money in rupees, times in UTC, sizes in centimetres and grams.",
    )
    app.state.callers = callers or Callers(room.url)
    handle_problems(app)
    for routes in (
        fulfilment_routes.fulfilment_routes(room),
        manifest_routes.manifest_routes(room),
        permit_routes.permit_routes(room),
        stock_routes.stock_routes(room),
        order_routes.order_routes(room),
        cancellation_routes.cancellation_routes(room),
        return_routes.return_routes(room),
    ):
        app.include_router(routes)

    make = app.openapi
    app.openapi = lambda: app.openapi_schema or describe_problems(make())  # type: ignore[method-assign]  # FastAPI's way

    @app.middleware("http")
    async def bounded(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if request.method in ("POST", "PUT", "PATCH"):
            try:
                request._body = await body_of(request, largest=LARGEST_BODY)  # read once, kept for the route
            except TooLargeError:
                return answer(413, f"The body is larger than {LARGEST_BODY} bytes.", way_out="Send it in batches.")
            except TooSlowError:
                return answer(408, "The body did not come in time.")
            told = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if request._body and told != "application/json":
                return answer(415, "The body must be JSON.", way_out="Send `Content-Type: application/json`.")
        return await call_next(request)

    return app
