"""### Orders compared: Magento, OMS, couriers

Proves that no order of a store is lost or doubled, and finds what differs: orders, states, quantities, amounts,
parcels. Counts first, so that a day on which all is well costs the store a few dozen requests. What differs is healed
by the same means as always; what cannot be healed goes to quarantine. One report a store (CSV, HTML); its proof line is
in the XCom.

**Runs** every night for the day before (midnight to midnight in India), and again for the days 7 and 30 days earlier
(`reconciliation.again_after_days`): orders live on. For any span: backfill, or *Trigger* with `from` and `to`. `full`
reads every order, whatever counts say; `dry_run` compares and reports only.

**Look**: `magento-oms reconcile list`, `magento-oms reconcile show REPORT`. Reports of all kinds are kept for
`reconciliation.keep_reports_days` (90), and then removed by this flow.

**If it fails** with orders lost or doubled, open the report: it lists them, with what to do. If it fails because the
store does not answer, clear the run: comparing a window twice changes nothing.
"""

from __future__ import annotations

from airflow.sdk import DAG, dag, task

from magento_oms.config.models import InstanceConfig
from magento_oms.orchestration.dag_parts import (
    Flow,
    full_param,
    instances,
    orders_in_oms,
    orders_on_magento,
    reconcile_params,
    windows,
)

FLOW = Flow("order_reconciliation", "reconcile", "Orders compared", __doc__ or "")


def order_reconciliation(config: InstanceConfig) -> DAG:
    """The DAG of one instance."""

    @dag(
        schedule=windows(config.frequency.order_reconciliation),
        params=reconcile_params() | full_param(),
        max_active_runs=1,
        **FLOW.dag(config),
    )
    def flow() -> None:
        @task(inlets=[orders_on_magento(config)], outlets=[orders_in_oms()])
        def compare(code: str) -> dict[str, object]:
            from magento_oms.orchestration import reconcile_tasks

            return reconcile_tasks.compare_orders(code)

        compare(config.code)

    return flow()


for instance in instances():
    order_reconciliation(instance)
