"""Shiprocket's login: tokens like JWTs, good for ten days."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from typing import Any

from commerce_sandbox.couriers.desk import CourierCall, Desk, Reply

TOKEN_SECONDS = 864_000


def login(call: CourierCall, desk: Desk) -> Reply:
    """A token; 403, not 401, where the credentials are wrong."""
    body = call.json()
    given = (body.get("email"), body.get("password")) if isinstance(body, dict) else (None, None)
    if given != (desk.account.credential("email"), desk.account.credential("password")):
        return Reply(403, {"message": "Invalid email and password combination", "status_code": 403})
    now = int(time.time())
    claims = {"iss": f"{call.root}/auth/login", "iat": now, "exp": now + TOKEN_SECONDS, "jti": str(now), "sub": 1}
    token = ".".join(_encoded(part) for part in ({"alg": "HS256", "typ": "JWT"}, claims, {"of": desk.account.code}))
    desk.effect("login")
    return Reply(200, {"id": 1, "company_id": 1, "email": given[0], "first_name": "API", "token": token})


def is_logged_in(call: CourierCall, desk: Desk) -> bool:
    """Whether the caller's token is one of this account's, and still good."""
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    parts = token.split(".")
    if scheme != "Bearer" or len(parts) != 3:
        return False
    try:
        claims, signed = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in parts[1:])
    except ValueError:
        return False
    fresh = claims["iat"] >= desk.account.switch("tokens_from") and claims["exp"] > time.time()
    return bool(signed == {"of": desk.account.code} and fresh)


def _encoded(part: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
