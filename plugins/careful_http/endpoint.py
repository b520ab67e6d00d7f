"""Where a system is reached, as an Airflow connection says it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from magento_oms.ports import ConfigurationError


class ConnectionRecord(Protocol):
    """What is read of an Airflow connection, whichever of Airflow's classes it is."""

    conn_id: str
    host: str | None
    schema: str | None
    login: str | None
    password: str | None
    port: int | None

    @property
    def extra_dejson(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `read` is the longest silence within an answer, `total` the longest time for a whole one."""

    connect: float = 5.0
    read: float = 60.0
    total: float = 120.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One system's address.

    Attributes:
        base_url: for people, without a slash at the end.
        api_url: what a call's path is appended to.
        ca_bundle: file with the certificate authorities to trust, or None for the usual ones.
        secrets: what must never be shown.
    """

    base_url: str
    api_url: str
    timeouts: Timeouts = Timeouts()
    ca_bundle: str | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine, whatever a name server says."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def timeouts(extra: Mapping[str, Any], whose: str) -> Timeouts:
    """The time-outs that a connection's extra fields name. Raises ConfigurationError."""
    usual = Timeouts()
    return Timeouts(
        connect=_seconds(extra, "connect_timeout", usual.connect, whose),
        read=_seconds(extra, "read_timeout", usual.read, whose),
        total=_seconds(extra, "total_timeout", usual.total, whose),
    )


def refuse_unverified(extra: Mapping[str, Any], whose: str) -> None:
    """Raises ConfigurationError where a connection asks for certificates not to be verified."""
    for name in ("verify", "verify_ssl", "ssl_verify"):
        if str(extra.get(name, True)).lower() in {"false", "0", "no", "off"}:
            raise ConfigurationError(
                f"The {whose} connection asks for {name}=false; certificates are always verified.",
                way_out="Remove it. For a certificate of your own authority, name its file in 'ca_bundle'.",
            )


def text(extra: Mapping[str, Any], name: str) -> str:
    """An extra field as text, empty where there is none."""
    return str(extra.get(name) or "").strip()


def flag(extra: Mapping[str, Any], name: str) -> bool:
    """An extra field as yes or no; no where there is none."""
    return str(extra.get(name) or "false").lower() in {"true", "1", "yes", "on"}


def _seconds(extra: Mapping[str, Any], name: str, default: float, whose: str) -> float:
    given = extra.get(name)
    if given is None or given == "":
        return default
    try:
        seconds = float(given)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds <= 600:
        raise ConfigurationError(f"{name} of the {whose} connection is {given!r}.", way_out="Give 1 to 600 seconds.")
    return seconds
