"""What the tasks of reconciliations do: wire, run, keep the summary, and fail where something is lost or doubled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from magento_oms.orchestration import courier_wiring, wiring
from magento_oms.orchestration.alerting import tell_it_is_over
from magento_oms.orchestration.tasks import Summary, dag_id, run_id, span
from magento_oms.settings import settings
from magento_oms.workflows.reconcile.couriers import CourierSide
from magento_oms.workflows.reconcile.daily import reconcile_orders
from magento_oms.workflows.reconcile.inventory import reconcile_inventory
from magento_oms.workflows.reconcile.old_reports import remove_old_reports
from magento_oms.workflows.reconcile.returns import reconcile_returns


def compare_orders(code: str) -> Summary:
    """Task: compare an instance's orders of the run's window, or of the span that the form names.

    Reports that are older than the instance keeps them are removed.
    """
    config = wiring.instance(code)
    context = get_current_context()
    params = context["params"]
    summary = reconcile_orders(
        wiring.oms_url(),
        wiring.magento_for(config, gives_way=True),
        config,
        spans=_spans(context, config.reconciliation.again_after_days),
        open_account=open_account,
        folder=settings().reports_dir,
        run_id=run_id(),
        full=bool(params.get("full")),
        dry_run=bool(params.get("dry_run")),
    )
    summary.old_reports_removed = remove_old_reports(wiring.oms_url(), config, settings().reports_dir)
    _fail_if(context, summary.as_dict(), summary.troubles)
    tell_it_is_over(dag_id())
    return summary.as_dict()


def compare_returns(code: str) -> Summary:
    """Task: compare an instance's refunds of the window, and all that is still to come back."""
    config = wiring.instance(code)
    context = get_current_context()
    start, end = span(context)
    summary = reconcile_returns(
        wiring.oms_url(),
        wiring.magento_for(config, gives_way=True),
        config,
        start=start,
        end=end,
        open_account=open_account,
        folder=settings().reports_dir,
        run_id=run_id(),
        dry_run=bool(context["params"].get("dry_run")),
    )
    _fail_if(context, summary.as_dict(), summary.troubles)
    tell_it_is_over(dag_id())
    return summary.as_dict()


def compare_inventory(code: str) -> Summary:
    """Task: compare what Magento has of every SKU with what it should have."""
    config = wiring.instance(code)
    context = get_current_context()
    params = context["params"]
    summary = reconcile_inventory(
        wiring.oms_url(),
        wiring.magento_for(config, gives_way=True),
        config,
        folder=settings().reports_dir,
        run_id=run_id(),
        dry_run=bool(params.get("dry_run")),
        even_in_a_storm=bool(params.get("even_in_a_storm")),
    )
    if not summary.stores:
        raise AirflowSkipException(f"No stock is told to {code}: {'; '.join(summary.left_out) or 'no locations'}.")
    _fail_if(context, summary.as_dict(), summary.troubles)
    tell_it_is_over(dag_id())
    return summary.as_dict()


@contextmanager
def open_account(code: str) -> Iterator[CourierSide]:
    """A courier account by its code; closed at the end."""
    account = courier_wiring.account(code)
    aggregator = courier_wiring.aggregator_for(account, wiring.oms_url(), gives_way=True)
    try:
        yield CourierSide(aggregator, courier_wiring.vendor(account).statuses)
    finally:
        aggregator.close()


def _spans(context: Mapping[str, Any], again_after_days: tuple[int, ...]) -> list[tuple[datetime, datetime]]:
    """The form's span alone; else the run's window and the earlier ones that are looked at again."""
    start, end = span(context)
    if context["params"].get("from") or context["params"].get("to"):
        return [(start, end)]
    earlier = (timedelta(days=days) for days in (0, *again_after_days))
    return [(start - by, end - by) for by in earlier]


def _fail_if(context: Mapping[str, Any], summary: Summary, troubles: list[str]) -> None:
    """Fail, and so alert, where a person must look. The summary is kept first: a failed task returns nothing."""
    if troubles:
        context["ti"].xcom_push(key="summary", value=summary)
        raise AirflowFailException(f"A person must look: {'; '.join(troubles)}.")
