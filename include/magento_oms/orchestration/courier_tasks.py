"""What the tasks of courier accounts' DAGs do: wire a workflow, run it, and tell Airflow what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowSkipException

from magento_oms.config.accounts import CourierAccount
from magento_oms.orchestration import courier_wiring, wiring
from magento_oms.orchestration.tasks import Summary, linger, run_id, taking_turns
from magento_oms.ports import Aggregator
from magento_oms.workflows import push
from magento_oms.workflows.couriers import tracking
from magento_oms.workflows.couriers.plans import target
from magento_oms.workflows.couriers.webhooks import work_on_all


def push_courier(code: str) -> Summary:
    """Task: carry out what is due at an account, and linger for more if the watcher woke the run."""
    account = courier_wiring.account(code)
    with _opened(account) as aggregator, taking_turns():
        summary = push.push(
            wiring.oms_url(),
            target(code),
            aggregator,
            courier_wiring.courier_kinds(account),
            holder=run_id(),
            settle_delay=courier_wiring.SETTLE_DELAY,
            linger=linger(),
            at_once=courier_wiring.at_once(account),
        )
    return summary.as_dict()


def track(code: str) -> Summary:
    """Task: work on webhooks that nobody worked on, then read the tracking of the account's parcels that are due."""
    account = courier_wiring.account(code)
    readers = {at: reader for at, reader in courier_wiring.webhook_readers().items() if at == target(code)}
    worked = work_on_all(wiring.oms_url(), readers)
    with _opened(account, gives_way=True) as aggregator, taking_turns():
        summary = tracking.poll(
            wiring.oms_url(), code, aggregator, courier_wiring.vendor(account).statuses, holder=run_id()
        )
    if not (summary.read or summary.refused or worked):
        raise AirflowSkipException("No parcel's tracking is due.")
    return summary.as_dict() | ({"webhooks_worked": worked} if worked else {})


@contextmanager
def _opened(account: CourierAccount, *, gives_way: bool = False) -> Iterator[Aggregator]:
    aggregator = courier_wiring.aggregator_for(account, wiring.oms_url(), gives_way=gives_way)
    try:
        yield aggregator
    finally:
        aggregator.close()
