"""Stock compared: drift is found, explained and told again; in a storm nothing is, and a person decides."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.workflows.inventory.conftest import Stocked
from tests.workflows.payloads import Row

from magento_oms.workflows.reconcile import compare, drift
from magento_oms.workflows.reconcile.drift import NONE
from magento_oms.workflows.reconcile.inventory import DriftSummary, PoolSummary, reconcile_inventory

D = Decimal


@pytest.fixture
def agreed(stocked: Stocked) -> Stocked:
    """Warehouses have told of three SKUs, and Magento was told."""
    stocked.forward.stock("pune", KURTA=5, SAREE=7, DHOTI=9)
    stocked.push()
    return stocked


def run(of: Stocked, folder: Path, **more: Any) -> DriftSummary:
    of.oms.run("update stock_figure set unsettled_until = null")  # the time that Magento may be at it has passed
    return reconcile_inventory(
        of.oms.url, of.store, of.forward.config, folder=folder, run_id="test", sleep=lambda seconds: None, **more
    )


def one(of: Stocked, folder: Path, **more: Any) -> PoolSummary:
    [summary] = run(of, folder, **more).stores
    return summary


def rows(folder: Path, summary: PoolSummary) -> list[Row]:
    with (folder / summary.html).with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        proof, *found = csv.DictReader(file)
    assert proof["sku"] == summary.proof
    return list(found)


def test_what_agrees_is_proven(agreed: Stocked, tmp_path: Path) -> None:
    agreed.place("KURTA", quantity=2)
    agreed.forward.route()
    agreed.push()
    summary = one(agreed, tmp_path)
    assert summary.proof == "SKUs compared 3, agreeing 3, drifting 0 (none)"
    assert rows(tmp_path, summary) == []


def test_drift_is_explained_told_again_and_gone(agreed: Stocked, tmp_path: Path) -> None:
    source = next(iter(agreed.store.has))[1]
    agreed.store.has["KURTA", source] += 3  # by hand in Magento's admin
    del agreed.store.has["SAREE", source]
    summary = one(agreed, tmp_path)
    assert (summary.drifting, summary.told_again, summary.storm) == (2, 2, False)
    told = {row["sku"]: (row["magento"], row["oms"], row["cause"], row["healing"]) for row in rows(tmp_path, summary)}
    assert told["KURTA"][:2] == ("8", "5")
    assert "changed on Magento" in told["KURTA"][2]
    assert told["SAREE"][:2] == ("", "7")
    assert "no row" in told["SAREE"][2]
    assert {healing for *_, healing in told.values()} == {"told again"}
    agreed.push()
    assert one(agreed, tmp_path).drifting == 0
    assert agreed.store.has["KURTA", source] == D(5)


def test_a_dry_run_tells_nothing(agreed: Stocked, tmp_path: Path) -> None:
    source = next(iter(agreed.store.has))[1]
    agreed.store.has["KURTA", source] = D(0)
    assert one(agreed, tmp_path, dry_run=True).drifting == 1
    agreed.push()
    assert agreed.store.has["KURTA", source] == D(0)


def test_what_is_about_to_be_told_is_no_drift(agreed: Stocked, tmp_path: Path) -> None:
    agreed.forward.stock("pune", KURTA=50)
    assert one(agreed, tmp_path).drifting == 0
    agreed.push()
    assert one(agreed, tmp_path).drifting == 0


def test_in_a_storm_nothing_is_told_until_a_person_says_so(stocked: Stocked, tmp_path: Path) -> None:
    skus = [f"SKU_{number}" for number in range(60)]
    stocked.store.sells(*(sku.replace("_", "-") for sku in skus))
    stocked.forward.stock("pune", **dict.fromkeys(skus, 4))
    stocked.push()
    for key in list(stocked.store.has)[:25]:
        stocked.store.has[key] = D(100)
    found = run(stocked, tmp_path)
    [summary] = found.stores
    assert (summary.drifting, summary.told_again, summary.storm) == (25, 0, True)
    assert "--even-in-a-storm" in found.troubles[0]
    assert "nothing was told again" in (tmp_path / summary.html).read_text()
    stocked.push()
    assert sum(quantity == D(100) for quantity in stocked.store.has.values()) == 25
    again = one(stocked, tmp_path, even_in_a_storm=True)
    assert (again.told_again, again.storm) == (25, False)
    stocked.push()
    assert one(stocked, tmp_path).drifting == 0


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.one_of(st.just(NONE), st.integers(0, 5)), st.booleans(), st.booleans()),
        max_size=30,
    )
)
def test_drift_is_what_differs_and_is_not_on_its_way(cases: list[tuple[int, int, bool, bool]]) -> None:
    made = compare.frame(
        [
            (f"SKU-{number}", "default", wanted, has, wanted, "", due, busy, "")
            for number, (wanted, has, due, busy) in enumerate(cases)
        ],
        drift.ROWS,
    )
    expected = {
        f"SKU-{number}"
        for number, (wanted, has, due, busy) in enumerate(cases)
        if wanted != has and not due and not busy
    }
    found = drift.drift(made)
    assert set(found["sku"]) == expected
    assert set(drift.still(found, made)["sku"]) == expected
    moved = made.assign(has=made["has"] + 1)
    assert not len(drift.still(found, moved))


@pytest.mark.parametrize(
    ("drifting", "compared", "storm"), [(19, 20, False), (20, 200, False), (21, 200, True), (100, 100_000, False)]
)
def test_what_counts_as_a_storm(drifting: int, compared: int, storm: bool) -> None:
    assert drift.is_storm(drifting, compared, 0.1, at_least=20) is storm
