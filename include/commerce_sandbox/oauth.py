"""OAuth 1.0a as Magento checks it: HMAC-SHA256, a nonce once, any past timestamp."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from commerce_sandbox.criteria import required
from commerce_sandbox.database import Connection
from commerce_sandbox.http_types import Call
from commerce_sandbox.magento_rules.book import Refused

_REQUIRED = (
    "oauth_consumer_key",
    "oauth_signature",
    "oauth_signature_method",
    "oauth_nonce",
    "oauth_timestamp",
    "oauth_token",
)
_CLOCK_SKEW_SECONDS = 600
_TOKEN_LENGTH = 32


def verify(call: Call, connection: Connection, credentials: str) -> tuple[int, Mapping[str, Any]]:
    """The integration that signed a request, with its number. The nonce counts as used whatever comes of it.

    Raises:
        Refused: 400 for a malformed header, 401 for everything that does not hold.
    """
    header = _parse(credentials)
    if header.get("oauth_version", "1.0") != "1.0":
        raise Refused(400, "The OAuth version %1 is not supported.", [header["oauth_version"]])
    for name in _REQUIRED:
        if not header.get(name):
            raise required(name)
    if len(header["oauth_token"]) != _TOKEN_LENGTH:
        raise Refused(400, "The token length is invalid. Check the length and try again.")
    digest = _digest(call, header["oauth_signature_method"])
    integrations = call.store.settings.integrations
    found = next(
        (pair for pair in enumerate(integrations, 1) if pair[1]["consumer_key"] == header["oauth_consumer_key"]), None
    )
    if found is None:
        raise Refused(401, "A consumer having the specified key does not exist")
    position, integration = found
    _use_nonce(call, connection, header, position)
    if not same_secret(str(integration["token"]), header["oauth_token"]):
        raise Refused(401, "Specified token does not exist")
    if not same_secret(_signature(call, header, integration, digest), header["oauth_signature"]):
        raise Refused(401, "The signature is invalid. Verify and try again.")
    return position, integration


def same_secret(ours: str, theirs: str) -> bool:
    """Whether two secrets are the same, in a time that does not tell where they differ."""
    return hmac.compare_digest(ours.encode(), theirs.encode())


def _parse(credentials: str) -> dict[str, str]:
    header: dict[str, str] = {}
    for part in credentials.split(","):
        name, separator, value = part.strip().partition("=")
        if separator:
            header[unquote(name)] = unquote(value.strip('"'))
    return header


def _digest(call: Call, method: str) -> Any:
    if method == "HMAC-SHA256":
        return hashlib.sha256
    if method == "HMAC-SHA1" and call.store.settings.switch("oauth_sha1"):
        return hashlib.sha1
    raise Refused(400, "Signature method %1 is not supported", [method])


def _use_nonce(call: Call, connection: Connection, header: Mapping[str, str], position: int) -> None:
    timestamp = header["oauth_timestamp"]
    if not timestamp.isdigit() or not 0 < int(timestamp) <= call.now + _CLOCK_SKEW_SECONDS:
        raise Refused(401, "The timestamp value in the oauth_timestamp parameter is invalid.")
    inserted = connection.execute(
        "insert into sandbox_nonce values (%s, %s, %s) on conflict do nothing",
        (call.store.code, header["oauth_consumer_key"], header["oauth_nonce"]),
    ).rowcount
    if not inserted:
        raise Refused(401, "The nonce is already being used by the consumer with ID %1", [str(position)])


def _signature(call: Call, header: Mapping[str, str], integration: Mapping[str, Any], digest: Any) -> str:
    host = call.headers.get("host", "")
    if not call.store.settings.oauth_with_port:
        host = host.partition(":")[0]
    url = f"http://{host}{call.prefix}{call.path}"
    pairs = [(name, value) for name, value in header.items() if name not in {"oauth_signature", "realm"}]
    for part in call.query_string.split("&") if call.query_string else ():
        name, _, value = part.partition("=")
        pairs.append((unquote(name), unquote(value)))
    encoded = sorted((_encode(name), _encode(value)) for name, value in pairs)
    parameters = "&".join(f"{name}={value}" for name, value in encoded)
    base = "&".join((call.method.upper(), _encode(url), _encode(parameters)))
    key = f"{_encode(str(integration['consumer_secret']))}&{_encode(str(integration['token_secret']))}"
    return base64.b64encode(hmac.new(key.encode(), base.encode(), digest).digest()).decode()


def _encode(text: str) -> str:
    return quote(text, safe="~")
