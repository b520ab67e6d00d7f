"""What a vendor's stand-in works with during one call or one scan: its account, its parcels, its ledger."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from psycopg.types.json import Jsonb

from commerce_sandbox.couriers.journeys import ENDS, JOURNEYS, PLACES, USUAL
from commerce_sandbox.database import Connection


@dataclass(frozen=True, slots=True)
class Account:
    """One account at a stand-in.

    Attributes:
        settings: credentials, switches, webhook target, latency, rate limit, shares of journeys, speed.
    """

    code: str
    vendor: str
    settings: Mapping[str, Any]

    def switch(self, name: str) -> Any:
        """A behaviour that is chosen for this account."""
        return self.settings["switches"][name]

    def credential(self, name: str) -> str:
        """What its hook must send."""
        return str(self.settings["credentials"][name])


@dataclass(frozen=True, slots=True)
class CourierCall:
    """One request to an account.

    Attributes:
        path: below the account's root, beginning with a slash.
        root: the account's root as the caller sees it, for links to files.
        expired: a fault makes the caller's credentials count as expired.
    """

    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes
    root: str
    expired: bool = False

    @property
    def query(self) -> dict[str, str]:
        """The query; the last of several wins."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    def json(self) -> Any:
        """The body, decoded; None where it is no JSON."""
        try:
            return json.loads(self.body) if self.body else None
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back. `body` is JSON unless it is bytes or text."""

    status: int
    body: Any = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    slow_seconds: float = 0.0


Route = tuple[str, str, Callable[..., Reply]]
"""Method, path and what answers: a method of the stand-in, with the call and the desk."""


@dataclass(slots=True)
class Parcel:
    """A parcel of an account. `document` is the vendor's own: whatever it must remember."""

    id: int
    reference: str
    direction: str
    order_ref: str
    shipment_ref: str
    awb: str
    state: str
    journey: str
    step: int
    document: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan. `number` counts the account's scans."""

    number: int
    step: str
    at: datetime
    place: str
    remark: str


INDIA = timedelta(hours=5, minutes=30)


