"""What the task of `return_sync` does."""

from __future__ import annotations

from airflow.sdk import get_current_context

from magento_oms.orchestration import wiring
from magento_oms.orchestration.alerting import tell_it_is_over
from magento_oms.orchestration.tasks import Summary, dag_id, run_id, span
from magento_oms.workflows.returns.sync import sync


def sync_returns(code: str) -> Summary:
    """Task: read the credit memos and RMAs of the run's window, and mend what scans left open."""
    config = wiring.instance(code)
    context = get_current_context()
    start, end = span(context)
    summary = sync(
        wiring.oms_url(),
        wiring.magento_for(config, gives_way=True),
        config,
        start=start,
        end=end,
        run_id=run_id(),
        dry_run=bool(context["params"].get("dry_run")),
    )
    tell_it_is_over(dag_id())
    return summary.as_dict()
