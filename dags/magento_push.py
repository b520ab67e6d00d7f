"""### Changes towards Magento

Carries out what is due at the store, each once: the acknowledgement of orders (pending → processing, with a comment).

**Runs** when effects are due; then it waits ten seconds for more, five minutes in all.

**If it fails**, the store as a whole is in trouble (log: why, and what to change); every change's outcome was noted,
what did not happen is due again. A single change that Magento refuses does not fail the run: it is in quarantine
(`magento-oms quarantine list`), with its reason and way out. **Emergency brake**:
`magento-oms effects hold INSTANCE --reason ...` stops all sending before the next change, `release` lets it go on.
"""

from __future__ import annotations

from airflow.sdk import DAG, dag, task

from magento_oms.config.models import InstanceConfig
from magento_oms.orchestration.dag_parts import Flow, instances, orders_in_oms, orders_on_magento, woken_by_effects

FLOW = Flow("magento_push", "push", "Towards Magento", __doc__ or "", live=True)


def magento_push(config: InstanceConfig) -> DAG:
    """The DAG of one instance."""

    @dag(
        schedule=woken_by_effects(f"magento:{config.code}", "magento_push"),
        max_active_runs=2,
        **FLOW.dag(config),
    )
    def flow() -> None:
        @task(inlets=[orders_in_oms()], outlets=[orders_on_magento(config)])
        def push(code: str) -> dict[str, object]:
            from magento_oms.orchestration import tasks

            return tasks.push_magento(code)

        push(config.code)

    return flow()


for instance in instances():
    magento_push(instance)
