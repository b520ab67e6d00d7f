"""The outside as the sandbox plays it, over HTTP, reached by the real hooks."""

from __future__ import annotations

import copy
import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

import psycopg
from tests.contract.vendors import FACTS
from tests.lives.ledgers import SandboxLedger
from tests.lives.scene import LOCATIONS, Account
from tests.workflows.fakes import instance_config, store_config
from tests.workflows.forward.conftest import HOSKOTE, PUNE

from aggregator_hooks.client import Lent
from aggregator_hooks.connection import AccountConnection
from aggregator_hooks.registry import VENDORS
from careful_http.client import Patience
from careful_http.endpoint import Timeouts
from careful_http.memory import MemoryBreaker, MemoryBudget, MemoryTokenStore
from commerce_sandbox.client import ADMIN_PASSWORD, ADMIN_USER, SandboxClient, SandboxError
from commerce_sandbox.couriers.client import CourierClient
from commerce_sandbox.couriers.vendors import VENDORS as STAND_INS
from magento_hook.connection import AuthKind, MagentoConnection
from magento_hook.store import MagentoStore, open_magento
from magento_oms.config.models import InstanceConfig
from magento_oms.workflows.couriers import plans
from magento_oms.workflows.couriers.webhooks import Readers, WebhookReader

D = Decimal
TIMES = Timeouts(connect=2, read=5, total=10)
HURRY = Patience(tries=2, first=0.005, longest=0.01, total=1)
PLACED_AT = "2026-01-05 10:00:00"

ORDERS: Mapping[str, Mapping[str, Any]] = {
    "cod": {"payment": "cod", "shape": "simple"},
    "captured": {"payment": "prepaid", "shape": "simple"},
    "paid late": {"payment": "late_paid", "shape": "simple"},
    "several lines": {"payment": "cod", "shape": "simple", "lines": 3},
    "odd": {"payment": "cod", "shape": "odd"},
    "configurable": {"payment": "cod", "shape": "configurable", "lines": 2},
    "bundle": {"payment": "cod", "shape": "bundle", "lines": 1},
    "captured bundle": {"payment": "prepaid", "shape": "bundle", "lines": 1},
    "with virtual": {"payment": "cod", "shape": "virtual"},
    "virtual only": {"payment": "prepaid", "shape": "virtual_only"},
    "coupon": {"payment": "cod", "shape": "simple", "lines": 2, "coupon": True},
    "store credit": {"payment": "cod", "shape": "simple", "lines": 2},
}
"""Kinds of orders: how the sandbox generates them."""

TROUBLES: Mapping[str, Mapping[str, Any]] = {
    "500 before": {"kind": "error_before", "status": 500},
    "503 before": {"kind": "error_before", "status": 503},
    "500 after": {"kind": "error_after", "status": 500},
    "502 after": {"kind": "error_after", "status": 502},
    "504 after": {"kind": "error_after", "status": 504},
    "429": {"kind": "too_many_requests", "retry_after": 1},
    "reset before": {"kind": "reset"},
    "reset after commit": {"kind": "reset_after"},
    "silence after commit": {"kind": "timeout_after", "seconds": 0.02},
    "maintenance": {"kind": "maintenance"},
    "token expired": {"kind": "expired_token"},
}
"""What the nemesis does to calls. `silence`: everything is done, no answer comes, and the connection closes."""


def _with_postcode(order: Mapping[str, Any], postcode: str) -> dict[str, Any]:
    changed: dict[str, Any] = copy.deepcopy({name: order[name] for name in ("billing_address", "extension_attributes")})
    changed["billing_address"]["postcode"] = postcode
    for assignment in changed["extension_attributes"].get("shipping_assignments") or ():
        if address := (assignment.get("shipping") or {}).get("address"):
            address["postcode"] = postcode
    return changed


class Hurried(MemoryBudget):
    """Keeps no pause: a test has no minute to wait."""

    def slow_down(self, seconds: float) -> None:
        """Go on."""


