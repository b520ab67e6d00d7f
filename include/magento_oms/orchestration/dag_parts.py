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

from magento_oms.config.accounts import CourierAccount, courier_accounts
from magento_oms.config.load import load_instances
from magento_oms.config.models import InstanceConfig
from magento_oms.orchestration.alerting import tell_of_failure
from magento_oms.orchestration.triggers import EffectsTrigger, OrdersTrigger
from magento_oms.ports import AuthenticationError, ConfigurationError, PermanentError
from magento_oms.settings import settings

OWNER = "magento-oms"
START = datetime(2020, 1, 1, tzinfo=UTC)
LIVE_PRIORITY = 100
"""Of tasks that somebody waits for; Airflow's default is 1."""

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


def accounts() -> Iterator[CourierAccount]:
    """The accounts at courier aggregators that valid instances ship with."""
    yield from courier_accounts(instances()).values()


@dataclass(frozen=True, slots=True)
class Flow:
    """A workflow of one instance, or of one courier account, as a DAG.

    Attributes:
        kind: pull, push or reconcile.
        title: shown in the UI before the name of the instance or account.
        runbook: the DAG file's docstring.
        live: somebody waits for it: it goes before the windows, which all want to run when Airflow starts anew.
    """

    workflow: str
    kind: str
    title: str
    runbook: str
    live: bool = False

    def dag(self, config: InstanceConfig, **more: Any) -> dict[str, Any]:
        """Arguments of `@dag` for an instance: everything a policy asks for."""
        tags = {f"instance:{config.code}", *({"shadow"} if _shadow(config) else set())}
        return self._dag(config.code, config.name, tags) | more

    def dag_of_account(self, account: CourierAccount, **more: Any) -> dict[str, Any]:
        """Arguments of `@dag` for an account at a courier aggregator."""
        tags = {f"account:{account.code}", account.aggregator, *(f"instance:{code}" for code in account.instances)}
        name = f"{account.aggregator.title()} {account.code}"
        return self._dag(account.code, name, tags | ({"shadow"} if account.shadow else set())) | more

    def dag_of_all(self, **more: Any) -> dict[str, Any]:
        """Arguments of `@dag` for what all instances share."""
        return self._dag("", "all instances", set()) | more

    def _dag(self, code: str, name: str, tags: set[str]) -> dict[str, Any]:
        return {
            "dag_id": f"{self.workflow}__{code}" if code else self.workflow,
            "dag_display_name": f"{self.title} – {name}",
            "doc_md": self.runbook,
            "tags": {*tags, self.kind},
            "start_date": START,
            "catchup": False,
            "default_args": {
                "owner": OWNER,
                "retries": 1,
                "retry_delay": timedelta(seconds=5),
                "retry_policy": RETRY_POLICY,
                "on_failure_callback": tell_of_failure,
                "execution_timeout": timedelta(minutes=30),
                "priority_weight": LIVE_PRIORITY if self.live else 1,
            },
        }


def _shadow(config: InstanceConfig) -> bool:
    return all(str(store.mode) == "shadow" for store in config.stores)


def woken_by_orders(config: InstanceConfig) -> list[Asset]:
    """Schedule: when the store has orders that were not read."""
    trigger = OrdersTrigger(
        instance=config.code, connection_id=config.connection_id, poll=config.live_poll_seconds, digest=config.digest
    )
    return [_signal("order_pull_live", config.code, trigger)]


def woken_by_effects(target: str, workflow: str) -> list[Asset]:
    """Schedule: when effects towards `target` (such as `magento:<instance>`) are due."""
    return [_signal(workflow, target.partition(":")[2], EffectsTrigger(target=target))]


def woken_by_routing() -> list[Asset]:
    """Schedule: when orders are due for routing."""
    return [_signal("order_routing", "all", EffectsTrigger(target="routing"))]


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