def indian(moment: datetime, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A time as Indian wall-clock time without a zone, as couriers write it."""
    return (moment.astimezone(UTC) + INDIA).strftime(form)


def made_between(parcel: Parcel, first: str | None, last: str | None) -> bool:
    """Whether an order was made on these days of India (yyyy-mm-dd, both included; None: any)."""
    day = indian(parcel.created_at, "%Y-%m-%d")
    return (not first or day >= first) and (not last or day <= last)


_PARCEL = "id, reference, direction, order_ref, shipment_ref, awb, state, journey, step, document, created_at"


class Desk:
    """An account's table of parcels within one transaction. Calls of one account are worked on one after another."""

    def __init__(self, connection: Connection, account: Account) -> None:
        self.connection = connection
        self.account = account
        self.effects: list[tuple[str, str]] = []
        self.scanned: list[tuple[Parcel, Scan]] = []

    # Numbers and time -------------------------------------------------------------------------------------------------

    def next_number(self, name: str, start: int = 1) -> int:
        """The next of a count of the account's."""
        row = self.connection.execute(
            "insert into sandbox_counter values (%s, %s, %s)"
            " on conflict (instance, name) do update set value = sandbox_counter.value + 1 returning value",
            (f"courier:{self.account.code}", name, start),
        ).fetchone()
        assert row is not None  # noqa: S101  (an upsert returns a row)
        return int(row[0])

    @staticmethod
    def now() -> datetime:
        """The account's clock, whole seconds."""
        return datetime.fromtimestamp(int(time.time()), UTC)

    # Parcels ----------------------------------------------------------------------------------------------------------

    def parcels(self, **wanted: str) -> list[Parcel]:
        """Parcels with these columns, the oldest first."""
        columns = " and ".join(f"{name} = %s" for name in wanted)
        sql = f"select {_PARCEL} from courier_parcel where account = %s{' and ' if wanted else ''}{columns} order by id"  # noqa: S608
        rows = self.connection.execute(sql, (self.account.code, *wanted.values())).fetchall()
        return [Parcel(*row) for row in rows]

    def parcel(self, **wanted: str) -> Parcel | None:
        """The newest of them."""
        found = self.parcels(**wanted)
        return found[-1] if found else None

    def add(
        self,
        reference: str,
        direction: str,
        document: Mapping[str, Any],
        *,
        order_ref: str = "",
        shipment_ref: str = "",
    ) -> Parcel:
        """A new parcel, without an AWB."""
        row = self.connection.execute(
            "insert into courier_parcel (account, reference, direction, order_ref, shipment_ref, journey, document)"  # noqa: S608
            f" values (%s, %s, %s, %s, %s, %s, %s) returning {_PARCEL}",
            (
                self.account.code,
                reference,
                direction,
                order_ref,
                shipment_ref,
                self._journey(direction),
                Jsonb(dict(document)),
            ),
        ).fetchone()
        assert row is not None  # noqa: S101
        parcel = Parcel(*row)
        self.effect("order", parcel)
        return parcel

    def save(self, parcel: Parcel) -> None:
        """Write what was changed of a parcel."""
        self.connection.execute(
            "update courier_parcel set order_ref = %s, shipment_ref = %s, awb = %s, state = %s, journey = %s,"
            " step = %s, document = %s where id = %s",
            (
                parcel.order_ref,
                parcel.shipment_ref,
                parcel.awb,
                parcel.state,
                parcel.journey,
                parcel.step,
                Jsonb(parcel.document),
                parcel.id,
            ),
        )

    def give_awb(self, parcel: Parcel, awb: str) -> None:
        """A parcel gets its AWB: from now on it travels."""
        parcel.awb = awb
        self.save(parcel)
        self.effect("awb", parcel)
        self.connection.execute(
            "update courier_parcel set next_at = now() + %s * interval '1 second' where id = %s",
            (self.account.settings.get("seconds_a_step"), parcel.id),
        )

    def effect(self, kind: str, parcel: Parcel | None = None) -> None:
        """Note what really happened."""
        self.effects.append((kind, parcel.reference if parcel else ""))
        self.connection.execute(
            "insert into courier_effect (account, kind, reference) values (%s, %s, %s)",
            (self.account.code, kind, parcel.reference if parcel else ""),
        )

    # Scans ------------------------------------------------------------------------------------------------------------

    def scans(self, parcel: Parcel) -> list[Scan]:
        """A parcel's scans, the oldest first."""
        rows = self.connection.execute(
            "select id, step, at, place, remark from courier_scan where parcel_id = %s order by at, id", (parcel.id,)
        ).fetchall()
        return [Scan(*row) for row in rows]

    def scan(self, parcel: Parcel, step: str, *, at: datetime | None = None, remark: str = "") -> Scan:
        """A parcel is scanned; its webhooks are sent once the transaction is committed."""
        before = self.scans(parcel)
        moment = at or max([self.now(), *(each.at + timedelta(seconds=1) for each in before)])
        place = PLACES[len(before) % len(PLACES)]
        row = self.connection.execute(
            "insert into courier_scan (parcel_id, step, at, place, remark) values (%s, %s, %s, %s, %s)"
            " returning id, step, at, place, remark",
            (parcel.id, step, moment, place, remark),
        ).fetchone()
        assert row is not None  # noqa: S101
        scan = Scan(*row)
        if not before or scan.at >= before[-1].at:
            parcel.state = step
            self.save(parcel)
        self.scanned.append((parcel, scan))
        return scan

    def cancel(self, parcel: Parcel) -> None:
        """A parcel is called off: it travels no further."""
        self.effect("cancel", parcel)
        self.connection.execute("update courier_parcel set next_at = null where id = %s", (parcel.id,))
        self.scan(parcel, "cancelled")

    def _journey(self, direction: str) -> str:
        """Which way a new parcel goes, by the account's shares; the same for the same count."""
        shares: Mapping[str, float] = self.account.settings.get("journeys", {})
        ways = [name for name in JOURNEYS[direction] if shares.get(name)]
        if not ways:
            return USUAL[direction]
        turn = (self.next_number("journeys") * 0.6180339887) % 1 * sum(shares[name] for name in ways)
        for name in ways:
            turn -= shares[name]
            if turn < 0:
                return name
        return ways[-1]


def ended(parcel: Parcel) -> bool:
    """Whether nothing follows."""
    return parcel.state in ENDS


def strings(value: Any) -> Sequence[str]:
    """A list of anything as text; of anything else nothing."""
    return [str(each) for each in value] if isinstance(value, list) else []
