"""A thin client of the courier accounts' control API, for tests, the demo and benchmarks. Not for the product."""

from __future__ import annotations

from typing import Any

from commerce_sandbox.client import SandboxClient


class CourierClient:
    """One account at a stand-in of a running sandbox.

    Args:
        base_url: where the sandbox listens.
    """

    def __init__(self, base_url: str, account: str) -> None:
        self.account = account
        self._sandbox = SandboxClient(base_url)

    @property
    def url(self) -> str:
        """The account's root, as a hook wants it."""
        return f"{self._sandbox.base_url}/couriers/{self.account}"

    def set_up(self, **settings: Any) -> dict[str, Any]:
        """Make the account (with `vendor=`), or change settings of it; all its settings then."""
        return self._call("PUT", "", settings)

    def settings(self) -> dict[str, Any]:
        """All settings."""
        return self._call("GET", "")

    def switch(self, **switches: Any) -> None:
        """Change behaviours of the vendor."""
        self.set_up(switches=switches)

    def parcels(self) -> list[dict[str, Any]]:
        """All parcels with their scans."""
        return list(self._call("GET", "/parcels")["parcels"])

    def advance(self, steps: int = 1, **wanted: str) -> int:
        """Let parcels travel; how many scans that made."""
        return int(self._call("POST", "/advance", {"steps": steps, **wanted})["scans"])

    def journey(self, reference: str, journey: str) -> None:
        """Let a parcel go another way."""
        self._call("POST", "/journey", {"reference": reference, "journey": journey})

    def scan(self, awb: str, step: str, **more: Any) -> None:
        """One scan by hand: `hours_ago`, `remark`."""
        self._call("POST", "/scan", {"awb": awb, "step": step, **more})

    def effects(self) -> dict[tuple[str, str], int]:
        """How often what really happened: (kind, reference) → times."""
        return {(row["kind"], row["reference"]): row["count"] for row in self._call("GET", "/effects")["effects"]}

    def shipped(self) -> int:
        """How many AWBs were given."""
        return sum(times for (kind, _), times in self.effects().items() if kind == "awb")

    def calls(self) -> list[dict[str, Any]]:
        """The ledger of calls."""
        return list(self._call("GET", "/calls")["calls"])

    def deliveries(self) -> list[dict[str, Any]]:
        """Webhooks, sent or waiting."""
        return list(self._call("GET", "/deliveries")["deliveries"])

    def add_fault(self, kind: str, **rule: Any) -> int:
        """A fault of this account; see `faults.KINDS`. Its number."""
        return self._sandbox.at(f"courier:{self.account}").add_fault(kind, **rule)

    def clear_faults(self) -> None:
        """Forget this account's faults."""
        self._sandbox.at(f"courier:{self.account}").clear_faults()

    def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        return dict(self._sandbox.control(method, f"couriers/{self.account}{path}", body))
