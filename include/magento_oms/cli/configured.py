"""The instances as their files configure them, without loading Airflow."""

from __future__ import annotations

import getpass

from magento_oms.config.accounts import courier_accounts
from magento_oms.config.load import load_instances
from magento_oms.config.models import InstanceConfig, StoreConfig
from magento_oms.ports import ConfigurationError
from magento_oms.settings import settings


def known_location(code: str) -> None:
    """Raises ConfigurationError where no store has a location of this code."""
    good = load_instances(settings().instances_dir).good
    known = {place.code for config in good for store in config.stores for place in store.locations}
    if code not in known:
        names = ", ".join(sorted(known)) or "none"
        raise ConfigurationError(f"There is no location {code!r}.", way_out=f"Configured: {names}.")


def configured(code: str) -> InstanceConfig:
    """One instance. Raises ConfigurationError where its file is missing or has problems."""
    loaded = load_instances(settings().instances_dir)
    for config in loaded.good:
        if config.code == code:
            return config
    known = ", ".join(config.code for config in loaded.good) or "none"
    raise ConfigurationError(
        f"There is no valid configuration of an instance {code!r} in {settings().instances_dir} (valid: {known}).",
        way_out="`magento-oms config check` tells what is wrong." if loaded.problems else "Add its file.",
    )


def configured_store(name: str) -> tuple[InstanceConfig, StoreConfig | None]:
    """The instance and, if it is named, the store view that a person means by `INSTANCE` or `INSTANCE/STORE`.

    Raises:
        ConfigurationError: there is none of that name.
    """
    code, slash, view = name.partition("/")
    config = configured(code)
    if not slash:
        return config, None
    for store in config.stores:
        if view in (store.code, str(store.store_id)):
            return config, store
    raise ConfigurationError(
        f"The instance {code!r} has no store view {view!r}.",
        way_out=f"Configured: {', '.join(store.code for store in config.stores)}.",
    )


def target_of(name: str) -> str:
    """The target that a person means by `magento:<code>`, `<code>`, `courier:<account>`, `all` or `*`.

    Raises:
        ConfigurationError: nothing of that name is configured; a hold of a misspelt one would hold nothing.
    """
    if name in ("all", "*"):
        return "*"
    system, _, code = name.rpartition(":")
    if system == "courier":
        accounts = courier_accounts(load_instances(settings().instances_dir).good)
        if code not in accounts:
            raise ConfigurationError(
                f"There is no courier account {code!r}.", way_out=f"Configured: {', '.join(accounts) or 'none'}."
            )
        return name
    if system not in ("", "magento"):
        raise ConfigurationError(f"There is no target {name!r}.", way_out="Use magento:CODE, courier:ACCOUNT or all.")
    return f"magento:{configured(code).code}"


def person() -> str:
    """Who runs the command, for the record."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
