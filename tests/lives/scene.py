"""One OMS with everything around it, and all that can happen to an order on its way out, one method each.

What is outside (`Outside`) is the sandbox over HTTP (`http_scene.py`).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Protocol

from tests.lives.ledgers import Ledger
from tests.workflows.forward.conftest import HOSKOTE, MORNING, PUNE, FakeStoreUrl
from tests.workflows.oms import TARGET, Oms

from magento_oms.config.models import InstanceConfig
from magento_oms.orchestration.wiring import magento_kinds, notice_kinds
from magento_oms.ports import Aggregator, Magento, OrderPage, StatusReader
from magento_oms.storage import holds, instances, webhooks
from magento_oms.storage.database import engine
from magento_oms.workflows import quarantine_care
from magento_oms.workflows.cancelling.seller import ask_to_cancel
from magento_oms.workflows.couriers import plans
from magento_oms.workflows.couriers.assign_awb import AssignAwb
from magento_oms.workflows.couriers.book_parcel import BookParcel
from magento_oms.workflows.couriers.cancel_booking import CancelBooking
from magento_oms.workflows.couriers.confirm_status import ConfirmStatus
from magento_oms.workflows.couriers.fetch_label import FetchLabel
from magento_oms.workflows.couriers.fetch_tracking import FetchTracking
from magento_oms.workflows.couriers.ndr import TellNdrAction
from magento_oms.workflows.couriers.schedule_pickup import SchedulePickup
from magento_oms.workflows.couriers.send_manifest import SendManifest
from magento_oms.workflows.couriers.tracking import poll
from magento_oms.workflows.couriers.webhooks import Readers, work_on_all
from magento_oms.workflows.intake import take_in
from magento_oms.workflows.order_check import OrderCheck
from magento_oms.workflows.order_pull import pull_live, pull_one, pull_pending
from magento_oms.workflows.push import push
from magento_oms.workflows.routing.route_orders import route_due
from magento_oms.workflows.warehouse.hand_over import hand_over
from magento_oms.workflows.warehouse.manifests import create_manifests, hand_over_manifest
from magento_oms.workflows.warehouse.pack import Box, pack
from magento_oms.workflows.warehouse.send_back import reject
from magento_oms.workflows.warehouse.take_stock import take_stock

D = Decimal
LOCATIONS = (str(PUNE["code"]), str(HOSKOTE["code"]))
NOTICES = "notify:loom"


@dataclass
class Account:
    """A courier account: its hook, its table of statuses."""

    code: str
    aggregator: Aggregator
    statuses: StatusReader


class Outside(Protocol):
    """The store and the couriers, as the hand that sets the stage moves them."""

    @property
    def ledger(self) -> Ledger:
        """What both sides did."""
        ...

    @property
    def store(self) -> Magento:
        """The store's hook."""
        ...

    @property
    def accounts(self) -> Mapping[str, Account]:
        """Courier accounts, in the store's order."""
        ...

    def place(self, kind: str, seed: int) -> int:
        """A buyer places an order; its id."""
        ...

    def due(self, entity_id: int) -> Decimal:
        """What is to be collected at the door, as the order was placed."""
        ...

    def by_hand(self, entity_id: int, change: str) -> None:
        """Somebody changes an order in the store, as far as its state allows."""
        ...

    def edit(self, entity_id: int) -> int | None:
        """An order is edited in the admin; the one that takes its place, if its state allows it."""
        ...

    def refund(self, entity_id: int, number: int | None) -> None:
        """An offline credit memo is made in the admin: of one unit of the line so chosen, or of all that is left."""
        ...

    def move_on(self, account: str, reference: str, steps: int) -> None:
        """One parcel moves."""
        ...

    def go_wrong(self, where: str, kind: str, times: int, what: str) -> None:
        """The next calls of a target go wrong."""
        ...

    def refuse(self, account: str, number: int) -> None:
        """An account refuses parcels from now on, in one of its ways."""
        ...

    def accept(self, account: str) -> None:
        """It takes them again."""
        ...

    def travel(self, account: str, steps: int) -> None:
        """Parcels of an account move."""
        ...

    def told(self) -> list[tuple[str, bytes]]:
        """Every webhook so far: target and body."""
        ...

    def readers(self) -> Readers:
        """How they are read."""
        ...

    def calm(self) -> None:
        """Nothing goes wrong any more."""
        ...

    def time_passes(self) -> None:
        """Circuits close, pauses are over."""
        ...


