"""Orders on their way from the store to the courier, with two warehouses and two courier accounts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.workflows.couriers.fake_aggregator import STATUSES, FakeAggregator
from tests.workflows.fakes import FakeMagento, instance_config, store_config
from tests.workflows.oms import TARGET, Oms
from tests.workflows.payloads import Row, item

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import RetryableError
from magento_oms.storage import instances
from magento_oms.storage.database import engine
from magento_oms.workflows.acknowledge_order import AcknowledgeOrder
from magento_oms.workflows.cancelling.notices import NotifyStoreOfCancellation, TellMagentoOfCancellation
from magento_oms.workflows.couriers import plans
from magento_oms.workflows.couriers.assign_awb import AssignAwb
from magento_oms.workflows.couriers.book_parcel import BookParcel
from magento_oms.workflows.couriers.cancel_booking import CancelBooking
from magento_oms.workflows.couriers.confirm_status import ConfirmStatus
from magento_oms.workflows.couriers.fetch_label import FetchLabel
from magento_oms.workflows.couriers.ndr import TellNdrAction
from magento_oms.workflows.couriers.schedule_pickup import SchedulePickup
from magento_oms.workflows.couriers.send_manifest import SendManifest
from magento_oms.workflows.fulfilling.cancel_order import CancelOrder
from magento_oms.workflows.fulfilling.cancel_units import CancelUnits
from magento_oms.workflows.fulfilling.create_invoice import CreateInvoice
from magento_oms.workflows.fulfilling.create_shipment import CreateShipment
from magento_oms.workflows.fulfilling.fetch_shipment import FetchShipment
from magento_oms.workflows.fulfilling.notify_store import NotifyStore
from magento_oms.workflows.fulfilling.tell_credit_note import TellCreditNote
from magento_oms.workflows.fulfilling.tell_magento import TellMagento
from magento_oms.workflows.order_check import OrderCheck
from magento_oms.workflows.push import AT_ONCE, PushSummary, push
from magento_oms.workflows.routing.route_orders import RoutingSummary, route_due
from magento_oms.workflows.warehouse.hand_over import HandedOver, hand_over
from magento_oms.workflows.warehouse.pack import Box, Packed, pack
from magento_oms.workflows.warehouse.take_stock import StockTaken, take_stock

D = Decimal
MORNING = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
PUNE = {
    "code": "pune",
    "name": "Pune warehouse",
    "address": {"lines": ["Plot 7"], "city": "Pune", "state": "Maharashtra", "pincode": "411001"},
    "phone": "9876543210",
    "gstin": "27AAPFU0939F1ZV",
    "msi_source": "pune_src",
}
HOSKOTE = {
    "code": "hoskote",
    "name": "Hoskote warehouse",
    "address": {"lines": ["Survey 12"], "city": "Hoskote", "state": "Karnataka", "pincode": "562114"},
    "phone": "9876543211",
    "gstin": "29AAPFU0939F1ZR",
}
ACCOUNTS = [
    {"aggregator": "eshipz", "account": "main", "connection_id": "a", "pickup_locations": {"pune": "WH1"}},
    {"aggregator": "shipway", "account": "spare", "connection_id": "b", "couriers": [{"code": "7"}]},
]


def forward_config(**more: Any) -> InstanceConfig:
    """A store with two warehouses and two courier accounts."""
    store = {
        "locations": [PUNE, HOSKOTE],
        "aggregators": ACCOUNTS,
        "invoice": {"prefix": "LM", "gst_percent": 5},
    } | more
    return instance_config(store_config(**store))


@dataclass
class FakeStoreUrl:
    """A store's own server: takes an event once, by its id."""

    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    posts: list[str] = field(default_factory=list)
    failures: int = 0

    def post(self, url: str, event_id: str, body: Any, at: datetime) -> int:
        """Take an event."""
        self.posts.append(event_id)
        if self.failures:
            self.failures -= 1
            raise RetryableError("The store's server is busy.")
        self.events[event_id] = dict(body)
        return 200


