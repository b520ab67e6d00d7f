"""Joins configuration, database and hooks of courier accounts: what a task or a command needs to work with one."""

from __future__ import annotations

from datetime import timedelta

from aggregator_hooks.account import Vendor
from aggregator_hooks.client import Lent
from aggregator_hooks.connection import AccountConnection
from aggregator_hooks.registry import VENDORS
from magento_oms.config.accounts import CourierAccount, courier_accounts
from magento_oms.orchestration.wiring import magento_for, oms_url, valid_instances
from magento_oms.ports import Aggregator, ConfigurationError
from magento_oms.storage.breaker import SharedBreaker
from magento_oms.storage.budget import SharedBudget
from magento_oms.storage.tokens import SharedTokenStore
from magento_oms.workflows.couriers.assign_awb import AssignAwb
from magento_oms.workflows.couriers.book_parcel import BookParcel
from magento_oms.workflows.couriers.cancel_booking import CancelBooking
from magento_oms.workflows.couriers.confirm_status import ConfirmStatus
from magento_oms.workflows.couriers.facts import Configs
from magento_oms.workflows.couriers.fetch_label import FetchLabel
from magento_oms.workflows.couriers.fetch_tracking import FetchTracking
from magento_oms.workflows.couriers.ndr import TellNdrAction
from magento_oms.workflows.couriers.plans import target
from magento_oms.workflows.couriers.schedule_pickup import SchedulePickup
from magento_oms.workflows.couriers.send_manifest import SendManifest
from magento_oms.workflows.couriers.webhooks import Readers, WebhookReader
from magento_oms.workflows.order_check import OrderCheck
from magento_oms.workflows.push import Kinds

SETTLE_DELAY = timedelta(seconds=60)
"""How long an aggregator may still be at work on a request that we lost sight of."""
CALL_SECONDS = 2.0
"""What one effect takes at the most, usually: as many are in flight as the account's budget allows in this time."""


def configs() -> Configs:
    """The valid instances, by code."""
    return valid_instances()


def account(code: str) -> CourierAccount:
    """An account that some valid instance ships with.

    Raises:
        ConfigurationError: there is none of that code.
    """
    known = courier_accounts(configs().values())
    if code not in known:
        raise ConfigurationError(
            f"No valid instance ships with a courier account {code!r} (known: {', '.join(known) or 'none'}).",
            way_out="List it under a store's aggregators, or correct the code.",
        )
    return known[code]


def vendor(of: CourierAccount) -> Vendor:
    """The aggregator of an account."""
    return VENDORS[of.aggregator]


def aggregator_for(of: CourierAccount, url: str, *, gives_way: bool = False) -> Aggregator:
    """The account, by its Airflow connection. Whoever opens it closes it.

    Args:
        url: the OMS database, which keeps tokens, breaker and budget for all processes.
        gives_way: its requests give way to those of live work.

    Raises:
        ConfigurationError: there is no such connection, or it cannot be used.
    """
    from magento_oms.airflow_compat import connection

    by = vendor(of)
    made = AccountConnection.from_airflow(
        connection(of.connection_id), title=by.title, default_url=by.default_url, needed=by.needed
    )
    scope = target(of.code)
    lent = Lent(
        tokens=SharedTokenStore(url, made.credentials),
        breaker=SharedBreaker(url, scope),
        budget=SharedBudget(url, scope, per_second=of.budget.per_second, burst=of.budget.burst, gives_way=gives_way),
    )
    return by.open(made, of.code, lent)


def courier_kinds(of: CourierAccount) -> Kinds:
    """The kinds of effects towards an account."""
    known = configs()
    check = order_check(known)
    kinds = (
        BookParcel(known, check),
        AssignAwb(known, check),
        FetchLabel(known),
        SchedulePickup(known),
        CancelBooking(),
        TellNdrAction(),
        ConfirmStatus(vendor(of).statuses),
        SendManifest(),
        FetchTracking(),
    )
    return {kind.name: kind for kind in kinds}


def order_check(known: Configs) -> OrderCheck:
    """Reads orders again at their stores."""
    return OrderCheck(oms_url(), known, magento_for)


def at_once(of: CourierAccount) -> int:
    """Requests in flight towards an account: enough to use its budget, few enough for an aggregator."""
    return max(2, min(16, round(of.budget.per_second * CALL_SECONDS)))


def webhook_readers() -> Readers:
    """How the webhooks of all accounts are read."""
    return {
        target(known.code): WebhookReader(known.code, vendor(known).read_webhook, vendor(known).statuses)
        for known in courier_accounts(configs().values()).values()
    }
