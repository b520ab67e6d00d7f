"""Parcels and their bookings: each booking is one try to ship a parcel with one account at an aggregator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from psycopg.types.json import Jsonb
from pydantic import TypeAdapter
from sqlalchemy import Connection, RowMapping

from magento_oms.domain.parcel_states import STARTS
from magento_oms.domain.parcels import NewParcel, ParcelContents, booking_reference
from magento_oms.ports import Booked, Courier, CourierDocument, Direction, ParcelStatus, Pickup
from magento_oms.storage import return_notices
from magento_oms.storage.database import text

_CONTENTS = TypeAdapter(ParcelContents)
_BOOKED = TypeAdapter(Booked)

_COLUMNS = (
    "b.id, b.parcel_id, b.generation, b.account, b.aggregator, b.reference, b.status, b.booked, b.booked_at,"
    " b.tried, b.given_up, b.awb, b.pickup_number, p.direction, p.order_id, o.instance, o.increment_id,"
    " o.shadow, o.state as order_state, o.entity_id, p.fulfilment_id"
)
_JOINED = "courier_booking b join parcel p on p.id = b.parcel_id join sales_order o on o.id = p.order_id"


def live_bookings_sql() -> str:
    """The booking of each parcel that counts: the newest one, unless it was given up."""
    return (
        "select b.* from courier_booking b where b.given_up = '' and not exists ("
        "select from courier_booking newer where newer.parcel_id = b.parcel_id and newer.generation > b.generation)"
    )


@dataclass(frozen=True, slots=True)
class StoredBooking:
    """A booking as the OMS knows it.

    Attributes:
        booked: what the aggregator said of it; its `awb` is empty until there is one.
        booked_at: aware UTC; None until the aggregator has the order.
        tried: couriers that would not take it, with their reasons.
        given_up: why it is not wanted any more; empty: it is.
    """

    id: int
    parcel_id: int
    generation: int
    account: str
    aggregator: str
    reference: str
    status: ParcelStatus
    direction: Direction
    order_id: int
    instance: str
    increment_id: str
    shadow: bool
    order_state: str
    entity_id: int
    fulfilment_id: int | None
    booked: Booked
    booked_at: datetime | None
    tried: tuple[dict[str, str], ...]
    given_up: str
    pickup_number: str


def create(connection: Connection, parcel: NewParcel) -> int:
    """Store a parcel; its id. The order is locked, so that two parcels never get one number."""
    connection.execute(text("select 1 from sales_order where id = :id for update"), {"id": parcel.order_id})
    parcel_id: int = connection.execute(
        text(
            "insert into parcel (order_id, fulfilment_id, direction, number, location, contents, value, cod, shipping,"
            " return_reason, quality_check)"
            " select :order_id, :fulfilment_id, :direction, coalesce(max(number), 0) + 1, :location, :contents, :value,"
            " :cod, :shipping, :return_reason, :quality_check"
            " from parcel where order_id = :order_id and direction = :direction returning id"
        ),
        {
            "order_id": parcel.order_id,
            "fulfilment_id": parcel.fulfilment_id,
            "direction": str(parcel.direction),
            "location": parcel.location,
            "contents": _json(_CONTENTS.dump_python(parcel.contents, mode="json")),
            "value": parcel.value,
            "cod": parcel.cod,
            "shipping": parcel.shipping,
            "return_reason": parcel.return_reason,
            "quality_check": parcel.quality_check,
        },
    ).scalar_one()
    return parcel_id


def contents_of(connection: Connection, parcel_id: int) -> ParcelContents:
    """What is in a parcel."""
    stored = connection.execute(text("select contents from parcel where id = :id"), {"id": parcel_id}).scalar_one()
    return _CONTENTS.validate_python(stored)


def open_booking(connection: Connection, parcel_id: int, account: str, aggregator: str) -> StoredBooking:
    """A new booking of a parcel, with a reference that was never used."""
    row = connection.execute(
        text(
            "select p.direction, o.increment_id, coalesce(max(b.generation), 0) + 1 as generation"
            " from parcel p join sales_order o on o.id = p.order_id left join courier_booking b on b.parcel_id = p.id"
            " where p.id = :id group by p.direction, o.increment_id"
        ),
        {"id": parcel_id},
    ).one()
    booking_id = connection.execute(
        text(
            "insert into courier_booking (parcel_id, generation, account, aggregator, reference, status)"
            " values (:parcel_id, :generation, :account, :aggregator, :reference, :status) returning id"
        ),
        {
            "parcel_id": parcel_id,
            "generation": row.generation,
            "account": account,
            "aggregator": aggregator,
            "reference": booking_reference(row.increment_id, parcel_id, row.generation),
            "status": str(STARTS[Direction(row.direction)]),
        },
    ).scalar_one()
    return get(connection, booking_id)


def lock_order_of(connection: Connection, booking_id: int) -> None:
    """Take a booking's order before the booking, as everybody does, so that two never wait for each other."""
    connection.execute(
        text(
            "select 1 from sales_order where id = (select p.order_id from courier_booking b"
            " join parcel p on p.id = b.parcel_id where b.id = :id) for update"
        ),
        {"id": booking_id},
    )


