"""How PHP and MySQL read text: query strings, numbers and dates. Magento's oddities begin here."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote_plus

from commerce_sandbox.magento_rules.book import Refused

PhpArray = dict[str, Any]

_NUMERIC = re.compile(r"[ \t\n\r\v\f]*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?[ \t\n\r\v\f]*\Z")
_NUMBER_AT_START = re.compile(r"\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)")
_DATE = re.compile(
    r"\s*(\d{4})[^\w\s](\d{1,2})[^\w\s](\d{1,2})(?:[\sT]+(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(\.\d{1,6})?)?)?)?"
)
_DIGITS_DATE = re.compile(r"\s*(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d))?(?!\d)")
_PHP_INT_MAX = 2**63 - 1

ZERO_DATE = "0000-00-00 00:00:00"
"""What MySQL makes of a text that is no date; every real date is later."""


def parse_query(query: str) -> PhpArray:
    """A query string as PHP's `$_GET`: brackets nest, `[]` takes the next number, later keys win."""
    result: PhpArray = {}
    for part in query.split("&"):
        if not part:
            continue
        raw_name, _, raw_value = part.partition("=")
        _assign(result, unquote_plus(raw_name), unquote_plus(raw_value))
    return result


def _assign(result: PhpArray, name: str, value: str) -> None:
    head, bracket, rest = name.lstrip(" ").partition("[")
    keys = [head.replace(".", "_").replace(" ", "_")]
    while bracket:
        key, closing, rest = rest.partition("]")
        if not closing:
            break
        keys.append(key)
        if not rest.startswith("["):
            break
        rest = rest[1:]
    target = result
    for key in keys[:-1]:
        key = key if key or target is result else _next_index(target)
        nested = target.get(key)
        if not isinstance(nested, dict):
            nested = target[key] = {}
        target = nested
    last = keys[-1] if keys[-1] or target is result else _next_index(target)
    if last or target is not result:
        target[last] = value


def _next_index(array: PhpArray) -> str:
    return str(max((int(key) for key in array if key.isdigit()), default=-1) + 1)


def upper_camel(name: str) -> str:
    """`page_size` and `pageSize` as `PageSize`, as Magento names setters (and shows unknown fields)."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def to_int(value: Any) -> int:
    """A request value that Magento wants as `int`, cut and clamped as PHP does.

    Raises:
        Refused: 400, the value is not numeric.
    """
    if isinstance(value, bool) or value is None:
        return int(bool(value))
    if isinstance(value, int | float):
        return int(value)
    text = str(value) if not isinstance(value, dict | list) else "Array"
    if not _NUMERIC.match(text):
        raise Refused(400, f'The "{text}" value\'s type is invalid. The "int" type was expected. Verify and try again.')
    return max(-_PHP_INT_MAX - 1, min(_PHP_INT_MAX, int(Decimal(text.strip()))))


def mysql_number(value: str) -> Decimal:
    """A text compared with a number column: its leading number, or 0."""
    found = _NUMBER_AT_START.match(value)
    return Decimal(found[1]) if found else Decimal(0)


def mysql_datetime(value: str) -> str:
    """A text compared with a date column, as sortable text: what follows the date is ignored, no date is all zeroes."""
    found = _DATE.match(value) or _DIGITS_DATE.match(value)
    if not found:
        return ZERO_DATE
    year, month, day, *clock = found.groups()[:6]
    fraction = found.groups()[6] if len(found.groups()) > 6 else None
    hour, minute, second = (int(part or 0) for part in clock)
    try:
        moment = datetime(int(year), int(month), int(day), hour, minute, second)  # noqa: DTZ001  (MySQL knows no zone)
    except ValueError:
        return ZERO_DATE
    return moment.strftime("%Y-%m-%d %H:%M:%S").rjust(19, "0") + ((fraction or "").rstrip("0").rstrip("."))
