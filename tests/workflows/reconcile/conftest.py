"""Reconciling a store in memory with a real OMS database, with couriers in memory."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.workflows.couriers.fake_aggregator import STATUSES, FakeAggregator
from tests.workflows.fakes import NOW
from tests.workflows.forward.conftest import Forward, forward, forward_of
from tests.workflows.inventory.conftest import stocked, stocked_of
from tests.workflows.payloads import Row
from tests.workflows.returns.conftest import life, life_of

from magento_oms.workflows.reconcile.couriers import CourierSide
from magento_oms.workflows.reconcile.daily import StoreSummary, Summary, reconcile_orders

__all__ = ["forward", "forward_of", "life", "life_of", "stocked", "stocked_of"]


@dataclass
class Reconciling:
    """Runs reconciliations and opens their reports."""

    forward: Forward
    folder: Path

    def run(
        self,
        start: datetime = NOW - timedelta(hours=12),
        end: datetime = NOW + timedelta(hours=12),
        *,
        full: bool = False,
        dry_run: bool = False,
    ) -> Summary:
        """Compare, an hour after whatever happened last."""
        self.forward.store.pass_time(3600)
        return reconcile_orders(
            self.forward.oms.url,
            self.forward.store,
            self.forward.config,
            spans=[(start, end)],
            open_account=self.open_account,
            folder=self.folder,
            run_id="test",
            full=full,
            dry_run=dry_run,
        )

    def one(self, *, full: bool = False, dry_run: bool = False) -> StoreSummary:
        """Compare; the only store's summary."""
        [summary] = self.run(full=full, dry_run=dry_run).stores
        return summary

    @contextmanager
    def open_account(self, code: str) -> Iterator[CourierSide]:
        """An account in memory."""
        yield CourierSide(self.forward.accounts.setdefault(code, FakeAggregator(code)), STATUSES)

    def rows(self, summary: StoreSummary) -> list[Row]:
        """The differences of a report's CSV, the proof line checked."""
        path = (self.folder / summary.html).with_suffix(".csv")
        with path.open(encoding="utf-8", newline="") as file:
            proof, *rows = csv.DictReader(file)
        assert (proof["kind"], proof["increment_id"]) == ("proof", summary.proof)
        return list(rows)

    def told(self, summary: StoreSummary) -> list[tuple[str, str, str, str]]:
        """Entity id, kind, what and outcome of each difference."""
        return [(row["entity_id"], row["kind"], row["what"], row["outcome"]) for row in self.rows(summary)]


@pytest.fixture
def reconciling(forward: Forward, tmp_path: Path) -> Reconciling:
    return Reconciling(forward, tmp_path)
