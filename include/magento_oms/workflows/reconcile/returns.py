"""return_reconciliation: what was refunded on Magento, what came back to the warehouses, and what couriers say of it.

What differs is healed as always: a credit memo is taken in and an RTO's return placed by `return_sync`'s own means, a
courier's scan is kept. The rest goes to quarantine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd

from magento_oms.config.models import InstanceConfig, StoreConfig
from magento_oms.documents.reconciliation_report import Report, Table
from magento_oms.ports import Direction, Json, Magento
from magento_oms.storage import reconciliation, return_reconciliation, windows
from magento_oms.storage.database import autocommit, engine
from magento_oms.workflows.reconcile import compare, couriers
from magento_oms.workflows.reconcile import compare_returns as back
from magento_oms.workflows.reconcile.compare_returns import DOUBLED, MEANINGS, ReturnKind
from magento_oms.workflows.reconcile.couriers import OpenAccount
from magento_oms.workflows.reconcile.publish import publish
from magento_oms.workflows.reconcile.settle import settle
from magento_oms.workflows.reconcile.sides import units
from magento_oms.workflows.reconcile.words import COLUMNS
from magento_oms.workflows.returns.sync import sync

WORKFLOW = "return_reconciliation"
KIND = "returns"
PAGE = 100
LOOK_BACK = timedelta(days=120)
"""Refunds as old as this are no longer waited for."""
SHOWN = ("kind", "increment_id", "what", "subject", "magento", "oms", "courier", "outcome", "entity_id")


@dataclass(slots=True)
class ReturnsSummary:
    """One store's window, for people. No personal data."""

    store: str
    window: str
    proof: str
    lost: int
    doubled: int
    differing: int
    healed: int
    report: int
    html: str
    unreadable_couriers: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Summary:
    """What a run did."""

    instance: str
    stores: list[ReturnsSummary] = field(default_factory=list)

    @property
    def troubles(self) -> list[str]:
        """Stores that a person must look at: something is lost or doubled."""
        return [f"{each.store}, {each.window}: {each.proof}" for each in self.stores if each.lost or each.doubled]

    def as_dict(self) -> dict[str, object]:
        """For XCom and JSON."""
        return asdict(self)


@dataclass(slots=True)
class _Found:
    """What one look at a store's window found."""

    table: pd.DataFrame
    on_magento: int
    in_oms: int
    waiting: int
    unreadable: dict[str, str]
    parcels: int


def reconcile_returns(
    url: str,
    magento: Magento,
    config: InstanceConfig,
    *,
    start: datetime,
    end: datetime,
    open_account: OpenAccount,
    folder: Path,
    run_id: str,
    dry_run: bool = False,
) -> Summary:
    """Compare what was refunded in `[start, end)`, and all that is still to come back, store by store.

    Raises:
        ValueError: the window is empty or upside down.
        OutsideError: Magento cannot be read.
    """
    if start >= end:
        raise ValueError(f"the window from {start} to {end} is empty: `from` must lie before `to`")
    since, before = (moment.astimezone(UTC).replace(microsecond=0) for moment in (start, end))
    memos = _memos(magento, since, before)
    before_healing = {
        store.store_id: _look(url, config, store, memos, since, before, open_account, dry_run=True)
        for store in config.stores
    }
    if not dry_run:
        sync(url, magento, config, start=since, end=before, run_id=run_id)
    summary = Summary(config.code)
    for store in config.stores:
        first = before_healing[store.store_id]
        now = first if dry_run else _look(url, config, store, memos, since, before, open_account, dry_run=False)
        summary.stores.append(_finish(url, config, store, first, now, (since, before), folder, run_id, dry_run))
    return summary


def _memos(magento: Magento, since: datetime, before: datetime) -> list[Json]:
    found: list[Json] = []
    while True:
        last = int(found[-1]["entity_id"]) if found else 0
        page = magento.credit_memos_after(last, since=since, before=before, limit=PAGE)
        found += page
        if len(page) < PAGE:
            return found


def _look(
    url: str,
    config: InstanceConfig,
    store: StoreConfig,
    memos: list[Json],
    start: datetime,
    end: datetime,
    open_account: OpenAccount,
    *,
    dry_run: bool,
) -> _Found:
    """Compare one store's returns as they are now."""
    code, store_id, days = config.code, store.store_id, config.reconciliation.rto_days
    asked = couriers.ask(url, code, store_id, start, end, open_account, dry_run=dry_run, direction=Direction.REVERSE)
    theirs = compare.frame(_memo_rows(memos, store), back.MEMOS)
    with autocommit(url) as connection:
        ours = compare.frame(return_reconciliation.memos(connection, code, store_id, start, end), back.MEMOS)
        waiting = compare.frame(return_reconciliation.open_returns(connection, code, store_id, end), back.OPEN_RETURNS)
        lines = compare.frame(return_reconciliation.lines(connection, code, store_id, end - LOOK_BACK, end), back.UNITS)
        rto = pd.DataFrame.from_records(
            return_reconciliation.parcels_without_return(connection, code, store_id),
            columns=["entity_id", "increment_id", "awb", "state"],
        )
    table = compare.joined(
        [
            back.memo_differences(theirs, ours),
            back.overdue(waiting, days),
            back.unit_differences(lines, days),
            back.missing_returns(rto),
            back.of_couriers(compare.courier_differences(asked.parcels)),
        ]
    )
    return _Found(table, len(theirs), len(ours), len(waiting), asked.unreadable, len(asked.parcels))


