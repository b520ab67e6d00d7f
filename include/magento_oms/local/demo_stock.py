"""What the demo checks of stock: what Magento sells, against what the warehouses have."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from magento_hook.connection import AuthKind, MagentoConnection
from magento_hook.store import open_magento
from magento_oms.config.models import InstanceConfig
from magento_oms.storage.database import engine, text
from magento_oms.workflows.inventory.figures import figures
from magento_oms.workflows.inventory.pools import told_pools

SETTLE_SECONDS = 30.0
"""How long the last figures may take."""


@dataclass(slots=True)
class StockReport:
    """SKUs of an instance whose stock Magento is told, and how often it was told.

    Attributes:
        differing: SKUs of which Magento has another quantity than it should, in words.
    """

    skus: int = 0
    told: int = 0
    differing: list[str] = field(default_factory=list)


def check_stock(
    config: InstanceConfig, store_url: str, user: str, password: str, oms_url: str, look_after: Callable[[], None]
) -> StockReport:
    """Compare each SKU once more, waiting a little for figures that are on their way."""
    end = time.monotonic() + SETTLE_SECONDS
    connection = MagentoConnection(store_url, AuthKind.ADMIN_TOKEN, username=user, password=password)
    magento = open_magento(connection, instance=config.code)
    try:
        while True:
            report = StockReport()
            for pool in told_pools(config):
                with engine(oms_url).connect() as database:
                    rows = database.execute(
                        text(
                            "select sku, sum(version) as told from stock_figure where instance = :instance"
                            " and problem = '' and source = any(:sources) group by sku"
                        ),
                        {"instance": config.code, "sources": list(pool.sources)},
                    )
                    times = {row.sku: int(row.told) for row in rows}
                    wanted = figures(database, pool, times.keys())
                lines = [(sku, source) for sku in wanted for source in pool.sources]
                has = magento.source_quantities(lines) if lines else {}
                report.skus += len(wanted)
                report.told += sum(times.values())
                report.differing += [
                    f"{sku} at {config.code}: Magento has {has.get((sku, source))} at {source}, not"
                    f" {wanted[sku].quantity(source)}"
                    for sku, source in lines
                    if has.get((sku, source)) != wanted[sku].quantity(source)
                ]
            if not report.differing or time.monotonic() > end:
                return report
            look_after()
            time.sleep(1)
    finally:
        magento.close()
