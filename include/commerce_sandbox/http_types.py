"""One HTTP exchange with a stand-in store, apart from any web framework."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from commerce_sandbox.documents import dump, load
from commerce_sandbox.magento_rules.book import Refused
from commerce_sandbox.php import PhpArray, parse_query

if TYPE_CHECKING:
    from commerce_sandbox.auth import Caller
    from commerce_sandbox.store import Store, Stores

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=UTF-8"
TEXT_TYPE = "text/plain;charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: status, text, content type, and further headers."""

    status: int
    text: str
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A service's result that is JSON text already, so that it need not be written again."""

    text: str


@dataclass(frozen=True, slots=True)
class Effect:
    """One change that a call made in the store: its kind, the order it concerns, and what a proof wants to know."""

    kind: str
    order_id: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Call:
    """One request to one store.

    Attributes:
        path: the part behind the store's base URL, still percent-encoded, beginning with `/`.
        prefix: what the base URL's path is (`/second`), empty for the store at the root.
        caller: who calls, once that is known.
        effects: what the call has changed so far; written to the ledger with the change itself.
        rows: how many rows a list answers; what it costs depends on it.
        now: the store's clock, seconds since 1970.
    """

    store: Store
    stores: Stores
    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes
    now: float
    prefix: str = ""
    caller: Caller | None = None
    fault: str | None = None
    effects: list[Effect] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    _query: PhpArray | None = None

    @property
    def query(self) -> PhpArray:
        """The query string as PHP reads it."""
        if self._query is None:
            self._query = parse_query(self.query_string)
        return self._query

    def json_body(self) -> Any:
        """The body, decoded; no body is `{}`.

        Raises:
            Refused: 400, another content type than JSON, or no JSON.
        """
        if not self.body:
            return {}
        header = self.headers.get("content-type", "")
        media_type = header.partition(";")[0].strip().lower()
        if not header:
            raise Refused(400, "Content-Type header is empty.")
        if "charset=" in header.lower() and "utf-8" not in header.lower():
            raise Refused(400, "UTF-8 is the only supported charset.")
        if media_type not in {"application/json", "application/xml", "application/xhtml+xml", "text/xml"}:
            raise Refused(400, f"Server cannot understand Content-Type HTTP header media type {media_type}")
        try:
            decoded = load(self.body.decode("utf-8"))
        except ValueError:
            raise Refused(400, "Decoding error.") from None
        return decoded


def refusal(refused: Refused) -> Answer:
    """A refusal as Magento sends it."""
    if refused.raw is not None:
        return Answer(refused.status, refused.raw, TEXT_TYPE)
    body = refused.body
    if "%report" in body["message"]:
        body["message"] = body["message"].replace("%report", secrets.token_hex(7)[:13])
    return Answer(refused.status, dump(body))
