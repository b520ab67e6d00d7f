"""How one Magento store is reached and logged in to, checked before anything is sent."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from careful_http.endpoint import (
    ConnectionRecord,
    Endpoint,
    Timeouts,
    flag,
    is_loopback,
    refuse_unverified,
    text,
    timeouts,
)
from magento_oms.ports import ConfigurationError

STOREFRONT = "Set it to the address that customers see, such as https://shop.example.in."
_BACKEND = re.compile(r"^(admin\w*|backend\w*|backoffice|index\.php|rest|soap|graphql|v1)$", re.IGNORECASE)
_STORE_CODE = re.compile(r"^[A-Za-z]\w*$")


class AuthKind(StrEnum):
    """How requests are authenticated."""

    ADMIN_TOKEN = "admin_token"  # noqa: S105  (the name of a way, not a secret)
    INTEGRATION_OAUTH = "integration_oauth"
    INTEGRATION_BEARER = "integration_bearer"


@dataclass(frozen=True, slots=True)
class MagentoConnection:
    """One store's address and credentials. Its `repr` shows no secret.

    Attributes:
        base_url: of the storefront, without a slash at the end.
        ca_bundle: file with the certificate authorities to trust, or None for the usual ones.
    """

    base_url: str
    auth: AuthKind
    username: str = ""
    password: str = field(default="", repr=False)
    consumer_key: str = field(default="", repr=False)
    consumer_secret: str = field(default="", repr=False)
    access_token: str = field(default="", repr=False)
    access_token_secret: str = field(default="", repr=False)
    store_code: str = ""
    timeouts: Timeouts = field(default_factory=Timeouts)
    ca_bundle: str | None = None
    allow_http: bool = False

    def __post_init__(self) -> None:
        _check_url(self.base_url, allow_http=self.allow_http)
        if self.store_code and not _STORE_CODE.match(self.store_code):
            raise ConfigurationError(
                f"{self.store_code!r} is no store code.",
                way_out="Use the code of a store view (Stores > All Stores), or leave it empty.",
            )
        missing = [name for name in _NEEDED[self.auth] if not getattr(self, name)]
        if missing:
            raise ConfigurationError(
                f"The Magento connection authenticates by {self.auth.value} but lacks: {', '.join(missing)}.",
                way_out="Fill it in, or choose another way of authentication in the connection.",
            )
        if self.ca_bundle is not None and not Path(self.ca_bundle).exists():
            raise ConfigurationError(f"The CA bundle {self.ca_bundle} does not exist.", way_out="Correct its path.")

    @property
    def credentials(self) -> tuple[str, ...]:
        """All that is logged in with. Tokens and cool-downs belong to it: changed credentials start anew."""
        return tuple(getattr(self, name) for name in _NEEDED[self.auth])

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown, without what is too short to be told from any other text."""
        known = (self.password, self.consumer_key, self.consumer_secret, self.access_token, self.access_token_secret)
        return tuple(each for each in known if len(each) > 3)

    @property
    def api_url(self) -> str:
        """Where the REST API lives, without a slash at the end."""
        scope = f"/{self.store_code}" if self.store_code else ""
        return f"{self.base_url}/rest{scope}/V1"

    @property
    def endpoint(self) -> Endpoint:
        """What the transport needs to know."""
        return Endpoint(self.base_url, self.api_url, self.timeouts, self.ca_bundle, self.secrets)

    @classmethod
    def from_airflow(cls, record: ConnectionRecord, *, base_url: str | None = None) -> MagentoConnection:
        """Read an Airflow connection. `base_url`, where given, wins over the connection's host.

        Without the extra field `auth`, what is filled in decides: a consumer key means OAuth, a login means an admin.

        Raises:
            ConfigurationError: it cannot be used; the message names the field.
        """
        extra: Mapping[str, Any] = record.extra_dejson or {}
        refuse_unverified(extra, "Magento")
        auth = _auth_kind(record, extra)
        by_password = record.password or "" if auth is AuthKind.INTEGRATION_BEARER else ""
        return cls(
            base_url=(base_url or _url_of(record)).rstrip("/"),
            auth=auth,
            username=record.login or "",
            password=record.password or "",
            consumer_key=text(extra, "consumer_key"),
            consumer_secret=text(extra, "consumer_secret"),
            access_token=text(extra, "access_token") or by_password,
            access_token_secret=text(extra, "access_token_secret"),
            store_code=text(extra, "store_code"),
            timeouts=timeouts(extra, "Magento"),
            ca_bundle=text(extra, "ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE") or None,
            allow_http=flag(extra, "allow_http"),
        )


_NEEDED = {
    AuthKind.ADMIN_TOKEN: ("username", "password"),
    AuthKind.INTEGRATION_OAUTH: ("consumer_key", "consumer_secret", "access_token", "access_token_secret"),
    AuthKind.INTEGRATION_BEARER: ("access_token",),
}


def _check_url(url: str, *, allow_http: bool) -> None:
    """Refuse what is not the address of a storefront."""
    parts = _split(url)
    if parts.username or parts.password:
        raise ConfigurationError("The Magento URL holds a user name or password.", way_out="Put them in their fields.")
    shown = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(f"{shown!r} is no web address.", way_out=STOREFRONT)
    if parts.query or parts.fragment:
        raise ConfigurationError(f"The Magento URL {shown} has a query or fragment.", way_out=STOREFRONT)
    backend = next((part for part in parts.path.split("/") if _BACKEND.match(part)), None)
    if backend:
        raise ConfigurationError(
            f"The Magento URL {shown} is not the storefront's: {backend!r} belongs to the admin panel or an API.",
            way_out=STOREFRONT,
        )
    if parts.scheme == "http" and not allow_http and not is_loopback(parts.hostname):
        raise ConfigurationError(
            f"The Magento URL {shown} would send credentials unencrypted.",
            way_out="Use https, or set 'allow_http' in the connection for a store in your own network.",
        )


def _split(url: str) -> SplitResult:
    """The parts of a URL. Raises ConfigurationError where it has none."""
    if any(char.isspace() or not char.isprintable() for char in url):
        raise ConfigurationError("The Magento URL holds a space or a control character.", way_out=STOREFRONT)
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ConfigurationError("The Magento URL cannot be read.", way_out=STOREFRONT) from None
    return parts


def _url_of(record: ConnectionRecord) -> str:
    """Airflow's convention: a host with a scheme is a URL; else `schema` is the scheme (https if empty)."""
    host = (record.host or "").strip()
    if not host:
        raise ConfigurationError(
            f"The Airflow connection {record.conn_id!r} names no host.",
            way_out=STOREFRONT,
        )
    if "://" in host:
        url, has_port = host, _split(host).port is not None
    else:
        url, has_port = f"{record.schema or 'https'}://{host}", _split(f"https://{host}").port is not None
    if not record.port or has_port:
        return url
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.netloc}:{record.port}").geturl()


def _auth_kind(record: ConnectionRecord, extra: Mapping[str, Any]) -> AuthKind:
    named = text(extra, "auth")
    if named:
        try:
            return AuthKind(named)
        except ValueError:
            raise ConfigurationError(
                f"The Airflow connection {record.conn_id!r} names an unknown way of authentication: {named!r}.",
                way_out=f"Choose one of: {', '.join(AuthKind)}.",
            ) from None
    if extra.get("consumer_key"):
        return AuthKind.INTEGRATION_OAUTH
    return AuthKind.ADMIN_TOKEN if record.login else AuthKind.INTEGRATION_BEARER
