"""Errors as problem details (RFC 9457): what happened, which line, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from magento_oms.ports import ConfigurationError, OutsideError
from magento_oms.workflows.warehouse.problems import Kind, WarehouseProblem

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
STATUS = {Kind.MISSING: 404, Kind.CONFLICT: 409, Kind.REFUSED: 422, Kind.INVALID: 422}
TITLES = {
    400: "The request is not understood",
    401: "Not known here",
    403: "Not allowed",
    404: "No such thing",
    405: "No such call",
    408: "Too slow",
    409: "Conflict",
    410: "Gone",
    413: "Too large",
    415: "Not JSON",
    422: "Refused",
    429: "Too many requests",
    500: "Our fault",
    503: "Try again",
}


class ProblemPart(BaseModel):
    """One thing that is wrong: where in the request, and what."""

    pointer: str
    detail: str


class Problem(BaseModel):
    """A problem (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    way_out: str = ""
    errors: list[ProblemPart] = Field(default_factory=list)


class ApiProblem(Exception):
    """Ends a request with a problem."""

    def __init__(
        self, status: int, detail: str, *, way_out: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.way_out = way_out
        self.headers = dict(headers or {})


def answer(
    status: int,
    detail: str,
    *,
    way_out: str = "",
    errors: list[ProblemPart] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """A problem as it is sent."""
    problem = Problem(
        title=TITLES.get(status, "Problem"), status=status, detail=detail, way_out=way_out, errors=errors or []
    )
    return JSONResponse(problem.model_dump(), status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def handle_problems(app: FastAPI) -> None:
    """Let an application answer every error as a problem."""

    @app.exception_handler(ApiProblem)
    async def own(_: Request, problem: ApiProblem) -> JSONResponse:
        return answer(problem.status, problem.detail, way_out=problem.way_out, headers=problem.headers)

    @app.exception_handler(WarehouseProblem)
    async def warehouse(_: Request, problem: WarehouseProblem) -> JSONResponse:
        parts = [ProblemPart(pointer=detail.pointer, detail=detail.reason) for detail in problem.details]
        return answer(STATUS[problem.kind], problem.what, way_out=problem.way_out, errors=parts)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        parts = [
            ProblemPart(pointer="/" + "/".join(str(step) for step in found["loc"]), detail=found["msg"])
            for found in error.errors()
        ]
        return answer(422, "The request does not fit its description.", errors=parts[:100])

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        return answer(error.status_code, str(error.detail), headers=error.headers)

    @app.exception_handler(OutsideError)
    async def outside(_: Request, error: OutsideError) -> JSONResponse:
        status = 500 if isinstance(error, ConfigurationError) else 503
        return answer(status, error.what, way_out=error.way_out)

    @app.exception_handler(OperationalError)
    async def database(_: Request, error: OperationalError) -> JSONResponse:
        log.warning("the database does not answer", error=type(error).__name__)
        return answer(503, "The OMS database does not answer; nothing was changed.", headers={"Retry-After": "5"})

    @app.exception_handler(Exception)
    async def ours(_: Request, error: Exception) -> JSONResponse:
        log.exception("OMS API failed")
        return answer(500, "Something failed here; nothing was changed.", way_out="The log has the details.")


def described(*statuses: int, body: bool = False) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer with, for its description.

    Args:
        body: the route takes one.
    """
    usual = (401, 403, 422, 429, 500, 503, *((400, 408, 413, 415) if body else ()))
    return {
        status: {
            "description": TITLES[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            **({"headers": {"Retry-After": _RETRY_AFTER}} if status == 429 else {}),
        }
        for status in sorted({*usual, *statuses})
    }


_RETRY_AFTER = {"description": "seconds to wait", "required": True, "schema": {"type": "integer", "minimum": 1}}


def describe_problems(schema: dict[str, Any]) -> dict[str, Any]:
    """Add what `described` refers to, to an application's OpenAPI description, and leave out what is never sent."""
    parts = schema["components"]["schemas"]
    parts.pop("HTTPValidationError", None)
    parts.pop("ValidationError", None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    parts |= problem.pop("$defs", {})
    parts["Problem"] = problem
    return schema
