"""### Towards a courier account

Carries out what is due at the account, each once and in order: the booking of parcels and reverse pickups, AWB, label,
pickup, cancellations, decisions about parcels that could not be delivered, and a look at the tracking of parcels that a
webhook says have ended.

**Runs** when something is due; then it waits ten seconds for more, five minutes in all.

**If it fails**, the account as a whole is in trouble (log: why, and what to change); the outcome of all that was asked
was noted, what did not happen is due again. A parcel that one courier or account will not take goes on to the next that
the store names; one that nobody takes is in quarantine (`magento-oms quarantine list`), with all that was tried.
**Emergency brake**: `magento-oms effects hold courier:ACCOUNT --reason ...` stops all sending before the next one,
`release` lets it go on.
"""

from __future__ import annotations

from airflow.sdk import DAG, dag, task

from magento_oms.config.accounts import CourierAccount
from magento_oms.orchestration.dag_parts import Flow, accounts, parcels_at_courier, parcels_in_oms, woken_by_effects

FLOW = Flow("courier_push", "push", "Towards the courier", __doc__ or "", live=True)


def courier_push(account: CourierAccount) -> DAG:
    """The DAG of one account."""

    @dag(
        schedule=woken_by_effects(f"courier:{account.code}", "courier_push"),
        max_active_runs=2,
        **FLOW.dag_of_account(account),
    )
    def flow() -> None:
        @task(inlets=[parcels_in_oms()], outlets=[parcels_at_courier(account)])
        def push(code: str) -> dict[str, object]:
            from magento_oms.orchestration import courier_tasks

            return courier_tasks.push_courier(code)

        push(account.code)

    return flow()


for account in accounts():
    courier_push(account)
