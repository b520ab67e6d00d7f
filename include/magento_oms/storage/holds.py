"""The hold switch: while a target is held, no effect is sent to it. The emergency brake of people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert

from magento_oms.storage.tables import HoldSwitch

EVERYTHING = "*"
"""The target that stands for all."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A switch that is on. `at` is aware UTC."""

    target: str
    reason: str
    by: str
    at: datetime


def hold(connection: Connection, target: str, reason: str, by: str) -> None:
    """Send nothing to `target` (`magento:<instance>`, `courier:<account>`, or `*`: everything) until it is released.

    A hold that is on already keeps its time; reason and person become the new ones.

    Raises:
        ValueError: target or reason is empty.
    """
    if not target or not reason.strip():
        raise ValueError("a hold names what is held and why")
    statement = insert(HoldSwitch).values(target=target, reason=reason, held_by=by)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[HoldSwitch.target],
            set_={"reason": statement.excluded.reason, "held_by": statement.excluded.held_by},
        )
    )


def release(connection: Connection, target: str) -> bool:
    """Take the hold of exactly `target` off; False if there was none. Releasing one does not release `*`."""
    gone = connection.execute(delete(HoldSwitch).where(HoldSwitch.target == target).returning(HoldSwitch.target))
    return gone.first() is not None


def held(connection: Connection, target: str) -> str | None:
    """Why nothing may be sent to `target` now, or None if it may. Looks at its own hold and at `*`."""
    rows = connection.execute(
        select(HoldSwitch.reason)
        .where(HoldSwitch.target.in_((target, EVERYTHING)))
        .order_by(HoldSwitch.target == EVERYTHING)
        .limit(1)
    )
    return rows.scalar()


def all_holds(connection: Connection) -> list[Hold]:
    """Every hold that is on, the oldest first."""
    rows = connection.execute(select(HoldSwitch).order_by(HoldSwitch.held_at, HoldSwitch.target)).mappings()
    return [Hold(row["target"], row["reason"], row["held_by"], row["held_at"].astimezone(UTC)) for row in rows]
