"""The figures of SKUs, with all that they are made from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from magento_oms.domain.available import ZERO, Available, Deductions, Shelf, SourceFacts, available
from magento_oms.storage import stock_facts
from magento_oms.storage.stock_facts import KeptUnits
from magento_oms.workflows.inventory.pools import Pool


@dataclass(frozen=True, slots=True)
class Figure:
    """What one pool offers of a SKU.

    Attributes:
        kept: orders that Magento keeps units for, and the OMS has reserved.
    """

    sku: str
    pool: Pool
    sources: tuple[SourceFacts, ...]
    off: Deductions
    kept: tuple[KeptUnits, ...]
    available: Available

    def quantity(self, source: str) -> Decimal:
        """What Magento is to have at a source."""
        return next(figure.quantity for figure in self.available.figures if figure.source == source)


def figures(connection: Connection, pool: Pool, skus: Collection[str]) -> Mapping[str, Figure]:
    """The figures of those of the SKUs that the pool's locations have told of.

    All is read from one snapshot, so the transaction must be a repeatable one (`snapshot`) where others write.
    """
    shelves: dict[str, dict[str, list[Shelf]]] = {}
    source_behind = {
        location: [source for source in pool.sources if location in pool.locations[source]]
        for location in pool.all_locations
    }
    for sku, location, quantity, reserved in stock_facts.shelves(connection, pool.all_locations, skus):
        for source in source_behind[location]:
            shelf = Shelf(location, quantity, reserved, pool.locations[source][location])
            shelves.setdefault(sku, {}).setdefault(source, []).append(shelf)
    kept = _kept(connection, pool, skus)
    promised = stock_facts.promised(
        connection,
        pool.instance,
        pool.store_ids,
        pool.all_locations,
        skus,
        own_too=not pool.keeps_reservations,
    )
    return {
        sku: _figure(pool, sku, of_sku, kept.get(sku, []), promised.get(sku, ZERO)) for sku, of_sku in shelves.items()
    }


def _kept(connection: Connection, pool: Pool, skus: Collection[str]) -> dict[str, list[KeptUnits]]:
    kept: dict[str, list[KeptUnits]] = {}
    if pool.keeps_reservations:
        for units in stock_facts.still_kept(connection, pool.instance, skus):
            if (units.store_id, units.location) in pool.source_of:
                kept.setdefault(units.sku, []).append(units)
    return kept


def _figure(
    pool: Pool, sku: str, shelves: Mapping[str, list[Shelf]], kept: Collection[KeptUnits], promised: Decimal
) -> Figure:
    by_source: dict[str, Decimal] = {}
    for units in kept:
        source = pool.source_of[units.store_id, units.location]
        by_source[source] = by_source.get(source, ZERO) + units.units
    sources = tuple(
        SourceFacts(source, tuple(shelves.get(source, ())), by_source.get(source, ZERO)) for source in pool.sources
    )
    off = pool.deductions(sku, promised)
    return Figure(sku, pool, sources, off, tuple(kept), available(sources, off))
