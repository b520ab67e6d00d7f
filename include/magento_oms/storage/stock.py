"""Stock by location: absolute figures that warehouses tell, and what open fulfilments reserve of them.

Whoever changes several rows takes them in the order of (location, SKU), so that two never wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from magento_oms.storage.database import text

Units = Mapping[tuple[str, str], Decimal]
"""(location, SKU) → units."""


@dataclass(frozen=True, slots=True)
class StockFigure:
    """What a location has of a SKU: on the shelf, and of that promised to open fulfilments."""

    location: str
    sku: str
    quantity: Decimal
    reserved: Decimal
    version: int


def available_for_update(
    connection: Connection, locations: Sequence[str], skus: Sequence[str]
) -> dict[tuple[str, str], Decimal]:
    """What may still be promised, locked until the transaction ends."""
    rows = connection.execute(
        text(
            "select location, sku, quantity - reserved as free from stock"
            " where location = any(:locations) and sku = any(:skus) order by location, sku for update"
        ),
        {"locations": list(locations), "skus": list(skus)},
    )
    return {(row.location, row.sku): row.free for row in rows}


def reserve(connection: Connection, units: Units) -> None:
    """Promise units (negative: take the promise back)."""
    rows = [(*key, quantity) for key, quantity in sorted(units.items()) if quantity]
    if rows:
        locations, skus, quantities = zip(*rows, strict=True)
        connection.execute(
            text(
                "insert into stock (location, sku, quantity, reserved)"
                " select location, sku, 0, units from unnest(cast(:locations as text[]), cast(:skus as text[]),"
                " cast(:units as numeric[])) as told (location, sku, units) order by location, sku"
                " on conflict (location, sku) do update set reserved = stock.reserved + excluded.reserved,"
                " version = stock.version + 1, changed_at = now()"
            ),
            {"locations": list(locations), "skus": list(skus), "units": list(quantities)},
        )


def gone(connection: Connection, units: Units) -> None:
    """Units have left the shelf: they are there no more, and reserved no more."""
    rows = [
        {"location": location, "sku": sku, "units": quantity} for (location, sku), quantity in sorted(units.items())
    ]
    if rows:
        connection.execute(
            text(
                # A location without counted stock has nothing that could become less.
                "update stock set quantity = greatest(quantity - :units, 0), reserved = reserved - :units,"
                " version = version + 1, changed_at = now() where location = :location and sku = :sku"
            ),
            rows,
        )


def came_back(connection: Connection, units: Units) -> None:
    """Units are on the shelf again."""
    rows = [{"location": location, "sku": sku, "units": count} for (location, sku), count in sorted(units.items())]
    if rows:
        connection.execute(
            text(
                "insert into stock (location, sku, quantity) values (:location, :sku, :units)"
                " on conflict (location, sku) do update set quantity = stock.quantity + :units,"
                " version = stock.version + 1, changed_at = now()"
            ),
            rows,
        )


def set_absolute(connection: Connection, location: str, figures: Mapping[str, Decimal]) -> list[str]:
    """What a location has now, by SKU; the SKUs whose figure changed."""
    return [
        row.sku
        for row in connection.execute(
            text(
                "insert into stock as s (location, sku, quantity)"
                " select :location, sku, quantity from unnest(cast(:skus as text[]), cast(:quantities as numeric[]))"
                " as told (sku, quantity) order by sku"
                " on conflict (location, sku) do update set quantity = excluded.quantity, version = s.version + 1,"
                " changed_at = now() where s.quantity <> excluded.quantity returning sku"
            ),
            {"location": location, "skus": list(figures), "quantities": list(figures.values())},
        )
    ]


def different(connection: Connection, location: str, figures: Mapping[str, Decimal]) -> list[str]:
    """The SKUs whose figure `set_absolute` would change."""
    rows = connection.execute(
        text(
            "select told.sku from unnest(cast(:skus as text[]), cast(:quantities as numeric[])) as told (sku, quantity)"
            " left join stock s on s.location = :location and s.sku = told.sku"
            " where s.quantity is distinct from told.quantity order by told.sku"
        ),
        {"location": location, "skus": list(figures), "quantities": list(figures.values())},
    )
    return list(rows.scalars())


def in_fractions(connection: Connection, location: str) -> bool:
    """Whether a location counts fractions of a unit; False where there is no such location."""
    query = text("select fractions from location where code = :code")
    return bool(connection.execute(query, {"code": location}).scalar())


def waiting_for(connection: Connection, skus: Iterable[str]) -> int:
    """How many orders wait for stock of one of these SKUs."""
    return int(
        connection.execute(
            text(
                "select count(distinct order_id) from unfilled_line"
                " where queue = 'waits_for_stock' and sku = any(:skus)"
            ),
            {"skus": list(skus)},
        ).scalar_one()
    )


def figures(
    connection: Connection, *, location: str | None = None, sku: str | None = None, after: str = "", limit: int = 1000
) -> list[StockFigure]:
    """What is known, sorted by SKU and location, from the SKU that follows on `after`."""
    rows = connection.execute(
        text(
            "select location, sku, quantity, reserved, version from stock where sku > :after"
            " and (cast(:location as text) is null or location = :location)"
            " and (cast(:sku as text) is null or sku = :sku) order by sku, location limit :limit"
        ),
        {"location": location, "sku": sku, "after": after, "limit": limit},
    )
    return [StockFigure(row.location, row.sku, row.quantity, row.reserved, row.version) for row in rows]