@dataclass
class Scene:
    """See the module."""

    oms: Oms
    config: InstanceConfig
    outside: Outside
    url: FakeStoreUrl = field(default_factory=FakeStoreUrl)
    pages: list[OrderPage] = field(default_factory=list)
    worked_on: int = 0

    def __post_init__(self) -> None:
        with engine(self.oms.url).begin() as connection:
            instances.configure(connection, self.config)

    # The store's news ---------------------------------------------------------------------------------------------

    def pull(self, how: str, entity_id: int | None) -> None:
        """Read orders: `live`, `pending`, or `one`."""
        if how == "live":
            pull_live(self.oms.url, self.outside.store, self.config, holder="test", sleep=lambda _: None)
        elif how == "pending":
            pull_pending(self.oms.url, self.outside.store, self.config)
        elif entity_id is not None:
            pull_one(self.oms.url, self.outside.store, self.config, entity_id)

    def read_a_page(self, entity_id: int) -> None:
        """A page is read now, and taken in later."""
        self.pages.append(self.outside.store.page_of(entity_id))

    def take_in_a_page(self, number: int) -> None:
        """One that was read before: older news, or a repeat."""
        take_in(self.oms.url, self.config, self.pages[number])

    # The warehouse ------------------------------------------------------------------------------------------------

    def stock(self, location: str, units: Mapping[str, Decimal]) -> None:
        """What a location has."""
        take_stock(self.oms.url, location, units)

    def route(self) -> None:
        """Find locations for what is due."""
        route_due(self.oms.url, {self.config.code: self.config}, holder="test")

    def reject(self, fulfilment_id: int, units: Mapping[int, Decimal] | None) -> None:
        """A location sends back."""
        with engine(self.oms.url).begin() as connection:
            reject(connection, fulfilment_id, units, "broken", "test")

    def pack(self, fulfilment_id: int, boxes: int, seed: int = 0) -> None:
        """Pack a fulfilment into so many boxes, as far as there are units; the same seed packs the same."""
        with engine(self.oms.url).begin() as connection:
            pack(
                connection,
                self.config,
                fulfilment_id,
                f"S{fulfilment_id}",
                self._boxes(fulfilment_id, boxes, seed),
                by="test",
                now=MORNING,
            )

    def _boxes(self, fulfilment_id: int, count: int, seed: int) -> Sequence[Box]:
        units = [
            row["item_id"]
            for row in self.oms.rows(
                "select item_id, quantity from fulfilment_line where fulfilment_id = :id and quantity > 0"
                " order by item_id",
                id=fulfilment_id,
            )
            for _ in range(int(row["quantity"]))
        ]
        random.Random(seed).shuffle(units)
        parts = [units[number::count] for number in range(min(count, len(units)))]
        return [Box({item: D(part.count(item)) for item in sorted(set(part))}) for part in parts]

    def hand_over(self, fulfilment_id: int, *, check: bool) -> None:
        """The courier takes it."""
        known = {self.config.code: self.config}
        hand_over(self.oms.url, known, fulfilment_id, by="test", check=self._check() if check else None)

    def manifest(self, location: str) -> None:
        """List what is ready."""
        create_manifests(self.oms.url, location, now=MORNING)

    def hand_over_manifest(self, manifest_id: int) -> None:
        """The courier takes all that is listed."""
        known = {self.config.code: self.config}
        hand_over_manifest(self.oms.url, known, manifest_id, by="test", check=self._check())

    def seller_cancels(self, order_id: int) -> None:
        """The seller will not ship it."""
        with engine(self.oms.url).begin() as connection:
            ask_to_cancel(connection, self.config, order_id, "out of stock", by="test")

    # Pushes -------------------------------------------------------------------------------------------------------

    @property
    def targets(self) -> list[str]:
        """All that effects go to."""
        return [TARGET, NOTICES, *(plans.target(code) for code in self.outside.accounts)]

    def push(self, target: str, *, at_once: int = 4) -> None:
        """Carry out what is due at a target."""
        known = {self.config.code: self.config}
        world: object
        if target == TARGET:
            world, kinds = self.outside.store, magento_kinds(self.config)
        elif target == NOTICES:
            world, kinds = self.url, notice_kinds(self.config)
        else:
            account = self.outside.accounts[target.removeprefix("courier:")]
            check = self._check()
            world = account.aggregator
            listed = (
                BookParcel(known, check), AssignAwb(known, check), FetchLabel(known),
                SchedulePickup(known, lambda: MORNING), CancelBooking(), ConfirmStatus(account.statuses),
                SendManifest(), FetchTracking(), TellNdrAction(),
            )  # fmt: skip
            kinds = {kind.name: kind for kind in listed}
        push(
            self.oms.url,
            target,
            world,
            kinds,
            holder="test",
            settle_delay=timedelta(seconds=90),
            at_once=at_once,
        )

    def _check(self) -> OrderCheck:
        return OrderCheck(self.oms.url, {self.config.code: self.config}, lambda config: self.outside.store)

    # Couriers -----------------------------------------------------------------------------------------------------

    def poll(self, account: str) -> None:
        """Read the tracking of live parcels."""
        self.oms.run("update courier_booking set track_at = now() where track_at is not null")
        known = self.outside.accounts[account]
        poll(self.oms.url, account, known.aggregator, known.statuses, holder="test")

    def hear(self, order: Iterable[tuple[str, bytes]]) -> None:
        """Webhooks come, in this order; they are worked on."""
        with engine(self.oms.url).begin() as connection:
            webhooks.store(connection, list(order))
        work_on_all(self.oms.url, self.outside.readers())

    # People and time ----------------------------------------------------------------------------------------------

    def hold(self, target: str, *, on: bool) -> None:
        """The hold switch."""
        with engine(self.oms.url).begin() as connection:
            if on:
                holds.hold(connection, target, "stop", "a person")
            else:
                holds.release(connection, target)

    def retry_failed(self) -> None:
        """A person sends on all that was refused."""
        url, known = self.oms.url, {self.config.code: self.config}
        for row in self.oms.rows("select id from quarantine where resolved_at is null and effect_id is not null"):
            quarantine_care.retry(url, quarantine_care.open_entry(url, row["id"]), known.__getitem__)

    def time_passes(self) -> None:
        """Leases and claims of the dead run out; what waits for a later time is due."""
        self.oms.run("update lease set expires_at = now() - interval '1 second'")
        self.oms.kill_workers()
        self.oms.let_effects_fall_due()
        self.oms.run("update sales_order set route_at = now() where route_at > now()")
        self.outside.time_passes()
