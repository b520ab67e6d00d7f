"""Telling people that a run failed, once a story: an outage of an instance is one message, and another when it is over.

How people are told is the setting `MAGENTO_OMS_ALERTS`, a comma-separated list of `log`, `slack:<connection>`,
`email:<connection>:<address>` and `webhook:<connection>`; the connections are Airflow's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import structlog

from magento_oms.settings import settings

if TYPE_CHECKING:
    from magento_oms.ports import Alert, Notifier
    from magento_oms.storage.alerts import AlertBook

log = structlog.get_logger(__name__)

SILENCE = 120.0  # seconds without a sign of life after which a watcher is missed
TIMEOUT = (5, 15)  # seconds to connect, to answer


class LogNotifier:
    """Writes alerts to the task's log."""

    def notify(self, alert: Alert) -> None:
        """Never fails."""
        log.error("alert", group=alert.group, title=alert.title, text=alert.text, link=alert.link)


class SlackNotifier:
    """Posts alerts to a Slack webhook (an Airflow connection of type `slackwebhook`)."""

    def __init__(self, connection_id: str) -> None:
        self._connection_id = connection_id

    def notify(self, alert: Alert) -> None:
        """Raises RetryableError if Slack did not take it."""
        from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook

        def send() -> None:
            hook = SlackWebhookHook(slack_webhook_conn_id=self._connection_id, timeout=TIMEOUT[1])
            hook.send(text=_as_text(alert))

        _deliver("Slack", send)


class EmailNotifier:
    """Sends alerts by e-mail (an Airflow connection of type `smtp`)."""

    def __init__(self, connection_id: str, to: str) -> None:
        self._connection_id = connection_id
        self._to = to

    def notify(self, alert: Alert) -> None:
        """Raises RetryableError if the mail server did not take it."""
        from airflow.providers.smtp.hooks.smtp import SmtpHook

        def send() -> None:
            with SmtpHook(smtp_conn_id=self._connection_id) as hook:
                hook.send_email_smtp(to=self._to, subject=alert.title, html_content=_as_html(alert))

        _deliver("the mail server", send)


class WebhookNotifier:
    """Posts alerts as JSON to a URL (an Airflow connection of type `http`: host the URL, password a bearer token)."""

    def __init__(self, connection_id: str) -> None:
        self._connection_id = connection_id

    def notify(self, alert: Alert) -> None:
        """Raises RetryableError if it was not answered with 2xx."""
        import requests

        from magento_oms.airflow_compat import connection

        def send() -> None:
            target = connection(self._connection_id)
            headers = {"Authorization": f"Bearer {target.password}"} if target.password else {}
            body = {"group": alert.group, "title": alert.title, "text": alert.text, "link": alert.link}
            answer = requests.post(_url(target), json=body, headers=headers, timeout=TIMEOUT, allow_redirects=False)
            answer.raise_for_status()
            if answer.is_redirect:
                raise ValueError("it was answered with a redirect")

        _deliver("the webhook", send)


class ManyNotifiers:
    """Tells by all ways; fails if one did."""

    def __init__(self, notifiers: list[Notifier]) -> None:
        self._notifiers = notifiers

    def notify(self, alert: Alert) -> None:
        """Raises RetryableError naming the ways that failed, after all were tried."""
        from magento_oms.ports import OutsideError, RetryableError

        failures = []
        for notifier in self._notifiers:
            try:
                notifier.notify(alert)
            except OutsideError as error:
                failures.append(str(error))
        if failures:
            raise RetryableError(" ".join(failures))


def notifier(setting: str) -> Notifier:
    """The notifiers that a setting names.

    Raises:
        ConfigurationError: it names something else.
    """
    from magento_oms.ports import ConfigurationError

    found: list[Notifier] = []
    for part in filter(None, (part.strip() for part in setting.split(","))):
        kind, *rest = part.split(":")
        match (kind, rest):
            case ("log", []):
                found.append(LogNotifier())
            case ("slack", [connection_id]):
                found.append(SlackNotifier(connection_id))
            case ("email", [connection_id, to]):
                found.append(EmailNotifier(connection_id, to))
            case ("webhook", [connection_id]):
                found.append(WebhookNotifier(connection_id))
            case _:
                raise ConfigurationError(
                    f"MAGENTO_OMS_ALERTS names {part!r}, which is no way to tell people.",
                    way_out="Use log, slack:<connection>, email:<connection>:<address> or webhook:<connection>.",
                )
    return ManyNotifiers(found)


def alert_book() -> AlertBook:
    """Where alerts are grouped."""
    from magento_oms.storage.alerts import AlertBook
    from magento_oms.storage.database import database_url

    return AlertBook(database_url(), notifier(settings().alerts))


def tell_of_failure(context: Mapping[str, Any]) -> None:
    """Airflow calls this when a task has failed for good."""
    from magento_oms.ports import Alert

    error = context.get("exception")
    dag_id = context["dag"].dag_id
    run_id = context["run_id"]
    alert = Alert(
        group=_group(dag_id, error),
        title=f"{dag_id} failed",
        text=f"{error} What was read or done before is kept; the next run goes on from there.",
        link=f"/dags/{dag_id}/runs/{run_id}",
    )
    alert_book().raise_alert(alert)


def tell_it_is_over(dag_id: str) -> None:
    """A run of this DAG reached its instance and went well: its stories have ended."""
    book = alert_book()
    for group in (outage_group(dag_id), f"dag:{dag_id}"):
        book.end(group)


def tell_of_silent_watcher(code: str) -> bool:
    """Tell if an instance's watcher has not shown a sign of life for a while; whether it is silent.

    A trigger's own trouble shows nowhere in Airflow, so the timed runs look after it.
    """
    from magento_oms.ports import Alert
    from magento_oms.storage.database import database_url
    from magento_oms.storage.heartbeats import Heartbeats
    from magento_oms.workflows.order_pull import live_lease

    beat = Heartbeats(database_url()).last(live_lease(code))
    book, group = alert_book(), f"watcher:{code}"
    if beat is None or beat.age < SILENCE:
        book.end(group)
        return False
    book.raise_alert(
        Alert(
            group=group,
            title=f"The watcher of {code} is silent",
            text=f"It showed no sign of life for {beat.age:.0f} s, so live orders come only with the hourly runs. "
            "Look whether Airflow's triggerer runs, and restart it.",
        )
    )
    return True


def outage_group(dag_id: str) -> str:
    """The story that an instance cannot be reached or refuses our login; one for all of its DAGs."""
    return f"outage:{dag_id.partition('__')[2]}"


def _group(dag_id: str, error: object) -> str:
    from magento_oms.ports import AuthenticationError, RetryableError, UnknownOutcome

    if isinstance(error, (AuthenticationError, RetryableError, UnknownOutcome)):
        return outage_group(dag_id)
    return f"dag:{dag_id}"


def _deliver(whom: str, send: Any) -> None:
    """Run `send`; what goes wrong is told without the URL, which may hold a secret."""
    from magento_oms.ports import RetryableError

    try:
        send()
    except Exception as error:
        raise RetryableError(f"{whom} did not take the alert: {type(error).__name__}.") from None


def _as_text(alert: Alert) -> str:
    return "\n".join(filter(None, (f"*{alert.title}*", alert.text, alert.link)))


def _as_html(alert: Alert) -> str:
    from html import escape

    return "".join(f"<p>{escape(part)}</p>" for part in (alert.title, alert.text, alert.link) if part)


def _url(connection: Any) -> str:
    host = str(connection.host or "")
    return host if "://" in host else f"https://{host}"
