"""CSV in and out: every trouble is named by its line, and no cell can carry a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TextIO

from magento_oms.documents.cells import harmless
from magento_oms.ports import ConfigurationError


def write(out: TextIO, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows. A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    writer = csv.writer(out)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([harmless(row[name]) for name in columns])


def read(path: Path, needed: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a file with their line numbers.

    Raises:
        ConfigurationError: it cannot be read, is no UTF-8, or lacks a column.
    """
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ConfigurationError(
            f"{path}, line {line}: this is no UTF-8.", way_out="Save it as CSV UTF-8; nothing was read."
        ) from None
    reader = csv.DictReader(content.splitlines(keepends=True))
    missing = [name for name in needed if name not in (reader.fieldnames or ())]
    if missing:
        raise ConfigurationError(
            f"{path}: the first line lacks the column {missing[0]!r}.", way_out=f"Needed: {', '.join(needed)}."
        )
    rows = []
    for row in reader:
        kept = {str(name): (value or "").strip() for name, value in row.items() if isinstance(value, (str, type(None)))}
        rows.append((reader.line_num, kept))
    return rows


def figure(value: str) -> Decimal | None:
    """A figure; None: it is none."""
    try:
        told = Decimal(value)
    except InvalidOperation:
        return None
    return told if told.is_finite() else None