def adopt(connection: Connection, parcel_id: int, account: str, aggregator: str, booked: Booked) -> StoredBooking:
    """A booking that somebody else made at an account, under a reference of theirs; from now on it is followed."""
    booking_id: int = connection.execute(
        text(
            "insert into courier_booking (parcel_id, generation, account, aggregator, reference, status)"
            " select p.id, coalesce(max(b.generation), 0) + 1, :account, :aggregator, :reference,"
            " case p.direction when 'reverse' then 'return_placed' else 'created' end"
            " from parcel p left join courier_booking b on b.parcel_id = p.id where p.id = :id"
            " group by p.id, p.direction returning id"
        ),
        {"id": parcel_id, "account": account, "aggregator": aggregator, "reference": booked.reference},
    ).scalar_one()
    if booked.awb or booked.order_ref:
        note_booked(connection, booking_id, booked)
    return get(connection, booking_id)


def get(connection: Connection, booking_id: int, *, lock: bool = False) -> StoredBooking:
    """One booking. With `lock` its order, then it, are locked until the transaction ends."""
    if lock:
        connection.execute(
            text(
                "select 1 from sales_order where id = (select p.order_id from parcel p"
                " join courier_booking b on b.parcel_id = p.id where b.id = :id) for update"
            ),
            {"id": booking_id},
        )
    ending = " for update of b" if lock else ""
    row = connection.execute(
        text(f"select {_COLUMNS} from {_JOINED} where b.id = :id{ending}"),  # noqa: S608  (constants)
        {"id": booking_id},
    )
    return _booking(row.mappings().one())


def of_parcel(connection: Connection, parcel_id: int) -> list[StoredBooking]:
    """All bookings of a parcel, the first one first; the last one counts."""
    rows = connection.execute(
        text(f"select {_COLUMNS} from {_JOINED} where b.parcel_id = :id order by b.generation"),  # noqa: S608
        {"id": parcel_id},
    )
    return [_booking(row) for row in rows.mappings()]


def live_bookings_of(connection: Connection, fulfilment_id: int) -> list[StoredBooking]:
    """The bookings that count of a fulfilment's forward parcels: of each the newest, unless it was given up."""
    rows = connection.execute(
        text(
            f"select {_COLUMNS} from ({live_bookings_sql()}) b join parcel p on p.id = b.parcel_id"  # noqa: S608
            " join sales_order o on o.id = p.order_id"
            " where p.fulfilment_id = :id and p.direction = 'forward' order by p.id"
        ),
        {"id": fulfilment_id},
    )
    return [_booking(row) for row in rows.mappings()]


def find(
    connection: Connection, account: str, *, awb: str = "", reference: str = "", order_ref: str = ""
) -> int | None:
    """The booking that a scan is about: by AWB, else by our reference, else by the aggregator's order id.

    An AWB that couriers used again belongs to the newest booking.
    """
    for column, value in (("awb", awb), ("reference", reference), ("order_ref", order_ref)):
        if not value:
            continue
        found = connection.execute(
            text(f"select id from courier_booking where account = :account and {column} = :value order by id desc"),  # noqa: S608
            {"account": account, "value": value},
        ).scalar()
        if found is not None:
            return int(found)
    return None


