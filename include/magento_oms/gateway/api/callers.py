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

    def __init__(self, url: str) -> None:
        self._url = url
        self._known: dict[bytes, tuple[float, Caller]] = {}
        self._lock = threading.Lock()
        self._rate, self._strangers = Rate(*A_TOKEN), Rate(*STRANGERS)

    def caller(self, token: str, address: str) -> Caller:
        """Who holds a token.

        Raises:
            ApiProblem: nobody does, or it is used too often.
        """
        digest = api_tokens.digest(token)
        with self._lock:
            at, known = self._known.get(digest, (0.0, None))
        if known is None or time.monotonic() - at > KNOWN_SECONDS:
            with engine(self._url).begin() as connection:
                known = api_tokens.caller(connection, token) if token else None
            with self._lock:
                self._known.pop(digest, None)
                if known is not None:
                    self._known[digest] = (time.monotonic(), known)
        with self._lock:
            if known is None:
                if self._strangers.wait(address):
                    raise ApiProblem(429, "Too many requests without a good token.", headers={"Retry-After": "60"})
                raise ApiProblem(
                    401,
                    "The token is missing, not known, revoked or expired.",
                    way_out="Send `Authorization: Bearer …`; `magento-oms tokens create` makes one.",
                    headers={"WWW-Authenticate": "Bearer"},
                )
            if wait := self._rate.wait(str(known.id)):
                raise ApiProblem(
                    429, "This token makes too many requests.", headers={"Retry-After": str(int(wait) + 1)}
                )
        return known


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
