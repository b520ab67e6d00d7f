"""Invoice numbers: gapless in a series, sixteen characters at the most (CGST rule 46(b))."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

INDIA = ZoneInfo("Asia/Kolkata")
LONGEST = 16
USUAL_DIGITS = 6


class SeriesIsFull(Exception):
    """No further number of this series fits into sixteen characters."""


def financial_year(moment: datetime) -> str:
    """India's financial year (April to March, by the clock in India) of an aware time, such as `2026-27`."""
    day = moment.astimezone(INDIA).date()
    first = day.year if day >= date(day.year, 4, 1) else day.year - 1
    return f"{first}-{(first + 1) % 100:02d}"


def invoice_number(prefix: str, year: str, serial: int) -> str:
    """The number of the `serial`-th document of a series, such as `MB2627-000042`.

    Raises:
        SeriesIsFull: it would be longer than the law allows.
    """
    head = f"{prefix}{year[2:4]}{year[5:7]}-"
    digits = min(USUAL_DIGITS, LONGEST - len(head))
    number = f"{head}{serial:0{digits}d}"
    if len(number) > LONGEST:
        raise SeriesIsFull(f"{number} has {len(number)} characters: shorten the store's invoice prefix {prefix!r}")
    return number
