"""Everything about one stand-in store that can be set: version, access, limits, store views, speed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from commerce_sandbox.magento_rules.book import STATUSES, RuleSwitches, Statuses
from commerce_sandbox.versions import SWITCHES, VERSIONS, rules_for, switch

ADMIN_USER = "admin"
ADMIN_PASSWORD = "Sandbox-admin-1"  # noqa: S105  (a stand-in's own, never a real store's)

DEFAULT_INTEGRATION: Mapping[str, Any] = {
    "consumer_key": "sandboxconsumerkey00000000000000",
    "consumer_secret": "sandboxconsumersecret00000000000",
    "token": "sandboxaccesstoken00000000000000",
    "token_secret": "sandboxtokensecret00000000000000",
    "resources": None,
}

DEFAULT_STORE_VIEWS: tuple[Mapping[str, Any], ...] = (
    {"id": 1, "code": "default", "name": "Default Store View", "website_id": 1, "store_group_id": 1, "is_active": 1},
    {"id": 2, "code": "hindi", "name": "हिन्दी", "website_id": 1, "store_group_id": 1, "is_active": 1},
    {"id": 3, "code": "wholesale", "name": "Wholesale", "website_id": 1, "store_group_id": 2, "is_active": 1},
    {"id": 0, "code": "admin", "name": "Admin", "website_id": 0, "store_group_id": 0, "is_active": 1},
)

DEFAULT_STORE_CONFIGS: tuple[Mapping[str, Any], ...] = tuple(
    {
        "id": view["id"],
        "code": view["code"],
        "website_id": 1,
        "locale": "hi_IN" if view["code"] == "hindi" else "en_US",
        "base_currency_code": "INR",
        "default_display_currency_code": "INR",
        "timezone": "Asia/Kolkata",
        "weight_unit": "kgs",
    }
    for view in DEFAULT_STORE_VIEWS
    if view["id"]
)


class BadSettings(ValueError):
    """Settings that make no sense; the text says which and what is allowed."""


@dataclass(frozen=True, slots=True)
class InstanceSettings:
    """One stand-in store.

    Attributes:
        version: one of `VERSIONS`; the recorded one is the default.
        switches: switches of `versions.SWITCHES` that differ from the version.
        profile: speed, a name of `profiles.PROFILES`.
        users: administrators by name: `{"password": …, "resources": None for all | [ACL resources]}`.
        integrations: `{"consumer_key", "consumer_secret", "token", "token_secret", "resources"}` each.
        token_seconds: life of an admin token.
        two_factor: providers that are active; not empty means that a password alone gets no token.
        max_failures, lock_seconds: failed logins until a user is locked, and for how long.
        oauth_with_port: whether the signature's base URL holds a non-standard port (the recorded server left it out).
        input_limits: `{"max_page_size", "default_page_size", "array"}`, None where the limits are switched off.
        maintenance: answer everything with the maintenance page.
        consumer_running: whether the queue of async calls is worked off.
        index_on_save: whether a stock is indexed at once when its sources change.
        statuses: further statuses by state, beside the standard ones.
        store_views: as `GET /V1/store/storeViews` shows them.
        websites: website code by website id.
        store_configs: as `GET /V1/store/storeConfigs` shows them; URLs are filled in.
        attribute_options: options of dropdown attributes: attribute code → `{"number": "label"}`.
    """

    version: str = "2.4.7"
    switches: Mapping[str, Any] = field(default_factory=dict)
    profile: str = "none"
    users: Mapping[str, Mapping[str, Any]] = field(
        default_factory=lambda: {ADMIN_USER: {"password": ADMIN_PASSWORD, "resources": None}}
    )
    integrations: tuple[Mapping[str, Any], ...] = (DEFAULT_INTEGRATION,)
    token_seconds: float = 3600
    two_factor: tuple[str, ...] = ()
    max_failures: int = 6
    lock_seconds: float = 1800
    oauth_with_port: bool = False
    input_limits: Mapping[str, int] | None = None
    maintenance: bool = False
    consumer_running: bool = True
    index_on_save: bool = True
    statuses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    store_views: tuple[Mapping[str, Any], ...] = DEFAULT_STORE_VIEWS
    websites: Mapping[str, str] = field(default_factory=lambda: {"1": "base", "0": "admin"})
    store_configs: tuple[Mapping[str, Any], ...] = DEFAULT_STORE_CONFIGS
    attribute_options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what no store can be."""
        if self.version not in VERSIONS:
            raise BadSettings(f"version {self.version!r} is not one of {', '.join(VERSIONS)}")
        if unknown := set(self.switches) - set(SWITCHES):
            raise BadSettings(f"unknown switches {sorted(unknown)}; there are {', '.join(SWITCHES)}")

    def switch(self, name: str) -> object:
        """The value of a version switch for this store."""
        return switch(name, self.version, self.switches)

    @property
    def rules(self) -> RuleSwitches:
        """The switches that the order and stock rules look at."""
        return rules_for(self.version, self.switches)

    @property
    def all_statuses(self) -> Statuses:
        """The standard statuses by state, with the store's own."""
        by_state = {**STATUSES.by_state}
        for state, more in self.statuses.items():
            by_state[state] = (*by_state.get(state, ()), *more)
        return Statuses(by_state, STATUSES.labels)

    def website_code(self, store_id: int) -> str:
        """The website that a store view belongs to; an unknown store view counts as the main website's."""
        for view in self.store_views:
            if view["id"] == store_id:
                return self.websites.get(str(view["website_id"]), "base")
        return "base"

    def changed(self, patch: Mapping[str, Any]) -> InstanceSettings:
        """These settings with some of them replaced.

        Raises:
            BadSettings: an unknown setting, or a value that no store can have.
        """
        known = {each.name for each in fields(self)}
        if unknown := set(patch) - known:
            raise BadSettings(f"unknown settings {sorted(unknown)}; there are {', '.join(sorted(known))}")
        lists = {"integrations", "two_factor", "store_views", "store_configs"}
        values: dict[str, Any] = {name: tuple(value) if name in lists else value for name, value in patch.items()}
        return replace(self, **values)

    def as_document(self) -> dict[str, Any]:
        """The settings as JSON can hold them."""
        return asdict(self)


def settings_from(document: Mapping[str, Any]) -> InstanceSettings:
    """Settings as they were stored, or as a part of them was sent."""
    return InstanceSettings().changed(document)
