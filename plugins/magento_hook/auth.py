"""The three ways to say who we are: an admin's token, a signed integration, an integration's bearer token."""

from __future__ import annotations

import base64
import binascii
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

from oauthlib.oauth1 import SIGNATURE_HMAC_SHA256, Client

from careful_http.exchange import Answer, Call, Method
from careful_http.outcome import Outcome
from magento_hook.connection import AuthKind, MagentoConnection
from magento_hook.errors import (
    is_bad_signature,
    is_login_refusal,
    is_used_nonce,
    wants_second_factor,
)
from magento_hook.messages import read_message
from magento_oms.ports import (
    AuthenticationError,
    ConfigurationError,
    OutsideError,
    Token,
    TokenStore,
)

MOST_SIGNATURES = 3
"""Times that one request is signed at most: another idea of the port, and another nonce."""
MARGIN = 0.1
"""Part of a token's life after which it counts as expired, so that it does not expire under way; 60 s at most."""


@dataclass(frozen=True, slots=True)
class Credential:
    """One `Authorization` header and how it was made."""

    header: str = field(repr=False)
    token: Token | None = None
    with_port: bool = False


class Auth(Protocol):
    """Adds credentials to requests and learns from refusals. Used by several threads at once."""

    def credential(self, method: Method, url: str) -> Credential:
        """The header for one try of a request; every try asks anew. May raise any `OutsideError`."""
        ...

    def may_try_again(self, used: Credential, answer: Answer, tries: int) -> bool:
        """Whether the refused request should be sent once more with a new credential. `tries` counts those made."""
        ...


class Bearer:
    """The access token of an integration. Magento from 2.4.4 takes it only where a setting allows it."""

    def __init__(self, access_token: str) -> None:
        self._credential = Credential(f"Bearer {access_token}")

    def credential(self, method: Method, url: str) -> Credential:
        """Always the same header."""
        return self._credential

    def may_try_again(self, used: Credential, answer: Answer, tries: int) -> bool:
        """Never: there is nothing else to send."""
        return False


class Signed:
    """OAuth 1.0a with HMAC-SHA256. Every try has a nonce and a timestamp of its own.

    Some servers leave a non-standard port out of the URL that they check the signature over, some do not: the first
    refusal switches over, and what worked is kept.
    """

    def __init__(self, connection: MagentoConnection) -> None:
        self._client = Client(
            connection.consumer_key,
            client_secret=connection.consumer_secret,
            resource_owner_key=connection.access_token,
            resource_owner_secret=connection.access_token_secret,
            signature_method=SIGNATURE_HMAC_SHA256,
        )
        self._with_port = False

    def credential(self, method: Method, url: str) -> Credential:
        """A signature over method, URL and query; a JSON body is not part of it."""
        with_port = self._with_port
        _, headers, _ = self._client.sign(url if with_port else without_port(url), http_method=method)
        return Credential(headers["Authorization"], with_port=with_port)

    def may_try_again(self, used: Credential, answer: Answer, tries: int) -> bool:
        """Yes with the port put in or left out, and with a new nonce; a few times at most."""
        if tries >= MOST_SIGNATURES:
            return False
        message = read_message(answer)
        if is_used_nonce(message):
            return True
        if is_bad_signature(message) and tries == 1:
            self._with_port = not used.with_port
            return True
        return False


