"""A worker is SIGKILLed before and after every point of telling stock; the next run leaves what one run would have.

The store is the sandbox behind HTTP, reached by the real hook.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.workflows.kill_child import Job, job_config
from tests.workflows.oms import Oms
from tests.workflows.test_kill_points import KILLED, Workers, said, sandbox, workers

from commerce_sandbox.client import ADMIN_PASSWORD, ADMIN_USER, SandboxClient
from magento_hook.connection import AuthKind, MagentoConnection
from magento_hook.store import open_magento
from magento_oms.storage import instances
from magento_oms.storage.database import engine
from magento_oms.workflows.warehouse.take_stock import take_stock

__all__ = ["said", "sandbox", "workers"]

D = Decimal
KNOWN = ("KURTA", "SAREE", "DHOTI")
BEFORE, AFTER = D(5), D(9)


class Proof:
    """One change of four SKUs, of which Magento knows three, told again and again from its start."""

    def __init__(self, store: SandboxClient, workers: Workers, url: str) -> None:
        self._store = store
        self._workers = workers
        self._oms = Oms(url)
        self.job = Job(url, store.store_url, ADMIN_USER, ADMIN_PASSWORD, steps=["stock"])
        self._magento = open_magento(
            MagentoConnection(
                base_url=store.store_url, auth=AuthKind.ADMIN_TOKEN, username=ADMIN_USER, password=ADMIN_PASSWORD
            ),
            instance="loom",
        )
        with engine(url).begin() as connection:
            instances.configure(connection, job_config(self.job))

    def begin(self) -> None:
        """Magento was told of 5 each; now the warehouse has 9."""
        self._store.put_products(
            [{"id": 10 + number, "sku": sku, "name": sku, "type_id": "simple"} for number, sku in enumerate(KNOWN)],
            float(BEFORE),
        )
        take_stock(self._oms.url, "pune", dict.fromkeys((*KNOWN, "GHOST"), BEFORE))
        self._oms.run("truncate stock_change, stock_figure, stock_way, lease")
        self._oms.run(
            "insert into stock_figure (instance, sku, source, told, told_at, seen_at)"
            " select 'loom', sku, 'default', 5, now(), now() from stock where sku <> 'GHOST'"
        )
        take_stock(self._oms.url, "pune", dict.fromkeys((*KNOWN, "GHOST"), AFTER))

    def run(self, *, point: str = "", when: str = "", points_file: str = "") -> int:
        """The exit code of a worker that pushes."""
        return self._workers.run(replace(self.job, point=point, when=when, points_file=points_file))

    def time_passes(self) -> None:
        """The killed worker's lease runs out, and nothing of it can arrive at Magento any more."""
        self._oms.run("update lease set expires_at = now() - interval '1 second'")
        self._oms.run(
            "update stock_figure set sending_until = sending_until - interval '1 hour',"
            " unsettled_until = unsettled_until - interval '1 hour', due_at = least(due_at, now())"
        )

    def outcome(self) -> dict[str, Any]:
        """What both sides have."""
        lines = [(sku, "default") for sku in (*KNOWN, "GHOST")]
        return {
            "Magento": dict(self._magento.source_quantities(lines)),
            "OMS": self._oms.rows(
                "select sku, told, sending_until, unsettled_until, due_at is null as settled, problem <> '' as problem"
                " from stock_figure order by sku"
            ),
            "changes": self._oms.count("stock_change"),
            "leases": self._oms.count("lease"),
        }


@pytest.mark.timeout(900)
def test_a_push_killed_at_any_point_ends_the_same(
    sandbox: SandboxClient, workers: Workers, next_oms_database: Callable[[], str], tmp_path: Path, said: Path
) -> None:
    store = sandbox.at("stock")
    store.set_up()
    proof = Proof(store, workers, next_oms_database())
    proof.begin()
    assert proof.run(points_file=str(tmp_path / "points")) == 0, said.read_text()
    points = (tmp_path / "points").read_text().splitlines()
    expected = proof.outcome()
    assert expected["Magento"] == {(sku, "default"): AFTER for sku in KNOWN}
    assert [row["sku"] for row in expected["OMS"] if row["problem"]] == ["GHOST"]

    survived, differing = [], []
    for point in points:
        for when in ("before", "after"):
            proof.begin()
            if (ended := proof.run(point=point, when=when)) != KILLED:
                survived.append(f"{when} {point}: ended with {ended}")
                continue
            proof.time_passes()
            ended = proof.run()
            if ended or (found := proof.outcome()) != expected:
                differing.append(f"{when} {point}: the next run ended with {ended}: {found}")
    listed = Path(__file__).parents[3] / "build" / "stock-kill-points.txt"
    listed.parent.mkdir(exist_ok=True)
    listed.write_text(
        f"{len(points)} points, a worker killed before and after each ({time.strftime('%Y-%m-%d')})\n\n"
        + "\n".join(points)
        + "\n"
    )
    assert not survived, "\n".join(survived)
    assert not differing, f"expected {expected}\n" + "\n".join(differing[:3]) + said.read_text()
