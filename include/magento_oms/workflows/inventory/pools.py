"""Pools: the stores of an instance that sell from the same Magento sources, and the warehouses behind each source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from magento_oms.config.models import InstanceConfig, LocationConfig, Mode, StoreConfig
from magento_oms.domain.available import ZERO, Deductions
from magento_oms.ports.inventory import DEFAULT_SOURCE


@dataclass(frozen=True, slots=True)
class Pool:
    """Stores that share sources, so that they share figures.

    Attributes:
        sources: in the order in which they ship: by their locations' lowest priority.
        locations: source → location → units that orders never get there.
        source_of: (store id, location) → source.
    """

    instance: str
    stores: tuple[StoreConfig, ...]
    sources: tuple[str, ...]
    locations: Mapping[str, Mapping[str, Decimal]]
    source_of: Mapping[tuple[int, str], str]

    @property
    def all_locations(self) -> tuple[str, ...]:
        """Locations behind any of its sources."""
        return tuple(sorted({code for locations in self.locations.values() for code in locations}))

    @property
    def store_ids(self) -> tuple[int, ...]:
        """Ids of its store views."""
        return tuple(store.store_id for store in self.stores)

    @property
    def keeps_reservations(self) -> bool:
        """Whether Magento keeps reservations. Where one of its stores says no, none are counted: never too much."""
        return all(store.stock.mode == "reservations" for store in self.stores)

    @property
    def unlimited(self) -> tuple[str, ...]:
        """Locations that ship whatever is asked of them: there is no figure to tell."""
        return tuple(
            sorted(
                {
                    location.code
                    for store in self.stores
                    for location in store.locations
                    if location.stock == "unlimited"
                }
            )
        )

    @property
    def why_not_told(self) -> str:
        """Why its figures are not told; empty: they are."""
        if self.unlimited:
            return f"the location {', '.join(self.unlimited)} has unlimited stock"
        if all(store.mode is Mode.SHADOW for store in self.stores):
            return "the store is in shadow mode"
        return ""

    def deductions(self, sku: str, promised: Decimal) -> Deductions:
        """What is taken off. Of several stores' rules the most careful one counts."""
        return Deductions(
            buffer=max(store.stock.buffer_of(sku) for store in self.stores),
            promised=promised,
            min_qty=max(store.stock.min_qty for store in self.stores),
        )


def pools_of(config: InstanceConfig) -> tuple[Pool, ...]:
    """The pools of an instance, those without locations left out: what these sell is shipped elsewhere."""
    groups: list[tuple[set[str], list[StoreConfig]]] = []
    for store in config.stores:
        if not store.locations:
            continue
        sources, members = {source_of(location) for location in store.locations}, [store]
        for other in [group for group in groups if group[0] & sources]:
            groups.remove(other)
            sources |= other[0]
            members = [*other[1], *members]
        groups.append((sources, members))
    return tuple(_pool(config.code, members) for _, members in groups)


def told_pools(config: InstanceConfig) -> tuple[Pool, ...]:
    """The pools whose figures are told to Magento."""
    return tuple(pool for pool in pools_of(config) if not pool.why_not_told)


def source_of(location: LocationConfig) -> str:
    """The Magento source that a location's stock is; all that say none are together the source `default`."""
    return location.msi_source or DEFAULT_SOURCE


def _pool(instance: str, stores: Iterable[StoreConfig]) -> Pool:
    members = tuple(stores)
    first_to_ship: dict[str, tuple[int, str]] = {}
    locations: dict[str, dict[str, Decimal]] = {}
    places: dict[tuple[int, str], str] = {}
    for store in members:
        for location in store.locations:
            source = source_of(location)
            places[store.store_id, location.code] = source
            behind = locations.setdefault(source, {})
            behind[location.code] = max(location.reserve, behind.get(location.code, ZERO))
            key = (location.priority, source)
            first_to_ship[source] = min(key, first_to_ship.get(source, key))
    return Pool(
        instance,
        members,
        tuple(sorted(first_to_ship, key=lambda source: first_to_ship[source])),
        locations,
        places,
    )
