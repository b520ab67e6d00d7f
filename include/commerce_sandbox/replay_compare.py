"""Whether two answers are alike, once what no two servers share is set aside: times, tokens, hashes, report ids, ids.

An id that a server gave is alike if it is a different one every time that the recorded one differs: the two servers'
ids are kept side by side for a whole replay.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\Z")
_REPORT = re.compile(r"Report ID: webapi-[0-9a-f]+")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
_HASH = re.compile(r"[0-9a-f]{64}\Z|[0-9a-f]{32}\Z")
_JWT = re.compile(r"<jwt>\Z|[\w-]+\.[\w-]+\.[\w-]+\Z")
_GIVEN_IDS = {"entity_id", "parent_id", "increment_id"}
_URLS = re.compile(r"https?://[^/]+/")
_STATIC = re.compile(r"static/version\d+/")


@dataclass(slots=True)
class IdPairs:
    """The ids of the recorded server beside the sandbox's, by kind."""

    _there: dict[tuple[str, str], str] = field(default_factory=dict)
    _here: dict[tuple[str, str], str] = field(default_factory=dict)

    def alike(self, kind: str, recorded: Any, ours: Any) -> bool:
        """Whether two ids can mean the same thing, after all that was seen before."""
        if not str(recorded).isdigit() or not str(ours).isdigit() or type(recorded) is not type(ours):
            return False
        there, here = (kind, str(recorded)), (kind, str(ours))
        return self._there.setdefault(there, str(ours)) == str(ours) and self._here.setdefault(
            here, str(recorded)
        ) == str(recorded)


def differences(recorded: Any, ours: Any, ids: IdPairs, path: str = "", owner: str = "") -> list[str]:
    """Where two answers differ, each in a line; empty if they are alike."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        found = [f"{path}/{key}: missing, recorded {_short(recorded[key])}" for key in recorded if key not in ours]
        found += [f"{path}/{key}: not recorded, ours {_short(ours[key])}" for key in ours if key not in recorded]
        for key in recorded:
            if key in ours:
                found += differences(recorded[key], ours[key], ids, f"{path}/{key}", _owner(owner, key, path))
        return found
    if isinstance(recorded, list) and isinstance(ours, list):
        if path.endswith("/custom_attributes"):
            recorded, ours = _by_code(recorded), _by_code(ours)
        if len(recorded) != len(ours):
            return [f"{path}: {len(ours)} members, recorded {len(recorded)}"]
        return [
            line
            for position, pair in enumerate(zip(recorded, ours, strict=True))
            for line in differences(*pair, ids, f"{path}/{position}", owner)
        ]
    if _plain(recorded) == _plain(ours) and type(_plain(recorded)) is type(_plain(ours)):
        return []
    name = path.rpartition("/")[2]
    if (name in _GIVEN_IDS or path == "") and ids.alike(f"{owner} {name}", recorded, ours):
        return []
    return [f"{path or '/'}: {_short(ours)}, recorded {_short(recorded)}"]


def _by_code(attributes: list[Any]) -> list[Any]:
    """Attributes in the order of their codes: Magento reads them without any order."""
    return sorted(attributes, key=lambda each: str(each["attribute_code"]))


def _owner(owner: str, key: str, path: str) -> str:
    """What kind of rows are below: `items`, `tracks`, `status_histories`, …"""
    return key if key in {"tracks", "comments", "status_histories", "items"} else owner


def _plain(value: Any) -> Any:
    """A value without what no two servers share."""
    if not isinstance(value, str):
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
    for pattern, word in ((_TIME, "<time>"), (_UUID, "<uuid>"), (_HASH, "<hash>"), (_JWT, "<jwt>")):
        if pattern.match(value):
            return word
    return _STATIC.sub("static/", _URLS.sub("<url>/", _REPORT.sub("Report ID: webapi-<id>", value)))


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 90 else text[:87] + "…"
