"""Returns compared: credit memos on both sides, what is overdue, what was refunded and never came, what came twice."""

from __future__ import annotations

import csv
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.workflows.fakes import NOW
from tests.workflows.payloads import Row
from tests.workflows.reconcile.conftest import Reconciling
from tests.workflows.returns.conftest import Returns

from magento_oms.ports import ParcelStatus
from magento_oms.workflows.reconcile import compare
from magento_oms.workflows.reconcile import compare_returns as back
from magento_oms.workflows.reconcile.couriers import CourierSide
from magento_oms.workflows.reconcile.returns import ReturnsSummary, reconcile_returns
from magento_oms.workflows.reconcile.words import UNIT
from magento_oms.workflows.returns.receive import Verdict


def run(life: Returns, folder: Path, *, days_later: int = 0, dry_run: bool = False) -> ReturnsSummary:
    accounts = Reconciling(life, folder)
    # Returns are placed by the database's clock, credit memos made by the store's: the window covers both.
    life.oms.run("update return_order set placed_at = :at, created_at = :at where placed_at > :at", at=NOW)

    def open_account(code: str) -> AbstractContextManager[CourierSide]:
        return accounts.open_account(code)

    summary = reconcile_returns(
        life.oms.url,
        life.store,
        life.config,
        start=NOW - timedelta(hours=1),
        end=NOW + timedelta(days=days_later, hours=1),
        open_account=open_account,
        folder=folder,
        run_id="test",
        dry_run=dry_run,
    )
    [store] = summary.stores
    return store


def told(folder: Path, summary: ReturnsSummary) -> set[tuple[str, str]]:
    """Kind and outcome of what the CSV lists; the proof line checked."""
    with (folder / summary.html).with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        proof, *rows = csv.DictReader(file)
    assert proof["increment_id"] == summary.proof
    return {(row["kind"], row["outcome"]) for row in rows}


def test_a_day_without_returns_agrees(life: Returns, tmp_path: Path) -> None:
    life.shipped("KURTA")
    summary = run(life, tmp_path)
    assert summary.proof == "credit memos on Magento 0, in OMS 0, lost 0, doubled 0, differing 0 (none)"


def test_a_credit_memo_that_nobody_read_is_taken_in(life: Returns, tmp_path: Path) -> None:
    entity_id = life.shipped("KURTA", quantity=2)
    life.store.refund_in_admin(entity_id, {10: 1})
    first = run(life, tmp_path, dry_run=True)
    assert (first.lost, told(tmp_path, first)) == (1, {("credit_memo_missing", "differs")})
    summary = run(life, tmp_path)
    assert summary.proof == "credit memos on Magento 1, in OMS 1, lost 0, doubled 0, differing 0 (none); 1 healed"
    assert told(tmp_path, summary) == {("credit_memo_missing", "healed")}
    assert life.oms.count("return_order") == 1
    assert run(life, tmp_path).healed == 0


def test_a_refund_whose_units_never_come_is_listed_once_they_are_late(life: Returns, tmp_path: Path) -> None:
    entity_id = life.shipped("KURTA", quantity=2)
    life.store.refund_in_admin(entity_id, {10: 1})
    run(life, tmp_path)
    life.oms.take_in(life.store, life.config)
    assert run(life, tmp_path, days_later=10).differing == 0
    late = run(life, tmp_path, days_later=16)
    assert told(tmp_path, late) == {("refund_without_receipt", "differs")}
    assert life.oms.quarantined() == {f"reconciliation:{entity_id}": "reconcile_refund_without_receipt"}
    [row] = life.oms.rows("select id from return_order")
    life.take_in(row["id"], Verdict("10-1", passed=True))
    assert run(life, tmp_path, days_later=16).differing == 0
    assert life.oms.quarantined() == {}


def test_an_rto_that_does_not_come_is_listed_once_it_is_late(life: Returns, tmp_path: Path) -> None:
    entity_id = life.shipped("KURTA")
    life.scan(life.parcel_of(entity_id)["booking"], ParcelStatus.IN_TRANSIT, ParcelStatus.RTO_INITIATED)
    assert run(life, tmp_path).differing == 0
    late = run(life, tmp_path, days_later=16)
    assert told(tmp_path, late) == {("rto_not_received", "differs")}
    assert "reconcile_rto_not_received" in life.oms.quarantined().values()


def test_an_rto_without_its_return_gets_one(life: Returns, tmp_path: Path) -> None:
    entity_id = life.shipped("KURTA")
    booking = life.parcel_of(entity_id)["booking"]
    life.oms.run("update courier_booking set status = 'rto_in_transit' where id = :id", id=booking)
    summary = run(life, tmp_path)
    assert told(tmp_path, summary) == {("rto_without_return", "healed")}
    assert [row["kind"] for row in life.oms.rows("select kind from return_order")] == ["return_to_origin"]


def test_amounts_of_a_credit_memo_that_differ_go_to_a_person(life: Returns, tmp_path: Path) -> None:
    entity_id = life.shipped("KURTA", quantity=2)
    life.store.refund_in_admin(entity_id, {10: 1})
    run(life, tmp_path)
    life.oms.run("update credit_memo set grand_total = grand_total + 1")
    assert told(tmp_path, run(life, tmp_path)) == {("credit_memo_money", "differs")}
    assert life.oms.quarantined()[f"reconciliation:{entity_id}"] == "reconcile_credit_memo_money"


LINE = {"entity_id": 1, "increment_id": "000000001", "sku": "TEE", "days": 30}


@given(
    shipped=st.integers(0, 5),
    unshipped=st.integers(0, 5),
    refunded=st.integers(0, 12),
    received=st.integers(0, 7),
    days=st.integers(-1, 40),
)
def test_units_are_missed_only_where_shipped_ones_were_refunded(
    shipped: int, unshipped: int, refunded: int, received: int, days: int
) -> None:
    ordered = shipped + unshipped
    row: Row = LINE | {"ordered": ordered, "shipped": shipped, "refunded": refunded, "received": received, "days": days}
    scaled = [
        row[name] * UNIT if name in ("ordered", "shipped", "refunded", "received") else row[name] for name in back.UNITS
    ]
    found = set(back.unit_differences(compare.frame([scaled], back.UNITS), 15)["kind"])
    expected: set[Any] = set()
    if max(0, refunded - unshipped) > received and days >= 15:
        expected.add("refund_without_receipt")
    if received > shipped:
        expected.add("doubled_unit")
    if refunded > ordered:
        expected.add("doubled_refund")
    assert found == expected


@pytest.mark.parametrize(
    ("courier", "kind"), [("return_delivered", "return_courier_state"), ("absent", "return_not_at_courier")]
)
def test_couriers_of_return_parcels_in_the_words_of_returns(courier: str, kind: str) -> None:
    row = (1, "000000001", 7, 1, "RET1", "return_in_transit", courier, False, False, True, 0, -1)
    table = back.of_couriers(compare.courier_differences(compare.frame([row], compare.PARCELS)))
    assert table["kind"].tolist() == [kind]
