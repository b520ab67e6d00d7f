"""What the DAGs' tasks do: wire a workflow, run it, and turn its outcome into what Airflow shows.

A run that found nothing is skipped. A run fails only where the instance as a whole is in trouble; that is told once,
and told again when it is over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from magento_oms.orchestration import wiring
from magento_oms.orchestration.alerting import tell_it_is_over, tell_of_silent_watcher
from magento_oms.storage.notices import notify_target
from magento_oms.workflows import cancellation_pull, order_pull, push
from magento_oms.workflows.master_data.waiting import ask_for_unknown
from magento_oms.workflows.order_pull import PullSummary
from magento_oms.workflows.routing.route_orders import route_due
from magento_oms.workflows.turns import NO_LINGER, AnotherRunHasTheTurn, Linger

Summary = dict[str, object]
WOKEN = "asset_triggered"
"""The type of a run that a watcher woke. Airflow's is an enum of strings: as text it says its class, too."""


def pull_live(code: str) -> Summary:
    """Task: read what changed since the watermark."""
    config = wiring.instance(code)
    store = wiring.magento_for(config)
    url = wiring.oms_url()
    with taking_turns():
        summary = order_pull.pull_live(
            url, store, config, holder=run_id(), linger=linger(), then=lambda: ask_for_unknown(url, store, config)
        )
    counts = summary.counts
    if not (counts.new or counts.changed or counts.quarantined):
        raise AirflowSkipException(f"Nothing new: {counts.read} orders read, all of them known.")
    return summary.as_dict()


def pull_window(code: str) -> Summary:
    """Task: read the orders placed in the run's window, or in the span that the form names."""
    config = wiring.instance(code)
    context = get_current_context()
    start, end = span(context)
    url, store = wiring.oms_url(), wiring.magento_for(config, gives_way=True)
    summary = order_pull.pull_window(
        url,
        store,
        config,
        start=start,
        end=end,
        run_id=run_id(),
        dry_run=bool(context["params"].get("dry_run")),
    )
    ask_for_unknown(url, store, config)
    tell_of_silent_watcher(code)
    return _told(summary)


def pull_cancellations(code: str) -> Summary:
    """Task: read what was cancelled or refunded from the window's start on, or from the time that the form names."""
    config = wiring.instance(code)
    context = get_current_context()
    named = _time(context["params"].get("from"))
    start = named or context.get("data_interval_start")
    if start is None:
        raise AirflowFailException("The run has no window: start it with `from`.")
    end = None if named else context.get("data_interval_end")
    summary = cancellation_pull.pull_cancellations(
        wiring.oms_url(),
        wiring.magento_for(config),
        config,
        start=_plain(start),
        end=_plain(end or datetime.now(UTC)),
        run_id=run_id(),
        dry_run=bool(context["params"].get("dry_run")),
    )
    return _told(summary)


def pull_pending(code: str) -> Summary:
    """Task: read every order in a status to pull or to hold."""
    config = wiring.instance(code)
    dry_run = bool(get_current_context()["params"].get("dry_run"))
    url, store = wiring.oms_url(), wiring.magento_for(config, gives_way=True)
    summary = order_pull.pull_pending(url, store, config, dry_run=dry_run)
    ask_for_unknown(url, store, config)
    tell_of_silent_watcher(code)
    return _told(summary)


def push_magento(code: str) -> Summary:
    """Task: carry out what is due at an instance, and linger for more if the watcher woke the run."""
    config = wiring.instance(code)
    with taking_turns():
        summary = push.push(
            wiring.oms_url(),
            f"magento:{code}",
            wiring.magento_for(config),
            wiring.magento_kinds(config),
            holder=run_id(),
            settle_delay=wiring.settle_delay(config),
            linger=linger(),
        )
    return summary.as_dict()


def push_notifications(code: str) -> Summary:
    """Task: send what is due to the servers of an instance's stores."""
    config = wiring.instance(code)
    with taking_turns():
        summary = push.push(
            wiring.oms_url(),
            notify_target(code),
            wiring.store_url(config),
            wiring.notice_kinds(config),
            holder=run_id(),
            settle_delay=timedelta(0),
            linger=linger(),
        )
    return summary.as_dict()


def route_orders() -> Summary:
    """Task: route the orders that are due, and linger for more if the watcher woke the run."""
    with taking_turns():
        summary = route_due(wiring.oms_url(), wiring.valid_instances(), holder=run_id(), linger=linger())
    return summary.as_dict()


@contextmanager
def taking_turns() -> Iterator[None]:
    """Skip a run whose work another one does already; after one that worked, tell that what was in trouble is well."""
    try:
        yield
    except AnotherRunHasTheTurn as other:
        raise AirflowSkipException(str(other)) from None
    tell_it_is_over(dag_id())


def _told(summary: PullSummary) -> Summary:
    tell_it_is_over(dag_id())
    return summary.as_dict()


def span(context: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """The form's span, or the run's own window, as plain datetimes in UTC: Airflow's own lose their zone in arithmetic.

    Raises:
        AirflowFailException: neither tells a span.
    """
    given = {name: context["params"].get(name) for name in ("from", "to")}
    start = _time(given["from"]) or context.get("data_interval_start")
    end = _time(given["to"]) or context.get("data_interval_end")
    if start is None or end is None or start >= end:
        raise AirflowFailException(
            f"The run has no window: from {start}, to {end}. Start it with `from` and `to`, `from` before `to`."
        )
    return _plain(start), _plain(end)


def _plain(moment: datetime) -> datetime:
    return datetime.fromtimestamp(moment.timestamp(), UTC)


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def linger() -> Linger:
    """A run that a watcher woke waits for more; one that a person started does what is there."""
    return Linger() if get_current_context()["dag_run"].run_type == WOKEN else NO_LINGER


def dag_id() -> str:
    """Of the run that this is."""
    return str(get_current_context()["dag_run"].dag_id)


def run_id() -> str:
    """Of the run that this is, for people: what holds a lease."""
    run = get_current_context()["dag_run"]
    return f"{run.dag_id} {run.run_id}"
