"""Many lines of stock at once, from a file: kept in batches, and each line that was not is named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from magento_oms.config.models import InstanceConfig
from magento_oms.storage import instances
from magento_oms.storage.database import engine, text
from magento_oms.workflows.warehouse.stock_file import StockFileLine
from magento_oms.workflows.warehouse.take_stock import known_skus, take_stock

BATCH = 5000
"""Lines of one location that are written in one transaction."""


@dataclass(slots=True)
class StockImported:
    """What became of the lines. With a dry run: what would become of them."""

    read: int = 0
    changed: int = 0
    unchanged: int = 0
    orders_woken: int = 0
    refused: list[StockFileLine] = field(default_factory=list)


def import_stock(
    url: str,
    configs: Iterable[InstanceConfig],
    lines: Sequence[StockFileLine],
    *,
    dry_run: bool = False,
    progress: Callable[[int], object] = lambda done: None,
) -> StockImported:
    """Keep what locations have. A bad line leaves the others be; a line whose location or SKU is unknown is one.

    Args:
        progress: called with the number of lines that were worked on.
    """
    with engine(url).begin() as connection:
        for config in configs:
            instances.configure(connection, config)
        locations = set(connection.execute(text("select code from location")).scalars())
    imported = StockImported(read=len(lines))
    good: defaultdict[str, list[StockFileLine]] = defaultdict(list)
    for line in lines:
        wrong = line.wrong or ("" if line.location in locations else f"There is no location {line.location!r}.")
        if wrong:
            imported.refused.append(replace(line, wrong=wrong))
        else:
            good[line.location].append(line)
    progress(len(imported.refused))
    known = known_skus(url)
    for location, its in sorted(good.items()):
        for start in range(0, len(its), BATCH):
            batch = its[start : start + BATCH]
            _take(url, location, batch, known, imported, dry_run=dry_run)
            progress(len(batch))
    imported.refused.sort(key=lambda line: line.number)
    return imported


def _take(
    url: str,
    location: str,
    batch: Sequence[StockFileLine],
    known: Collection[str] | None,
    imported: StockImported,
    *,
    dry_run: bool,
) -> None:
    by_sku = {line.sku: line for line in batch}
    figures = {sku: line.quantity for sku, line in by_sku.items()}
    taken = take_stock(url, location, figures, known, dry_run=dry_run)
    imported.changed += len(taken.changed)
    imported.unchanged += taken.unchanged
    imported.orders_woken += taken.orders_woken
    imported.refused += [replace(by_sku[sku], wrong=why) for sku, why in taken.refused.items()]
