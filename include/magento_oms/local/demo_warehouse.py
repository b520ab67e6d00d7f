"""The demo's warehouses: they tell their stock, pack what is routed to them and hand it over, all by the OMS API."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from magento_oms.storage import api_tokens
from magento_oms.storage.api_tokens import Scope
from magento_oms.storage.database import engine

UNITS = 40
"""Of every SKU at every counted warehouse when the demo begins."""


class DemoWarehouse:
    """Works through the feed of fulfilments, a step each time it is asked."""

    def __init__(self, gateway_url: str, oms_url: str) -> None:
        self._url = f"{gateway_url}/api/v1"
        with engine(oms_url).begin() as connection:
            self._token = api_tokens.create(connection, "demo warehouse", list(Scope))
        self._cursor = ""
        self._ready: set[int] = set()
        self.refused: dict[int, str] = {}

    def tell_stock(self, location: str, skus: Iterable[str]) -> int:
        """Tell that so many units of each SKU are there; how many orders had waited for it."""
        figures = [{"sku": sku, "quantity": UNITS} for sku in sorted(set(skus))]
        woken = 0
        for start in range(0, len(figures), 1000):
            answer = self._call("PUT", f"/locations/{location}/stock", {"figures": figures[start : start + 1000]})
            woken += int(answer["orders_woken"])
        return woken

    def work(self) -> None:
        """Look at what changed: pack what is routed, hand over what is ready."""
        try:
            while True:
                page = self._call("GET", f"/fulfilments?limit=200&cursor={self._cursor}")
                for fulfilment in page["items"]:
                    self._work_on(fulfilment)
                self._cursor = page["cursor"]
                if not page["more"]:
                    break
        except (URLError, ConnectionError, TimeoutError):
            return  # the gateway is being restarted: the next step goes on from the cursor

    def _work_on(self, fulfilment: dict[str, Any]) -> None:
        number = fulfilment["id"]
        try:
            if fulfilment["state"] == "routed" and fulfilment["order_state"] != "held":
                self._call("POST", f"/fulfilments/{number}/pack", _packing(fulfilment))
            elif fulfilment["state"] == "ready":
                self._call("POST", f"/fulfilments/{number}/handover")
        except HTTPError as error:
            self.refused[number] = json.load(error).get("detail", str(error))
        else:
            self.refused.pop(number, None)

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        request = Request(  # noqa: S310  (our own gateway)
            f"{self._url}{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            method=method,
        )
        with urlopen(request, timeout=30) as answer:  # noqa: S310
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
