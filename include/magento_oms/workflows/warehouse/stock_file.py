"""Reading a file of stock: absolute figures by location and SKU. Every trouble is the trouble of its line."""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

from magento_oms.ports import ConfigurationError

COLUMNS = ("location", "sku", "quantity")
SEPARATORS = (",", ";", "\t", "|")
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}

_UNDECODED = re.compile("[\udc80-\udcff]")
"""How Python keeps a byte that is no UTF-8."""


@dataclass(frozen=True, slots=True)
class StockFileLine:
    """One line; `wrong` says why it cannot be used, else it is empty."""

    number: int
    location: str
    sku: str
    quantity: Decimal
    wrong: str = ""


def read_stock_file(content: bytes, *, location: str | None = None, encoding: str | None = None) -> list[StockFileLine]:
    """The lines of a CSV with the columns location, sku and quantity, in any order and among others. A line that names
    a SKU of a location again is refused: the first one counts.

    Args:
        location: of all lines; the file then needs no such column.
        encoding: of the file; UTF-8, or what its first bytes say, if not given.

    Raises:
        ConfigurationError: there is nothing in it, a column is missing, or the encoding is unknown.
    """
    rows = io.StringIO(_text(content, encoding), newline="")
    names = next(rows, "")
    if not names.strip():
        raise ConfigurationError(
            "The file has no first line with the names of its columns.", way_out=f"Begin it with: {','.join(COLUMNS)}"
        )
    separator = max(SEPARATORS, key=names.count)
    places = _places(_cells(names, separator), location)
    read: list[StockFileLine] = []
    first: dict[tuple[str, str], int] = {}
    for number, row in enumerate(rows, start=2):
        if row.strip(" \t\r\n,;|"):
            line = _line(number, row, separator, places, location)
            before = first.setdefault((line.location, line.sku), number) if not line.wrong else number
            read.append(
                line if before == number else replace(line, wrong=f"Line {before} names it before, and counts.")
            )
    return read


def _cells(row: str, separator: str) -> list[str]:
    """One line's cells. A line is read by itself, so that an open quote spoils no other.

    Raises:
        csv.Error: it is no CSV.
    """
    return next(csv.reader([row], delimiter=separator, strict=True))


def _text(content: bytes, encoding: str | None) -> str:
    """The file as text. Bytes that are none stay as lone surrogates, for their line to be refused."""
    named = encoding or next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(named, errors="surrogateescape" if named.startswith("utf-8") else "strict")
    except LookupError:
        raise ConfigurationError(
            f"There is no encoding {named!r}.", way_out="Windows' is cp1252, Excel's CSV UTF-8 is utf-8."
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"The file is not {named}: it goes wrong at byte {error.start}.",
            way_out="Save it as CSV UTF-8, or name its encoding.",
        ) from None


def _places(names: list[str], location: str | None) -> dict[str, int]:
    given = [name.strip().lower() for name in names]
    needed = [name for name in COLUMNS if name != "location" or location is None]
    if missing := [name for name in needed if name not in given]:
        raise ConfigurationError(
            f"The first line lacks the column {missing[0]!r}.",
            way_out=f"Needed are {', '.join(needed)}"
            + ("; --location names one for all lines." if "location" in missing else "."),
        )
    return {name: given.index(name) for name in needed}


def _line(number: int, text: str, separator: str, places: dict[str, int], location: str | None) -> StockFileLine:
    try:
        row = _cells(text, separator)
    except csv.Error as error:
        return _refused(number, location or "", "", f"It is no CSV: {error}.")
    if len(row) <= max(places.values()):
        return _refused(
            number, location or "", "", f"It has {len(row)} columns; {max(places.values()) + 1} are needed."
        )
    where = location or row[places["location"]].strip()
    sku, told = row[places["sku"]].strip(), row[places["quantity"]].strip()
    if not text.isascii() and _UNDECODED.search(where + sku + told):
        why = "It is not UTF-8. Save the file as CSV UTF-8, or name its encoding with --encoding."
        return _refused(number, _shown(where), _shown(sku), why)
    if not where:
        return _refused(number, where, sku, "It names no location.")
    try:
        quantity = Decimal(told)
    except InvalidOperation:
        why = f"The quantity {told[:40]!r} is no number; write it like 1200, without a separator."
        return _refused(number, where, sku, why)
    return StockFileLine(number, where, sku, quantity)


def _refused(number: int, location: str, sku: str, why: str) -> StockFileLine:
    return StockFileLine(number, location, sku, Decimal(0), why)


def _shown(text: str) -> str:
    """The text with a question mark for every byte that is none."""
    return text.encode("utf-8", "replace").decode()
