"""Which way an instance takes stock, and how many lines a call: learnt, remembered, learnt again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import ConfigurationError
from magento_oms.ports.inventory import DEFAULT_SOURCE, MagentoInventory, StockLayout
from magento_oms.storage import stock_ways
from magento_oms.storage.stock_ways import LearntWay
from magento_oms.workflows.inventory.pools import Pool

LEARN_AGAIN = timedelta(days=1)

FIRST, LEAST, MOST = 100, 10, 1000
"""Lines of a call: at the beginning, after trouble, and at the most."""
FEW = 50
"""Fewer lines are not split over connections."""
ONE_BY_ONE = 25
"""Legacy stock items that one connection writes in turn."""
LONG, ENOUGH = 5.0, 4.5
"""Seconds of a call: above the one there are fewer lines in the next; more are tried that should take the other."""
WORSE = 1.3
"""More lines are not tried where a line already takes so much longer than at best."""
WORTH = 1.2
"""Fewer than so many times as many are not worth trying."""


class Way(StrEnum):
    """How stock is told."""

    SOURCE_ITEMS = "source_items"
    STOCK_ITEMS = "stock_items"


AT_ONCE = {Way.SOURCE_ITEMS: 2, Way.STOCK_ITEMS: 4}
"""Calls in flight. A Magento on two cores wrote source items no faster over more."""


@dataclass(slots=True)
class Lines:
    """How many lines a call has: grows while that pays, shrinks when calls take long or are lost."""

    now: int
    limit: int | None = None
    best: float | None = None
    _planned: tuple[int, int] = (0, 0)

    def of(self, waiting: int, at_once: int) -> int:
        """Lines of the next call: alike ones, so many that all connections end at about the same time."""
        most = min(self.now, MOST, self.limit or MOST)
        if self._planned[0] != most:
            rounds = -(-waiting // (most * at_once)) or 1
            share = -(-waiting // (rounds * at_once))
            self._planned = (most, max(1, min(most, max(share, FEW))))
        return self._planned[1]

    def took(self, lines: int, seconds: float) -> None:
        """A call went well."""
        each = seconds / lines
        if self.best is None or each < self.best:
            self.best = each
        if seconds > LONG:
            self.now = max(LEAST, min(self.now, lines) // 2)
        elif lines * 2 > self.now and each <= self.best * WORSE:
            # Calls of a round are alike (`of`), so most have fewer lines than they might.
            room = min(lines * 2, int(ENOUGH / each), MOST)
            if room >= lines * WORTH:
                self.now = max(self.now, room)

    def lost(self) -> None:
        """The answer of a call did not come in time."""
        self.now = max(LEAST, self.now // 2)

    def refused(self, limit: int) -> None:
        """The store allows no more than so many."""
        self.limit = max(1, limit)


def learn(
    begin: Callable[[], AbstractContextManager[Connection]],
    config: InstanceConfig,
    pools: Sequence[Pool],
    magento: MagentoInventory,
) -> LearntWay:
    """The way of an instance, as it was learnt within a day, or as the store tells now.

    Args:
        begin: a transaction of the OMS database.

    Raises:
        ConfigurationError: the sources of the configuration are not those that the store sells from.
    """
    with begin() as connection:
        known = stock_ways.way(connection, config.code, config.digest, at_most_old=LEARN_AGAIN)
    if known is not None:
        return known
    layout = magento.stock_layout()
    if layout is None:
        found = _without_sources(config, pools)
    else:
        check_sources(config, pools, layout)
        found = LearntWay(Way.SOURCE_ITEMS, "the store has multi-source inventory", FIRST, None)
    with begin() as connection:
        stock_ways.note_way(connection, config.code, config.digest, found)
    return found


def legacy_instead(pools: Sequence[Pool], why: ConfigurationError) -> LearntWay:
    """The legacy way, where source items are not taken.

    Raises:
        ConfigurationError: `why`, where the legacy way would change nothing that sells: it writes `default` only.
    """
    if any(pool.sources != (DEFAULT_SOURCE,) for pool in pools):
        raise why
    return LearntWay(Way.STOCK_ITEMS, f"source items are not taken: {why.what}", ONE_BY_ONE, None)


def check_sources(config: InstanceConfig, pools: Sequence[Pool], layout: StockLayout) -> None:
    """Raises ConfigurationError unless each store sells from just the sources that its locations name."""
    for pool in pools:
        for store in pool.stores:
            stock = layout.stock_of.get(store.store_id)
            if stock is None:
                raise ConfigurationError(
                    f"Magento {config.code}: the website of store view {store.code} sells from no stock.",
                    way_out="Assign it to a stock under Stores → Stocks, or correct the store_id.",
                )
            sold_from = layout.sources_of.get(stock, frozenset())
            named = {pool.source_of[store.store_id, location.code] for location in store.locations}
            if unknown := sorted(named - sold_from):
                raise ConfigurationError(
                    f"Magento {config.code}: store view {store.code} sells from the sources"
                    f" {', '.join(sorted(sold_from)) or 'none'}; {unknown[0]!r} is not one of them.",
                    way_out=f"Name the location's source in instances/{config.code}.yaml (`msi_source`), or assign"
                    " the source to the stock in Magento's admin.",
                )


def _without_sources(config: InstanceConfig, pools: Sequence[Pool]) -> LearntWay:
    for pool in pools:
        if pool.sources != (DEFAULT_SOURCE,):
            raise ConfigurationError(
                f"Magento {config.code} has no multi-source inventory; the source {pool.sources[0]!r} is configured.",
                way_out=f"Take `msi_source` out of instances/{config.code}.yaml.",
            )
    return LearntWay(Way.STOCK_ITEMS, "the store has no multi-source inventory", ONE_BY_ONE, None)
