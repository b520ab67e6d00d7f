"""One request and what came back, before anybody judges it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, Literal

import msgspec

from careful_http.masking import masked, masked_text

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class Call:
    """One request, without credentials.

    Attributes:
        path: below the API's root, percent-encoded, beginning with a slash.
        query: percent-encoded.
        body: sent as JSON, or None.
        about: what it is about, for people: `order 12`.
        changes: whether it changes something on the other side.
        repeatable: whether the other side takes a repeat of this change for the same one, so that it may be sent again
            where its outcome is not known.
        secret_query: credentials that the other side wants in the URL, percent-encoded; never kept or shown.
    """

    method: Method
    path: str
    query: str = ""
    body: Mapping[str, Any] | Sequence[Any] | None = field(default=None, repr=False)
    about: str = ""
    changes: bool = False
    repeatable: bool = False
    secret_query: str = field(default="", repr=False)

    @property
    def opens_outcome(self) -> bool:
        """Whether losing sight of this request leaves open what happened."""
        return self.changes and not self.repeatable

    def encoded_body(self) -> bytes | None:
        """The JSON text of the body. Decimals are numbers with all their digits."""
        return None if self.body is None else _ENCODER.encode(self.body)


@dataclass(frozen=True)
class Answer:
    """A complete HTTP answer. Header names are matched without regard to case by the mapping itself."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @cached_property
    def json(self) -> Any:
        """The body as JSON, fractions as `Decimal`. Raises ValueError where it is none."""
        return parse(self.body)

    @property
    def is_page(self) -> bool:
        """Whether this is a page for people (HTML, or an error text) and not JSON."""
        start = self.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        return start == b"<" or "text/html" in self.headers.get("Content-Type", "").lower()

    @property
    def server_time(self) -> datetime | None:
        """The `Date` header, aware UTC."""
        try:
            moment = parsedate_to_datetime(self.headers.get("Date", ""))
        except ValueError:
            return None
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


def parse(text: bytes) -> Any:
    """JSON with every fraction as an exact `Decimal`.

    Raises:
        ValueError: it is no JSON.
    """
    return _DECODER.decode(text)


def kept(call: Call, answer: Answer | None = None, fault: str = "") -> dict[str, Any]:
    """The exchange as it is kept with an error: masked and shortened; never with headers that carry credentials."""
    record: dict[str, Any] = {"request": {"method": call.method, "path": call.path}}
    if call.query:
        record["request"]["query"] = masked_text(call.query)
    if call.body is not None:
        record["request"]["body"] = masked(call.body)
    if answer is not None:
        try:
            body = masked(answer.json)
        except ValueError:
            body = masked_text(answer.body.decode(errors="replace"))
        record["response"] = {"status": answer.status, "body": body}
        if content_type := answer.headers.get("Content-Type"):
            record["response"]["content_type"] = content_type
    if fault:
        record["fault"] = fault
    return record
