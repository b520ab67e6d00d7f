"""Running a reconciliation of orders: every store of an instance, one report each, and what people are told."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from magento_oms.config.models import InstanceConfig
from magento_oms.documents.reconciliation_report import Report, Table
from magento_oms.ports import Booked, MagentoOrders
from magento_oms.storage import instances, windows
from magento_oms.storage.database import engine
from magento_oms.workflows.reconcile import orders
from magento_oms.workflows.reconcile.couriers import OpenAccount
from magento_oms.workflows.reconcile.orders import WORKFLOW, Outcome
from magento_oms.workflows.reconcile.publish import publish
from magento_oms.workflows.reconcile.settle import settle
from magento_oms.workflows.reconcile.words import COLUMNS, MEANINGS, Kind

SAFETY = timedelta(minutes=2)
"""What was placed this shortly ago may still be on its way: a window that ended just now is waited for, one that has
not ended yet is cut off.
"""
KIND = "orders"
Sleep = Callable[[float], None]
SHOWN = ("kind", "increment_id", "what", "subject", "magento", "oms", "courier", "outcome", "entity_id")


@dataclass(slots=True)
class StoreSummary:
    """One store's window, for people: shown in the Airflow UI. No personal data."""

    store: str
    window: str
    proof: str
    lost: int
    doubled: int
    differing: int
    healed: int
    report: int
    html: str
    requests: int
    rows_read: int
    courier_requests: int = 0
    unreadable_couriers: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Summary:
    """What a run did."""

    instance: str
    stores: list[StoreSummary] = field(default_factory=list)
    old_reports_removed: int = 0
    note: str = ""

    @property
    def troubles(self) -> list[str]:
        """Stores that a person must look at: something is lost or doubled."""
        return [f"{each.store}, {each.window}: {each.proof}" for each in self.stores if each.lost or each.doubled]

    def as_dict(self) -> dict[str, object]:
        """Without what is empty."""
        return {name: value for name, value in asdict(self).items() if value} | {"stores": self._stores()}

    def _stores(self) -> list[dict[str, object]]:
        return [{name: value for name, value in asdict(each).items() if value != []} for each in self.stores]


def reconcile_orders(
    url: str,
    magento: MagentoOrders,
    config: InstanceConfig,
    *,
    spans: list[tuple[datetime, datetime]],
    open_account: OpenAccount,
    folder: Path,
    run_id: str,
    full: bool = False,
    dry_run: bool = False,
    sleep: Sleep = time.sleep,
) -> Summary:
    """Compare the orders placed in each of `spans` (half-open, aware), store by store, and write a report for each.

    Args:
        folder: where reports are written.
        full: read every order, whatever counts say.
        dry_run: compare and report; heal nothing, quarantine nothing.

    Raises:
        ValueError: a span is empty or upside down.
        OutsideError: Magento cannot be read; reports of the stores before stay.
    """
    if wrong := [span for span in spans if span[0] >= span[1]]:
        raise ValueError(f"the window from {wrong[0][0]} to {wrong[0][1]} is empty: `from` must lie before `to`")
    with engine(url).begin() as connection:
        instances.configure(connection, config)
    newest = magento.server_time() - SAFETY
    wait = max(end for _, end in spans) - newest
    if timedelta(0) < wait <= SAFETY:
        sleep(wait.total_seconds())
        newest += wait
    summary = Summary(config.code)
    for start, end in spans:
        for store in config.stores:
            if start >= newest:
                summary.note = "a window that has hardly begun was left out: its orders are still coming in"
                continue
            outcome = orders.reconcile_store(
                url,
                magento,
                config,
                store,
                start=start,
                end=min(end, newest),
                open_account=open_account,
                full=full,
                dry_run=dry_run,
            )
            if outcome is not None:
                summary.stores.append(_finish(url, config, outcome, folder, run_id))
    if not summary.stores and not summary.note:
        summary.note = "nothing to compare: the window lies before the stores went live"
    return summary


