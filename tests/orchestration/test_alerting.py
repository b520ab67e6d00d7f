"""How failures are told: which ways, grouped into stories, and never with a secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from pytest_httpserver import HTTPServer

from magento_oms import settings as settings_module
from magento_oms.orchestration import alerting
from magento_oms.ports import Alert, AuthenticationError, ConfigurationError, RetryableError
from magento_oms.storage.alerts import AlertBook
from magento_oms.storage.database import psycopg_url
from magento_oms.storage.heartbeats import Heartbeats

ALERT = Alert("outage:loom", "order_pull_live__loom failed", "The store does not answer.", "/dags/x")


@pytest.fixture
def oms(oms_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The OMS database, as a task knows it."""
    monkeypatch.setenv("MAGENTO_OMS_DATABASE_URL", oms_database)
    settings_module.settings.cache_clear()
    yield oms_database
    settings_module.settings.cache_clear()


def context(dag_id: str, error: Exception) -> dict[str, Any]:
    """What Airflow hands to a failure callback."""
    return {"exception": error, "dag": SimpleNamespace(dag_id=dag_id), "run_id": "run 1"}


def stories(url: str) -> dict[str, int]:
    """The open alert groups, and how often each was raised."""
    return {story.group: story.times for story in AlertBook(url, alerting.LogNotifier()).stories()}


def test_an_outage_of_an_instance_is_one_story_over_all_its_dags_and_ends_with_a_good_run(oms: str) -> None:
    down = RetryableError("loom does not answer.")
    for dag_id in ("order_pull_live__loom", "magento_push__loom", "order_pull__loom"):
        alerting.tell_of_failure(context(dag_id, down))
    alerting.tell_of_failure(context("order_pull_live__other", AuthenticationError("refused")))
    assert stories(oms) == {"outage:loom": 3, "outage:other": 1}
    alerting.tell_it_is_over("magento_push__loom")
    assert stories(oms) == {"outage:other": 1}


def test_what_one_dag_alone_suffers_is_its_own_story(oms: str) -> None:
    alerting.tell_of_failure(context("magento_push__loom", ConfigurationError("a permission is missing")))
    alerting.tell_it_is_over("order_pull_live__loom")
    assert stories(oms) == {"dag:magento_push__loom": 1}
    alerting.tell_it_is_over("magento_push__loom")
    assert stories(oms) == {}


def test_a_silent_watcher_is_missed_and_told_of_once(oms: str) -> None:
    assert not alerting.tell_of_silent_watcher("loom")  # it never lived: the DAG may be paused
    Heartbeats(oms).beat("order_pull_live:loom")
    assert not alerting.tell_of_silent_watcher("loom")
    with psycopg.connect(psycopg_url(oms)) as connection:
        connection.execute("update heartbeat set beat_at = now() - interval '3 minutes'")
    assert alerting.tell_of_silent_watcher("loom")
    assert alerting.tell_of_silent_watcher("loom")
    assert stories(oms) == {"watcher:loom": 2}
    Heartbeats(oms).beat("order_pull_live:loom")
    assert not alerting.tell_of_silent_watcher("loom")
    assert stories(oms) == {}


def test_a_webhook_gets_the_alert_as_json_with_its_token(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {"conn_type": "http", "host": httpserver.url_for("/alerts"), "password": "s3cret"}
    monkeypatch.setenv("AIRFLOW_CONN_PAGER", json.dumps(connection))
    httpserver.expect_oneshot_request(
        "/alerts",
        method="POST",
        headers={"Authorization": "Bearer s3cret"},
        json={"group": ALERT.group, "title": ALERT.title, "text": ALERT.text, "link": ALERT.link},
    ).respond_with_data("", 204)
    alerting.notifier("webhook:pager").notify(ALERT)
    httpserver.check_assertions()


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_webhook_that_does_not_take_it_is_said_so_without_its_address(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_PAGER", json.dumps({"conn_type": "http", "host": httpserver.url_for("/hidden-path")})
    )
    httpserver.expect_request("/hidden-path").respond_with_data("", status, headers={"Location": "/elsewhere"})
    with pytest.raises(RetryableError) as raised:
        alerting.notifier("log,webhook:pager").notify(ALERT)
    assert "the webhook did not take the alert" in str(raised.value)
    assert "hidden-path" not in str(raised.value)


@pytest.mark.parametrize("setting", ["pigeon", "slack", "email:only_connection", "webhook:a:b"])
def test_a_way_that_is_not_known_is_named_with_those_that_are(setting: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        alerting.notifier(setting)
    assert setting in str(raised.value)
    assert "email:<connection>:<address>" in str(raised.value)
