"""Joins configuration, database and hooks: what a task, a trigger or a command needs to run a workflow."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from magento_hook.connection import MagentoConnection
from magento_hook.hook import MagentoHook
from magento_oms.config.load import load_instances
from magento_oms.config.models import InstanceConfig
from magento_oms.orchestration.store_url import SignedPoster
from magento_oms.ports import ConfigurationError, Magento, StoreUrl
from magento_oms.settings import settings
from magento_oms.storage.breaker import SharedBreaker
from magento_oms.storage.budget import SharedBudget
from magento_oms.storage.database import database_url
from magento_oms.storage.tokens import SharedTokenStore
from magento_oms.workflows.acknowledge_order import AcknowledgeOrder
from magento_oms.workflows.cancelling.notices import NotifyStoreOfCancellation, TellMagentoOfCancellation
from magento_oms.workflows.fulfilling.cancel_order import CancelOrder
from magento_oms.workflows.fulfilling.cancel_units import CancelUnits
from magento_oms.workflows.fulfilling.create_invoice import CreateInvoice
from magento_oms.workflows.fulfilling.create_shipment import CreateShipment
from magento_oms.workflows.fulfilling.fetch_shipment import FetchShipment
from magento_oms.workflows.fulfilling.notify_store import NotifyStore
from magento_oms.workflows.fulfilling.tell_credit_note import TellCreditNote
from magento_oms.workflows.fulfilling.tell_magento import TellMagento
from magento_oms.workflows.push import Kinds
from magento_oms.workflows.returns.notices import AcknowledgeReturn, NotifyStoreOfReturn, TellMagentoOfReturn
from magento_oms.workflows.returns.refund import CreateCreditMemo

if TYPE_CHECKING:
    from airflow.sdk import Connection


def oms_url() -> str:
    """URL of the OMS database. Raises ConfigurationError where it is not set."""
    return database_url()


def instance(code: str) -> InstanceConfig:
    """The configuration of one instance.

    Raises:
        ConfigurationError: there is none of that code, or its file has problems (all of them are told).
    """
    loaded = load_instances(settings().instances_dir)
    for config in loaded.good:
        if config.code == code:
            return config
    problems = " ".join(str(problem) for problem in loaded.problems)
    known = ", ".join(config.code for config in loaded.good) or "none"
    raise ConfigurationError(
        f"There is no valid configuration of an instance {code!r} in {settings().instances_dir} (valid: {known}).",
        way_out=problems or "Add its file, or correct the code.",
    )


def valid_instances() -> dict[str, InstanceConfig]:
    """The instances whose configuration is valid, by code."""
    return {config.code: config for config in load_instances(settings().instances_dir).good}


def store_url(config: InstanceConfig) -> StoreUrl:
    """Sends events to the servers of an instance's stores, signed with the password of an Airflow connection.

    Raises:
        ConfigurationError: there is no such connection, or it has no password.
    """
    from magento_oms.airflow_compat import connection

    named = {
        store.notifications.signing_connection
        for store in config.stores
        if store.notification_url is not None or store.return_ack_url is not None
    }
    name = next(iter(sorted(filter(None, named))), f"notify_{config.code}")
    secret = connection(name).password
    if not secret:
        raise ConfigurationError(
            f"The Airflow connection {name!r} has no password to sign events with.",
            way_out="Put a secret of 32 characters or more there, and the same one at the receiver.",
        )
    return SignedPoster(secret)


def magento_for(config: InstanceConfig, *, gives_way: bool = False) -> Magento:
    """The store of an instance, by its Airflow connection.

    Args:
        gives_way: its requests give way to those of live work.

    Raises:
        ConfigurationError: there is no such connection, or it cannot be used.
    """
    from magento_oms.airflow_compat import connection

    return magento_from(connection(config.connection_id), config, gives_way=gives_way)


def magento_from(connection: Connection, config: InstanceConfig, *, gives_way: bool = False) -> Magento:
    """The store of an instance, by a connection that was read already."""
    url = oms_url()
    scope = f"magento:{config.code}"
    credentials = MagentoConnection.from_airflow(connection, base_url=str(config.url)).credentials
    return MagentoHook.from_connection(
        connection,
        instance=config.code,
        base_url=str(config.url),
        tokens=SharedTokenStore(url, credentials),
        breaker=SharedBreaker(url, scope),
        budget=SharedBudget(
            url,
            scope,
            per_second=config.request_budget.per_second,
            burst=config.request_budget.burst,
            gives_way=gives_way,
        ),
    )


def settle_delay(config: InstanceConfig) -> timedelta:
    """How long the store may still be at work on a request that we lost sight of."""
    return timedelta(seconds=config.settle_delay_seconds)


def magento_kinds(config: InstanceConfig) -> Kinds:
    """The kinds of effects towards an instance."""
    kinds = (
        AcknowledgeOrder(config),
        CreateInvoice(config, settings().instances_dir),
        CreateShipment(config),
        FetchShipment(config),
        TellMagento(config),
        CancelOrder(config),
        CancelUnits(config),
        TellCreditNote(config),
        TellMagentoOfCancellation(config),
        TellMagentoOfReturn(config),
        CreateCreditMemo(),
    )
    return {kind.name: kind for kind in kinds}


def notice_kinds(config: InstanceConfig) -> Kinds:
    """The kinds of effects towards the servers of an instance's stores."""
    kinds = (
        NotifyStore(config),
        NotifyStoreOfCancellation(config),
        NotifyStoreOfReturn(config),
        AcknowledgeReturn(config),
    )
    return {kind.name: kind for kind in kinds}
