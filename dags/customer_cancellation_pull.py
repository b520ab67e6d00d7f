"""### Cancellations

Reads what was cancelled or refunded at the store: orders with a status that says so, credit memos, and lines of which
units were cancelled or refunded. It is the net below the live flow, which sees most of it within seconds. What is not
wanted any more is stopped wherever it is: `docs/cancellations.md` has the table.

**Runs** every 5 minutes over what changed since the window's start, without an upper bound: an order that changes again
is not missed. For any time:
- backfill in the UI (*Trigger* → *Backfill*) or by
  `airflow backfill create --dag-id customer_cancellation_pull__INSTANCE ...`;
- one run from any time on: *Trigger* with `from` filled in. `dry_run` only counts.

**If it fails**, clear the run: reading twice changes nothing.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, dag, task

from magento_oms.config.models import InstanceConfig
from magento_oms.orchestration.dag_parts import (
    Flow,
    dry_run_param,
    instances,
    orders_in_oms,
    orders_on_magento,
    windows,
)

FLOW = Flow("customer_cancellation_pull", "pull", "Cancellations", __doc__ or "")
FROM = Param(
    None,
    type=["null", "string"],
    format="date-time",
    title="From",
    description="Read what was cancelled or refunded from this time on. Empty: from the run's own window on.",
)


def customer_cancellation_pull(config: InstanceConfig) -> DAG:
    """The DAG of one instance."""

    @dag(
        schedule=windows(config.frequency.customer_cancellation_pull),
        params={"from": FROM, **dry_run_param()},
        max_active_runs=2,
        **FLOW.dag(config),
    )
    def flow() -> None:
        @task(inlets=[orders_on_magento(config)], outlets=[orders_in_oms()])
        def pull(code: str) -> dict[str, object]:
            from magento_oms.orchestration import tasks

            return tasks.pull_cancellations(code)

        pull(config.code)

    return flow()


for instance in instances():
    customer_cancellation_pull(instance)
