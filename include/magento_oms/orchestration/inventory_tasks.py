"""What the tasks of stock do: wire a workflow, run it, and tell Airflow what came of it."""

from __future__ import annotations

from airflow.sdk.exceptions import AirflowSkipException

from magento_oms.orchestration import wiring
from magento_oms.orchestration.alerting import tell_it_is_over
from magento_oms.orchestration.tasks import Summary, dag_id, linger, run_id
from magento_oms.workflows import push
from magento_oms.workflows.inventory import push_stock as inventory


def push_stock(code: str) -> Summary:
    """Task: tell an instance what changed of its stock, and linger for more if the watcher woke the run."""
    config = wiring.instance(code)
    try:
        summary = inventory.push_stock(
            wiring.oms_url(),
            config,
            wiring.magento_for(config),
            holder=run_id(),
            settle_delay=wiring.settle_delay(config),
            linger=linger(),
        )
    except push.AnotherPushLingers as other:
        raise AirflowSkipException(str(other)) from None
    tell_it_is_over(dag_id())
    return summary.as_dict()
