"""What recordings do not show: masked credentials, and the server's settings at the time of an exchange.

Both are told by the name of a recording, so they are looked up by patterns on names.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from commerce_sandbox.auth import ADMIN, sign_token
from commerce_sandbox.settings import DEFAULT_INTEGRATION
from commerce_sandbox.store import Store

PASSWORD = "Recorded-1"  # noqa: S105  (of the replay's own store)

USERS: Mapping[str, Mapping[str, Any]] = {
    "admin": {"password": PASSWORD, "resources": None},
    "viewer": {"password": PASSWORD, "resources": ["Magento_Sales::actions_view", "Magento_Sales::actions"]},
    "stranger": {"password": PASSWORD, "resources": ["Magento_Cms::page"]},
    "locker": {"password": PASSWORD, "resources": None},
}

STORE_VIEWS = (
    {"id": 1, "code": "default", "name": "Default Store View", "website_id": 1, "store_group_id": 1, "is_active": 1},
    {"id": 0, "code": "admin", "name": "Admin", "website_id": 0, "store_group_id": 0, "is_active": 1},
)
"""The recorded server's store views."""

_SETTINGS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    (r"bearer_enabled", {"switches": {"integration_bearer": True}}),
    (r"maintenance", {"maintenance": True}),
    (r"limits?_", {"input_limits": {"max_page_size": 50, "default_page_size": 20, "array": 20}}),
)
_DOWN: tuple[tuple[str, str], ...] = ((r"db_down|database_down", "database_down"), (r"php_(fpm_)?down", "php_down"))

_GUEST = (
    r"tampered|revoked|(garbage|bad|invalid|wrong|random|fake|malformed|empty|bogus|unknown)_(token|jwt|bearer)"
    r"|(token|jwt|bearer)_(garbage|bad|invalid|wrong|random|fake|malformed|empty|bogus|unknown)\Z"
)
_TOKENS: tuple[tuple[str, str], ...] = (
    (r"oauth", "oauth"),
    (r"integration_bearer|integration_token", "integration"),
    (r"basic_auth", "basic"),
    (r"expired", "expired"),
    (_GUEST, "tampered"),
    (r"ship_token_without_acl|viewonly", "viewer"),
    (r"without_acl|no_acl", "stranger"),
)


def settings_for(name: str) -> dict[str, Any]:
    """The server's settings while a recording was made, where they differ from the usual ones."""
    usual: dict[str, Any] = {"switches": {}, "maintenance": False, "input_limits": None}
    for pattern, patch in _SETTINGS:
        if re.search(pattern, name):
            usual |= patch
    return usual


def fault_for(name: str) -> str | None:
    """The kind of fault that the server had while a recording was made."""
    return next((kind for pattern, kind in _DOWN if re.search(pattern, name)), None)


def password_for(name: str) -> str:
    """The password behind the mask of a recorded login."""
    if re.search(r"empty", name):
        return ""
    return "wrong" if re.search(r"wrong|bad|incorrect", name) else PASSWORD


class Credentials:
    """Authorization headers for the replay's store, in place of masked ones."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._nonce = secrets.token_hex(16)

    def header(self, name: str, method: str, url: str) -> str:
        """The header for a recording of this name."""
        kind = next((kind for pattern, kind in _TOKENS if re.search(pattern, name)), "admin")
        match kind:
            case "oauth":
                return self._oauth(name, method, url)
            case "integration":
                return f"Bearer {DEFAULT_INTEGRATION['token']}"
            case "basic":
                return "Basic " + base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
            case "tampered":
                return f"Bearer {self._token('admin')}x"
            case "expired":
                return f"Bearer {self._token('admin', life=-1)}"
            case _:
                return f"Bearer {self._token(kind)}"

    def _token(self, user: str, *, life: float = 3600) -> str:
        now = time.time()
        payload = {"uid": 1, "utypid": ADMIN, "iat": now, "exp": now + life, "name": user}
        return sign_token(payload, self._store.secret)

    def _oauth(self, name: str, method: str, url: str) -> str:
        """An OAuth 1.0a header: right, or wrong in the way that the name says."""
        sha1 = bool(re.search(r"sha1", name))
        age = 3600 if re.search(r"old_timestamp", name) else 0
        values = {
            "oauth_consumer_key": "x" * 32
            if re.search(r"(unknown|wrong|bad)_consumer", name)
            else str(DEFAULT_INTEGRATION["consumer_key"]),
            "oauth_token": "y" * 32
            if re.search(r"(unknown|wrong|bad)_token", name)
            else str(DEFAULT_INTEGRATION["token"]),
            "oauth_nonce": self._nonce if "nonce" in name else secrets.token_hex(16),
            "oauth_timestamp": str(int(time.time()) - age),
            "oauth_signature_method": "HMAC-SHA1" if sha1 else "HMAC-SHA256",
            "oauth_version": "1.0",
        }
        parts = urlsplit(url)
        pairs = list(values.items())
        for part in parts.query.split("&") if parts.query else ():
            key, _, value = part.partition("=")
            pairs.append((unquote(key), unquote(value)))
        encoded = sorted((quote(key, safe="~"), quote(value, safe="~")) for key, value in pairs)
        joined = "&".join(f"{key}={value}" for key, value in encoded)
        host = f"{parts.hostname}:8080" if "with_port" in name else str(parts.hostname)
        base = "&".join((method, quote(f"http://{host}{parts.path}", safe="~"), quote(joined, safe="~")))
        key = f"{DEFAULT_INTEGRATION['consumer_secret']}&{DEFAULT_INTEGRATION['token_secret']}"
        if "bad_signature" in name or "wrong_secret" in name:
            key += "x"
        mac = hmac.new(key.encode(), base.encode(), hashlib.sha1 if sha1 else hashlib.sha256)
        values["oauth_signature"] = base64.b64encode(mac.digest()).decode()
        return "OAuth " + ", ".join(f'{key}="{quote(value, safe="~")}"' for key, value in values.items())


def unmask(body: Any, name: str) -> Any:
    """A recorded request body with its masks replaced."""
    text = json.dumps(body, ensure_ascii=False)
    return json.loads(text.replace('"***"', json.dumps(password_for(name))).replace("=***", f"={password_for(name)}"))
