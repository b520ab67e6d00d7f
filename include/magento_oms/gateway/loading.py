"""Reads the doors from the configuration and the Airflow connections that it names."""

from __future__ import annotations

from aggregator_hooks.account import Vendor
from magento_oms.config.accounts import CourierAccount, courier_accounts
from magento_oms.gateway.doors import CourierDoor, Doors, several, what_is_wrong
from magento_oms.orchestration import courier_wiring
from magento_oms.ports import ConfigurationError


def load_doors() -> Doors:
    """All doors; what keeps an account or an instance from having one is told, and the others are served."""
    configs = courier_wiring.configs()
    couriers: list[CourierDoor] = []
    problems: list[str] = []
    for account in courier_accounts(configs.values()).values():
        vendor = courier_wiring.vendor(account)
        try:
            door = _door(account, vendor, _extra(account.connection_id))
        except ConfigurationError as error:
            problems.append(f"Account {account.code}: {error}")
        else:
            if isinstance(door, str):
                problems.append(f"Account {account.code}: {door}.")
            elif door is not None:
                couriers.append(door)
    stores: dict[str, tuple[str, ...]] = {}
    for code, config in configs.items():
        try:
            secrets = several(_extra(config.connection_id).get("webhook_secret", ""))
        except ConfigurationError as error:
            problems.append(f"Instance {code}: {error}")
        else:
            if secrets:
                stores[code] = secrets
    return Doors(tuple(couriers), stores, tuple(problems))


def _door(account: CourierAccount, vendor: Vendor, extra: dict[str, str]) -> CourierDoor | str | None:
    paths = several(extra.get("webhook_path", ""))
    if not paths:
        return None
    for path in paths:
        if wrong := what_is_wrong(path, vendor.webhook_forbids):
            return wrong
    header = extra.get("webhook_header", "")
    return CourierDoor(
        target=f"courier:{account.code}",
        paths=paths,
        secrets=several(extra.get("webhook_secret", "")),
        headers=(header,) if header else vendor.webhook_headers,
        body_secret=vendor.body_secret,
        read=vendor.read_webhook,
    )


def _extra(connection_id: str) -> dict[str, str]:
    from magento_oms.airflow_compat import connection

    return {name: str(value) for name, value in connection(connection_id).extra_dejson.items() if value}
