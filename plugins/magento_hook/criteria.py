"""Search criteria that cannot say what Magento silently reads as something else.

Magento takes an unknown condition for `eq`, a missing direction for `DESC`, a garbage date for "every row", a `+05:30`
for nothing, and splits `in` values at every comma without trimming. None of these can be built here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import quote


class OrderField(StrEnum):
    """Columns of the order that may be filtered and sorted by. Any other name makes Magento answer 500."""

    ENTITY_ID = "entity_id"
    INCREMENT_ID = "increment_id"
    STATE = "state"
    STATUS = "status"
    STORE_ID = "store_id"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


class MasterField(StrEnum):
    """Fields of products and customers that may be filtered and sorted by. Any other name makes Magento answer 400.

    The answers name the id `id`; the criteria only know `entity_id`.
    """

    ENTITY_ID = "entity_id"
    SKU = "sku"
    UPDATED_AT = "updated_at"


Field = OrderField | MasterField


class Condition(StrEnum):
    """Comparisons, in Magento's words: `gteq` is "at or after", there is no `gte`."""

    EQ = "eq"
    GT = "gt"
    GTEQ = "gteq"
    LT = "lt"
    LTEQ = "lteq"
    IN = "in"
    NIN = "nin"
    NULL = "null"


class Direction(StrEnum):
    """Sort direction; always said."""

    ASC = "ASC"
    DESC = "DESC"


Scalar = int | str | datetime

_TYPES: dict[str, type] = {"entity_id": int, "store_id": int, "created_at": datetime, "updated_at": datetime}
_LISTS = frozenset({Condition.IN, Condition.NIN})
_FIELDS = re.compile(r"[\w\[\],]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Filter:
    """One comparison of one column.

    Args:
        value: an `int` for ids, an aware `datetime` on a whole second for times, else text; a tuple of them for `in`
            and `nin`; None for `null` alone.

    Raises:
        ValueError: Magento would not read it as it is meant.
    """

    field: Field
    condition: Condition
    value: Scalar | tuple[Scalar, ...] | None = None

    def __post_init__(self) -> None:
        _ = self.text

    @property
    def text(self) -> str:
        """The value as it goes over the wire."""
        if self.condition is Condition.NULL:
            if self.value is not None:
                raise ValueError(f"{self.field}: 'null' compares with nothing, got {self.value!r}")
            return "1"  # Magento ignores it, but wants a value
        if self.condition in _LISTS:
            if not isinstance(self.value, tuple) or not self.value:
                raise ValueError(f"{self.field}: '{self.condition}' needs a tuple with at least one value")
            texts = [self._one(each) for each in self.value]
            if any("," in text for text in texts):
                raise ValueError(
                    f"{self.field}: a value of '{self.condition}' cannot hold a comma; Magento splits there"
                )
            return ",".join(texts)
        if self.value is None or isinstance(self.value, tuple):
            raise ValueError(f"{self.field}: '{self.condition}' needs one value, got {self.value!r}")
        return self._one(self.value)

    def _one(self, value: Scalar) -> str:
        wanted = _TYPES.get(self.field.value, str)
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise ValueError(f"{self.field} is compared with {wanted.__name__}, got {value!r}")  # noqa: TRY004
        if isinstance(value, datetime):
            return magento_time(value)
        if isinstance(value, int):
            if value < 0:
                raise ValueError(f"{self.field} is never negative, got {value}")
            return str(value)
        if not value or value != value.strip():
            raise ValueError(f"{self.field}: {value!r} is empty or has a space around it; Magento would not trim it")
        if not value.isprintable():
            raise ValueError(f"{self.field}: {value!r} holds a control character")
        return value


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort column with its direction."""

    field: Field
    direction: Direction


@dataclass(frozen=True, slots=True)
class SearchCriteria:
    """Groups are ANDed, the filters within a group ORed. A page size is always said: without one, all rows come.

    There is no page number: offset paging loses rows that move between pages, keyset paging always asks for page 1.
    """

    groups: tuple[tuple[Filter, ...], ...] = ()
    sort: tuple[Sort, ...] = ()
    page_size: int = 1

    def __post_init__(self) -> None:
        if self.page_size < 1:
            raise ValueError(f"a page holds at least one row, got {self.page_size}")
        if not all(self.groups):
            raise ValueError("an empty filter group")

    def query(self, fields: str = "") -> str:
        """The query string, percent-encoded. `fields` shortens the answer as `checked_fields` allows."""
        pairs: list[tuple[str, str]] = []
        for number, group in enumerate(self.groups):
            for place, each in enumerate(group):
                name = f"searchCriteria[filter_groups][{number}][filters][{place}]"
                pairs += [(f"{name}[field]", each.field), (f"{name}[value]", each.text)]
                pairs += [(f"{name}[condition_type]", each.condition)]
        for number, sort in enumerate(self.sort):
            name = f"searchCriteria[sortOrders][{number}]"
            pairs += [(f"{name}[field]", sort.field), (f"{name}[direction]", sort.direction)]
        pairs += [("searchCriteria[pageSize]", str(self.page_size)), ("searchCriteria[currentPage]", "1")]
        if fields:
            pairs.append(("fields", checked_fields(fields)))
        return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)


def sorted_by(fields: Iterable[Field], direction: Direction) -> tuple[Sort, ...]:
    """All of `fields` in one direction."""
    return tuple(Sort(each, direction) for each in fields)


def magento_time(moment: datetime) -> str:
    """`YYYY-MM-DD HH:MM:SS` in UTC, the only form that Magento compares rightly.

    Raises:
        ValueError: `moment` has no zone or a fraction of a second.
    """
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise ValueError(f"{moment!r} has no time zone")
    if moment.microsecond:
        raise ValueError(f"{moment!r} has a fraction of a second; Magento's times are whole seconds")
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def checked_fields(fields: str) -> str:
    """`fields` as it is, if Magento reads it: with a space or a broken bracket the whole answer would be `[]`.

    Raises:
        ValueError: it would not.
    """
    depth = 0
    for char in fields:
        depth += {"[": 1, "]": -1}.get(char, 0)
        if depth < 0:
            break
    if depth or not _FIELDS.fullmatch(fields) or re.search(r"^[\[,]|[\[,][\[,\]]|,$|\]\w|\]\[", fields):
        raise ValueError(f"Magento would answer [] to fields={fields!r}")
    return fields