@dataclass
class Forward:
    """The whole forward life, with everything outside played by fakes.

    Attributes:
        pushes: how often each push is repeated.
        at_once: effects in flight towards one system.
    """

    oms: Oms
    store: FakeMagento
    config: InstanceConfig
    accounts: dict[str, FakeAggregator] = field(default_factory=dict)
    url: FakeStoreUrl = field(default_factory=FakeStoreUrl)
    pushes: int = 8
    at_once: int = AT_ONCE

    def place(self, items: Sequence[Row] | None = None, **more: Any) -> int:
        """An order that was taken in; its entity id."""
        if items is not None:
            more["items"] = list(items)
        entity_id = self.store.place(**more)
        self.oms.take_in(self.store, self.config, [entity_id])
        return entity_id

    def stock(self, location: str, **units: int) -> StockTaken:
        """What a warehouse has; `_` in a SKU stands for `-`."""
        return take_stock(self.oms.url, location, {sku.replace("_", "-"): D(count) for sku, count in units.items()})

    def route(self) -> RoutingSummary:
        """Route what is due."""
        return route_due(self.oms.url, {self.config.code: self.config}, holder="test")

    def fulfilments(self, entity_id: int | None = None) -> list[Row]:
        """Fulfilments, with their lines as {sku: units}."""
        rows = self.oms.rows(
            "select f.*, o.entity_id from fulfilment f join sales_order o on o.id = f.order_id order by f.id"
        )
        for row in rows:
            lines = self.oms.rows(
                "select l.sku, l.item_id, f.quantity from fulfilment_line f join order_line l using (order_id, item_id)"
                " where f.fulfilment_id = :id and f.quantity > 0 order by l.item_id",
                id=row["id"],
            )
            row["lines"] = {line["sku"]: int(line["quantity"]) for line in lines}
            row["items"] = {line["item_id"]: line["quantity"] for line in lines}
        return [row for row in rows if entity_id is None or row["entity_id"] == entity_id]

    def pack(self, fulfilment_id: int, shipment_id: str = "", boxes: Sequence[Box] | None = None) -> Packed:
        """Pack a fulfilment, as one box where nothing else is said."""
        [row] = [row for row in self.fulfilments() if row["id"] == fulfilment_id]
        with engine(self.oms.url).begin() as connection:
            return pack(
                connection,
                self.config,
                fulfilment_id,
                shipment_id or f"S{fulfilment_id}",
                boxes if boxes is not None else [Box(dict(row["items"]))],
                by="test",
                now=MORNING,
            )

    def hand_over(self, fulfilment_id: int, *, check: bool = True) -> HandedOver:
        """Hand a fulfilment over."""
        known = {self.config.code: self.config}
        return hand_over(self.oms.url, known, fulfilment_id, by="test", check=self.check() if check else None)

    def check(self) -> OrderCheck:
        """Reads orders again at the store."""
        return OrderCheck(self.oms.url, {self.config.code: self.config}, lambda config: self.store)

    def push_magento(self) -> PushSummary:
        """Carry out what is due at the store."""
        kinds = (
            AcknowledgeOrder(self.config), CreateInvoice(self.config), CreateShipment(self.config),
            FetchShipment(self.config), TellMagento(self.config), TellCreditNote(self.config),
            CancelOrder(self.config), CancelUnits(self.config), TellMagentoOfCancellation(self.config),
        )  # fmt: skip
        return self._push(TARGET, self.store, kinds)

    def push_couriers(self, account: str = "main") -> PushSummary:
        """Carry out what is due at an account."""
        known = {self.config.code: self.config}
        check = self.check()
        kinds = (
            BookParcel(known, check), AssignAwb(known, check), FetchLabel(known),
            SchedulePickup(known, lambda: MORNING), CancelBooking(), ConfirmStatus(STATUSES), SendManifest(),
            TellNdrAction(),
        )  # fmt: skip
        return self._push(plans.target(account), self.account(account), kinds)

    def account(self, code: str) -> FakeAggregator:
        """An account."""
        return self.accounts.setdefault(code, FakeAggregator(code))

    def push_notices(self) -> PushSummary:
        """Send what is due to the store's URL."""
        return self._push("notify:loom", self.url, (NotifyStore(self.config), NotifyStoreOfCancellation(self.config)))

    def _push(self, target: str, world: object, kinds: Sequence[Any]) -> PushSummary:
        for _ in range(self.pushes):
            summary = push(
                self.oms.url, target, world, {kind.name: kind for kind in kinds}, holder="test",
                settle_delay=timedelta(0), at_once=self.at_once,
            )  # fmt: skip
        return summary

    def push_all(self) -> None:
        """Carry out all that is due, whoever waits for whom."""
        for _ in range(3):
            self.push_magento()
            for account in ("main", "spare"):
                self.push_couriers(account)
            self.push_notices()

    def effects_of(self, kind: str) -> list[str]:
        """States of the effects of one kind."""
        return [row["state"] for row in self.oms.effects() if row["kind"] == kind]


@pytest.fixture
def forward_of(oms: Oms, store: FakeMagento) -> Callable[..., Forward]:
    """Makes a forward life of a store with such rules."""

    def make(**more: Any) -> Forward:
        config = forward_config(**more)
        with engine(oms.url).begin() as connection:
            instances.configure(connection, config)
        return Forward(oms, store, config)

    return make


@pytest.fixture
def forward(forward_of: Callable[..., Forward]) -> Forward:
    """A forward life by the usual rules."""
    return forward_of()


def goods(*skus: str, price: float = 100, quantity: float = 1) -> list[Row]:
    """Items of an order, one each."""
    return [item(10 + number, sku, quantity, price) for number, sku in enumerate(skus)]
