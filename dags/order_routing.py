"""### Routing of orders

Decides which warehouse ships what: allocates stock, splits orders by their store's strategies, plans the
acknowledgement, and takes up again what a warehouse sent back or what stock has come for. Asks nothing outside.

**Runs** when an order is due for it: new, released, sent back, or waiting for a SKU that came in.

**What no location can fill** is kept in a queue with its reason: `magento-oms routing queue`. Why an order goes where
it goes: `magento-oms routing explain INSTANCE ORDER`.
**Emergency brake**: `magento-oms effects hold routing --reason ...`.

**If it fails**, the OMS database is in trouble (log: why); nothing was half done.
"""

from __future__ import annotations

from airflow.sdk import DAG, dag, task

from magento_oms.orchestration.dag_parts import Flow, orders_in_oms, woken_by_routing

FLOW = Flow("order_routing", "routing", "Routing of orders", __doc__ or "", live=True)


def order_routing() -> DAG:
    """The one DAG of all instances: they share warehouses."""

    @dag(schedule=woken_by_routing(), max_active_runs=2, **FLOW.dag_of_all())
    def flow() -> None:
        @task(inlets=[orders_in_oms()], outlets=[orders_in_oms()])
        def route() -> dict[str, object]:
            from magento_oms.orchestration import tasks

            return tasks.route_orders()

        route()

    return flow()


order_routing()
