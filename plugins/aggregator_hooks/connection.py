"""How one account at an aggregator is reached and logged in to, checked before anything is sent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

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


@dataclass(frozen=True, slots=True)
class AccountConnection:
    """One account's address and credentials. Its `repr` shows no secret.

    Attributes:
        title: of the aggregator, for people.
        base_url: where its API is, without a slash at the end; all its hosts where it has several.
        login, password: of the connection itself.
        extra: the form's further fields, as text; empty ones are left out.
    """

    title: str
    base_url: str
    login: str = ""
    password: str = field(default="", repr=False)
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeouts: Timeouts = field(default_factory=Timeouts)
    ca_bundle: str | None = None

    @property
    def credentials(self) -> tuple[str, ...]:
        """All that is logged in with: changed credentials start anew."""
        return (self.login, self.password, *(self.extra[name] for name in sorted(self.extra)))

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown, without what is too short to be told from any other text."""
        known = (self.password, *(value for name, value in self.extra.items() if _is_secret(name)))
        return tuple(each for each in known if len(each) > 3)

    @property
    def endpoint(self) -> Endpoint:
        """What the transport needs to know."""
        return Endpoint(self.base_url, self.base_url, self.timeouts, self.ca_bundle, self.secrets)

    @property
    def is_stand_in(self) -> bool:
        """Whether it is on this machine: then its documents are, too."""
        return is_loopback(urlsplit(self.base_url).hostname or "")

    @classmethod
    def from_airflow(
        cls, record: ConnectionRecord, *, title: str, default_url: str, needed: tuple[str, ...]
    ) -> AccountConnection:
        """Read an Airflow connection; without a host, the aggregator's own address is used.

        Args:
            needed: fields that must be filled in; `login` and `password` are the connection's own.

        Raises:
            ConfigurationError: it cannot be used; the message names the field.
        """
        extra: Mapping[str, Any] = record.extra_dejson or {}
        refuse_unverified(extra, title)
        given = {name: text(extra, name) for name in extra if text(extra, name)}
        made = cls(
            title=title,
            base_url=_url(record, extra, title) or default_url,
            login=(record.login or "").strip(),
            password=record.password or "",
            extra=given,
            timeouts=timeouts(extra, title),
            ca_bundle=given.get("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE") or None,
        )
        values = {"login": made.login, "password": made.password, **given}
        if missing := [name for name in needed if not values.get(name)]:
            raise ConfigurationError(
                f"The {title} connection {record.conn_id!r} lacks: {', '.join(missing)}.",
                way_out="Fill it in under Admin, Connections.",
            )
        return made


def _url(record: ConnectionRecord, extra: Mapping[str, Any], title: str) -> str:
    """The address that the connection names, empty where it names none."""
    host = (record.host or "").strip().rstrip("/")
    if not host:
        return ""
    url = host if "://" in host else f"{record.schema or 'https'}://{host}"
    try:
        parts = urlsplit(url)
        if record.port and parts.port is None:
            parts = parts._replace(netloc=f"{parts.netloc}:{record.port}")
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
        raise ConfigurationError(
            f"The host of the {title} connection {record.conn_id!r} is no plain web address.",
            way_out="Leave it empty for the aggregator's own, or give a URL like https://api.example.in.",
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname) and not flag(extra, "allow_http"):
        raise ConfigurationError(
            f"The {title} connection {record.conn_id!r} would send credentials unencrypted.", way_out="Use https."
        )
    return parts.geturl()


def _is_secret(name: str) -> bool:
    return name.endswith(("key", "token", "secret", "password"))
