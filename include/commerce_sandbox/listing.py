"""Search criteria as SQL, and the page that they find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from commerce_sandbox.columns import Column, ListTable, internal_error
from commerce_sandbox.criteria import Filter, SearchCriteria
from commerce_sandbox.database import Connection
from commerce_sandbox.magento_rules.stock_book import fold
from commerce_sandbox.php import mysql_datetime, mysql_number

_COMPARISONS = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gteq": ">=",
    "moreq": ">=",
    "from": ">=",
    "lt": "<",
    "lteq": "<=",
    "to": "<=",
}


@dataclass(frozen=True, slots=True)
class Page:
    """Rows as JSON text, and how many rows the filters match in all."""

    rows: list[str]
    total: int


def read_page(
    connection: Connection, table: ListTable, instance: str, criteria: SearchCriteria, *, past_end: str = "empty"
) -> Page:
    """The rows that the criteria ask for.

    Args:
        past_end: what a page behind the last one holds: `empty`, or `repeat` for the last page again.

    Raises:
        Refused: an unknown field, or a condition that is an SQL error in Magento.
    """
    parameters: dict[str, Any] = {"instance": instance}
    where = "".join(f" and ({_group(table, group, parameters)})" for group in criteria.groups if group)
    order = _order(table, criteria)
    source = table.source + where
    try:
        count = connection.execute(f"select count(*) from {source}", parameters).fetchone()  # noqa: S608
        total = int(count[0]) if count else 0
        limit = _limit(criteria, total, past_end)
        rows = connection.execute(
            f"select {table.document} from {source} order by {order}{limit}",  # noqa: S608
            parameters,
        ).fetchall()
    except psycopg.errors.InvalidRegularExpression:
        raise internal_error() from None
    return Page([row[0] for row in rows], total)


def _limit(criteria: SearchCriteria, total: int, past_end: str) -> str:
    """MySQL's LIMIT: page size 0 or none is everything, a negative one is one row; pages below 1 are the first."""
    if not criteria.page_size:
        return ""
    size = criteria.page_size if criteria.page_size > 0 else 1
    page = max(1, criteria.current_page or 1)
    if past_end == "repeat":
        page = max(1, min(page, -(-total // size)))
    return f" limit {size} offset {min((page - 1) * size, 2**62)}"


def _order(table: ListTable, criteria: SearchCriteria) -> str:
    terms: list[str] = []
    for order in criteria.sort_orders or ():
        if order.field is None:
            continue
        column = table.column(order.field)
        ascending = order.direction == "ASC"
        nulls = "" if column.never_null else (" nulls first" if ascending else " nulls last")
        terms.append(f"{_comparable(column)} {'asc' if ascending else 'desc'}{nulls}")
    filtered = {(each.field or "").lower() for group in criteria.groups for each in group}
    return ", ".join([*terms, table.key_for(filtered)])


def _group(table: ListTable, filters: tuple[Filter, ...], parameters: dict[str, Any]) -> str:
    return " or ".join(_condition(table.column(each.field), each, parameters) for each in filters)


def _condition(column: Column, each: Filter, parameters: dict[str, Any]) -> str:
    """One filter. A condition type that Magento does not know is silently `eq`."""
    value = each.value or ""
    match each.condition:
        case "null":
            return f"{column.sql} is null"
        case "notnull":
            return f"{column.sql} is not null"
        case "seq" | "sneq" if value == "":
            return f"{column.sql} is {'not ' if each.condition == 'sneq' else ''}null"
        case "in" | "nin":
            values = [_value(column, part) for part in value.split(",")]
            negation = "not " if each.condition == "nin" else ""
            return f"{negation}({_comparable(column)} = any({_bind(parameters, values)}))"
        case "like" | "nlike":
            negation = "not " if each.condition == "nlike" else ""
            return f"{column.sql}::text {negation}ilike {_bind(parameters, value)}"
        case "finset" | "nfinset":
            negation = "not " if each.condition == "nfinset" else ""
            members = f"string_to_array(lower({column.sql}::text), ',')"
            return f"{negation}(lower({_bind(parameters, value)}) = any({members}))"
        case "regexp":
            return f"{column.sql}::text ~* {_bind(parameters, value)}"
        case "is" | "ntoa":
            raise internal_error()
        case "sneq":
            operator = "<>"
        case other:
            operator = _COMPARISONS.get(other, "=")
    return f"{_comparable(column)} {operator} {_bind(parameters, _value(column, value))}"


def _comparable(column: Column) -> str:
    """Text is compared without case and trailing blanks, as MySQL's general collation does."""
    if column.kind != "text" or column.folded:
        return column.sql
    return f"lower(rtrim({column.sql}, ' ')) collate \"C\""


def _value(column: Column, value: str) -> Any:
    match column.kind:
        case "number":
            number = mysql_number(value)
            # Whole numbers are bound as bigint, so that an index on an id can be used.
            return int(number) if number == number.to_integral_value() and abs(number) < 2**62 else number
        case "datetime":
            return mysql_datetime(value)
        case _:
            return fold(value) if column.folded else value.rstrip(" ").lower()


def _bind(parameters: dict[str, Any], value: Any) -> str:
    name = f"p{len(parameters)}"
    parameters[name] = value
    suffix = "[]" if isinstance(value, list) else ""
    members = value if isinstance(value, list) else [value]
    if all(isinstance(member, str) for member in members):
        kind = "text"
    elif all(isinstance(member, int) for member in members):
        kind = "bigint"
    else:
        kind = "numeric"
    return f"%({name})s::{kind}{suffix}"
