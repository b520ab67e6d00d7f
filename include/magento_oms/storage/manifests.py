"""Manifests: what one courier takes from one location on one day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Connection, RowMapping

from magento_oms.storage.api_tokens import of_stores_sql
from magento_oms.storage.database import text
from magento_oms.storage.parcels import live_bookings_sql


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest. `day` is in India."""

    id: int
    number: str
    location: str
    account: str
    courier: str
    day: date
    aggregator_reference: str
    handed_over_at: datetime | None


@dataclass(frozen=True, slots=True)
class ManifestedParcel:
    """A parcel of a manifest, or one that may come onto one."""

    parcel_id: int
    booking_id: int
    fulfilment_id: int
    awb: str
    account: str
    courier: str
    order_number: str
    invoice_number: str
    pincode: str
    weight_g: Decimal
    cod: Decimal


_MANIFESTS = """
select id, number, location, account, courier, day, aggregator_reference, handed_over_at from manifest
"""
_PARCELS = f"""
select p.id as parcel_id, b.id as booking_id, p.fulfilment_id, b.awb, b.account,
  coalesce(nullif(b.booked -> 'courier' ->> 'name', ''), b.booked -> 'courier' ->> 'code', b.aggregator) as courier,
  o.increment_id as order_number, coalesce(p.contents -> 'invoice' ->> 'number', '') as invoice_number,
  coalesce(o.buyer -> 'shipping' ->> 'pincode', o.buyer -> 'billing' ->> 'pincode', '') as pincode,
  (p.contents -> 'size' ->> 'weight_g')::numeric as weight_g, p.cod
from parcel p join sales_order o on o.id = p.order_id join ({live_bookings_sql()}) b on b.parcel_id = p.id
"""  # noqa: S608  (constants)


def waiting(
    connection: Connection, location: str, account: str | None = None, stores: Sequence[str] = ()
) -> list[ManifestedParcel]:
    """Parcels of a location whose papers are complete and that are on no manifest yet; locked.

    Args:
        stores: only of these, see `api_tokens.Caller`.
    """
    rows = connection.execute(
        text(
            f"{_PARCELS} join fulfilment f on f.id = p.fulfilment_id"
            " where f.location = :location and f.state = 'ready' and p.direction = 'forward'"
            " and o.state not in ('held', 'cancelled') and (cast(:account as text) is null or b.account = :account)"
            f" and {of_stores_sql('o')} and not exists (select from manifest_parcel m where m.parcel_id = p.id)"
            " order by b.account, courier, p.id for update of f"
        ),
        {"location": location, "account": account, "stores": list(stores)},
    ).mappings()
    return [_parcel(row) for row in rows]


_OF_STORES = f"""
not exists (select from manifest_parcel m join parcel p on p.id = m.parcel_id
  join sales_order o on o.id = p.order_id where m.manifest_id = manifest.id and not {of_stores_sql("o")})
"""


def is_of(connection: Connection, manifest_id: int, stores: Sequence[str]) -> bool:
    """Whether all that is on a manifest is of these stores, see `api_tokens.Caller`."""
    found = connection.execute(
        text(f"select from manifest where id = :id and {_OF_STORES}"),
        {"id": manifest_id, "stores": list(stores)},
    )
    return found.rowcount == 1


def open_at(
    connection: Connection, location: str, stores: Sequence[str] = (), *, limit: int = 200
) -> list[StoredManifest]:
    """Manifests of a location of which something has not left yet, the oldest first.

    Args:
        stores: only of these, see `api_tokens.Caller`.
    """
    rows = connection.execute(
        text(
            f"{_MANIFESTS} where location = :location and handed_over_at is null and {_OF_STORES}"
            " and exists (select from manifest_parcel m join parcel p on p.id = m.parcel_id"
            " join fulfilment f on f.id = p.fulfilment_id where m.manifest_id = manifest.id"
            " and f.state <> 'handed_over') order by id limit :limit"
        ),
        {"location": location, "stores": list(stores), "limit": limit},
    ).mappings()
    return [StoredManifest(**row) for row in rows]


def orders_of(connection: Connection, fulfilment_ids: Sequence[int]) -> dict[str, list[int]]:
    """The orders of fulfilments that are ready: instance → entity ids."""
    rows = connection.execute(
        text(
            "select distinct o.instance, o.entity_id from fulfilment f join sales_order o on o.id = f.order_id"
            " where f.id = any(:ids) and f.state = 'ready' order by 1, 2"
        ),
        {"ids": list(fulfilment_ids)},
    )
    found: dict[str, list[int]] = {}
    for instance, entity_id in rows:
        found.setdefault(instance, []).append(entity_id)
    return found


def parcels_of(connection: Connection, manifest_id: int) -> list[ManifestedParcel]:
    """The parcels of a manifest."""
    rows = connection.execute(
        text(f"{_PARCELS} join manifest_parcel m on m.parcel_id = p.id where m.manifest_id = :id order by p.id"),
        {"id": manifest_id},
    ).mappings()
    return [_parcel(row) for row in rows]


def create(
    connection: Connection, location: str, account: str, courier: str, day: date, parcel_ids: Sequence[int]
) -> StoredManifest:
    """Write a manifest; its number counts a location's manifests of a day."""
    connection.execute(text("select 1 from location where code = :code for update"), {"code": location})
    count = connection.execute(
        text("select count(*) from manifest where location = :location and day = :day"),
        {"location": location, "day": day},
    ).scalar_one()
    number = f"M-{location.upper()}-{day:%Y%m%d}-{count + 1}"
    manifest_id = connection.execute(
        text(
            "insert into manifest (number, location, account, courier, day)"
            " values (:number, :location, :account, :courier, :day) returning id"
        ),
        {"number": number, "location": location, "account": account, "courier": courier, "day": day},
    ).scalar_one()
    connection.execute(
        text("insert into manifest_parcel (manifest_id, parcel_id) values (:manifest, :parcel)"),
        [{"manifest": manifest_id, "parcel": parcel_id} for parcel_id in parcel_ids],
    )
    return StoredManifest(manifest_id, number, location, account, courier, day, "", None)


def get(connection: Connection, manifest_id: int) -> StoredManifest | None:
    """One manifest; None: there is none."""
    row = connection.execute(text(f"{_MANIFESTS} where id = :id"), {"id": manifest_id}).mappings().one_or_none()
    return StoredManifest(**row) if row else None


def by_number(connection: Connection, number: str) -> int | None:
    """The manifest of a number."""
    return connection.execute(text("select id from manifest where number = :number"), {"number": number}).scalar()


def note_reference(connection: Connection, manifest_id: int, reference: str) -> None:
    """Keep the aggregator's own number of a manifest."""
    connection.execute(
        text("update manifest set aggregator_reference = :reference where id = :id"),
        {"id": manifest_id, "reference": reference},
    )


def take_off(connection: Connection, manifest_id: int, fulfilment_ids: Sequence[int]) -> None:
    """What did not leave with a manifest is on it no more: a later one may list it."""
    connection.execute(
        text(
            "delete from manifest_parcel m using parcel p where p.id = m.parcel_id and m.manifest_id = :id"
            " and p.fulfilment_id = any(:fulfilments)"
        ),
        {"id": manifest_id, "fulfilments": list(fulfilment_ids)},
    )


def note_handed_over(connection: Connection, manifest_id: int) -> None:
    """The courier took what is on it."""
    connection.execute(
        text("update manifest set handed_over_at = coalesce(handed_over_at, now()) where id = :id"), {"id": manifest_id}
    )


def _parcel(row: RowMapping) -> ManifestedParcel:
    return ManifestedParcel(**row)
