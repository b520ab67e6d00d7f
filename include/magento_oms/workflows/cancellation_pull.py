"""Reading what was cancelled or refunded since a time: a net of its own below live reading.

Orders are found by status, and by what an order's own row need not tell: credit memos, and lines of which units were
cancelled or refunded. There is no upper bound: an order that changes again leaves any window of `updated_at`, and would
be missed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from magento_oms.config.models import InstanceConfig, StatusMeaning
from magento_oms.ports import MagentoOrders, OrderFilter, OrderPage
from magento_oms.storage import instances, windows
from magento_oms.storage.database import engine
from magento_oms.workflows.intake import take_in
from magento_oms.workflows.order_pull import PullSummary
from magento_oms.workflows.reading import read_range

CANCELLATIONS = "customer_cancellation_pull"
CLOSED = "closed"
"""Refunded in full: read with what is cancelled, whatever a store's configuration calls it."""
AT_ONCE = 100
"""Orders that are asked for by their ids in one request."""


def pull_cancellations(
    url: str,
    store: MagentoOrders,
    config: InstanceConfig,
    *,
    start: datetime,
    end: datetime,
    run_id: str,
    dry_run: bool = False,
) -> PullSummary:
    """Read the orders that were cancelled, or of which units were cancelled or refunded, from `start` on.

    Args:
        end: of the run's window, for the window ledger; what came later is read, too.
    """
    started = time.monotonic()
    since = start.astimezone(UTC).replace(microsecond=0)
    where = OrderFilter(statuses=_statuses(config), store_ids=config.store_ids, updated_from=since)
    summary = PullSummary(config.code, CANCELLATIONS, window=f"from {start.isoformat()} on")
    if dry_run:
        summary.counts.read = store.count(where) + len(store.orders_reduced_since(since))
        summary.note = "dry run: counted, nothing was read or written"
        return summary
    with engine(url).begin() as connection:
        instances.configure(connection, config)
    seen: set[int] = set()
    for page in _pages(store, config, where, since, seen):
        summary.counts += take_in(url, config, page)
        summary.pages += 1
    with engine(url).begin() as connection:
        windows.cover(
            connection,
            instance=config.code,
            workflow=CANCELLATIONS,
            start=start,
            end=end,
            rows_read=summary.counts.read,
            rows_changed=summary.counts.new + summary.counts.changed,
            run_id=run_id,
        )
    summary.seconds = round(time.monotonic() - started, 2)
    return summary


def _pages(
    store: MagentoOrders, config: InstanceConfig, where: OrderFilter, since: datetime, seen: set[int]
) -> Iterator[OrderPage]:
    """Those with a status that says it, then the others of which less is wanted, each once."""
    for page in read_range(store, None, where, page_size=config.page_size, by="entity_id"):
        seen.update(int(order["entity_id"]) for order in page.orders)
        yield page
    others = [entity_id for entity_id in store.orders_reduced_since(since) if entity_id not in seen]
    for first in range(0, len(others), AT_ONCE):
        ids = tuple(others[first : first + AT_ONCE])
        some = OrderFilter(entity_ids=ids, not_statuses=config.ignored_statuses, store_ids=config.store_ids)
        yield from read_range(store, None, some, page_size=config.page_size, by="entity_id")


def _statuses(config: InstanceConfig) -> tuple[str, ...]:
    """What the stores call cancelled, and what Magento calls refunded."""
    named = {status for store in config.stores for status in getattr(store.statuses, StatusMeaning.CANCELLED.value)}
    return tuple(sorted(named | {CLOSED}))
