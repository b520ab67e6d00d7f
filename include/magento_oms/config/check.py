"""What is unwise in a valid configuration, and where it and the store disagree: in plain words, with the way out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from magento_oms.config.models import InstanceConfig, LocationConfig, StoreConfig
from magento_oms.ports import AGGREGATORS, StoreFacts

CUSTOMERS = "Magento_Customer::customer"
"""Permission to read customers; needed only where they are read."""
CLOCK_TOLERANCE = 30.0
"""Seconds by which a store's clock may differ from ours before it is worth telling."""
LONG_AGO = timedelta(days=365)

_Rough = tuple[Literal["error", "warning"], str, str, str]
"""Level, field, message and way out of a finding about an instance that is known already."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person should look at. `error`: it will not work; `warning`: it may not be meant."""

    level: Literal["error", "warning"]
    instance: str
    field: str
    message: str
    way_out: str


def check_instances(
    configs: Iterable[InstanceConfig],
    *,
    folder: Path,
    connection_exists: Callable[[str], bool] | None = None,
    now: datetime | None = None,
) -> list[Finding]:
    """Look at valid configurations together.

    Args:
        folder: that the files lie in (logos are relative to it).
        connection_exists: whether Airflow has a connection of that id; not asked where None.
        now: aware; the present where None.
    """
    known = list(configs)
    moment = now or datetime.now(UTC)
    findings = [finding for config in known for finding in _instance(config, folder, moment)]
    findings += _shared_urls(known)
    findings += _shared_prefixes(known)
    findings += _shared_locations(known)
    if connection_exists is not None:
        findings += _missing_connections(known, connection_exists)
    return findings


def check_live(config: InstanceConfig, facts: StoreFacts) -> list[Finding]:
    """Compare a configuration with what the store tells about itself."""
    return list(_live(config, facts))


def _instance(config: InstanceConfig, folder: Path, now: datetime) -> Iterator[Finding]:
    for level, field, message, way_out in _storefront(config):
        yield Finding(level, config.code, field, message, way_out)
    for number, store in enumerate(config.stores):
        for level, field, message, way_out in _store(store, folder, now):
            yield Finding(level, config.code, f"stores.{number}.{field}", message, way_out)
    locations = {location.code: location for store in config.stores for location in store.locations}
    for source, users in _by_source(config).items():
        if len(users) > 1:
            names = " and ".join(locations[code].name for code in sorted(users))
            message = f"The MSI source {source!r} is the stock of {names}: it would be counted twice."
            yield Finding("error", config.code, "stores", message, "Give each warehouse its own source.")


def _storefront(config: InstanceConfig) -> Iterator[_Rough]:
    path = (config.url.path or "").strip("/").lower()
    for word in ("admin", "rest", "index.php"):
        if word in path.split("/"):
            yield (
                "error",
                "url",
                f"The URL has /{word} in it: /rest/V1 does not answer below that.",
                "Write the storefront's address, as customers see it.",
            )
    if config.url.scheme == "http" and config.url.host not in ("127.0.0.1", "localhost"):
        yield (
            "warning",
            "url",
            "The URL begins with http://: the store's credentials would travel readable to everyone on the way.",
            "Use https:// unless the store is on this machine's own network.",
        )


def _by_source(config: InstanceConfig) -> dict[str, set[str]]:
    """MSI source → codes of the locations whose stock it is, over all stores."""
    users: defaultdict[str, set[str]] = defaultdict(set)
    for store in config.stores:
        for location in store.locations:
            if location.msi_source:
                users[location.msi_source].add(location.code)
    return users


def _store(store: StoreConfig, folder: Path, now: datetime) -> Iterator[_Rough]:
    if store.live_from > now + timedelta(days=1):
        yield (
            "warning",
            "live_from",
            f"Nothing is acted on before {store.live_from.isoformat()}.",
            "Fine if that is when the store goes live.",
        )
    if store.live_from < now - LONG_AGO:
        yield (
            "warning",
            "live_from",
            f"Orders from {store.live_from.isoformat()} on are acted on: whatever is pending since is acknowledged.",
            "Set it to the moment at which the former system hands over.",
        )
    if not store.statuses.hold:
        yield (
            "warning",
            "statuses.hold",
            "No status holds an order: one that waits for its payment would be worked on.",
            "Name at least pending_payment and payment_review.",
        )
    if not store.payment.cod:
        yield (
            "warning",
            "payment.cod",
            "No payment method is cash on delivery: nothing will be collected at the door.",
            "Name Magento's codes, such as cashondelivery, or leave it so if the store takes none.",
        )
    if not store.locations:
        yield (
            "warning",
            "locations",
            "No warehouse is configured: nothing can be shipped.",
            "Add the warehouses; until orders are routed this does no harm.",
        )
    for number, location in enumerate(store.locations):
        if location.gstin is None:
            yield (
                "warning",
                f"locations.{number}.gstin",
                f"{location.name} has no GSTIN: it cannot be the seller on an invoice.",
                "Add it.",
            )
    yield from _couriers(store)
    if store.invoice.logo and not (folder / store.invoice.logo).is_file():
        yield (
            "error",
            "invoice.logo",
            f"There is no file {store.invoice.logo}.",
            f"Put it into {folder}, or correct the path.",
        )


NAMES_WAREHOUSES = frozenset({"shiprocket", "shipway"})
"""Aggregators that book only from a warehouse that they know by a name or number of their own."""