def note_booked(connection: Connection, booking_id: int, booked: Booked) -> None:
    """Keep what the aggregator said. What it said before and leaves out now stays."""
    before = get(connection, booking_id, lock=True).booked
    joined = _joined(before, booked)
    connection.execute(
        text(
            "update courier_booking set booked = :booked, awb = :awb, order_ref = :order_ref,"
            " booked_at = coalesce(booked_at, now()),"
            " track_at = case when :awb <> '' and awb = '' then now() + interval '15 minutes' else track_at end"
            " where id = :id"
        ),
        {
            "id": booking_id,
            "booked": _json(_BOOKED.dump_python(joined, mode="json")),
            "awb": joined.awb,
            "order_ref": joined.order_ref,
        },
    )
    if joined.awb and not before.awb:
        return_notices.tell_awb(connection, booking_id, joined.awb)


def note_pickup(connection: Connection, booking_id: int, pickup: Pickup) -> None:
    """Keep when the courier comes."""
    connection.execute(
        text(
            "update courier_booking set pickup_number = :number, pickup_on = coalesce(:day, pickup_on) where id = :id"
        ),
        {"id": booking_id, "number": pickup.number, "day": pickup.scheduled_for},
    )


def note_tried(connection: Connection, booking_id: int, tried: Sequence[tuple[Courier | None, str]]) -> None:
    """Keep which couriers would not take it, and why."""
    if not tried:
        return
    entries = [{"courier": (courier.name or courier.code) if courier else "", "why": why} for courier, why in tried]
    connection.execute(
        text("update courier_booking set tried = tried || cast(:entries as jsonb) where id = :id"),
        {"id": booking_id, "entries": Jsonb(entries, dumps=orjson.dumps)},
    )


def give_up(connection: Connection, booking_id: int, why: str) -> None:
    """The booking is not wanted any more. It is tracked on: a courier may ship it all the same."""
    connection.execute(
        text("update courier_booking set given_up = :why where id = :id and given_up = ''"),
        {"id": booking_id, "why": why},
    )


def store_document(connection: Connection, booking_id: int, kind: str, document: CourierDocument) -> None:
    """Keep a label or another paper; a newer one replaces it."""
    connection.execute(
        text(
            "insert into courier_document (booking_id, kind, media_type, content)"
            " values (:booking_id, :kind, :media_type, :content)"
            " on conflict (booking_id, kind) do update set media_type = excluded.media_type,"
            " content = excluded.content, fetched_at = now()"
        ),
        {
            "booking_id": booking_id,
            "kind": kind,
            "media_type": document.media_type,
            "content": document.content,
        },
    )


def document(connection: Connection, booking_id: int, kind: str) -> CourierDocument | None:
    """A stored paper; None: there is none."""
    row = connection.execute(
        text("select media_type, content from courier_document where booking_id = :id and kind = :kind"),
        {"id": booking_id, "kind": kind},
    ).one_or_none()
    return CourierDocument(content=bytes(row.content), media_type=row.media_type) if row else None


def _joined(before: Booked, now: Booked) -> Booked:
    """What is known now, with what was known before where now tells nothing."""
    known = {name: getattr(now, name) or getattr(before, name) for name in Booked.__dataclass_fields__}
    return Booked(**known | {"cancelled": now.cancelled})


def _booking(row: RowMapping) -> StoredBooking:
    direction = Direction(row["direction"])
    stored = row["booked"] or {"reference": row["reference"], "direction": str(direction)}
    return StoredBooking(
        id=row["id"],
        parcel_id=row["parcel_id"],
        generation=row["generation"],
        account=row["account"],
        aggregator=row["aggregator"],
        reference=row["reference"],
        status=ParcelStatus(row["status"]),
        direction=direction,
        order_id=row["order_id"],
        instance=row["instance"],
        increment_id=row["increment_id"],
        shadow=row["shadow"],
        order_state=row["order_state"],
        entity_id=row["entity_id"],
        fulfilment_id=row["fulfilment_id"],
        booked=_BOOKED.validate_python(stored),
        booked_at=row["booked_at"],
        tried=tuple(row["tried"]),
        given_up=row["given_up"],
        pickup_number=row["pickup_number"],
    )


def _json(value: dict[str, Any]) -> Jsonb:
    return Jsonb(value, dumps=orjson.dumps)
