"""### Events towards a store's own server

Tells the store's `notification_url` what happens to its orders: packed, dispatched, and each step of a parcel. Signed
(HMAC-SHA256 over timestamp, dot and body), with an event id by which a repeat is known.

**Runs** when an event is due; then it waits ten seconds for more, five minutes in all.

**If it fails**, the store's server does not answer (log: why); events are kept and sent again, later and
later. One that is refused for good is in quarantine (`magento-oms quarantine list`).
**Emergency brake**: `magento-oms effects hold notify:INSTANCE --reason ...`.
"""

from __future__ import annotations

from airflow.sdk import DAG, dag, task

from magento_oms.config.models import InstanceConfig
from magento_oms.orchestration.dag_parts import Flow, events_at_store, instances, orders_in_oms, woken_by_effects

FLOW = Flow("notification_push", "push", "Towards the store's server", __doc__ or "", live=True)


def notification_push(config: InstanceConfig) -> DAG:
    """The DAG of one instance."""

    @dag(
        schedule=woken_by_effects(f"notify:{config.code}", "notification_push"),
        max_active_runs=2,
        **FLOW.dag(config),
    )
    def flow() -> None:
        @task(inlets=[orders_in_oms()], outlets=[events_at_store(config)])
        def push(code: str) -> dict[str, object]:
            from magento_oms.orchestration import tasks

            return tasks.push_notifications(code)

        push(config.code)

    return flow()


for instance in instances():
    if any(store.notification_url is not None for store in instance.stores):
        notification_push(instance)
