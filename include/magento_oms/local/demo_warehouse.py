"""The demo's warehouses: they tell their stock, pack what is routed to them and hand it over, all by the OMS API."""

from __future__ import annotations

import json
import time
import zlib
from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from magento_oms.storage import api_tokens
from magento_oms.storage.api_tokens import Scope
from magento_oms.storage.database import engine

UNITS = 40
"""Of every SKU that a counted warehouse has."""
KEPT_OF_TEN = 7
"""Of ten SKUs a warehouse has so many when the demo begins: orders are split, and some wait for goods."""
VAN_EVERY = 8.0
"""Seconds between the couriers' visits."""


class DemoWarehouse:
    """Works through the feed of fulfilments, a step each time it is asked; couriers come every few seconds."""

    def __init__(self, gateway_url: str, oms_url: str) -> None:
        self._url = f"{gateway_url}/api/v1"
        with engine(oms_url).begin() as connection:
            self._token = api_tokens.create(connection, "demo warehouse", list(Scope))
        self._cursor = ""
        self._to_pack: dict[int, dict[str, Any]] = {}
        self._ready: dict[int, str] = {}
        self._next_van = 0.0
        self.manifests = 0
        self.troubles: Counter[str] = Counter()

    def tell_stock(self, location: str, skus: Iterable[str], *, all_of_them: bool = False) -> int:
        """Tell what is there: some of the SKUs, or all of them once goods came; how many orders had waited for it."""
        has = {sku for sku in skus if all_of_them or zlib.crc32(f"{location} {sku}".encode()) % 10 < KEPT_OF_TEN}
        figures = [{"sku": sku, "quantity": UNITS} for sku in sorted(has)]
        woken = 0
        for start in range(0, len(figures), 1000):
            answer = self._call("PUT", f"/locations/{location}/stock", {"figures": figures[start : start + 1000]})
            woken += int(answer["orders_woken"])
        return woken

    def work(self) -> None:
        """Look at what changed and pack what is new; hand over what is ready when the couriers come."""
        try:
            self._pack(self._news())
            if time.monotonic() >= self._next_van:
                self._next_van = time.monotonic() + VAN_EVERY
                self._pack(list(self._to_pack))
                self._hand_over()
        except HTTPError as error:
            self.troubles[f"{error.url} was answered with HTTP {error.code}"] += 1
        except (URLError, ConnectionError, TimeoutError):
            return  # the gateway is being restarted: the next step goes on from the cursor

    def _news(self) -> list[int]:
        """Read the feed to its end; those to pack that it told of."""
        told = []
        while True:
            page = self._call("GET", f"/fulfilments?limit=200&cursor={self._cursor}")
            for fulfilment in page["items"]:
                number = int(fulfilment["id"])
                self._to_pack.pop(number, None)
                self._ready.pop(number, None)
                if fulfilment["state"] == "routed":
                    self._to_pack[number] = fulfilment
                    told.append(number)
                elif fulfilment["state"] == "ready":
                    self._ready[number] = fulfilment["location"]
            self._cursor = page["cursor"]
            if not page["more"]:
                return told

    def _pack(self, numbers: Iterable[int]) -> None:
        """What is refused (its order is on hold, or was cancelled a moment ago) stays in the list."""
        for number in numbers:
            try:
                self._call("POST", f"/fulfilments/{number}/pack", _packing(self._to_pack[number]))
            except HTTPError as error:
                if error.code not in (409, 422):
                    raise
            else:
                del self._to_pack[number]

    def _hand_over(self) -> None:
        """A manifest a courier at each warehouse; all that is on it leaves."""
        for location in sorted(set(self._ready.values())):
            for manifest in self._call("POST", "/manifests", {"location": location}):
                self._call("POST", f"/manifests/{manifest['id']}/handover")
                self.manifests += 1

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        request = Request(  # noqa: S310  (our own gateway)
            f"{self._url}{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            method=method,
        )
        with urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)


def _packing(fulfilment: dict[str, Any]) -> dict[str, Any]:
    """All of it in one box, as a scale and a tape measure would tell."""
    lines = [line for line in fulfilment["lines"] if float(line["quantity"]) > 0]
    units = sum(float(line["quantity"]) for line in lines)
    return {
        "shipment_id": f"demo-{fulfilment['id']}",
        "boxes": [
            {
                "items": [{"item_id": line["item_id"], "quantity": line["quantity"]} for line in lines],
                "length_cm": 30,
                "breadth_cm": 22,
                "height_cm": 4 + 2 * min(int(units), 20),
                "weight_g": 180 + 220 * min(int(units), 60),
            }
        ],
    }