class HttpOutside:
    """See the module. A new store and new accounts for every life.

    Args:
        url: of the running sandbox.
        database: of the sandbox, for its ledger.
        vendors: aggregators of the accounts, in the store's order.
        journeys: shares of the ways that their parcels go; none: all are delivered.
    """

    def __init__(self, url: str, database: str, vendors: Sequence[str], journeys: Mapping[str, int]) -> None:
        tag = secrets.token_hex(4)
        self._sandbox = SandboxClient(url, f"s{tag}")
        self._sandbox.set_up()
        self._stand_ins = {f"{vendor}_{tag}": CourierClient(url, f"{vendor}_{tag}") for vendor in vendors}
        self._vendors = dict(zip(self._stand_ins, vendors, strict=True))
        self._breakers = {"magento:loom": MemoryBreaker("magento:loom")}
        self._due: dict[int, Decimal] = {}
        self._journeys = journeys
        self._store = self._open_store()
        self._accounts = {code: self._open_account(code) for code in self._stand_ins}
        self._database = psycopg.connect(database.replace("postgresql+psycopg://", "postgresql://"), autocommit=True)
        self.ledger = SandboxLedger(database, self._sandbox.instance, self._vendors)

    def close(self) -> None:
        """Close all connections."""
        self.calm()
        self._store.close()
        for account in self._accounts.values():
            account.aggregator.close()
        self._database.close()
        self.ledger.close()

    def config(self, **more: Any) -> InstanceConfig:
        """A store with two warehouses that ships with these accounts."""
        accounts = [
            {
                "aggregator": vendor,
                "account": code,
                "connection_id": code,
                "pickup_locations": dict.fromkeys(LOCATIONS, FACTS[vendor].location) if FACTS[vendor].location else {},
                "couriers": [
                    {"code": each.code, "account": each.account, "service": each.service}
                    for each in dict.fromkeys(FACTS[vendor].couriers)
                ],
                "return_couriers": [
                    {"code": each.code, "account": each.account, "service": each.service}
                    for each in FACTS[vendor].couriers[1:]
                ],
            }
            for code, vendor in self._vendors.items()
        ]
        store = {
            "live_from": "2020-01-01T00:00:00Z",
            "locations": [{name: value for name, value in PUNE.items() if name != "msi_source"}, HOSKOTE],
            "aggregators": accounts,
            "invoice": {"prefix": "LM", "gst_percent": 5, "eway_bill_above": None},
            "notification_url": "https://loom.example.in/events",
        }
        return instance_config(store_config(**store | more), url=self._sandbox.store_url)

    @property
    def store(self) -> MagentoStore:
        return self._store

    @property
    def accounts(self) -> Mapping[str, Account]:
        return self._accounts

    # The store ----------------------------------------------------------------------------------------------------

    def place(self, kind: str, seed: int) -> int:
        [placed] = self._sandbox.place_orders(1, store_id=1, created_at=PLACED_AT, seed=seed, **ORDERS[kind])
        order = self._sandbox.order(placed.entity_id)["order"]
        if not re.fullmatch(r"[1-9]\d{5}", order["billing_address"]["postcode"]):
            # Shoppers type odd ones, which no courier takes: that is for a person, and another test.
            order = self._sandbox.change_order(placed.entity_id, "set", **_with_postcode(order, "422001"))
        if kind == "store credit" and not order["extension_attributes"].get("amstorecredit_amount"):
            total = D(str(order["grand_total"]))
            credit = (total / 3).quantize(D("0.01"))
            order = self._sandbox.change_order(
                placed.entity_id,
                "set",
                grand_total=float(total - credit),
                total_due=float(total - credit),
                extension_attributes=order["extension_attributes"] | {"amstorecredit_amount": float(credit)},
            )
        cod = ORDERS[kind]["payment"] == "cod"
        self._due[placed.entity_id] = D(str(order["total_due"])) if cod else D(0)
        return placed.entity_id

    def due(self, entity_id: int) -> Decimal:
        return self._due[entity_id]

    def by_hand(self, entity_id: int, change: str) -> None:
        if change == "pay" and self._sandbox.order(entity_id)["order"]["state"] != "pending_payment":
            return  # who invoices in the admin what was not paid is another story
        try:
            self._sandbox.change_order(entity_id, change)
        except SandboxError:
            return  # the order's state does not allow it

    def edit(self, entity_id: int) -> int | None:
        try:
            successor = self._sandbox.change_order(entity_id, "edit")
        except SandboxError:
            return None
        new_id = int(successor["entity_id"])
        self._due[new_id] = D(str(successor["total_due"])) if self._due[entity_id] else D(0)
        return new_id

    def refund(self, entity_id: int, number: int | None) -> None:
        body: dict[str, Any] = {"arguments": {"shipping_amount": 0}}
        if number is not None:
            left = [
                row
                for row in self._sandbox.order(entity_id)["order"]["items"]
                if not row.get("parent_item_id") and row.get("qty_invoiced", 0) > row.get("qty_refunded", 0)
            ]
            if not left:
                return
            body["items"] = [{"order_item_id": left[number % len(left)]["item_id"], "qty": 1}]
        with suppress(SandboxError):  # its state, or the item, does not allow it
            self._sandbox.change_order(entity_id, "refund", **body)

    # The nemesis --------------------------------------------------------------------------------------------------

    def go_wrong(self, where: str, kind: str, times: int, what: str) -> None:
        account = where.removeprefix("courier:")
        target: SandboxClient | CourierClient = self._stand_ins.get(account, self._sandbox)
        trouble = dict(TROUBLES[kind])
        target.add_fault(trouble.pop("kind"), times=times, method={"writes": "POST|PUT", "all": ""}[what], **trouble)

    def refuse(self, account: str, number: int) -> None:
        ways = FACTS[self._vendors[account]].refusals
        switches, _ = ways[sorted(ways)[number % len(ways)]]
        served = {"unserved_pincodes": self._pincodes()} if "unserved_pincodes" in switches else {}
        self._stand_ins[account].switch(**switches | served)

    def accept(self, account: str) -> None:
        [stand_in] = [each for each in STAND_INS if each.name == self._vendors[account]]
        self._stand_ins[account].switch(**stand_in.switches)

    def _pincodes(self) -> list[str]:
        rows = self._database.execute(
            "select distinct document::jsonb -> 'billing_address' ->> 'postcode' from sandbox_document"
            " where instance = %s and kind = 'order'",
            (self._sandbox.instance,),
        )
        return [str(row[0]) for row in rows]

    def calm(self) -> None:
        self._sandbox.clear_faults()
        for code, stand_in in self._stand_ins.items():
            stand_in.clear_faults()
            self.accept(code)

    def time_passes(self) -> None:
        for breaker in self._breakers.values():
            breaker.succeeded()

    # Couriers -----------------------------------------------------------------------------------------------------

    def travel(self, account: str, steps: int) -> None:
        self._stand_ins[account].advance(steps)

    def move_on(self, account: str, reference: str, steps: int) -> None:
        self._stand_ins[account].advance(steps, reference=reference)

    def told(self) -> list[tuple[str, bytes]]:
        rows = self._database.execute(
            "select account, body from courier_delivery where account = any(%s) order by id", (list(self._stand_ins),)
        )
        return [(plans.target(row[0]), row[1].encode()) for row in rows]

    def readers(self) -> Readers:
        return {
            plans.target(code): WebhookReader(code, VENDORS[vendor].read_webhook, VENDORS[vendor].statuses)
            for code, vendor in self._vendors.items()
        }

    # ----------------------------------------------------------------------------------------------------------------

    def _open_store(self) -> MagentoStore:
        connection = MagentoConnection(
            base_url=self._sandbox.store_url,
            auth=AuthKind.ADMIN_TOKEN,
            username=ADMIN_USER,
            password=ADMIN_PASSWORD,
            timeouts=TIMES,
        )
        return open_magento(
            connection,
            instance="loom",
            tokens=MemoryTokenStore(),
            breaker=self._breakers["magento:loom"],
            budget=Hurried("magento:loom"),
            patience=HURRY,
        )

    def _open_account(self, code: str) -> Account:
        vendor, facts = VENDORS[self._vendors[code]], FACTS[self._vendors[code]]
        self._stand_ins[code].set_up(
            vendor=vendor.name,
            # Webhooks are queued and never sent: the machine hands them over, in any order.
            webhook={"url": "http://127.0.0.1:9/"},
            emitter={"shuffle_seconds": 10_000_000},
            journeys=dict(self._journeys),
        )
        login, secret = facts.credentials
        connection = AccountConnection(vendor.title, self._stand_ins[code].url, login, secret, {}, timeouts=TIMES)
        self._breakers[code] = MemoryBreaker(code)
        lent = Lent(MemoryTokenStore(), self._breakers[code], Hurried(code), HURRY)
        return Account(code, vendor.open(connection, code, lent), vendor.statuses)
