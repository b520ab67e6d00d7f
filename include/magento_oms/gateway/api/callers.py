"""Who calls: a bearer token with scopes, and how many requests it may make."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from magento_oms.gateway.api.problems import ApiProblem
from magento_oms.gateway.limits import Rate
from magento_oms.storage import api_tokens
from magento_oms.storage.api_tokens import Caller, Scope
from magento_oms.storage.database import engine

A_TOKEN = (30.0, 120.0)
"""Requests a second of one token, and at once."""
STRANGERS = (1.0, 30.0)
"""Requests a second of one address without a good token, and at once."""
KNOWN_SECONDS = 10.0
"""So long a token is known without asking the database: a revoked one works no longer than this."""

_bearer = HTTPBearer(auto_error=False, description="A token made by `magento-oms tokens create`.")


class Callers:
    """Knows tokens; may be used by several threads."""

    def __init__(
        self, url: str, *, a_token: tuple[float, float] = A_TOKEN, strangers: tuple[float, float] = STRANGERS
    ) -> None:
        self._url = url
        self._known: dict[bytes, tuple[float, Caller]] = {}
        self._lock = threading.Lock()
        self._rate, self._strangers = Rate(*a_token), Rate(*strangers)

    def caller(self, token: str, address: str) -> Caller:
        """Who holds a token.

        Raises:
            ApiProblem: nobody does, or it is used too often.
        """
        digest = api_tokens.digest(token)
        with self._lock:
            at, known = self._known.get(digest, (0.0, None))
            # Before the database is asked: guessing must cost nothing but the guesser's time.
            if known is None and (wait := self._strangers.wait(address)):
                raise _too_many("Too many requests without a good token.", wait)
        if known is None or time.monotonic() - at > KNOWN_SECONDS:
            known = self._look_up(token, digest)
        if known is None:
            raise ApiProblem(
                401,
                "The token is missing, not known, revoked or expired.",
                way_out="Send `Authorization: Bearer …`; `magento-oms tokens create` makes one.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        with self._lock:
            if wait := self._rate.wait(str(known.id)):
                raise _too_many("This token makes too many requests.", wait)
        return known

    def _look_up(self, token: str, digest: bytes) -> Caller | None:
        found = None
        if token:
            with engine(self._url).begin() as connection:
                found = api_tokens.caller(connection, token)
        with self._lock:
            self._known.pop(digest, None)
            if found is not None:
                self._known[digest] = (time.monotonic(), found)
        return found


def _too_many(what: str, wait: float) -> ApiProblem:
    return ApiProblem(429, what, headers={"Retry-After": str(int(wait) + 1)})


def needs(scope: Scope) -> Callable[..., Caller]:
    """A dependency: the caller, who must have a scope."""

    def depend(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Caller:
        callers: Callers = request.app.state.callers
        address = request.client.host if request.client else ""
        caller = callers.caller(credentials.credentials if credentials else "", address)
        if scope not in caller.scopes:
            raise ApiProblem(
                403,
                f"This token lacks the scope {scope}.",
                way_out="Make one that has it: `magento-oms tokens create`.",
            )
        return caller

    return depend
