"""### Returns compared: Magento, OMS, couriers

Compares the credit memos of a window on both sides, and everything that is still to come back: parcels that couriers
bring back, returns that were delivered and not received, shipped units that were refunded and never came. What differs
is healed as `return_sync` heals it (credit memos are taken in, RTOs get their return) and by the couriers' scans; the
rest goes to quarantine. One report a store (CSV, HTML); its proof line is in the XCom.

**Runs** every night for the day before (midnight to midnight in India). For any span: backfill, or *Trigger* with
`from` and `to`; `dry_run` compares and reports only. What is overdue: `reconciliation.rto_days`.

**Look**: `magento-oms reconcile list --kind returns`.

**If it fails** with something lost or doubled, open the report: it lists what, and what to do. If it fails because the
store does not answer, clear the run: comparing a window twice changes nothing.
"""

from __future__ import annotations

from airflow.sdk import DAG, dag, task

from magento_oms.config.models import InstanceConfig
from magento_oms.orchestration.dag_parts import (
    Flow,
    instances,
    orders_on_magento,
    reconcile_params,
    returns_in_oms,
    windows,
)

FLOW = Flow("return_reconciliation", "reconcile", "Returns compared", __doc__ or "")


def return_reconciliation(config: InstanceConfig) -> DAG:
    """The DAG of one instance."""

    @dag(
        schedule=windows(config.frequency.return_reconciliation),
        params=reconcile_params("what was refunded"),
        max_active_runs=1,
        **FLOW.dag(config),
    )
    def flow() -> None:
        @task(inlets=[orders_on_magento(config)], outlets=[returns_in_oms()])
        def compare(code: str) -> dict[str, object]:
            from magento_oms.orchestration import reconcile_tasks

            return reconcile_tasks.compare_returns(code)

        compare(config.code)

    return flow()


for instance in instances():
    return_reconciliation(instance)
