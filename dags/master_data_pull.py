"""### Products and customers

`catalog_pull` reads the products changed in `[start, end)`: names, prices, HSN codes, GST, weights, sizes, barcodes,
pictures, and what configurables and bundles are made of. `customer_pull` does the same for registered customers; what
is personal of them is stored encrypted and erased after `customers.keep_days`.

**Runs** every hour from the first moment that was never covered: the first run reads everything, one after an outage
what was missed. For any span:
- backfill in the UI (*Trigger* → *Backfill*) or by `airflow backfill create --dag-id master_data_pull__INSTANCE ...`;
- one run with `from` and `to` filled in; `everything` reads all and marks what Magento no longer has.

**Orders with a SKU that the catalogue does not have** wait (hold `unknown_sku`) once the whole catalogue was read. The
live flow asks Magento for that SKU at once; whatever brings it lets them go on. `magento-oms catalogue awaited` lists
what is waited for.

**If it fails**, clear the run or wait for the next one: reading a window twice changes nothing, and what was not
covered is read then. A refusal names the permission that the integration lacks.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, dag, task

from magento_oms.config.models import InstanceConfig
from magento_oms.orchestration.dag_parts import (
    Flow,
    customers_in_oms,
    instances,
    master_data_on_magento,
    master_data_params,
    products_in_oms,
    windows,
)

FLOW = Flow("master_data_pull", "pull", "Products and customers", __doc__ or "")
WHOLE_CATALOGUE = timedelta(hours=6)


def master_data_pull(config: InstanceConfig) -> DAG:
    """The DAG of one instance."""

    @dag(
        schedule=windows(config.frequency.master_data_pull),
        params=master_data_params(),
        max_active_runs=2,
        **FLOW.dag(config),
    )
    def flow() -> None:
        @task(inlets=[master_data_on_magento(config)], outlets=[products_in_oms()], execution_timeout=WHOLE_CATALOGUE)
        def catalog_pull(code: str) -> dict[str, object]:
            from magento_oms.orchestration import master_data_tasks

            return master_data_tasks.pull_catalogue(code)

        @task(inlets=[master_data_on_magento(config)], outlets=[customers_in_oms()], execution_timeout=WHOLE_CATALOGUE)
        def customer_pull(code: str) -> dict[str, object]:
            from magento_oms.orchestration import master_data_tasks

            return master_data_tasks.pull_customers(code)

        catalog_pull(config.code)
        customer_pull(config.code)

    return flow()


for instance in instances():
    master_data_pull(instance)
