"""`catalog_pull` and `customer_pull`: reading products and customers by windows of their `updated_at`.

The window ledger is the memory of both: a timed run reads from the first moment that was never covered, so the first
run reads everything, and one after an outage what was missed. Rows are read by id; one that changes meanwhile is in the
next window too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import ChangedIn, MagentoCatalogue, MasterPage
from magento_oms.storage import catalogue, customers, instances, windows
from magento_oms.storage.catalogue import BEGINNING, CATALOG_PULL
from magento_oms.storage.database import engine
from magento_oms.storage.leases import Lease
from magento_oms.workflows.master_data.counts import MasterCounts
from magento_oms.workflows.master_data.customers import erase_old, take_in_customers
from magento_oms.workflows.master_data.labels import read_labels
from magento_oms.workflows.master_data.products import take_in_products
from magento_oms.workflows.master_data.waiting import wake_waiting
from magento_oms.workflows.turns import AnotherRunHasTheTurn

CUSTOMER_PULL = "customer_pull"
OVERLAP = timedelta(minutes=10)
"""Read again before each window: a row may commit some time after the time it carries."""
LEASE_SECONDS = 300.0


class ReadPage(Protocol):
    """The next page of one kind of row."""

    def __call__(self, after: int, where: ChangedIn, *, page_size: int) -> MasterPage: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of master data.

    Attributes:
        workflow: as the window ledger knows it.
        read, count: of a store.
        take_in: writes a page.
        gone: marks what a reading of everything did not meet.
        afterwards: what follows once a page was written; how many orders went on.
        before: what must be known first.
    """

    workflow: str
    read: Callable[[MagentoCatalogue], ReadPage]
    count: Callable[[MagentoCatalogue], Callable[[ChangedIn], int]]
    take_in: Callable[[str, InstanceConfig, MasterPage], MasterCounts]
    gone: Callable[[Connection, str, list[int], int], int]
    afterwards: Callable[[str, InstanceConfig], int]
    before: Callable[[str, MagentoCatalogue, InstanceConfig], None]


PRODUCTS = Kind(
    CATALOG_PULL,
    read=lambda store: store.products_after,
    count=lambda store: store.count_products,
    take_in=take_in_products,
    gone=catalogue.gone,
    afterwards=wake_waiting,
    before=read_labels,
)
CUSTOMERS = Kind(
    CUSTOMER_PULL,
    read=lambda store: store.customers_after,
    count=lambda store: store.count_customers,
    take_in=take_in_customers,
    gone=customers.gone,
    afterwards=lambda url, config: 0,
    before=lambda url, store, config: None,
)


@dataclass(slots=True)
class MasterSummary:
    """What a run did, for people: shown in the Airflow UI. No payloads, no personal data."""

    instance: str
    workflow: str
    window: str
    counts: MasterCounts = field(default_factory=MasterCounts)
    pages: int = 0
    orders_woken: int = 0
    erased: int = 0
    seconds: float = 0.0
    note: str = ""

    def as_dict(self) -> dict[str, object]:
        """Flat, without what is empty."""
        row = asdict(self)
        row |= row.pop("counts")
        return {name: value for name, value in row.items() if value not in ("", None)}


class AnotherRunReads(AnotherRunHasTheTurn):
    """Another run reads the same kind of row up to now; nothing to do here."""


def pull(
    url: str,
    store: MagentoCatalogue,
    config: InstanceConfig,
    kind: Kind,
    *,
    start: datetime,
    end: datetime,
    run_id: str,
    catch_up: bool = False,
    dry_run: bool = False,
) -> MasterSummary:
    """Read what changed in `[start, end)`, and enter the window into the ledger.

    Args:
        start: `BEGINNING` reads everything, and marks what Magento no longer has.
        catch_up: begin at the first moment that was never covered, if that is earlier; one run at a time does so.

    Raises:
        AnotherRunReads: with `catch_up`: another run does it already.
        ValueError: the window is empty or upside down.
        OutsideError: the store cannot be read; what was read is stored, the window is not covered.
    """
    if start >= end:
        raise ValueError(f"the window from {start} to {end} is empty: `from` must lie before `to`")
    with engine(url).begin() as connection:
        instances.configure(connection, config)
    if dry_run:
        where = _changed_in(start, end)
        note = "dry run: counted, nothing was read or written"
        return MasterSummary(
            config.code, kind.workflow, _words(start, end), MasterCounts(read=kind.count(store)(where)), note=note
        )
    if not catch_up:
        return _read(url, store, config, kind, start, end, run_id, lambda: True)
    lease = Lease(url, f"{kind.workflow}:{config.code}", run_id, ttl=LEASE_SECONDS)
    with lease as mine:
        if not mine:
            raise AnotherRunReads(f"Another run is at work on the {kind.workflow} of {config.code}.")
        with engine(url).begin() as connection:
            missed = windows.gaps(connection, config.code, kind.workflow, BEGINNING, end)
        since = min(start, missed[0].start) if missed else start
        return _read(url, store, config, kind, since, end, run_id, lease.renew_if_due)


def _read(
    url: str,
    store: MagentoCatalogue,
    config: InstanceConfig,
    kind: Kind,
    start: datetime,
    end: datetime,
    run_id: str,
    go_on: Callable[[], bool],
) -> MasterSummary:
    began = time.monotonic()
    summary = MasterSummary(config.code, kind.workflow, _words(start, end))
    seen: list[int] = []
    read, where = kind.read(store), _changed_in(start, end)
    kind.before(url, store, config)
    last = False
    while not last:
        page = read(seen[-1] if seen else 0, where, page_size=config.page_size)
        counts = kind.take_in(url, config, page)
        summary.counts += counts
        summary.pages += 1
        if counts.new or counts.changed:
            summary.orders_woken += kind.afterwards(url, config)
        seen += [int(row["id"]) for row in page.rows]
        last = page.last
        if not go_on():
            raise AnotherRunReads(f"The lease of the {kind.workflow} of {config.code} ran out; another run goes on.")
    if kind is PRODUCTS and start <= BEGINNING and not seen:
        # Else every order would wait for its products from now on.
        summary.note = "Magento has no products: this does not count as having read the catalogue"
        return summary
    with engine(url).begin() as connection:
        if start <= BEGINNING and seen:
            summary.counts.gone = kind.gone(connection, config.code, seen, seen[-1])
        windows.cover(
            connection,
            instance=config.code,
            workflow=kind.workflow,
            start=start,
            end=end,
            rows_read=summary.counts.read,
            rows_changed=summary.counts.new + summary.counts.changed,
            run_id=run_id,
        )
    if kind is CUSTOMERS:
        summary.erased = erase_old(url, config)
    summary.seconds = round(time.monotonic() - began, 2)
    return summary


def _changed_in(start: datetime, end: datetime) -> ChangedIn:
    until = end.astimezone(UTC).replace(microsecond=0)
    if start <= BEGINNING:
        return ChangedIn()
    return ChangedIn((start.astimezone(UTC) - OVERLAP).replace(microsecond=0), until)


def _words(start: datetime, end: datetime) -> str:
    return "everything" if start <= BEGINNING else f"[{start.isoformat()}, {end.isoformat()})"
