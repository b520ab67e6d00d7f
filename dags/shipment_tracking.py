"""### Where parcels are

Reads the tracking of the account's live parcels that are due: the net below the webhooks, which tell most of it within
seconds. Each parcel is looked at more rarely as it ages: every 15 minutes while it is out for delivery, else hourly for
two days, every three hours for a week, then three times a day, and daily until 90 days have passed. Webhooks that
nobody worked on are worked on first.

**Runs** every 15 minutes.

**If it fails**, the account cannot be read (log: why, and what to change). Nothing is lost: what was due stays due.
Codes that the aggregator's table lacks keep a parcel's state and are in the run's summary and in
`magento-oms parcels codes`.
"""

from __future__ import annotations

from airflow.sdk import DAG, dag, task

from magento_oms.config.accounts import CourierAccount
from magento_oms.orchestration.dag_parts import Flow, accounts, parcels_at_courier, parcels_in_oms, windows

FLOW = Flow("shipment_tracking", "pull", "Where parcels are", __doc__ or "")


def shipment_tracking(account: CourierAccount) -> DAG:
    """The DAG of one account."""

    @dag(schedule=windows("*/15 * * * *"), max_active_runs=1, **FLOW.dag_of_account(account))
    def flow() -> None:
        @task(inlets=[parcels_at_courier(account)], outlets=[parcels_in_oms()])
        def track(code: str) -> dict[str, object]:
            from magento_oms.orchestration import courier_tasks

            return courier_tasks.track(code)

        track(account.code)

    return flow()


for account in accounts():
    shipment_tracking(account)
