"""### Orders by window

Reads the orders placed in `[start, end)` whatever their status, and enters the window into the OMS's window ledger.
Does the same as the live flow, which it neither needs nor disturbs: use it for history, and to be sure.

**Runs** every hour for the hour before, and for any span:
- backfill in the UI (*Trigger* → *Backfill*) or by `airflow backfill create --dag-id order_pull__INSTANCE ...`;
- one run over any span: *Trigger* with `from` and `to` filled in. `dry_run` only counts.

**If it fails**, clear the run: reading a window twice changes nothing.
"""

from __future__ import annotations

from airflow.sdk import DAG, dag, task

from magento_oms.config.models import InstanceConfig
from magento_oms.orchestration.dag_parts import (
    Flow,
    instances,
    orders_in_oms,
    orders_on_magento,
    span_params,
    windows,
)

FLOW = Flow("order_pull", "pull", "Orders by window", __doc__ or "")


def order_pull(config: InstanceConfig) -> DAG:
    """The DAG of one instance."""

    @dag(schedule=windows(config.frequency.order_pull), params=span_params(), max_active_runs=2, **FLOW.dag(config))
    def flow() -> None:
        @task(inlets=[orders_on_magento(config)], outlets=[orders_in_oms()])
        def pull(code: str) -> dict[str, object]:
            from magento_oms.orchestration import tasks

            return tasks.pull_window(code)

        pull(config.code)

    return flow()


for instance in instances():
    order_pull(instance)
