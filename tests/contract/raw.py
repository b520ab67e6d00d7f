"""Calls to a stand-in as they are, without the hook."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import httpx
from tests.contract.conftest import Joined, join
from tests.contract.vendors import FACTS


@dataclass
class Raw:
    """A stand-in's account, its hook for what is not the point of a test, and plain calls to it."""

    joined: Joined
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """One call with the account's credentials."""
        more.setdefault("headers", self.headers)
        more["params"] = {**self.query, **more.get("params", {})}
        if body is not None:
            more["json"] = body
        return httpx.request(method, self.joined.stand_in.url + path, timeout=10, trust_env=False, **more)

    def request_of(self, index: int = 0) -> dict[str, Any]:
        """What the hook sent for a parcel: a good body to change."""
        found: dict[str, Any] = json.loads(json.dumps(self.joined.stand_in.parcels()[index]["document"]["request"]))
        return found

    @property
    def parcel(self) -> dict[str, Any]:
        """The first parcel."""
        return self.joined.stand_in.parcels()[0]


def raw(sandbox: str, vendor: str) -> Raw:
    """A fresh account of a vendor."""
    joined = join(sandbox, vendor)
    login, secret = FACTS[vendor].credentials
    made = Raw(joined)
    match vendor:
        case "shiprocket":
            answer = made("POST", "/auth/login", {"email": login, "password": secret})
            made.headers = {"Authorization": f"Bearer {answer.json()['token']}"}
        case "clickpost":
            made.query = {"username": login, "key": secret}
        case "shipway":
            made.headers = {"Authorization": "Basic " + base64.b64encode(f"{login}:{secret}".encode()).decode()}
        case _:
            made.headers = {"X-API-TOKEN": secret}
    return made
