"""List calls of one kind of row: page sizes that a store allows, answers read, the store's clock.

Every list asks for page 1 of what comes after a key, so rows that move between two pages are neither lost nor
repeated, and it does not matter that Magento 2.3 repeats the last page where later versions send an empty one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import msgspec

from careful_http.exchange import Answer, Call, parse
from careful_http.outcome import unreadable
from magento_hook.client import MagentoClient
from magento_hook.criteria import Direction, Field, Filter, SearchCriteria, sorted_by
from magento_hook.errors import PageTooLarge
from magento_oms.ports import ConfigurationError, Json

Groups = tuple[tuple[Filter, ...], ...]


class Listed(msgspec.Struct):
    """A list answer, its rows still as text. `items` is null or missing where there are none."""

    items: list[msgspec.Raw] | None = None
    total_count: int | None = None


_LISTED = msgspec.json.Decoder(Listed)


@dataclass(frozen=True, slots=True)
class Rows:
    """One page of whole rows.

    Attributes:
        rows: as Magento sent them.
        raw: the same rows as the JSON text that they came as.
        server_time: the store's own clock (`Date` header), aware UTC.
        last: whether it is short and the store counts no more: a proxy that cuts pages short loses nothing.
    """

    rows: Sequence[Json]
    raw: Sequence[bytes]
    server_time: datetime
    last: bool


class ListReader:
    """The list call of one kind of row. May be used by several threads.

    Args:
        path: below the API's root.
        noun: what the rows are, for people: `orders`.
    """

    def __init__(self, client: MagentoClient, path: str, noun: str) -> None:
        self._client = client
        self._path = path
        self._noun = noun
        self._largest: int | None = None

    def page(self, groups: Groups, keys: Sequence[Field], page_size: int) -> Rows:
        """The first page by `keys`, ascending. A page size that the store refuses is lowered to the one that it names,
        and stays so.
        """
        size, answer = self._within_limit(groups, keys, page_size)
        listed = self.read(answer, self._noun)
        raw = [bytes(row) for row in listed.items or []]
        rows = [cast("dict[str, Any]", parse(text)) for text in raw]
        more = listed.total_count is not None and listed.total_count > len(rows) > 0
        return Rows(rows, raw, self.time_of(answer), last=len(rows) < size and not more)

    def ask(self, criteria: SearchCriteria, about: str, fields: str = "") -> Listed:
        """The answer to any criteria; `fields` shortens it."""
        return self.read(self._call(criteria, about, fields), about)

    def count(self, groups: Groups) -> int:
        """How many rows there are. Costs the store one row."""
        about = f"{self._noun.removesuffix('s')} count"
        answer = self._call(SearchCriteria(groups), about, "total_count")
        total = self.read(answer, about).total_count
        if total is None:
            raise unreadable(Call("GET", self._path, about=about), answer, self._client.whose, "no count came back.")
        return total

    def read(self, answer: Answer, about: str) -> Listed:
        """The answer as a list."""
        if answer.body.strip() == b"[]":  # how PHP writes an empty object
            return Listed(items=[], total_count=0)
        try:
            return _LISTED.decode(answer.body)
        except ValueError:
            call = Call("GET", self._path, about=about)
            raise unreadable(call, answer, self._client.whose, f"the answer is not a list of {self._noun}.") from None

    def time_of(self, answer: Answer) -> datetime:
        """The store's clock when it answered."""
        moment = answer.server_time
        if moment is None:
            raise self.no_clock()
        return moment

    def no_clock(self) -> ConfigurationError:
        """The store does not tell its time."""
        return ConfigurationError(
            f"Magento {self._client.instance} sends no readable Date header, so nobody knows how far reading has come.",
            way_out="Let the web server or the proxy in front of it send one.",
        )

    def out_of_place(self, row: str) -> ConfigurationError:
        """The store does not sort or filter as asked."""
        return ConfigurationError(
            f"Magento {self._client.instance} does not sort or filter {self._noun} as asked ({row} is out of place);"
            " reading stopped there, nothing was skipped.",
            way_out=f"A module or a cache in front of /rest/V1{self._path} interferes: take it out of the way.",
        )

    def _within_limit(self, groups: Groups, keys: Sequence[Field], wanted: int) -> tuple[int, Answer]:
        while True:
            size = wanted if self._largest is None else min(wanted, self._largest)
            criteria = SearchCriteria(groups, sorted_by(keys, Direction.ASC), page_size=size)
            try:
                return size, self._call(criteria, self._noun)
            except PageTooLarge as refused:
                if not 0 < refused.limit < size:
                    raise
                self._largest = refused.limit

    def _call(self, criteria: SearchCriteria, about: str, fields: str = "") -> Answer:
        return self._client.call(Call("GET", self._path, query=criteria.query(fields), about=about))
