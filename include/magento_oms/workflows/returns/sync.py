"""`return_sync`: reads credit memos and RMAs of a window, and mends what couriers' scans and the OMS left open."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import Json, Magento, NotFound
from magento_oms.storage import instances, quarantine, return_claims, windows
from magento_oms.storage.database import autocommit, engine
from magento_oms.workflows.intake import take_in
from magento_oms.workflows.returns import from_courier, from_magento, judged

log = structlog.get_logger(__name__)

WORKFLOW = "return_sync"
PAGE = 100
OVERLAP = timedelta(minutes=10)
"""Before the window is read again: rows may commit late."""
RMA_DAYS = 45
"""An RMA is authorised, or refused, days after it was asked for: those of so many days are looked at again."""
WITHOUT_ORDER = "return_without_order"


@dataclass(slots=True)
class SyncSummary:
    """What a run did, for people. No personal data."""

    instance: str
    window: str = ""
    credit_memos: int = 0
    rmas: int = 0
    known: int = 0
    taken: dict[str, int] = field(default_factory=dict)
    rto_mended: int = 0
    settled: int = 0
    quarantined: int = 0
    seconds: float = 0.0
    note: str = ""

    def as_dict(self) -> dict[str, object]:
        """Without what is empty."""
        return {name: value for name, value in asdict(self).items() if value} | {"credit_memos": self.credit_memos}


Take = Callable[[Connection, InstanceConfig, int, Json], str]


def sync(
    url: str,
    store: Magento,
    config: InstanceConfig,
    *,
    start: datetime,
    end: datetime,
    run_id: str,
    dry_run: bool = False,
) -> SyncSummary:
    """Read the credit memos made in `[start, end)`, and the RMAs asked for lately. A window read twice changes nothing.

    Raises:
        ValueError: the window is empty or upside down.
        OutsideError: the store as a whole is in trouble; what was read until then is kept.
    """
    if start >= end:
        raise ValueError(f"the window from {start} to {end} is empty: `from` must lie before `to`")
    started = time.monotonic()
    since, before = (moment.astimezone(UTC).replace(microsecond=0) for moment in (start - OVERLAP, end))
    summary = SyncSummary(config.code, f"[{start.isoformat()}, {end.isoformat()})")
    if dry_run:
        summary.credit_memos = sum(len(page) for page in _pages(store.credit_memos_after, since, before))
        summary.note = "dry run: counted, nothing was written"
        return summary
    with engine(url).begin() as connection:
        instances.configure(connection, config)
    for page in _pages(store.credit_memos_after, since, before):
        summary.credit_memos += len(page)
        for memo in page:
            _take(url, store, config, memo, from_magento.take_credit_memo, "credit memo", summary)
    _read_rmas(url, store, config, since, before, summary)
    mend(url, config, summary)
    with engine(url).begin() as connection:
        windows.cover(
            connection,
            instance=config.code,
            workflow=WORKFLOW,
            start=start,
            end=end,
            rows_read=summary.credit_memos + summary.rmas,
            rows_changed=sum(summary.taken.values()),
            run_id=run_id,
        )
    summary.seconds = round(time.monotonic() - started, 2)
    return summary


def mend(url: str, config: InstanceConfig, summary: SyncSummary) -> None:
    """Place the RTOs whose scans came before the OMS could, and settle the returns that a courier's scan ended."""
    with autocommit(url) as connection:
        missing = return_claims.rto_without_return(connection, config.code)
    for booking_id, attempts in missing:
        with engine(url).begin() as connection:
            summary.rto_mended += from_courier.mend_rto(connection, booking_id, attempts)
    summary.settled = judged.settle_all(url, config)


def _read_rmas(
    url: str, store: Magento, config: InstanceConfig, since: datetime, before: datetime, summary: SyncSummary
) -> None:
    try:
        for page in _pages(store.returns_after, since - timedelta(days=RMA_DAYS), before):
            summary.rmas += len(page)
            for rma in page:
                _take(url, store, config, rma, from_magento.take_rma, "RMA", summary)
    except NotFound:
        summary.note = "this Magento has no RMA"


def _pages(read: Callable[..., Sequence[Json]], since: datetime, before: datetime) -> Iterator[Sequence[Json]]:
    last = 0
    while True:
        page = read(last, since=since, before=before, limit=PAGE)
        if page:
            yield page
            last = int(page[-1]["entity_id"])
        if len(page) < PAGE:
            return


def _take(
    url: str, store: Magento, config: InstanceConfig, document: Json, take: Take, what: str, summary: SyncSummary
) -> None:
    """Take one document; one that cannot be taken goes to quarantine, the others go on."""
    entity_id, order_entity_id = int(document["entity_id"]), int(document.get("order_id") or 0)
    with autocommit(url) as connection:
        order_id = from_magento.order_named(connection, config.code, order_entity_id)
    if order_id is None:
        try:
            take_in(url, config, store.page_of(order_entity_id))
        except NotFound:
            log.warning("document without its order", instance=config.code, what=what, entity_id=entity_id)
        with autocommit(url) as connection:
            order_id = from_magento.order_named(connection, config.code, order_entity_id)
    subject = f"{what.replace(' ', '_').lower()}:{entity_id}"
    with engine(url).begin() as connection:
        if order_id is None:
            summary.quarantined += 1
            quarantine.open_(
                connection,
                instance=config.code,
                subject=subject,
                code=WITHOUT_ORDER,
                reason=f"Magento's {what} {entity_id} is about order {order_entity_id}, which the OMS does not have.",
                way_out=f"`magento-oms orders pull {config.code} {order_entity_id}` tells why; then run return_sync"
                " over its time again.",
            )
            return
        taken = take(connection, config, order_id, document)
        quarantine.resolve_many(connection, config.code, [subject], resolution="its order is in the OMS now")
    if not taken:
        summary.known += 1
    else:
        words = taken.rpartition(": ")[2] if what == "RMA" else taken
        summary.taken[words] = summary.taken.get(words, 0) + 1
