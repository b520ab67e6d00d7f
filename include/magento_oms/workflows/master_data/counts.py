"""What becomes of a page of products or customers, and how one odd row stays that row's own trouble."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from magento_oms.domain.intake import Payload
from magento_oms.domain.orders import NotUnderstood
from magento_oms.ports import Json
from magento_oms.storage import inbox, quarantine
from magento_oms.storage.database import engine

log = structlog.get_logger(__name__)

WAY_OUT = "Correct it in Magento's admin; saving it there makes it come again by itself."


@dataclass(slots=True)
class MasterCounts:
    """What became of the rows read. `gone` are no longer on Magento; `noted` are stored without an odd figure."""

    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    noted: int = 0
    quarantined: int = 0
    gone: int = 0

    def __add__(self, other: MasterCounts) -> MasterCounts:
        return MasterCounts(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


@dataclass(frozen=True, slots=True)
class MasterRow:
    """One payload. `read_at` is the store's clock."""

    payload: Json
    raw: bytes
    digest: bytes
    read_at: datetime

    @property
    def row_id(self) -> int:
        """Magento's."""
        return int(self.payload["id"])


Store = Callable[[Connection, Sequence[MasterRow]], MasterCounts]
"""Writes rows that are not stored as they are. Raises NotUnderstood only for a single row."""


def store_each(url: str, instance: str, noun: str, rows: Sequence[MasterRow], store: Store) -> MasterCounts:
    """Write rows in one transaction; where one of them cannot be written, each in one of its own, and what remains
    goes to quarantine with its payload.
    """
    if not rows:
        return MasterCounts()
    try:
        with engine(url).begin() as connection:
            counts = store(connection, rows)
            _understood(connection, instance, noun, rows)
    except (NotUnderstood, DataError) as error:
        if len(rows) > 1:
            counts = MasterCounts()
            for row in rows:
                counts += store_each(url, instance, noun, [row], store)
            return counts
        _quarantine(url, instance, noun, rows[0], error)
        return MasterCounts(quarantined=1)
    return counts


def _understood(connection: Connection, instance: str, noun: str, rows: Sequence[MasterRow]) -> None:
    subjects = [f"{noun}:{row.row_id}" for row in rows]
    quarantine.resolve_many(connection, instance, subjects, resolution="understood when read again")


def _quarantine(url: str, instance: str, noun: str, row: MasterRow, error: NotUnderstood | DataError) -> None:
    trouble = (
        error
        if isinstance(error, NotUnderstood)
        else NotUnderstood("could_not_store", f"The database refused the {noun}: {type(error.orig).__name__}.", WAY_OUT)
    )
    log.warning(f"{noun} in quarantine", instance=instance, row_id=row.row_id, code=trouble.code)
    item = Payload(row.row_id, row.raw, row.digest, row.read_at)
    source = f"{noun}s"
    with engine(url).begin() as connection:
        kept = inbox.known(connection, instance, [item], source)
        inbox_id = kept.get(item.digest) or inbox.insert(connection, instance, [item], source)[0]
        quarantine.open_(
            connection,
            instance=instance,
            subject=f"{noun}:{row.row_id}",
            code=trouble.code,
            reason=trouble.reason,
            way_out=trouble.way_out,
            inbox_id=inbox_id,
        )
