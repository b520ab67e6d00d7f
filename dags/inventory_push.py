"""### Stock towards Magento

Tells the store what may be sold: only the SKUs whose figure changed, each as it is now, in batches whose size the store
itself teaches. A sample is read back after every push.

**Runs** when something changed: stock told by a warehouse, an order routed, sent back, cancelled or shipped, a
buffer changed. Then it waits ten seconds for more, five minutes in all.

**Why is it that figure?** `magento-oms stock explain INSTANCE SKU` prints the sum line by line, and what Magento says.
**What cannot be told** (a SKU that the store does not know): `magento-oms stock problems`. **By hand**:
`magento-oms stock push INSTANCE SKU`. **Emergency brake**: `magento-oms effects hold INSTANCE --reason ...`.

**If it fails**, the store as a whole is in trouble, or its sources are not those of the configuration (log: which, and
what to change). Nothing is lost: what was not told, or perhaps not, stays due.
"""

from __future__ import annotations

from airflow.sdk import DAG, dag, task

from magento_oms.config.models import InstanceConfig
from magento_oms.orchestration.dag_parts import Flow, instances, stock_in_oms, stock_on_magento, woken_by_effects

FLOW = Flow("inventory_push", "push", "Stock towards Magento", __doc__ or "", live=True)


def inventory_push(config: InstanceConfig) -> DAG:
    """The DAG of one instance."""

    @dag(
        schedule=woken_by_effects(f"stock:{config.code}", "inventory_push"),
        max_active_runs=2,
        **FLOW.dag(config),
    )
    def flow() -> None:
        @task(inlets=[stock_in_oms()], outlets=[stock_on_magento(config)])
        def push(code: str) -> dict[str, object]:
            from magento_oms.orchestration import inventory_tasks

            return inventory_tasks.push_stock(code)

        push(config.code)

    return flow()


for instance in instances():
    # Without counted locations there is nothing to tell: it ships elsewhere, or makes what is asked of it.
    if any(location.stock == "counted" for store in instance.stores for location in store.locations):
        inventory_push(instance)