def master_data_on_magento(config: InstanceConfig) -> Asset:
    """Lineage: the products and customers of an instance. Nothing is scheduled on it."""
    return Asset(
        name=f"magento/{config.code}/master_data",
        uri=f"magento-oms://magento/{config.code}/master_data",
        group="data",
    )


def parcels_at_courier(account: CourierAccount) -> Asset:
    """Lineage: the parcels at a courier account. Nothing is scheduled on it."""
    return Asset(
        name=f"courier/{account.code}/parcels", uri=f"magento-oms://courier/{account.code}/parcels", group="data"
    )


def events_at_store(config: InstanceConfig) -> Asset:
    """Lineage: what the servers of an instance's stores were told. Nothing is scheduled on it."""
    return Asset(name=f"store/{config.code}/events", uri=f"magento-oms://store/{config.code}/events", group="data")


def parcels_in_oms() -> Asset:
    """Lineage: the parcels in the OMS. Nothing is scheduled on it."""
    return Asset(name="oms/parcels", uri="magento-oms://oms/parcels", group="data")


def orders_in_oms() -> Asset:
    """Lineage: the orders in the OMS. Nothing is scheduled on it."""
    return Asset(name="oms/orders", uri="magento-oms://oms/orders", group="data")


def products_in_oms() -> Asset:
    """Lineage: the catalogue in the OMS. Nothing is scheduled on it."""
    return Asset(name="oms/products", uri="magento-oms://oms/products", group="data")


def customers_in_oms() -> Asset:
    """Lineage: the customers in the OMS. Nothing is scheduled on it."""
    return Asset(name="oms/customers", uri="magento-oms://oms/customers", group="data")


def returns_in_oms() -> Asset:
    """Lineage: the returns in the OMS. Nothing is scheduled on it."""
    return Asset(name="oms/returns", uri="magento-oms://oms/returns", group="data")


def stock_in_oms() -> Asset:
    """Lineage: the stock in the OMS. Nothing is scheduled on it."""
    return Asset(name="oms/stock", uri="magento-oms://oms/stock", group="data")


def stock_on_magento(config: InstanceConfig) -> Asset:
    """Lineage: what an instance sells. Nothing is scheduled on it."""
    return Asset(name=f"magento/{config.code}/stock", uri=f"magento-oms://magento/{config.code}/stock", group="data")


def _from_and_to(verb: str, what: str) -> dict[str, Param]:
    return {
        "from": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="From",
            description=f"{verb} {what} from this time on (inclusive). Empty: the run's own window.",
        ),
        "to": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="To",
            description=f"{verb} {what} before this time (exclusive). Empty: the run's own window.",
        ),
    }


def span_params(what: str = "orders placed") -> dict[str, Param]:
    """The form of a windowed DAG: one run can read any span."""
    return {**_from_and_to("Read", what), **dry_run_param()}


def master_data_params() -> dict[str, Param]:
    """The form of `master_data_pull`."""
    return {
        **span_params("products and customers changed"),
        "everything": Param(
            False,
            type="boolean",
            title="Everything",
            description="Read all of them, whenever they changed, and mark what Magento no longer has.",
        ),
    }


def dry_run_param() -> dict[str, Param]:
    """The form of a DAG that may be tried first."""
    return {
        "dry_run": Param(
            False, type="boolean", title="Dry run", description="Count what would be read; read and write nothing."
        )
    }


def reconcile_params(what: str = "what was placed") -> dict[str, Param]:
    """The form of a reconciliation of windows."""
    return {**_from_and_to("Compare", what), **compare_only_param()}


def full_param() -> dict[str, Param]:
    """The form of a reconciliation that counts first."""
    return {
        "full": Param(
            False, type="boolean", title="Read everything", description="Read every row, also where counts agree."
        ),
    }


def compare_only_param() -> dict[str, Param]:
    """The form of a reconciliation that may be tried first."""
    return {
        "dry_run": Param(False, type="boolean", title="Dry run", description="Compare and report; heal nothing."),
    }
