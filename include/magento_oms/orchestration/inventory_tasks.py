"""What the tasks of stock do: wire a workflow, run it, and tell Airflow what came of it."""

from __future__ import annotations

from magento_oms.orchestration import wiring
from magento_oms.orchestration.tasks import Summary, linger, run_id, taking_turns
from magento_oms.workflows.inventory import push_stock as inventory


def push_stock(code: str) -> Summary:
    """Task: tell an instance what changed of its stock, and linger for more if the watcher woke the run."""
    config = wiring.instance(code)
    with taking_turns():
        summary = inventory.push_stock(
            wiring.oms_url(),
            config,
            wiring.magento_for(config),
            holder=run_id(),
            settle_delay=wiring.settle_delay(config),
            linger=linger(),
        )
    return summary.as_dict()
