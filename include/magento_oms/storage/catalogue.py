"""Products as Magento knows them, and the SKUs that orders wait for because no product is known of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, RowMapping

from magento_oms.domain.catalogue import Child, MagentoProduct
from magento_oms.storage.database import text

CATALOG_PULL = "catalog_pull"
"""The workflow, as the window ledger knows it."""
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""A window that starts here covers products whenever they were changed: the whole catalogue."""

_WAS_READ = "exists (select from window_ledger where instance = {} and workflow = 'catalog_pull' and start_at = :start)"
_KNOWN = (
    "(exists (select from product p where p.instance = :instance and p.sku = {0}.sku)"
    " or exists (select from product p where p.instance = :instance and p.product_id = {0}.product_id))"
)
# A product whose name or price changed is written; one that is known as it is costs a look.
_COLUMNS = (
    "sku", "product_id", "type_id", "name", "enabled", "updated_at", "price", "hsn", "tax_class", "gst_percent",
    "weight_g", "length_cm", "breadth_cm", "height_cm", "barcode", "images", "children", "ships_apart", "notes",
    "digest", "read_at",
)  # fmt: skip
_UPSERT = text(
    f"insert into product (instance, {', '.join(_COLUMNS)})"  # noqa: S608  (constants)
    f" values (:instance, {', '.join(':' + name for name in _COLUMNS)}) on conflict (instance, sku) do update set "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name != "sku")
    + ", gone_at = null"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A SKU of an order, with Magento's id of its product where the order tells it."""

    sku: str
    product_id: int | None


def was_read(connection: Connection, instance: str) -> bool:
    """Whether the whole catalogue of an instance was read once."""
    query = f"select {_WAS_READ.format(':instance')}"
    return bool(connection.execute(text(query), {"instance": instance, "start": BEGINNING}).scalar())


def all_were_read(connection: Connection) -> bool:
    """Whether the whole catalogue of every instance was read once; False where there is no instance yet."""
    query = f"select bool_and({_WAS_READ.format('i.code')}) from instance i"  # noqa: S608  (a constant)
    return bool(connection.execute(text(query), {"start": BEGINNING}).scalar())


def unknown(connection: Connection, instance: str, wanted: Iterable[Wanted]) -> frozenset[str]:
    """The SKUs that the catalogue has neither by name nor by their product's id (an option of a product may lengthen
    its SKU). None are unknown as long as no whole catalogue was read.
    """
    asked = sorted(set(wanted), key=lambda each: each.sku)
    if not asked:
        return frozenset()
    rows = connection.execute(
        text(
            "select t.sku from unnest(cast(:skus as text[]), cast(:ids as bigint[])) as t (sku, product_id)"  # noqa: S608
            f" where {_WAS_READ.format(':instance')} and not {_KNOWN.format('t')}"
        ),
        {
            "instance": instance,
            "start": BEGINNING,
            "skus": [each.sku for each in asked],
            "ids": [each.product_id for each in asked],
        },
    )
    return frozenset(rows.scalars())


def digests(connection: Connection, instance: str, product_ids: Sequence[int]) -> dict[int, bytes | None]:
    """What these products, if they are stored and not gone, were made from."""
    rows = connection.execute(
        text(
            "select product_id, digest from product"
            " where instance = :instance and product_id = any(:ids) and gone_at is null"
        ),
        {"instance": instance, "ids": list(product_ids)},
    )
    return {row.product_id: None if row.digest is None else bytes(row.digest) for row in rows}


def save(
    connection: Connection, instance: str, products: Sequence[tuple[MagentoProduct, bytes]], read_at: datetime
) -> None:
    """Write products, each with its digest. What had another SKU before keeps it as one that is gone."""
    if not products:
        return
    connection.execute(
        text(
            "update product p set gone_at = now() from unnest(cast(:ids as bigint[]), cast(:skus as text[]))"
            " as t (product_id, sku) where p.instance = :instance and p.product_id = t.product_id and p.sku <> t.sku"
            " and p.gone_at is null"
        ),
        {
            "instance": instance,
            "ids": [product.product_id for product, _ in products],
            "skus": [product.sku for product, _ in products],
        },
    )
    # In one order, so that two runs that write the same products never wait for each other.
    ordered = sorted(products, key=lambda each: each[0].sku)
    connection.execute(_UPSERT, [_row(instance, product, digest, read_at) for product, digest in ordered])


def gone(connection: Connection, instance: str, seen: Sequence[int], up_to: int) -> int:
    """Mark products up to an id that a reading of the whole catalogue did not meet; how many."""
    return connection.execute(
        text(
            "update product set gone_at = now() where instance = :instance and gone_at is null and product_id > 0"
            " and product_id <= :up_to and not product_id = any(:seen)"
        ),
        {"instance": instance, "seen": list(seen), "up_to": up_to},
    ).rowcount


def wait_for(connection: Connection, instance: str, wanted: Iterable[Wanted]) -> None:
    """Have SKUs asked for at the store, soon; those that are waited for already keep their turn."""
    rows = [{"instance": instance, "sku": each.sku, "product_id": each.product_id} for each in wanted]
    if rows:
        connection.execute(
            text(
                "insert into awaited_sku (instance, sku, product_id) values (:instance, :sku, :product_id)"
                " on conflict do nothing"
            ),
            sorted(rows, key=lambda row: str(row["sku"])),
        )