def _couriers(store: StoreConfig) -> Iterator[_Rough]:
    """What couriers will want of the warehouses."""
    for number, location in enumerate(store.locations):
        if store.aggregators and not location.phone:
            yield (
                "warning",
                f"locations.{number}.phone",
                f"{location.name} has no phone number: no courier takes a parcel from there.",
                "Add the mobile number that a rider may call.",
            )
    for number, account in enumerate(store.aggregators):
        if account.aggregator not in NAMES_WAREHOUSES:
            continue
        missing = [each.name for each in store.locations if each.code not in account.pickup_locations]
        if missing:
            yield (
                "warning",
                f"aggregators.{number}.pickup_locations",
                f"{AGGREGATORS[account.aggregator]} does not ship from {' and '.join(missing)}: it has no name there.",
                "Write the warehouse's name or number as its panel has it.",
            )


def _shared_urls(configs: list[InstanceConfig]) -> Iterator[Finding]:
    by_url = defaultdict(list)
    for config in configs:
        by_url[str(config.url).rstrip("/")].append(config.code)
    for url, codes in by_url.items():
        if len(codes) > 1:
            yield Finding(
                "error",
                codes[-1],
                "url",
                f"{' and '.join(codes)} are the same Magento, {url}: every order would be taken twice.",
                "Put their store views into one file.",
            )


def _shared_prefixes(configs: list[InstanceConfig]) -> Iterator[Finding]:
    """Invoice numbers are a series of the seller: two stores of one GSTIN with one prefix would share it."""
    users = defaultdict(set)
    for config in configs:
        for store in config.stores:
            for location in store.locations:
                if location.gstin:
                    users[location.gstin, store.invoice.prefix].add(f"{config.code}/{store.code}")
    for (gstin, prefix), stores in sorted(users.items()):
        if len(stores) > 1:
            names = " and ".join(sorted(stores))
            yield Finding(
                "warning",
                sorted(stores)[0].partition("/")[0],
                "invoice.prefix",
                f"{names} invoice as {gstin} with the same prefix {prefix!r}: they share one series of numbers.",
                "Give each its own prefix, unless one series is meant.",
            )


def _shared_locations(configs: list[InstanceConfig]) -> Iterator[Finding]:
    """A warehouse that several instances ship from is one row in the OMS: the last description would count."""
    first: dict[str, tuple[str, LocationConfig]] = {}
    for config in configs:
        for location in {location.code: location for store in config.stores for location in store.locations}.values():
            code, other = first.setdefault(location.code, (config.code, location))
            if not other.is_the_same_place(location):
                yield Finding(
                    "error",
                    config.code,
                    "stores",
                    f"The location {location.code!r} differs from that of {code} in name, address or GSTIN.",
                    "Say the same in both files, or give one of them another code.",
                )


def _missing_connections(configs: list[InstanceConfig], exists: Callable[[str], bool]) -> Iterator[Finding]:
    for config in configs:
        if not exists(config.connection_id):
            yield Finding(
                "error",
                config.code,
                "connection_id",
                f"Airflow has no connection {config.connection_id!r}.",
                f"Add it in the UI (Admin, Connections) or set AIRFLOW_CONN_{config.connection_id.upper()}.",
            )
        accounts = {account.connection_id: account for store in config.stores for account in store.aggregators}
        for connection_id, account in sorted(accounts.items()):
            if not exists(connection_id):
                yield Finding(
                    "warning",
                    config.code,
                    "stores.aggregators",
                    f"Airflow has no connection {connection_id!r}: {account.account} cannot book parcels.",
                    f"Add it in the UI (Admin, Connections) or set AIRFLOW_CONN_{connection_id.upper()}.",
                )


def _live(config: InstanceConfig, facts: StoreFacts) -> Iterator[Finding]:
    for permission in facts.missing_permissions:
        if permission == CUSTOMERS and not config.customers.pull:
            continue
        yield Finding(
            "error",
            config.code,
            "connection_id",
            f"The credentials lack the permission {permission}.",
            "Grant it to the integration or the admin user's role in Magento's admin.",
        )
    views = ", ".join(f"{number} ({name})" for number, name in sorted(facts.store_views.items()))
    configured = set(config.store_ids)
    for number, store in enumerate(config.stores):
        if facts.store_views and store.store_id not in facts.store_views:
            message = f"The store has no store view {store.store_id} ({store.code})."
            yield Finding("error", config.code, f"stores.{number}.store_id", message, f"Use one of {views}.")
    for number, name in sorted(facts.store_views.items()):
        if number not in configured and number != 0:
            message = f"The store view {number} ({name}) is not configured: its orders are not read."
            yield Finding("warning", config.code, "stores", message, "Add it, unless that is meant.")
    for status in sorted(facts.statuses):
        if all(store.statuses.meaning(status) is None for store in config.stores):
            message = f"The status {status!r} of newest orders is not known: such orders are held."
            way_out = "Say under statuses whether to pull, hold, ignore or cancel it, or that it is finished."
            yield Finding("warning", config.code, "statuses", message, way_out)
    if abs(facts.clock_ahead) > CLOCK_TOLERANCE:
        message = f"The store's clock is {facts.clock_ahead:+.0f} s off ours."
        yield Finding("warning", config.code, "url", message, "Let both servers keep time by NTP.")
