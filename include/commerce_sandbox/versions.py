"""What differs between Magento's versions, as data: `recorded` rows were seen on a real server, others in source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from commerce_sandbox.magento_rules.book import RULES_BY_VERSION, RuleSwitches

VERSIONS = ("2.3", "2.4.3", "2.4.6", "2.4.7", "2.4.8")

Basis = Literal["recorded", "from source"]


@dataclass(frozen=True, slots=True)
class Switch:
    """One behaviour that changed over the versions.

    Attributes:
        meaning: what the value says, in a sentence.
        values: the value by version, for each of `VERSIONS`.
        basis: where the value of 2.4.7 comes from; the other versions are always taken from source.
    """

    meaning: str
    values: Mapping[str, object]
    basis: Basis


def _by_version(*values: object) -> Mapping[str, object]:
    return dict(zip(VERSIONS, values, strict=True))


_RULE_MEANINGS = {
    "comment_status": "Which status an order comment may carry: `any`, `frozen` (the current one) or `current_state`.",
    "mutex": "Whether actions on one order wait for each other; without, parallel calls can make duplicates.",
    "msi": "Whether Multi-Source Inventory is installed.",
    "ids_as_strings": "Whether invoice, ship and refund answer their id as a JSON string.",
    "validation_errors_inline": "Whether a refused source item's first error is joined to the message.",
}

SWITCHES: Mapping[str, Switch] = {
    "past_end": Switch(
        "What a page past the end holds: `empty` (no items, the true total) or `repeat` (the last page again).",
        _by_version("repeat", "empty", "empty", "empty", "empty"),
        "recorded",
    ),
    "hard_page_limit": Switch(
        "Page size above which a list is refused even without configured limits; 0 is no limit.",
        _by_version(0, 300, 0, 0, 0),
        "recorded",
    ),
    "hard_array_limit": Switch(
        "Items above which an array in a body is refused even without configured limits; 0 is no limit.",
        _by_version(0, 20, 0, 0, 0),
        "recorded",
    ),
    "integration_bearer": Switch(
        "Whether an integration's access token is taken as a bearer token without being switched on.",
        _by_version(True, True, False, False, False),
        "recorded",
    ),
    "oauth_sha1": Switch(
        "Whether OAuth 1.0a requests signed with HMAC-SHA1 are taken beside HMAC-SHA256.",
        _by_version(True, True, False, False, False),
        "recorded",
    ),
    "two_factor_status": Switch(
        "Status of the admin token route while two-factor login is on.",
        _by_version(400, 400, 401, 401, 401),
        "from source",
    ),
    "jwt": Switch(
        "Whether admin tokens are JWTs (else 32 letters and digits).",
        _by_version(False, False, True, True, True),
        "recorded",
    ),
    **{
        name: Switch(
            _RULE_MEANINGS.get(name, f"See `RuleSwitches.{name}`."),
            {version: getattr(RULES_BY_VERSION[version], name) for version in VERSIONS},
            "recorded",
        )
        for name in RuleSwitches.__dataclass_fields__
    },
}


def switch(name: str, version: str, overrides: Mapping[str, object]) -> object:
    """The value of a switch for a version, unless an instance's settings override it.

    Raises:
        KeyError: an unknown switch or version.
    """
    return overrides[name] if name in overrides else SWITCHES[name].values[version]


def rules_for(version: str, overrides: Mapping[str, object]) -> RuleSwitches:
    """The switches that the rules themselves look at."""
    values = {name: switch(name, version, overrides) for name in RuleSwitches.__dataclass_fields__}
    return RuleSwitches(**values)  # type: ignore[arg-type]
