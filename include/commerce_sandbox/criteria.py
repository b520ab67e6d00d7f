"""`searchCriteria` as Magento reads it: camelCase or snake_case, explicit indexes, groups ANDed, filters ORed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from commerce_sandbox.magento_rules.book import Refused
from commerce_sandbox.php import PhpArray, to_int, upper_camel


@dataclass(frozen=True, slots=True)
class Filter:
    """One comparison. `field` is None where the request named none (as `[filters][][value]` does)."""

    field: str | None = None
    value: str | None = None
    condition: str = "eq"

    def as_document(self) -> dict[str, Any]:
        """As the answer's `search_criteria` repeats it."""
        return {"field": self.field, "value": self.value, "condition_type": self.condition}


@dataclass(frozen=True, slots=True)
class SortOrder:
    """One sort column. Only `ASC` ascends; a missing direction descends."""

    field: str | None = None
    direction: str | None = None

    def as_document(self) -> dict[str, Any]:
        """As the answer's `search_criteria` repeats it."""
        return {"field": self.field, "direction": self.direction or "DESC"}


@dataclass(frozen=True, slots=True)
class SearchCriteria:
    """What a list call asks for. `page_size` None or 0 is everything; negative is one row."""

    groups: tuple[tuple[Filter, ...], ...] = ()
    sort_orders: tuple[SortOrder, ...] | None = None
    page_size: int | None = None
    current_page: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def as_document(self) -> dict[str, Any]:
        """As the answer's `search_criteria` repeats it."""
        document: dict[str, Any] = {
            "filter_groups": [{"filters": [each.as_document() for each in group]} for group in self.groups]
        }
        if self.sort_orders is not None:
            document["sort_orders"] = [order.as_document() for order in self.sort_orders]
        if self.page_size is not None:
            document["page_size"] = self.page_size
        if self.current_page is not None:
            document["current_page"] = self.current_page
        return document


@dataclass(frozen=True, slots=True)
class PageLimits:
    """The store's limits. `maximum` 0 is none; `default` None means that a missing page size is everything."""

    maximum: int = 0
    default: int | None = None


def required(*names: str) -> Refused:
    """The 400 for missing parameters; several are listed under `errors`."""
    message = '"%fieldName" is required. Enter and try again.'
    if len(names) == 1:
        return Refused(400, message, {"fieldName": names[0]})
    errors = [{"message": message, "parameters": {"fieldName": name}} for name in names]
    return Refused(400, "One or more input exceptions have occurred.", errors=errors)


def read_criteria(query: PhpArray, limits: PageLimits = PageLimits()) -> SearchCriteria:
    """The search criteria of a request.

    Raises:
        Refused: 400 where they are missing or malformed, with Magento's texts.
    """
    raw = query.get("searchCriteria", query.get("search_criteria"))
    if raw is None:
        raise required("searchCriteria")
    groups: list[tuple[Filter, ...]] = []
    orders: list[SortOrder] | None = None
    page_size: int | None = None
    current_page: int | None = None
    for name, value in (raw if isinstance(raw, dict) else {}).items():
        match upper_camel(name).lower():
            case "filtergroups":
                groups = [_group(each) for each in _entries(value)]
            case "sortorders":
                orders = [_sort_order(each) for each in _entries(value)]
            case "pagesize":
                page_size = _int(name, value)
            case "currentpage":
                current_page = _int(name, value)
            case _:
                raise _unsupported(name)
    if limits.maximum and page_size is not None and page_size > limits.maximum:
        raise Refused(400, "Maximum SearchCriteria pageSize is %max", {"max": limits.maximum})
    if page_size is None:
        page_size = limits.default
    return SearchCriteria(tuple(groups), None if orders is None else tuple(orders), page_size, current_page)


def _entries(value: Any) -> list[PhpArray]:
    """The members of a list such as `[filters][0]`; a member that is not an object counts as an empty one."""
    if not isinstance(value, dict):
        return []
    return [each if isinstance(each, dict) else {} for each in value.values()]


def _group(raw: PhpArray) -> tuple[Filter, ...]:
    filters: tuple[Filter, ...] = ()
    for name, value in raw.items():
        if upper_camel(name).lower() != "filters":
            raise _unsupported(name)
        filters = tuple(_filter(each) for each in _entries(value))
    return filters


def _filter(raw: PhpArray) -> Filter:
    values: dict[str, str] = {}
    for name, value in raw.items():
        key = upper_camel(name).lower()
        if key not in {"field", "value", "conditiontype"}:
            raise _unsupported(name)
        values[key] = _text(name, value)
    return Filter(values.get("field"), values.get("value"), values.get("conditiontype") or "eq")


def _sort_order(raw: PhpArray) -> SortOrder:
    values: dict[str, str] = {}
    for name, value in raw.items():
        key = upper_camel(name).lower()
        if key not in {"field", "direction"}:
            raise _unsupported(name)
        values[key] = _text(name, value)
    column, direction = values.get("field"), values.get("direction")
    if direction is not None:
        direction = direction.upper()
        if direction not in {"ASC", "DESC"}:
            raise Refused(
                400,
                "The sort order has to be specified as %1 for ascending order or %2 for descending order.",
                ["ASC", "DESC"],
            )
    if column is not None and re.search(r"[^a-z0-9_]", column, re.IGNORECASE):
        raise Refused(400, "Sort order field %1 contains restricted symbols", [column])
    return SortOrder(column, direction)


def _text(name: str, value: Any) -> str:
    if isinstance(value, dict):
        raise Refused(
            400,
            f'Error occurred during "{name}" processing. The "Array" value\'s type is invalid. The "string" type was'
            " expected. Verify and try again.",
        )
    return str(value)


def _int(name: str, value: Any) -> int:
    try:
        return to_int(value)
    except Refused as refused:
        raise Refused(400, f'Error occurred during "{name}" processing. {refused.message}') from None


def _unsupported(name: str) -> Refused:
    return Refused(
        400, '"%fieldName" is not supported. Correct the field name and try again.', {"fieldName": upper_camel(name)}
    )
