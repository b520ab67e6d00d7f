"""Who calls: admin tokens, integration tokens as bearer, OAuth 1.0a; and the logins that give tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from commerce_sandbox import oauth
from commerce_sandbox.criteria import required
from commerce_sandbox.database import Connection
from commerce_sandbox.http_types import Call
from commerce_sandbox.magento_rules.book import Refused
from commerce_sandbox.oauth import same_secret

SIGN_IN_REFUSED = (
    "The account sign-in was incorrect or your account is disabled temporarily. Please wait and try again later."
)

TWO_FACTOR_PROVIDERS = {
    "google": "google",
    "duo_security": "duo-security",
    "authy": "authy",
    "u2fkey": "u2fkey",
}

ADMIN, INTEGRATION = 2, 1

_OPAQUE_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Caller:
    """Someone who may call: name, id, kind (Magento's user type) and the ACL resources held; None is all of them."""

    name: str
    user_id: int
    user_type: int
    resources: frozenset[str] | None

    def may(self, resource: str) -> bool:
        """Whether the caller holds an ACL resource."""
        return self.resources is None or resource in self.resources


def unauthorised(resources: tuple[str, ...]) -> Refused:
    """The one 401 for no token, a bad or expired one, and a missing permission."""
    return Refused(401, "The consumer isn't authorized to access %resources.", {"resources": ", ".join(resources)})


def identify_by_signature(call: Call) -> Caller | None:
    """The caller of a valid JWT, told without the database; None for everybody else, who may be known otherwise."""
    scheme, _, credentials = call.headers.get("authorization", "").partition(" ")
    payload = read_token(credentials.strip(), call.store.secret) if scheme.lower() == "bearer" else None
    return None if payload is None else _valid_admin(call, payload)


def _valid_admin(call: Call, payload: Mapping[str, Any]) -> Caller | None:
    """The administrator of a token, if there still is one and the token's life is not over."""
    users = call.store.settings.users
    valid = payload["exp"] > call.now and payload["iat"] >= call.store.tokens_from and payload["name"] in users
    return _admin_caller(users, payload["name"]) if valid else None


def identify(call: Call, connection: Connection) -> Caller | None:
    """Who calls; None for a guest, which a bad or expired token makes of anybody.

    Raises:
        Refused: an OAuth header that does not hold (400 or 401).
    """
    header = call.headers.get("authorization", "")
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() == "bearer":
        return _bearer(call, connection, credentials.strip())
    if scheme.lower() == "oauth":
        position, integration = oauth.verify(call, connection, credentials)
        return _integration_caller(position, integration)
    return None


def _bearer(call: Call, connection: Connection, token: str) -> Caller | None:
    store = call.store
    payload = read_token(token, store.secret) or _kept_token(call, connection, token)
    if payload is not None:
        return _valid_admin(call, payload)
    bearer = store.settings.switch("integration_bearer")
    for position, integration in enumerate(store.settings.integrations, 1):
        if bearer and same_secret(str(integration["token"]), token):
            return _integration_caller(position, integration)
    return None


def _kept_token(call: Call, connection: Connection, token: str) -> dict[str, Any] | None:
    """What is known of a token that is no JWT, as older versions give them out."""
    if len(token) != _OPAQUE_LENGTH:
        return None
    row = connection.execute(
        "select username, issued, expires from sandbox_token where instance = %s and token = %s",
        (call.store.code, token),
    ).fetchone()
    return None if row is None else {"name": row[0], "iat": row[1], "exp": row[2]}


def _admin_caller(users: Mapping[str, Mapping[str, Any]], name: str) -> Caller:
    resources = users[name].get("resources")
    return Caller(name, list(users).index(name) + 1, ADMIN, None if resources is None else frozenset(resources))


def _integration_caller(position: int, integration: Mapping[str, Any]) -> Caller:
    resources = integration.get("resources")
    return Caller(f"integration {position}", position, INTEGRATION, None if resources is None else frozenset(resources))


def sign_token(payload: Mapping[str, Any], secret: str) -> str:
    """A JWT (HS256)."""
    signed = ".".join(_base64(json.dumps(part).encode()) for part in ({"kid": "1", "alg": "HS256"}, payload))
    return f"{signed}.{_base64(_mac(signed, secret))}"


def read_token(token: str, secret: str) -> dict[str, Any] | None:
    """What a token of `sign_token` says, None if it is none of ours or was tampered with. Its life is not looked at."""
    signed, _, signature = token.rpartition(".")
    if not signed or not same_secret(_base64(_mac(signed, secret)), signature):
        return None
    middle = signed.rpartition(".")[2]
    payload: dict[str, Any] = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    return payload


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _mac(text: str, secret: str) -> bytes:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()


def admin_token(call: Call, connection: Connection) -> str:
    """`POST /V1/integration/admin/token`: a token for name and password.

    Raises:
        Refused: 400 missing fields; 401 wrong password or locked account (one text for both); 400 or 401 by version
            while two-factor login is on.
    """
    name = _sign_in(call, connection)
    if providers := call.store.settings.two_factor:
        raise Refused(
            int(str(call.store.settings.switch("two_factor_status"))),
            "Please use the 2fa provider-specific endpoints to obtain a token.",
            {"active_providers": list(providers)},
        )
    return _token(call, connection, name)


def two_factor_token(call: Call, connection: Connection) -> str:
    """`POST /V1/tfa/provider/google/authenticate`: a token for name, password and a one-time code of six digits."""
    name = _sign_in(call, connection)
    otp = str(_parameters(call).get("otp") or "")
    if "google" not in call.store.settings.two_factor:
        raise Refused(400, "Provider is not allowed.")
    if not (otp.isdigit() and len(otp) == 6):
        raise Refused(400, "Invalid code.")
    return _token(call, connection, name)


def _token(call: Call, connection: Connection, name: str) -> str:
    life = float(call.store.settings.users[name].get("token_seconds") or call.store.settings.token_seconds)
    if not call.store.settings.switch("jwt"):
        token = secrets.token_hex(_OPAQUE_LENGTH // 2)
        connection.execute(
            "insert into sandbox_token values (%s, %s, %s, %s, %s)",
            (call.store.code, token, name, call.now, call.now + life),
        )
        return token
    payload = {"uid": 1, "utypid": ADMIN, "iat": call.now, "exp": call.now + life, "name": name}
    return sign_token(payload, call.store.secret)


def _parameters(call: Call) -> dict[str, Any]:
    body = call.json_body()
    return body if isinstance(body, dict) else {}


def _sign_in(call: Call, connection: Connection) -> str:
    """The user of a right password. Six wrong ones in a row lock the account, also for the right one."""
    body = _parameters(call)
    missing = [name for name in ("username", "password") if body.get(name) is None]
    missing = missing or [name for name in ("username", "password") if str(body[name]) == ""]
    if missing:
        raise required(*missing)
    name, password = str(body["username"]), str(body["password"])
    settings, code = call.store.settings, call.store.code
    row = connection.execute(
        "select failures, locked_until from sandbox_login where instance = %s and username = %s for update",
        (code, name),
    ).fetchone()
    failures, locked_until = row or (0, 0.0)
    user = settings.users.get(name)
    if (
        user is None
        or locked_until > call.now
        or not hmac.compare_digest(str(user["password"]).encode(), password.encode())
    ):
        if locked_until <= call.now:
            failures = 1 if failures >= settings.max_failures else failures + 1
            locked_until = call.now + settings.lock_seconds if failures >= settings.max_failures else 0.0
        _remember_login(connection, code, name, failures, locked_until)
        raise KeptRefusal(401, SIGN_IN_REFUSED)
    if row is not None:
        _remember_login(connection, code, name, 0, 0.0)
    return name


class KeptRefusal(Refused):
    """A refusal whose work in the database is kept: a failed login is counted."""


def _remember_login(connection: Connection, code: str, name: str, failures: int, locked_until: float) -> None:
    connection.execute(
        "insert into sandbox_login values (%s, %s, %s, %s) on conflict (instance, username)"
        " do update set failures = excluded.failures, locked_until = excluded.locked_until",
        (code, name, failures, locked_until),
    )
