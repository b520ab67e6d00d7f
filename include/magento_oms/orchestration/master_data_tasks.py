"""What the tasks of `master_data_pull` do."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from magento_oms.orchestration import wiring
from magento_oms.orchestration.tasks import Summary, run_id, span, taking_turns
from magento_oms.storage.catalogue import BEGINNING
from magento_oms.workflows.master_data import pull


def pull_catalogue(code: str) -> Summary:
    """Task: read the products changed in the run's window, or in the span that the form names."""
    return _pull(code, pull.PRODUCTS)


def pull_customers(code: str) -> Summary:
    """Task: read the customers changed in the run's window, or in the span that the form names."""
    if not wiring.instance(code).customers.pull:
        raise AirflowSkipException(f"Customers are not read: `customers.pull` is false in instances/{code}.yaml.")
    return _pull(code, pull.CUSTOMERS)


def _pull(code: str, kind: pull.Kind) -> Summary:
    config = wiring.instance(code)
    context = get_current_context()
    params = context["params"]
    if params.get("everything"):
        start, end = BEGINNING, datetime.now(UTC)
    else:
        start, end = span(context)
    with taking_turns():
        summary = pull.pull(
            wiring.oms_url(),
            wiring.magento_for(config, gives_way=True),
            config,
            kind,
            start=start,
            end=end,
            run_id=run_id(),
            catch_up=context["dag_run"].run_type == "scheduled",
            dry_run=bool(params.get("dry_run")),
        )
    return summary.as_dict()
