"""### Stock compared

Compares what Magento has of every SKU, at each source, with what it should have: shelves less reservations and buffers,
plus what Magento itself keeps for open orders. What drifted is told again by `inventory_push`; the report tells the
cause where it is known. Never in a storm: where more SKUs differ than `reconciliation.storm_share` allows, nothing is
told, and a person is asked.

**Runs** every night. *Trigger* with `dry_run` compares and reports only; with `even_in_a_storm` it tells all that
differs.

**Look**: `magento-oms reconcile list --kind inventory`, `magento-oms stock explain INSTANCE SKU`.

**If it fails** with a storm, open the report: another writer of stock, a wrong source or a lost import are the usual
causes. If the OMS is right, run it again with `even_in_a_storm`. Otherwise clear the run: comparing changes nothing.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, dag, task

from magento_oms.config.models import InstanceConfig
from magento_oms.orchestration.dag_parts import (
    Flow,
    compare_only_param,
    instances,
    stock_in_oms,
    stock_on_magento,
    windows,
)

FLOW = Flow("inventory_reconciliation", "reconcile", "Stock compared", __doc__ or "")


def inventory_reconciliation(config: InstanceConfig) -> DAG:
    """The DAG of one instance."""

    @dag(
        schedule=windows(config.frequency.inventory_reconciliation),
        params=compare_only_param()
        | {
            "even_in_a_storm": Param(
                False,
                type="boolean",
                title="Even in a storm",
                description="Tell all that differs again, however much it is: you have looked.",
            )
        },
        max_active_runs=1,
        **FLOW.dag(config),
    )
    def flow() -> None:
        @task(inlets=[stock_on_magento(config)], outlets=[stock_in_oms()])
        def compare(code: str) -> dict[str, object]:
            from magento_oms.orchestration import reconcile_tasks

            return reconcile_tasks.compare_inventory(code)

        compare(config.code)

    return flow()


for instance in instances():
    if any(store.locations for store in instance.stores):
        inventory_reconciliation(instance)
