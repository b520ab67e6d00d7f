"""### Live orders

Reads every order that was placed or changed since the watermark and stores it in the OMS: forward orders, orders that
were paid late, and cancellations.

**Runs** when the store's watcher sees something new (every 5 s by default, `live_poll_seconds`); then it goes on
looking at the same pace until nothing came for ten seconds, five minutes in all.
A run that finds nothing new is skipped.

**If it fails**, the store cannot be read as a whole: the task's log says why and what to change. Nothing is lost: the
watermark stays where it is, and the next run reads on from there. To read one order at once:
`magento-oms orders pull INSTANCE ID`. To read a span again, start `order_pull__INSTANCE` with `from` and `to`.
"""

from __future__ import annotations

from airflow.sdk import DAG, dag, task

from magento_oms.config.models import InstanceConfig
from magento_oms.orchestration.dag_parts import Flow, instances, orders_in_oms, orders_on_magento, woken_by_orders

FLOW = Flow("order_pull_live", "pull", "Live orders", __doc__ or "", live=True)


def order_pull_live(config: InstanceConfig) -> DAG:
    """The DAG of one instance."""

    @dag(schedule=woken_by_orders(config), max_active_runs=2, **FLOW.dag(config))
    def flow() -> None:
        @task(inlets=[orders_on_magento(config)], outlets=[orders_in_oms()])
        def pull(code: str) -> dict[str, object]:
            from magento_oms.orchestration import tasks

            return tasks.pull_live(code)

        pull(config.code)

    return flow()


for instance in instances():
    order_pull_live(instance)
