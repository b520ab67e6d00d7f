"""A thin client of the control API, for tests, the demo and benchmarks. Standard library only; not for the product."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from commerce_sandbox.settings import ADMIN_PASSWORD, ADMIN_USER, DEFAULT_INTEGRATION
from commerce_sandbox.store import DEFAULT_INSTANCE

__all__ = ["ADMIN_PASSWORD", "ADMIN_USER", "DEFAULT_INTEGRATION", "Placed", "SandboxClient", "SandboxError"]


class SandboxError(RuntimeError):
    """The sandbox refused a control call, or cannot be reached; the text says why."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that was placed."""

    entity_id: int
    increment_id: str


class SandboxClient:
    """The control API of a running sandbox.

    Args:
        base_url: where the sandbox listens, e.g. `http://127.0.0.1:8090`.
        instance: the store that the calls mean.
        timeout: seconds for one call.
    """

    def __init__(self, base_url: str, instance: str = DEFAULT_INSTANCE, *, timeout: float = 120) -> None:
        self.base_url = base_url.rstrip("/")
        self.instance = instance
        self._timeout = timeout

    @property
    def store_url(self) -> str:
        """The base URL of the instance, as a Magento client wants it."""
        return f"{self.base_url}/{self.instance}"

    def at(self, instance: str) -> SandboxClient:
        """The same sandbox, another instance."""
        return SandboxClient(self.base_url, instance, timeout=self._timeout)

    def wait_until_ready(self, seconds: float = 30) -> None:
        """Wait until the sandbox answers.

        Raises:
            SandboxError: it does not within that time.
        """
        until = time.monotonic() + seconds
        while True:
            try:
                self._call("GET", "health")
            except SandboxError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
            else:
                return

    def health(self) -> dict[str, Any]:
        """Status, instances and the sandbox's clock."""
        return dict(self._call("GET", "health"))

    # Instances ------------------------------------------------------------------------------------------------------

    def set_up(self, **settings: Any) -> dict[str, Any]:
        """Make the instance, or change settings of it (see `settings.InstanceSettings`); all its settings then."""
        return dict(self._call("PUT", self._path(), settings))

    def settings(self) -> dict[str, Any]:
        """The instance's settings."""
        return dict(self._call("GET", self._path()))

    def reset(self) -> None:
        """Make the instance as freshly installed; its settings and ledger stay."""
        self._call("POST", self._path("reset"))

    def expire_tokens(self) -> None:
        """Make every token that the instance has given out count as expired."""
        self._call("POST", self._path("expire-tokens"))

    def load_recorded_history(self) -> dict[str, int]:
        """Put the recorded server's orders, documents, products and stock into the instance; counts."""
        return dict(self._call("POST", self._path("history")))

    def consume(self) -> int:
        """Work off the queue of asynchronous calls; how many operations were done."""
        return int(self._call("POST", self._path("consume"))["done"])

    def index(self) -> None:
        """Index the stocks, as the store's cron job does."""
        self._call("POST", self._path("index"))

    # Orders ---------------------------------------------------------------------------------------------------------

    def place_orders(self, count: int = 1, **options: Any) -> list[Placed]:
        """Place generated orders in one transaction (options: see `generated.OPTIONS`)."""
        return self._placed({"count": count, "options": options})

    def place_documents(self, documents: Sequence[Mapping[str, Any]]) -> list[Placed]:
        """Place orders as REST shows them, ids and all."""
        return self._placed({"documents": list(documents)})

    def fill_orders(
        self, count: int, *, seed: int = 0, created_at: str | None = None, every_seconds: float = 31
    ) -> range:
        """Fill the store with many orders of the past, quickly (see `generated.fill`); their ids."""
        body = {"count": count, "seed": seed, "created_at": created_at, "every_seconds": every_seconds}
        filled = self._call("POST", self._path("fill"), body)
        return range(filled["first"], filled["last"] + 1)

    def order(self, entity_id: int) -> dict[str, Any]:
        """An order with everything under it: `order`, `invoices`, `shipments`, `creditmemos`."""
        return dict(self._call("GET", self._path(f"orders/{entity_id}")))

    def change_order(self, entity_id: int, change: str, **values: Any) -> dict[str, Any]:
        """Change an order by hand (changes: see `hand.change_order`); the order, or the one that took its place."""
        return dict(self._call("POST", self._path(f"orders/{entity_id}/{change}"), values))

    def put_products(self, products: Sequence[Mapping[str, Any]], quantity: float | None = None) -> None:
        """Put products into the catalogue with so many pieces each in source `default`."""
        self._call("POST", self._path("products"), {"products": list(products), "quantity": quantity})

    def put_customers(self, customers: Sequence[Mapping[str, Any]]) -> None:
        """Put customers into the store."""
        self._call("POST", self._path("customers"), {"customers": list(customers)})

    # Faults ---------------------------------------------------------------------------------------------------------

    def add_fault(self, kind: str, *, everywhere: bool = False, **rule: Any) -> int:
        """A fault on the instance's calls (on all instances' with `everywhere`); its number. See `faults.KINDS`.

        Args:
            rule: `method`, `path` (regular expressions), `times`, `skip`, `probability`, `seed`, and the kind's own.
        """
        where = {} if everywhere else {"instance": self.instance}
        return int(self._call("POST", "faults", {"kind": kind, **where, **rule})["id"])

    def faults(self) -> list[dict[str, Any]]:
        """Every rule with how many calls it has seen and struck."""
        return list(self._call("GET", "faults")["faults"])

    def clear_faults(self, number: int | None = None) -> None:
        """Forget one rule, or all of this instance's."""
        self._call("DELETE", "faults?" + urlencode({"instance": self.instance} if number is None else {"id": number}))

    # Ledger ---------------------------------------------------------------------------------------------------------

    def calls(
        self, *, after: int = 0, limit: int = 100_000, method: str | None = None, path_like: str | None = None
    ) -> list[dict[str, Any]]:
        """Calls to the instance, oldest first; `path_like` is an SQL LIKE pattern."""
        query = {"after": after, "limit": limit, "method": method, "path_like": path_like}
        return list(self._call("GET", self._path("ledger") + _query(query))["calls"])

    def effects(self, *, kind: str | None = None, order_id: int | None = None, after: int = 0) -> list[dict[str, Any]]:
        """What calls changed, oldest first: `kind`, `order_id`, `detail`, `call`, `at`."""
        query = {"kind": kind, "order_id": order_id, "after": after}
        return list(self._call("GET", self._path("effects") + _query(query))["effects"])

    def counts(self) -> dict[str, int]:
        """How many effects of each kind there were."""
        return {row["kind"]: row["count"] for row in self._call("GET", self._path("counts"))["counts"]}

    def counts_by_order(self) -> dict[tuple[str, int | None], int]:
        """How many effects of each kind each order had."""
        rows = self._call("GET", self._path("counts") + "?by_order=1")["counts"]
        return {(row["kind"], row["order_id"]): row["count"] for row in rows}

    # ----------------------------------------------------------------------------------------------------------------

    def _placed(self, body: Mapping[str, Any]) -> list[Placed]:
        rows = self._call("POST", self._path("orders"), body)["orders"]
        return [Placed(int(row["entity_id"]), str(row["increment_id"])) for row in rows]

    def _path(self, rest: str = "") -> str:
        return f"instances/{quote(self.instance)}" + (f"/{rest}" if rest else "")

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Any call of the control API; its JSON."""
        return self._call(method, path, body)

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.base_url}/_sandbox/{path}", data, method=method)  # noqa: S310  (http by the caller)
        request.add_header("content-type", "application/json")
        try:
            with urlopen(request, timeout=self._timeout) as response:  # noqa: S310
                return json.loads(response.read())
        except HTTPError as error:
            text = error.read().decode("utf-8", "replace")
            raise SandboxError(f"{method} /_sandbox/{path}: {error.code} {text}") from None
        except (URLError, OSError, TimeoutError) as error:
            raise SandboxError(f"{method} /_sandbox/{path}: no sandbox answers at {self.base_url} ({error})") from None


def _query(values: Mapping[str, Any]) -> str:
    given = {name: value for name, value in values.items() if value is not None}
    return f"?{urlencode(given)}" if given else ""
