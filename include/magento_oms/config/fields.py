"""Kinds of values in `instances/*.yaml`, each strict: nothing is taken for something that it may not be meant as."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, HttpUrl, Strict, StringConstraints

from magento_oms.config import cron
from magento_oms.domain import gstin

SECRET = re.compile(
    r"passw|passphrase|secret|token|credential|bearer|authori[sz]ation|(?:^|[_-]|api|private)key(?:$|[_-])|^user_?name$|^login$",
    re.IGNORECASE,
)
"""Names of fields that hold secrets, or are read beside them."""

_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}"


class WrongValueError(ValueError):
    """A value that is refused, in our words. Pydantic collects it among its own findings."""

    def __init__(self, message: str, way_out: str) -> None:
        super().__init__(message)
        self.message = message
        self.way_out = way_out


def _written_as_a_time(value: object) -> object:
    """Pydantic would take `20261101` for seconds since 1970, and every order of the store for a live one."""
    if isinstance(value, datetime) or (isinstance(value, str) and re.match(_TIME, value)):
        return value
    raise WrongValueError("is no date with a time.", "Write it in full, as in 2026-11-01T00:00:00+05:30.")


def _no_flag(value: object) -> object:
    if isinstance(value, bool):
        raise WrongValueError("must be a number.", "Write digits without quotes.")
    return value


def _is_a_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise WrongValueError(f"{value!r} is no time zone.", "India's is Asia/Kolkata.") from None
    return value


def _is_cron(value: str) -> str:
    if (reason := cron.what_is_wrong(value)) is not None:
        raise WrongValueError(f"{reason}.", "Every hour is '0 * * * *', every five minutes '*/5 * * * *'.")
    return value


def _is_a_gstin(value: str) -> str:
    found = gstin.compact(value)
    if found is None:
        raise WrongValueError(
            "is no GSTIN.", "Copy it from the registration: 15 characters, the last of which is a check digit."
        )
    return found


def _tells_no_secret(url: HttpUrl) -> HttpUrl:
    names = [name for name, _ in url.query_params()]
    if url.username or url.password or any(SECRET.search(name) for name in names):
        raise WrongValueError("holds credentials.", "Put them into the Airflow connection, and leave them out here.")
    return url


def _is_a_storefront(url: HttpUrl) -> HttpUrl:
    if url.query or url.fragment:
        raise WrongValueError("has a part behind ? or #.", "Write only the address under which /rest/V1 answers.")
    return url


def _is_https(url: HttpUrl) -> HttpUrl:
    if url.scheme != "https" and url.host not in ("127.0.0.1", "localhost"):
        raise WrongValueError("must begin with https://: it carries what happens to customers' orders.", "Use https.")
    return url


Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Code = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,30}$"),
    Field(description="small letters, digits and _, 2 to 31 of them", examples=["mybrand"]),
]
Status = Annotated[str, StringConstraints(min_length=1, max_length=32)]
ConnectionId = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_.:/-]{1,200}$"),
    Field(examples=["magento_mybrand"]),
]
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Flag = Annotated[bool, Strict()]
Exact = Annotated[Decimal, BeforeValidator(_no_flag)]
PointInTime = Annotated[
    AwareDatetime,
    BeforeValidator(_written_as_a_time),
    Field(examples=["2026-11-01T00:00:00+05:30"], json_schema_extra={"pattern": _TIME}),
]
Zone = Annotated[str, AfterValidator(_is_a_zone), Field(examples=["Asia/Kolkata"])]
Cron = Annotated[str, AfterValidator(_is_cron), Field(examples=["0 * * * *"])]
Mobile = Annotated[
    str,
    StringConstraints(pattern=r"^(\+91[ -]?|0)?[6-9][0-9]{4}[ -]?[0-9]{5}$"),
    Field(description="a mobile number in India, in quotes", examples=["9876543210"]),
]
Gstin = Annotated[str, AfterValidator(_is_a_gstin), Field(examples=["27AAPFU0939F1ZV"])]
StorefrontUrl = Annotated[
    HttpUrl,
    AfterValidator(_tells_no_secret),
    AfterValidator(_is_a_storefront),
    Field(examples=["https://www.mybrand.example"]),
]
EventsUrl = Annotated[
    HttpUrl,
    AfterValidator(_tells_no_secret),
    AfterValidator(_is_https),
    Field(examples=["https://www.mybrand.example/oms/events"]),
]
