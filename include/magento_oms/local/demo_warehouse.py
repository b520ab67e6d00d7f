"""The demo's warehouses: they tell their stock, pack what is routed to them and hand it over, all by the OMS API."""

from __future__ import annotations

import time
import zlib
from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.error import HTTPError

from magento_oms.local.demo_api import DemoApi

UNITS = 40
"""Of every SKU that a counted warehouse has."""
KEPT_OF_TEN = 7
"""Of ten SKUs a warehouse has so many when the demo begins: orders are split, and some wait for goods."""
VAN_EVERY = 8.0
"""Seconds between the couriers' visits."""


class DemoWarehouse:
    """Works through the feed of fulfilments, a step each time it is asked; couriers come every few seconds."""

    def __init__(self, gateway_url: str, oms_url: str) -> None:
        self._api = DemoApi(gateway_url, oms_url, "demo warehouse")
        self._cursor = ""
        self._to_pack: dict[int, dict[str, Any]] = {}
        self._ready: dict[int, str] = {}
        self._next_van = 0.0
        self.manifests = 0

    @property
    def troubles(self) -> Counter[str]:
        """What the gateway refused though it should not have, and how often."""
        return self._api.troubles

    def tell_stock(self, location: str, skus: Iterable[str], *, all_of_them: bool = False) -> int:
        """Tell what is there: some of the SKUs, or all of them once goods came; how many orders had waited for it."""
        has = {sku for sku in skus if all_of_them or zlib.crc32(f"{location} {sku}".encode()) % 10 < KEPT_OF_TEN}
        figures = [{"sku": sku, "quantity": UNITS} for sku in sorted(has)]
        woken = 0
        for start in range(0, len(figures), 1000):
            answer = self._api.call("PUT", f"/locations/{location}/stock", {"figures": figures[start : start + 1000]})
            woken += int(answer["orders_woken"])
        return woken

    def work(self) -> None:
        """Look at what changed and pack what is new; hand over what is ready when the couriers come."""
        self._api.do(self._step)

    def _step(self) -> None:
        self._pack(self._news())
        if time.monotonic() >= self._next_van:
            self._next_van = time.monotonic() + VAN_EVERY
            self._pack(list(self._to_pack))
            self._hand_over()

    def _news(self) -> list[int]:
        """Read the feed to its end; those to pack that it told of."""
        told = []
        while True:
            page = self._api.call("GET", f"/fulfilments?limit=200&cursor={self._cursor}")
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
                self._api.call("POST", f"/fulfilments/{number}/pack", _packing(self._to_pack[number]))
            except HTTPError as error:
                if error.code not in (409, 422):
                    raise
            else:
                del self._to_pack[number]

    def _hand_over(self) -> None:
        """A manifest a courier at each warehouse; all that is on it leaves, and what an answer was lost of before."""
        for location in sorted(set(self._ready.values())):
            self._api.call("POST", "/manifests", {"location": location})
            for manifest in self._api.call("GET", f"/manifests?location={location}"):
                self._api.call("POST", f"/manifests/{manifest['id']}/handover")
                self.manifests += 1


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
