"""What all DAGs have in common: names, tags, default arguments, schedules, params, and the assets that wake them.

Imported by every DAG file at every parse, so nothing heavy may be imported here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import (
    Asset,
    AssetWatcher,
    CronDataIntervalTimetable,
    ExceptionRetryPolicy,
    Param,
    RetryAction,
    RetryRule,
)

from magento_oms.config.load import load_instances
from magento_oms.config.models import InstanceConfig
from magento_oms.orchestration.alerting import tell_of_failure
from magento_oms.orchestration.triggers import EffectsTrigger, OrdersTrigger
from magento_oms.ports import AuthenticationError, ConfigurationError, PermanentError
from magento_oms.settings import settings

OWNER = "magento-oms"
START = datetime(2020, 1, 1, tzinfo=UTC)

RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=error, action=RetryAction.FAIL, reason="a person must act first; trying again changes nothing"
        )
        for error in (ConfigurationError, AuthenticationError, PermanentError)
    ]
)


def instances() -> Iterator[InstanceConfig]:
    """The instances whose configuration is valid. What is wrong with the others is shown by `dags/configuration.py`."""
    yield from load_instances(settings().instances_dir).good


@dataclass(frozen=True, slots=True)
class Flow:
    """A workflow of one instance as a DAG.

    Attributes:
        kind: pull, push or reconcile.
        title: shown in the UI before the instance's name.
        runbook: the DAG file's docstring.
    """

    workflow: str
    kind: str
    title: str
    runbook: str

    def dag(self, config: InstanceConfig, **more: Any) -> dict[str, Any]:
        """Arguments of `@dag`: everything a policy asks for."""
        return {
            "dag_id": f"{self.workflow}__{config.code}",
            "dag_display_name": f"{self.title} – {config.name}",
            "doc_md": self.runbook,
            "tags": {f"instance:{config.code}", self.kind, *({"shadow"} if _shadow(config) else set())},
            "start_date": START,
            "catchup": False,
            "default_args": {
                "owner": OWNER,
                "retries": 1,
                "retry_delay": timedelta(seconds=5),
                "retry_policy": RETRY_POLICY,
                "on_failure_callback": tell_of_failure,
                "execution_timeout": timedelta(minutes=30),
            },
        } | more


def _shadow(config: InstanceConfig) -> bool:
    return all(str(store.mode) == "shadow" for store in config.stores)


def woken_by_orders(config: InstanceConfig) -> list[Asset]:
    """Schedule: when the store has orders that were not read."""
    trigger = OrdersTrigger(
        instance=config.code, connection_id=config.connection_id, poll=config.live_poll_seconds, digest=config.digest
    )
    return [_signal("order_pull_live", config.code, trigger)]


def woken_by_effects(target: str, workflow: str, config: InstanceConfig) -> list[Asset]:
    """Schedule: when effects towards `target` are due."""
    return [_signal(workflow, config.code, EffectsTrigger(target=target))]


def _signal(workflow: str, code: str, trigger: OrdersTrigger | EffectsTrigger) -> Asset:
    name = f"{workflow}__{code}"
    return Asset(
        name=name,
        uri=f"magento-oms://signal/{workflow}/{code}",
        group="signal",
        watchers=[AssetWatcher(name=name, trigger=trigger)],
    )


def windows(cron: str) -> CronDataIntervalTimetable:
    """Schedule: windows that follow one another without gap, `[start, end)` in UTC."""
    return CronDataIntervalTimetable(cron, timezone="UTC")


def orders_on_magento(config: InstanceConfig) -> Asset:
    """Lineage: the orders of an instance. Nothing is scheduled on it."""
    return Asset(name=f"magento/{config.code}/orders", uri=f"magento-oms://magento/{config.code}/orders", group="data")


def orders_in_oms() -> Asset:
    """Lineage: the orders in the OMS. Nothing is scheduled on it."""
    return Asset(name="oms/orders", uri="magento-oms://oms/orders", group="data")


def span_params() -> dict[str, Param]:
    """The form of a windowed DAG: one run can read any span."""
    return {
        "from": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="From",
            description="Read orders placed from this time on (inclusive). Empty: the run's own window.",
        ),
        "to": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="To",
            description="Read orders placed before this time (exclusive). Empty: the run's own window.",
        ),
        **dry_run_param(),
    }


def dry_run_param() -> dict[str, Param]:
    """The form of a DAG that may be tried first."""
    return {
        "dry_run": Param(
            False, type="boolean", title="Dry run", description="Count what would be read; read and write nothing."
        )
    }
