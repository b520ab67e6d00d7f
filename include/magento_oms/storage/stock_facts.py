"""What stands behind a figure of stock: shelves, what Magento keeps, what is promised elsewhere, kinds of products."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from magento_oms.storage.database import text


@dataclass(frozen=True, slots=True)
class KeptUnits:
    """Units that Magento keeps for an order that the OMS has reserved."""

    sku: str
    store_id: int
    location: str
    order: str
    units: Decimal


def shelves(
    connection: Connection, locations: Collection[str], skus: Collection[str]
) -> list[tuple[str, str, Decimal, Decimal]]:
    """(SKU, location, quantity, reserved) of what locations have told."""
    rows = connection.execute(
        text(
            "select s.sku, s.location, s.quantity, s.reserved from unnest(cast(:skus as text[])) as k (sku)"
            " join stock s on s.sku = k.sku and s.location = any(:locations)"
        ),
        {"skus": list(skus), "locations": list(locations)},
    ).all()
    return [(row.sku, row.location, row.quantity, row.reserved) for row in rows]


def still_kept(connection: Connection, instance: str, skus: Collection[str]) -> list[KeptUnits]:
    """What Magento keeps for orders that the OMS has reserved, as far as the OMS knows.

    Of a line never more than Magento has left to ship of it: less what it shipped, cancelled or refunded. A shipment of
    unknown outcome counts as shipped: rather too little is offered than too much.
    """
    rows = connection.execute(
        text(
            "select l.sku, o.store_id, f.location, o.increment_id, l.order_id, l.item_id, fl.quantity,"
            " greatest(l.ordered - l.cancelled - l.refunded - greatest(l.magento_shipped, coalesce(ours.units, 0)), 0)"
            "   as open"
            " from fulfilment f"
            " join sales_order o on o.id = f.order_id"
            " join fulfilment_line fl on fl.fulfilment_id = f.id and fl.quantity > 0"
            " join order_line l on l.order_id = fl.order_id and l.item_id = fl.item_id"
            " left join lateral (select sum(x.quantity) as units from fulfilment_line x"
            "   join fulfilment y on y.id = x.fulfilment_id and y.on_magento_at is not null"
            "   where x.order_id = l.order_id and x.item_id = l.item_id) ours on true"
            " where f.on_magento_at is null and o.instance = :instance and l.sku = any(:skus)"
            # What Magento has ended it keeps nothing for, though it may have left the warehouse all the same.
            " and o.magento_state not in ('canceled', 'closed', 'complete')"
            " and not exists (select from effect e where e.target = :target and e.kind = 'create_shipment'"
            "   and e.subject = 'fulfilment:' || f.id and e.state in ('sending', 'unknown'))"
            " order by l.order_id, l.item_id, f.id"
        ),
        {"instance": instance, "skus": list(skus), "target": f"magento:{instance}"},
    )
    kept: list[KeptUnits] = []
    line, left = (0, 0), Decimal(0)
    for row in rows:
        if (row.order_id, row.item_id) != line:
            line, left = (row.order_id, row.item_id), row.open
        units = min(row.quantity, left)
        left -= units
        if units > 0:
            kept.append(KeptUnits(row.sku, row.store_id, row.location, row.increment_id, units))
    return kept


def promised(
    connection: Connection,
    instance: str,
    store_ids: Collection[int],
    locations: Collection[str],
    skus: Collection[str],
    *,
    own_too: bool,
) -> dict[str, Decimal]:
    """Units by SKU of orders that nothing is reserved for yet, of stores that sell from these locations.

    Args:
        instance, store_ids: stores for whose orders Magento itself keeps the units: theirs do not count,
        own_too: unless Magento keeps none.
    """
    rows = connection.execute(
        text(
            "select l.sku, sum(l.ordered - l.cancelled - l.allocated) as units from order_line l"
            " join sales_order o on o.id = l.order_id"
            " where l.ordered - l.cancelled - l.allocated > 0 and l.kind = 'physical' and l.sku = any(:skus)"
            " and not o.history and not o.shadow and o.state <> 'cancelled'"
            " and (:own_too or o.instance <> :instance or o.store_id <> all(:store_ids))"
            " and exists (select from store_location s where s.instance = o.instance and s.store_id = o.store_id"
            "   and s.location = any(:locations))"
            " group by l.sku"
        ),
        {
            "instance": instance,
            "store_ids": list(store_ids),
            "locations": list(locations),
            "skus": list(skus),
            "own_too": own_too,
        },
    )
    return {row.sku: row.units for row in rows}


def catalogue_types(connection: Connection, instance: str, skus: Collection[str]) -> dict[str, str]:
    """Product types of those of the SKUs that the catalogue has."""
    rows = connection.execute(
        text("select sku, type_id from product where instance = :instance and sku = any(:skus) and gone_at is null"),
        {"instance": instance, "skus": list(skus)},
    )
    return {row.sku: row.type_id for row in rows}
