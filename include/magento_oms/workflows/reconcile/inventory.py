"""inventory_reconciliation: what Magento has of every SKU against what it should have; what is safe is told again.

Never in a storm: where a large share of SKUs differs, something else is wrong (another writer, a wrong source, a lost
import), and telling it all again might sell what is not there. Then nothing is told, and a person is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.documents.reconciliation_report import Report
from magento_oms.ports import NotFound
from magento_oms.ports.inventory import MagentoInventory
from magento_oms.storage import instances, inventory, stock_told
from magento_oms.storage.database import autocommit, engine, text
from magento_oms.workflows.inventory.figures import Figure, figures
from magento_oms.workflows.inventory.pools import Pool, pools_of
from magento_oms.workflows.inventory.way import Way, learn
from magento_oms.workflows.reconcile import compare, drift
from magento_oms.workflows.reconcile.drift import NONE
from magento_oms.workflows.reconcile.publish import publish
from magento_oms.workflows.reconcile.sides import units

KIND = "inventory"
AT_ONCE = 500
"""SKUs that are looked at together."""
LOOK_AGAIN = 15.0
"""Seconds after which what differs is looked at once more."""
STORM_AT_LEAST = 20
"""Fewer SKUs than this are no storm, whatever their share."""

Sleep = Callable[[float], None]


@dataclass(slots=True)
class PoolSummary:
    """What was found for stores that share sources. No personal data."""

    stores: str
    proof: str
    skus: int
    drifting: int
    told_again: int
    storm: bool
    report: int
    html: str


@dataclass(slots=True)
class DriftSummary:
    """What a run did."""

    instance: str
    stores: list[PoolSummary] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def troubles(self) -> list[str]:
        """Stores for which a person must decide."""
        return [
            f"{each.stores}: {each.proof}. Nothing was told again. Look at report {each.report}; if the OMS is right,"
            f" `magento-oms reconcile inventory {self.instance} --even-in-a-storm` tells it all"
            for each in self.stores
            if each.storm
        ]

    def as_dict(self) -> dict[str, object]:
        """For XCom and JSON."""
        return {name: value for name, value in asdict(self).items() if value}


def reconcile_inventory(
    url: str,
    magento: MagentoInventory,
    config: InstanceConfig,
    *,
    folder: Path,
    run_id: str,
    dry_run: bool = False,
    even_in_a_storm: bool = False,
    sleep: Sleep = time.sleep,
) -> DriftSummary:
    """Compare every SKU of every pool of stores, report, and have told again what drifted.

    Args:
        dry_run: compare and report only.
        even_in_a_storm: tell it all again, however many differ: a person has decided so.

    Raises:
        ConfigurationError: the sources of the configuration are not those that the store sells from.
        OutsideError: Magento cannot be read.
    """
    with engine(url).begin() as connection:
        instances.configure(connection, config)
    summary = DriftSummary(config.code)
    pools = pools_of(config)
    told = [pool for pool in pools if not pool.why_not_told]
    summary.left_out = [f"{_names(pool)}: {pool.why_not_told}" for pool in pools if pool.why_not_told]
    if told:
        way = Way(learn(engine(url).begin, config, told, magento).way)
        for pool in told:
            look = _Look(url, magento, config, pool, way)
            summary.stores.append(_reconcile(look, folder, run_id, dry_run, even_in_a_storm, sleep))
    return summary


def _reconcile(
    look: _Look, folder: Path, run_id: str, dry_run: bool, even_in_a_storm: bool, sleep: Sleep
) -> PoolSummary:
    started = datetime.now(UTC)
    rows = look.at(look.all_skus())
    found = drift.drift(rows)
    if len(found):
        sleep(LOOK_AGAIN)
        found = drift.still(found, look.at(sorted(set(found["sku"].tolist()))))
    compared, drifting = int(rows["sku"].nunique()), int(found["sku"].nunique())
    share = look.config.reconciliation.storm_share
    storm = drift.is_storm(drifting, compared, share, at_least=STORM_AT_LEAST) and not even_in_a_storm
    safe = [] if dry_run or storm else drift.healable(found)
    with engine(look.url).begin() as connection:
        if safe:
            inventory.look_again(connection, look.config.code, safe)
        report = _report(look, rows, found, started, told_again=bool(safe), storm=storm, dry_run=dry_run)
        published = publish(connection, report, folder, run_id=run_id, dry_run=dry_run, differing=drifting)
    return PoolSummary(
        _names(look.pool), report.proof, compared, drifting, len(safe), storm, published.id, published.html
    )


class _Look:
    """Looks at SKUs of one pool, on both sides."""

    def __init__(self, url: str, magento: MagentoInventory, config: InstanceConfig, pool: Pool, way: Way) -> None:
        self.url = url
        self.config = config
        self.pool = pool
        self._magento = magento
        self._way = way

    def all_skus(self) -> list[str]:
        """Every SKU that a location of the pool has told of."""
        with autocommit(self.url) as connection:
            found = connection.execute(
                text("select distinct sku from stock where location = any(:locations) order by sku"),
                {"locations": list(self.pool.all_locations)},
            )
            return list(found.scalars())

    def at(self, skus: Sequence[str]) -> pd.DataFrame:
        """Both sides of SKUs, as `drift.ROWS`."""
        rows: list[tuple[object, ...]] = []
        for place in range(0, len(skus), AT_ONCE):
            chunk = skus[place : place + AT_ONCE]
            has = self._read([(sku, source) for sku in chunk for source in self.pool.sources])
            with engine(self.url).connect() as connection:
                # One look: what reserves, ships or tells meanwhile is seen whole or not at all.
                connection.execute(text("set transaction isolation level repeatable read read only"))
                rows += self._rows(connection, chunk, has)
        return compare.frame(rows, drift.ROWS)

    def _rows(
        self, connection: Connection, skus: Sequence[str], has: Mapping[tuple[str, str], Decimal]
    ) -> list[tuple[object, ...]]:
        code = self.config.code
        wanted: Mapping[str, Figure] = figures(connection, self.pool, skus)
        known = {(each.sku, each.source): each for each in stock_told.told(connection, code, skus)}
        busy = inventory.being_shipped(connection, code) | _changing(connection, code, skus)
        rows: list[tuple[object, ...]] = []
        for sku, wants in wanted.items():
            for source in self.pool.sources:
                told = known.get((sku, source))
                rows.append(
                    (
                        sku,
                        source,
                        units(wants.quantity(source)),
                        units(has[sku, source]) if (sku, source) in has else NONE,
                        units(told.told) if told is not None and told.told is not None else NONE,
                        f"{told.told_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if told and told.told_at else "",
                        told is not None and told.due_at is not None and not told.problem,
                        sku in busy,
                        told.problem if told is not None else "",
                    )
                )
        return rows

    def _read(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Decimal]:
        if self._way is Way.SOURCE_ITEMS:
            return self._magento.source_quantities(keys)
        found = {}
        for sku, source in keys:
            try:
                found[sku, source] = self._magento.stock_item_quantity(sku)
            except NotFound:
                continue
        return found


def _changing(connection: Connection, instance: str, skus: Sequence[str]) -> set[str]:
    """SKUs whose change waits to be told, or that are being told."""
    rows = connection.execute(
        text(
            "select sku from stock_change where instance = :instance and sku = any(:skus)"
            " union select sku from stock_figure where instance = :instance and sku = any(:skus)"
            " and greatest(sending_until, unsettled_until) > now()"
        ),
        {"instance": instance, "skus": list(skus)},
    )
    return set(rows.scalars())


def _names(pool: Pool) -> str:
    return ", ".join(store.name for store in pool.stores)


def _report(
    look: _Look,
    rows: pd.DataFrame,
    found: pd.DataFrame,
    started: datetime,
    *,
    told_again: bool,
    storm: bool,
    dry_run: bool,
) -> Report:
    skus, drifting = int(rows["sku"].nunique()), int(found["sku"].nunique())
    now = datetime.now(UTC)
    listed = "listed" if drifting else "none"
    notes = []
    if storm:
        notes.append(
            f"More than {look.config.reconciliation.storm_share:.0%} of the SKUs differ, so nothing was told again:"
            " find out what happened first."
        )
    if dry_run:
        notes.append("A dry run: nothing was told again.")
    return Report(
        kind=KIND,
        title="Stock: Magento against the OMS",
        instance=look.config.code,
        store=_names(look.pool),
        store_id=look.pool.store_ids[0],
        start=started,
        end=now,
        zone=look.pool.stores[0].zone,
        made_at=now,
        proof=f"SKUs compared {skus}, agreeing {skus - drifting}, drifting {drifting} ({listed})",
        agrees=not drifting,
        facts={
            "SKUs compared": skus,
            "drifting": drifting,
            "share": f"{drifting / skus:.1%}" if skus else "0.0%",
            "told again": len(drift.healable(found)) if told_again else 0,
            "sources": ", ".join(look.pool.sources),
            "being told or shipped": int(rows.loc[rows["busy"] | rows["due"], "sku"].nunique()),
        },
        columns=drift.COLUMNS,
        rows=drift.listed(found, told_again=told_again),
        notes=notes,
    )