def due(connection: Connection, instance: str, limit: int) -> list[Wanted]:
    """SKUs that it is time to ask the store for, the longest waiting first."""
    rows = connection.execute(
        text(
            "select sku, product_id from awaited_sku where instance = :instance and ask_at <= now()"
            " order by ask_at limit :limit"
        ),
        {"instance": instance, "limit": limit},
    )
    return [Wanted(row.sku, row.product_id) for row in rows]


def asked(connection: Connection, instance: str, skus: Sequence[str]) -> None:
    """These were asked for: again after one minute, two, four, …, an hour at the most."""
    connection.execute(
        text(
            "update awaited_sku set asked = asked + 1,"
            " ask_at = now() + least(interval '1 minute' * power(2, least(asked, 6)), interval '1 hour')"
            " where instance = :instance and sku = any(:skus)"
        ),
        {"instance": instance, "skus": list(skus)},
    )


def met(connection: Connection, instance: str) -> list[str]:
    """Awaited SKUs that the catalogue has by now, or for which no order waits any more."""
    rows = connection.execute(
        text(
            f"select sku from awaited_sku a where instance = :instance and ({_KNOWN.format('a')}"  # noqa: S608
            " or not exists (select from order_hold h join sales_order o on o.id = h.order_id"
            " join order_line l on l.order_id = o.id where h.code = 'unknown_sku' and h.released_at is null"
            " and o.instance = :instance and o.state = 'held' and l.sku = a.sku)) order by sku"
        ),
        {"instance": instance},
    )
    return list(rows.scalars())


def no_longer_awaited(connection: Connection, instance: str, skus: Sequence[str]) -> None:
    """Nobody waits for these any more."""
    connection.execute(
        text("delete from awaited_sku where instance = :instance and sku = any(:skus)"),
        {"instance": instance, "skus": list(skus)},
    )


def awaited(connection: Connection, instance: str | None) -> list[dict[str, Any]]:
    """What is waited for, the longest first: SKU, since when, how often it was asked for, and by how many orders."""
    rows = connection.execute(
        text(
            "select a.instance, a.sku, a.since, a.asked, a.ask_at, (select count(distinct o.id) from order_line l"
            " join sales_order o on o.id = l.order_id join order_hold h on h.order_id = o.id where l.sku = a.sku"
            " and o.instance = a.instance and h.code = 'unknown_sku' and h.released_at is null) as orders"
            " from awaited_sku a where cast(:instance as text) is null or a.instance = :instance"
            " order by a.since, a.sku"
        ),
        {"instance": instance},
    )
    return [dict(row) for row in rows.mappings()]


def product(connection: Connection, instance: str, sku: str) -> RowMapping | None:
    """One product, gone or not."""
    query = text("select * from product where instance = :instance and sku = :sku")
    return connection.execute(query, {"instance": instance, "sku": sku}).mappings().first()


def children(connection: Connection, instance: str, sku: str) -> list[dict[str, Any]]:
    """What a configurable or a bundle is made of, with names as far as they are known."""
    rows = connection.execute(
        text(
            "select coalesce(p.sku, c.child ->> 'sku', '') as sku, coalesce(p.name, '') as name,"
            " coalesce(cast(c.child ->> 'quantity' as numeric), 1) as quantity, coalesce(c.child ->> 'option', '')"
            " as option, p.sku is not null as known from product parent"
            " cross join jsonb_array_elements(parent.children) with ordinality as c (child, place)"
            " left join product p on p.instance = parent.instance and p.gone_at is null"
            " and (p.product_id = cast(c.child ->> 'product_id' as bigint) or p.sku = c.child ->> 'sku')"
            " where parent.instance = :instance and parent.sku = :sku order by c.place"
        ),
        {"instance": instance, "sku": sku},
    )
    return [dict(row) for row in rows.mappings()]


def accept(connection: Connection, instance: str, sku: str, note: str) -> bool:
    """Count a SKU as known though Magento has no such product; whether it was awaited."""
    return bool(
        connection.execute(
            text(
                "insert into product (instance, sku, product_id, type_id, name, updated_at, notes, gone_at)"
                " select instance, sku, 0, 'simple', sku, now(), :notes, now() from awaited_sku"
                " where instance = :instance and sku = :sku on conflict (instance, sku) do nothing"
            ),
            {"instance": instance, "sku": sku, "notes": Jsonb([note])},
        ).rowcount
    )


def _row(instance: str, product: MagentoProduct, digest: bytes, read_at: datetime) -> Mapping[str, Any]:
    plain = {name: getattr(product, name) for name in _COLUMNS if name not in ("digest", "read_at")}
    return plain | {
        "instance": instance,
        "images": Jsonb(list(product.images)),
        "children": Jsonb([_child(child) for child in product.children], dumps=orjson.dumps),
        "notes": Jsonb(list(product.notes)),
        "digest": digest,
        "read_at": read_at,
    }


def _child(child: Child) -> dict[str, Any]:
    if child.product_id is not None:
        return {"product_id": child.product_id}
    return {"sku": child.sku, "quantity": str(child.quantity), "option": child.option}
