"""What comes back in the demo: customers return some of what was delivered, warehouses receive and check it, and what
couriers bring back themselves (RTO), all by the OMS API.
"""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from typing import Any

from magento_oms.local.demo_api import DemoApi

COMES_BACK = 4
"""Of so many fulfilments that left, the customer of one returns something once it was delivered."""
MOST = 6
"""Returns in all: the first ones, so that the last orders are not waited for longer than they take."""
FAILS = 3
"""Of so many customers' returns one does not pass its check."""
LOOKS_EVERY = 3.0
"""Seconds between two looks at what was delivered, and at what has arrived."""
JOURNEYS = {"delivered": 0.85, "three_failed_then_rto": 0.15}
"""Of an account's parcels every third, then eighth is refused three times and comes back; counted, not drawn by lot."""
NOT_DELIVERED = frozenset({"rto_delivered", "lost", "cancelled"})


class DemoReturns:
    """A step each time it is asked.

    Attributes:
        waiting: fulfilments, by id, of which something is returned as soon as they are delivered.
        passed: units that passed their check.
        failed: units that did not.
    """

    def __init__(self, gateway_url: str, oms_url: str) -> None:
        self._api = DemoApi(gateway_url, oms_url, "demo returns")
        self._cursor = ""
        self._left: set[int] = set()
        self._asked = 0
        self._next_look = 0.0
        self.waiting: dict[int, dict[str, Any]] = {}
        self.passed = 0
        self.failed = 0

    @property
    def troubles(self) -> Counter[str]:
        """What the gateway refused though it should not have, and how often."""
        return self._api.troubles

    def work(self) -> None:
        """Ask for returns of what was delivered, and take in what has arrived."""
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + LOOKS_EVERY
            self._api.do(self._note_what_left)
            for number in list(self.waiting):
                self._api.do(partial(self._return, number))
            self._api.do(self._receive_all)

    def _note_what_left(self) -> None:
        """Read the feed to its end."""
        more = True
        while more:
            page = self._api.call("GET", f"/fulfilments?limit=200&cursor={self._cursor}")
            for fulfilment in page["items"]:
                number = int(fulfilment["id"])
                if fulfilment["state"] == "handed_over" and number not in self._left:
                    if len(self._left) % COMES_BACK == 0 and len(self._left) < COMES_BACK * MOST:
                        self.waiting[number] = fulfilment
                    self._left.add(number)
            self._cursor, more = page["cursor"], page["more"]

    def _return(self, number: int) -> None:
        """Once it is delivered its customer asks for a pickup, of all of it or of one unit."""
        statuses = {parcel["status"] for parcel in self._api.call("GET", f"/fulfilments/{number}")["parcels"]}
        if statuses & NOT_DELIVERED:
            del self.waiting[number]
        elif statuses == {"delivered"}:
            self._api.call("POST", "/returns", _asked(self.waiting[number], whole=self._asked % 2 == 0))
            self._asked += 1
            del self.waiting[number]

    def _receive_all(self) -> None:
        for arrived in self._api.call("GET", "/returns?state=delivered&limit=500")["items"]:
            self._api.do(partial(self._receive, arrived))

    def _receive(self, arrived: dict[str, Any]) -> None:
        """What stands at the warehouse's door is taken in and checked."""
        bad = arrived["kind"] == "customer_return" and int(arrived["id"]) % FAILS == 0
        verdicts = [
            _failed(unit["item_code"]) if bad else {"item_code": unit["item_code"], "passed": True}
            for unit in arrived["items"]
            if unit["state"] == "expected"
        ]
        self._api.call("POST", f"/returns/{arrived['id']}/receive", {"items": verdicts})
        if bad:
            self.failed += len(verdicts)
        else:
            self.passed += len(verdicts)


def _asked(fulfilment: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    """A return as a shop's own system asks for it; the same again is answered the same."""
    units = [
        {"item_code": f"{line['item_id']}-{unit}", "item_id": line["item_id"]}
        for line in fulfilment["lines"]
        for unit in range(1, int(float(line["shipped"])) + 1)
    ]
    return {
        "instance": fulfilment["instance"],
        "order_entity_id": fulfilment["order_entity_id"],
        "return_order_code": f"demo-{fulfilment['id']}",
        "kind": "customer_return",
        "reason": "It does not fit",
        "items": units if whole else units[:1],
        "brought": {"book_pickup": True},
    }


def _failed(item_code: str) -> dict[str, Any]:
    return {
        "item_code": item_code,
        "passed": False,
        "reason": "DAMAGED",
        "images": [f"https://pictures.example/{item_code}.jpg"],
    }