def _memo_rows(memos: list[Json], store: StoreConfig) -> Iterator[tuple[object, ...]]:
    for memo in memos:
        if int(memo.get("store_id") or 0) != store.store_id:
            continue
        placed = memo.get("items") or ()
        quantity = sum((Decimal(str(row.get("qty") or 0)) for row in placed), Decimal(0))
        yield (
            int(memo["entity_id"]),
            str(memo.get("increment_id") or memo["entity_id"]),
            int(memo.get("order_id") or 0),
            units(Decimal(str(memo.get("grand_total") or 0))),
            units(quantity),
        )


def _finish(
    url: str,
    config: InstanceConfig,
    store: StoreConfig,
    first: _Found,
    now: _Found,
    window: tuple[datetime, datetime],
    folder: Path,
    run_id: str,
    dry_run: bool,
) -> ReturnsSummary:
    report, healed = _report(config, store, first, now, window, dry_run)
    lost = _orders(now.table, {ReturnKind.MEMO_MISSING, ReturnKind.RETURN_MISSING})
    doubled, differing = _orders(now.table, DOUBLED), int(now.table["entity_id"].nunique())
    with engine(url).begin() as connection:
        if not dry_run:
            looked_at = set(map(int, reconciliation.differing_orders(connection, config.code, store.store_id)))
            settle(connection, config.code, store.store_id, now.table, looked_at, MEANINGS)
            windows.cover(
                connection,
                config.code,
                WORKFLOW,
                *window,
                rows_read=now.on_magento,
                rows_changed=healed,
                run_id=run_id,
                store_id=store.store_id,
            )
        published = publish(connection, report, folder, run_id=run_id, dry_run=dry_run, differing=differing)
    return ReturnsSummary(
        store=store.name,
        window=f"[{window[0]:%Y-%m-%d %H:%M}, {window[1]:%Y-%m-%d %H:%M}) UTC",
        proof=report.proof,
        lost=lost,
        doubled=doubled,
        differing=differing,
        healed=healed,
        report=published.id,
        html=published.html,
        unreadable_couriers=sorted(now.unreadable),
    )


def _orders(table: pd.DataFrame, kinds: set[ReturnKind] | frozenset[ReturnKind]) -> int:
    return int(table.loc[table["kind"].isin([str(kind) for kind in kinds]), "entity_id"].nunique())


def _report(
    config: InstanceConfig,
    store: StoreConfig,
    first: _Found,
    now: _Found,
    window: tuple[datetime, datetime],
    dry_run: bool,
) -> tuple[Report, int]:
    """The report, and how many differences were healed."""
    keys = [name for name in COLUMNS if name not in ("magento", "oms", "courier")]
    gone = first.table.merge(now.table[keys].drop_duplicates(), on=keys, how="left", indicator="side")
    gone = gone[gone["side"] == "left_only"].drop(columns="side")
    both = pd.concat([now.table.assign(outcome="differs"), gone.assign(outcome="healed")], ignore_index=True)
    rows = [dict(zip(both.columns, values, strict=True)) for values in both.itertuples(index=False)]
    lost = _orders(now.table, {ReturnKind.MEMO_MISSING, ReturnKind.RETURN_MISSING})
    doubled, differing = _orders(now.table, DOUBLED), int(now.table["entity_id"].nunique())
    listed = "listed" if differing else "none"
    proof = (
        f"credit memos on Magento {now.on_magento}, in OMS {now.in_oms}, lost {lost}, doubled {doubled}, "
        f"differing {differing} ({listed})"
    ) + (f"; {len(gone)} healed" if len(gone) else "")
    kinds = sorted({str(row["kind"]) for row in rows})
    explained = [{"kind": kind, "means": MEANINGS[kind].what, "what_to_do": MEANINGS[kind].way_out} for kind in kinds]
    notes = [f"The courier account {account} could not be read: {why}" for account, why in now.unreadable.items()]
    notes += ["A dry run: nothing was healed."] if dry_run else []
    report = Report(
        kind=KIND,
        title="Returns: Magento, OMS, couriers",
        instance=config.code,
        store=store.name,
        store_id=store.store_id,
        start=window[0],
        end=window[1],
        zone=store.zone,
        made_at=datetime.now(UTC),
        proof=proof,
        agrees=not differing,
        facts={
            "credit memos on Magento": now.on_magento,
            "credit memos in the OMS": now.in_oms,
            "lost": lost,
            "doubled": doubled,
            "orders differing": differing,
            "healed": len(gone),
            "returns on their way": now.waiting,
            "return parcels compared": now.parcels,
            "days until overdue": config.reconciliation.rto_days,
        },
        columns=SHOWN,
        rows=rows,
        notes=notes,
        tables=[Table("What the differences mean", ("kind", "means", "what_to_do"), explained)] if kinds else [],
    )
    return report, len(gone)