def _finish(url: str, config: InstanceConfig, outcome: Outcome, folder: Path, run_id: str) -> StoreSummary:
    """Write the report; note it, the window and what goes to quarantine in one transaction."""
    report = report_of(config, outcome)
    store_id = outcome.store.store_id
    with engine(url).begin() as connection:
        if not outcome.dry_run:
            settle(connection, config.code, store_id, outcome.left, outcome.looked_at, MEANINGS)
            windows.cover(
                connection,
                config.code,
                WORKFLOW,
                outcome.start,
                outcome.end,
                rows_read=len(outcome.read),
                rows_changed=outcome.healed,
                run_id=run_id,
                store_id=store_id,
            )
        published = publish(
            connection, report, folder, run_id=run_id, dry_run=outcome.dry_run, differing=outcome.differing
        )
    return StoreSummary(
        store=outcome.store.name,
        window=f"[{outcome.start:%Y-%m-%d %H:%M}, {outcome.end:%Y-%m-%d %H:%M}) UTC",
        proof=outcome.proof,
        lost=outcome.lost,
        doubled=outcome.doubled,
        differing=outcome.differing,
        healed=outcome.healed,
        report=published.id,
        html=published.html,
        requests=outcome.requests,
        rows_read=len(outcome.read),
        courier_requests=outcome.courier_requests,
        unreadable_couriers=sorted(outcome.unreadable),
    )


def report_of(config: InstanceConfig, outcome: Outcome) -> Report:
    """The report of one store's window."""
    rows = [*listed(outcome), *(_only_there(account, order) for account, order in outcome.only_there.orders)]
    kinds = sorted({Kind(row["kind"]) for row in rows})
    tables = [
        Table(
            "Orders by Magento's status, as counted",
            ("status", "on_magento", "in_OMS"),
            [
                {"status": status, "on_magento": there, "in_OMS": here}
                for status, (there, here) in sorted(outcome.by_status.items())
            ],
            "Before anything was healed. What changes while it is counted may differ by a few and be equal a moment"
            " later.",
        )
    ]
    if kinds:
        explained = [
            {"kind": kind, "means": MEANINGS[kind].what, "what_to_do": MEANINGS[kind].way_out} for kind in kinds
        ]
        tables.append(Table("What the differences mean", ("kind", "means", "what_to_do"), explained))
    return Report(
        kind=KIND,
        title="Orders: Magento, OMS, couriers",
        instance=config.code,
        store=outcome.store.name,
        store_id=outcome.store.store_id,
        start=outcome.start,
        end=outcome.end,
        zone=outcome.store.zone,
        made_at=datetime.now(UTC),
        proof=outcome.proof,
        agrees=not outcome.differing and not outcome.only_there.orders,
        facts=_facts(outcome),
        columns=SHOWN,
        rows=rows,
        notes=_notes(outcome),
        tables=tables,
    )


def listed(outcome: Outcome) -> list[dict[str, Any]]:
    """Every difference that was found, and whether it is healed; those that stay first."""
    keys = [name for name in COLUMNS if name not in ("magento", "oms", "courier")]
    left = outcome.left.assign(outcome="differs")
    healed = outcome.found.merge(outcome.left[keys].drop_duplicates(), on=keys, how="left", indicator="side")
    healed = healed[healed["side"] == "left_only"].drop(columns="side").assign(outcome="healed")
    both = pd.concat([left, healed], ignore_index=True)
    return [dict(zip(both.columns, values, strict=True)) for values in both.itertuples(index=False)]


def _only_there(account: str, order: Booked) -> dict[str, Any]:
    """A row of an order that only a courier has; of which of ours it is, nobody knows."""
    return {
        "entity_id": "", "increment_id": "", "kind": str(Kind.ONLY_THERE), "what": f"order at {account}",
        "subject": order.awb, "magento": "", "oms": "", "courier": order.reference or order.order_ref,
        "outcome": "differs",
    }  # fmt: skip


def _facts(outcome: Outcome) -> dict[str, object]:
    return {
        "orders on Magento": outcome.on_magento,
        "orders in the OMS": outcome.in_oms,
        "lost": outcome.lost,
        "doubled": outcome.doubled,
        "differing": outcome.differing,
        "healed": outcome.healed,
        "waiting in quarantine": outcome.kept,
        "parcels compared": outcome.parcels,
        "requests to Magento": outcome.requests,
        "orders read whole": len(outcome.read),
        "requests to couriers": outcome.courier_requests,
        "orders listed at couriers": outcome.only_there.listed,
        "only at the courier": len(outcome.only_there.orders),
        "effects planned": outcome.planned,
    }


def _notes(outcome: Outcome) -> list[str]:
    notes = [f"The courier account {account} could not be read: {why}" for account, why in outcome.unreadable.items()]
    there = outcome.only_there
    notes += [f"The orders at {account} could not be listed: {why}" for account, why in there.unreadable.items()]
    notes += [f"{account} has no list of orders: what only it has is not seen." for account in there.no_list]
    if outcome.dry_run:
        notes.append("A dry run: nothing was healed.")
    if outcome.kept:
        notes.append(
            "Orders that wait in quarantine are not lost: `magento-oms quarantine list` tells why and what to do."
        )
    return notes
