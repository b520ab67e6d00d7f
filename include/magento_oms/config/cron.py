"""Cron expressions as Airflow's timetables read them: five fields, in UTC."""

from __future__ import annotations

import re

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)}),
    ("day of the week", 0, 7, {name: number for number, name in enumerate(_DAYS)}),
)
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""Days of a month, in the years in which it is longest."""
_PART = re.compile(
    r"(?:(?P<all>\*)|(?P<first>[0-9]{1,2}|[a-z]{3})(?:-(?P<last>[0-9]{1,2}|[a-z]{3}))?)(?:/(?P<step>[0-9]{1,3}))?"
)


def what_is_wrong(expression: str) -> str | None:
    """What a cron expression is refused for, in words; None where it is fine.

    Aliases such as `@hourly` and extensions such as `L` are refused too: few people read them alike.
    """
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        return f"a cron expression has five fields, not {len(fields)}"
    chosen: list[set[int]] = []
    for written, (name, low, high, names) in zip(fields, _FIELDS, strict=True):
        numbers = _numbers(written.lower(), low, high, names)
        if numbers is None:
            return f"{written!r} is no {name} ({low} to {high})"
        chosen.append(numbers)
    days, months = chosen[2], chosen[3]
    if fields[4] == "*" and all(min(days) > _LONGEST[month - 1] for month in months):
        return "there is no such day in those months, so it would never run"
    return None


def _numbers(field: str, low: int, high: int, names: dict[str, int]) -> set[int] | None:
    """The numbers that a field stands for; None where it is malformed."""
    found: set[int] = set()
    for part in field.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            return None
        first, last = _number(match["first"], names), _number(match["last"], names)
        step = int(match["step"] or 1)
        if match["all"]:
            first, last = low, high
        elif match["last"] is None:
            last = first if match["step"] is None else high
        if first is None or last is None or not low <= first <= last <= high or not 1 <= step <= high:
            return None
        found.update(range(first, last + 1, step))
    return found


def _number(written: str | None, names: dict[str, int]) -> int | None:
    if written is None:
        return None
    return int(written) if written.isdigit() else names.get(written)