class AdminToken:
    """A token got with an admin's user name and password, shared by all processes, one login at a time.

    Magento answers an expired token, a revoked one and a missing permission alike. So a refused token is replaced once;
    if the new one is refused too, the permission is missing, and this is remembered for as long as the token is used.

    Args:
        send: makes one request without credentials.
        scope: under which the token is kept.
    """

    def __init__(
        self, connection: MagentoConnection, tokens: TokenStore, scope: str, send: Callable[[Call], Outcome]
    ) -> None:
        self._connection = connection
        self._tokens = tokens
        self._scope = scope
        self._send = send
        self._guard = threading.Lock()
        self._current: Token | None = None
        self._denied: set[tuple[str, str]] = set()

    def credential(self, method: Method, url: str) -> Credential:
        """The shared token; if there is none, log in, or wait for whoever is logging in.

        Raises:
            AuthenticationError: the login was refused, now or within the cool-down.
            ConfigurationError: two-factor login is on.
        """
        token = self._known() or self._tokens.get(self._scope) or self._logged_in()
        with self._guard:
            self._current = token
        return Credential(f"Bearer {token.value}", token=token)

    def may_try_again(self, used: Credential, answer: Answer, tries: int) -> bool:
        """Once, with another token, unless this token has been shown to lack just this permission."""
        if answer.status != 401 or used.token is None:
            return False
        resource = str(read_message(answer).parameter("resources") or "")
        if tries > 1:
            self._denied.add((used.token.value, resource))
        if (used.token.value, resource) in self._denied:
            return False
        with self._guard:
            if self._current is not None and self._current.value == used.token.value:
                self._current = None
        self._tokens.forget(self._scope, used.token)
        return True

    def is_json_web_token(self) -> bool:
        """Whether the store gave a JWT, which Magento does from 2.4.4 on."""
        with self._guard:
            return self._current is not None and _claims(self._current.value) is not None

    def _known(self) -> Token | None:
        with self._guard:
            token = self._current
            if token is not None and token.expires_at is not None and token.expires_at <= datetime.now(UTC):
                self._current = token = None
            return token

    def _logged_in(self) -> Token:
        with self._tokens.login(self._scope) as turn:
            if turn.token is not None:
                return turn.token
            outcome = self._send(self._login())
            if outcome.trouble is not None:
                reason, error = _refusal(outcome)
                if reason:
                    turn.refused(reason)
                raise error
            token = _token_of(outcome.answer)
            turn.succeeded(token)
            return token

    def _login(self) -> Call:
        return Call(
            "POST",
            "/integration/admin/token",
            body={"username": self._connection.username, "password": self._connection.password},
            about="login",
        )


def _refusal(outcome: Outcome) -> tuple[str, OutsideError]:
    """Why a failed login starts the cool-down (empty where it does not: nothing was refused), and what to raise."""
    error = outcome.error
    if outcome.answer is None:
        return "", error
    message = read_message(outcome.answer)
    if wants_second_factor(message):  # each try sends that admin an e-mail
        return "two-factor login is on", ConfigurationError(
            error.what,
            way_out="Two-factor login is on: use an integration (OAuth) in the connection; it needs no second factor.",
            status=error.status,
            exchange=error.exchange,
        )
    if is_login_refusal(message) or isinstance(error, AuthenticationError):
        return message.text, AuthenticationError(
            error.what,
            way_out="Correct user name and password in the connection; a locked account opens after half an hour.",
            status=error.status,
            exchange=error.exchange,
        )
    return "", error


def auth_for(connection: MagentoConnection, tokens: TokenStore, scope: str, send: Callable[[Call], Outcome]) -> Auth:
    """The way that the connection names."""
    match connection.auth:
        case AuthKind.ADMIN_TOKEN:
            return AdminToken(connection, tokens, scope, send)
        case AuthKind.INTEGRATION_OAUTH:
            return Signed(connection)
        case AuthKind.INTEGRATION_BEARER:
            return Bearer(connection.access_token)


def without_port(url: str) -> str:
    """`url` without its port."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts._replace(netloc=f"[{host}]" if ":" in host else host).geturl()


def _token_of(answer: Answer | None) -> Token:
    """The token of a login's answer. A JWT tells its life; another one lives until it is refused."""
    try:
        value = None if answer is None else answer.json
    except ValueError:
        value = None
    if not isinstance(value, str) or not value:
        raise ConfigurationError(
            "The store answered the login with something that is no token.",
            way_out="A module changes the login: use an integration (OAuth) in the connection.",
        )
    claims = _claims(value)
    if claims is None:
        return Token(value)
    life = claims[1] - claims[0]
    # By our own clock from now on: the store's may be wrong.
    return Token(value, datetime.now(UTC) + timedelta(seconds=life - min(life * MARGIN, 60.0)))


def _claims(token: str) -> tuple[float, float] | None:
    """When a JWT was issued and when it expires (Unix time), or None where it is not such a token."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        issued, expires = float(claims["iat"]), float(claims["exp"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        return None
    return (issued, expires) if expires > issued else None
