"""### Pending orders

Reads every order in one of the statuses to pull or to hold, whenever it was placed or changed: the net below the live
flow, for changes that do not move Magento's `updated_at`.

**Runs** every hour. Orders that are known as they are cost one look each.

**If it fails**, clear the run or wait for the next one: it reads everything again.
"""

from __future__ import annotations

from airflow.sdk import DAG, dag, task

from magento_oms.config.models import InstanceConfig
from magento_oms.orchestration.dag_parts import (
    Flow,
    dry_run_param,
    instances,
    orders_in_oms,
    orders_on_magento,
    windows,
)

FLOW = Flow("pending_order_sync", "pull", "Pending orders", __doc__ or "")


def pending_order_sync(config: InstanceConfig) -> DAG:
    """The DAG of one instance."""

    @dag(
        schedule=windows(config.frequency.pending_order_sync),
        params=dry_run_param(),
        max_active_runs=1,
        **FLOW.dag(config),
    )
    def flow() -> None:
        @task(inlets=[orders_on_magento(config)], outlets=[orders_in_oms()])
        def pull(code: str) -> dict[str, object]:
            from magento_oms.orchestration import tasks

            return tasks.pull_pending(code)

        pull(config.code)

    return flow()


for instance in instances():
    pending_order_sync(instance)
