"""Accounts at courier aggregators: each is one, however many stores of whatever instances ship with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from magento_oms.config.account_models import AccountBudget, AggregatorAccountRef
from magento_oms.config.models import InstanceConfig


@dataclass(frozen=True, slots=True)
class CourierAccount:
    """An account, joined from what all stores say of it.

    Attributes:
        instances: codes of the instances that ship with it, sorted.
        pickup_locations: location → the aggregator's own name or id of it.
    """

    code: str
    aggregator: str
    connection_id: str
    budget: AccountBudget
    instances: tuple[str, ...]
    pickup_locations: dict[str, str]
    shadow: bool


def courier_accounts(configs: Iterable[InstanceConfig]) -> dict[str, CourierAccount]:
    """By code all accounts of valid configurations that were loaded together."""
    found: dict[str, CourierAccount] = {}
    for config in configs:
        for store in config.stores:
            for ref in store.aggregators:
                known = found.get(ref.account)
                instances = {*(known.instances if known else ()), config.code}
                locations = (known.pickup_locations if known else {}) | dict(ref.pickup_locations)
                shadow = (known is None or known.shadow) and str(store.mode) == "shadow"
                found[ref.account] = CourierAccount(
                    ref.account,
                    ref.aggregator,
                    ref.connection_id,
                    ref.budget,
                    tuple(sorted(instances)),
                    locations,
                    shadow,
                )
    return dict(sorted(found.items()))


def conflict_of_accounts(
    config: InstanceConfig, others: Iterable[InstanceConfig]
) -> tuple[tuple[str | int, ...], str] | None:
    """Where an instance describes an account otherwise than another instance does, and in what; None: nowhere."""
    known: dict[str, tuple[AggregatorAccountRef, str]] = {}
    for other in others:
        for store in other.stores:
            for ref in store.aggregators:
                known.setdefault(ref.account, (ref, other.code))
    for number, store in enumerate(config.stores):
        for place, ref in enumerate(store.aggregators):
            first = known.get(ref.account)
            if first is not None and (difference := first[0].difference(ref)):
                message = f"the courier account {ref.account!r} differs in {difference} from the instance {first[1]!r}."
                return ("stores", number, "aggregators", place), message
    return None
