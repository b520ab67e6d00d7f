"""### Returns

Reads what Magento says of returns in `[start, end)`: a credit memo on shipped units places a return of them (or is
noted on the one that there is), and so does an RMA of Adobe Commerce once it is authorised. Then it mends what
couriers' scans left open: an RTO without a return gets one, a return that a scan ended is credited, its replacement
decided.

Scans themselves come by webhooks and `shipment_tracking`; an AWB that is missing is fetched by `courier_push`.

**Runs** every hour for the hour before, and for any span (*Trigger* with `from` and `to`). `dry_run` only counts.

**If it fails**, clear the run: reading a window twice changes nothing.
"""

from __future__ import annotations

from airflow.sdk import DAG, dag, task

from magento_oms.config.models import InstanceConfig
from magento_oms.orchestration.dag_parts import (
    Flow,
    instances,
    orders_on_magento,
    returns_in_oms,
    span_params,
    windows,
)

FLOW = Flow("return_sync", "pull", "Returns", __doc__ or "")


def return_sync(config: InstanceConfig) -> DAG:
    """The DAG of one instance."""

    @dag(
        schedule=windows(config.frequency.return_sync),
        params=span_params("credit memos made"),
        max_active_runs=2,
        **FLOW.dag(config),
    )
    def flow() -> None:
        @task(inlets=[orders_on_magento(config)], outlets=[returns_in_oms()])
        def sync(code: str) -> dict[str, object]:
            from magento_oms.orchestration import return_tasks

            return return_tasks.sync_returns(code)

        sync(config.code)

    return flow()


for instance in instances():
    return_sync(instance)
