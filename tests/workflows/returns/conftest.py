"""Orders that have left the warehouse, some of which comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.workflows.fakes import FakeMagento
from tests.workflows.forward.conftest import Forward, forward_config, goods
from tests.workflows.oms import TARGET, Oms
from tests.workflows.payloads import Row

from magento_oms.domain.returns import ReturnKind, ReturnSource
from magento_oms.ports import CourierEvent, Meaning, ParcelStatus
from magento_oms.storage import instances, parcels, return_search, returns, scans
from magento_oms.storage.database import engine
from magento_oms.storage.return_search import Wanted
from magento_oms.storage.returns import StoredReturn
from magento_oms.storage.scans import Reading
from magento_oms.workflows.couriers.fetch_tracking import FetchTracking
from magento_oms.workflows.couriers.ndr import TellNdrAction
from magento_oms.workflows.couriers.outcomes import follow_up
from magento_oms.workflows.fulfilling.cancel_order import CancelOrder
from magento_oms.workflows.push import PushSummary, push
from magento_oms.workflows.returns.cancel import cancel
from magento_oms.workflows.returns.judged import settle
from magento_oms.workflows.returns.notices import AcknowledgeReturn, NotifyStoreOfReturn, TellMagentoOfReturn
from magento_oms.workflows.returns.place import AskedReturn, AskedUnit, Placed, place
from magento_oms.workflows.returns.receive import Received, Verdict, receive
from magento_oms.workflows.returns.refund import CreateCreditMemo
from magento_oms.workflows.returns.tracking import Brought

D = Decimal
BY_COURIER = Brought(awb="RET1", courier="Delhivery")


@dataclass
class Returns(Forward):
    """The life of orders with what comes back of them."""

    clock: datetime = field(default=datetime(2026, 11, 21, 6, 0, tzinfo=UTC))

    def shipped(self, *skus: str, quantity: int = 1, **more: Any) -> int:
        """An order that left the warehouse; its entity id."""
        self.stock("pune", **{sku.replace("-", "_"): 50 for sku in skus})
        entity_id = self.place(goods(*skus, quantity=quantity), **more)
        self.route()
        for row in self.fulfilments(entity_id):
            self.pack(row["id"])
        self.push_all()
        for row in self.fulfilments(entity_id):
            self.hand_over(row["id"])
        self.push_all()
        return entity_id

    def asked(self, code: str = "R1", *codes: str, item_id: int = 10, **more: Any) -> AskedReturn:
        """A return of one unit of a line for each code (`U1` if none is named)."""
        units = more.pop("units", None) or tuple(AskedUnit(name, item_id) for name in codes or ("U1",))
        return AskedReturn(code, more.pop("kind", ReturnKind.CUSTOMER_RETURN), units, **{"brought": BY_COURIER} | more)

    def give_back(self, entity_id: int, asked: AskedReturn) -> Placed:
        """Place a return."""
        with engine(self.oms.url).begin() as connection:
            order_id = int(self.oms.order(entity_id)["id"])
            return place(connection, self.config, order_id, asked, source=ReturnSource.API, by="test")

    def take_in(self, return_id: int, *verdicts: Verdict) -> Received:
        """What a warehouse says."""
        with engine(self.oms.url).begin() as connection:
            taken = receive(connection, return_id, verdicts, by="test")
            settle(connection, self.config, return_id)
            return taken

    def call_off(self, return_id: int, codes: Sequence[str] | None = None) -> StoredReturn:
        """Cancel a return, or units of it."""
        with engine(self.oms.url).begin() as connection:
            cancelled = cancel(connection, return_id, codes, "not needed", by="test")
            settle(connection, self.config, return_id)
            return cancelled

    def get(self, return_id: int) -> StoredReturn:
        """One return."""
        with engine(self.oms.url).connect() as connection:
            return returns.known(connection, return_id)

    def units(self, return_id: int) -> dict[str, str]:
        """Item code → state."""
        with engine(self.oms.url).connect() as connection:
            return {unit.item_code: str(unit.state) for unit in returns.units(connection, [return_id])[return_id]}

    def found(self, told: str) -> list[int]:
        """Ids of the returns that something leads to."""
        with engine(self.oms.url).connect() as connection:
            return [stored.id for stored in return_search.search(connection, Wanted(text=told), 10)]

    def on_shelf(self, sku: str, location: str = "pune") -> int:
        """Units in stock."""
        [row] = self.oms.rows("select quantity from stock where sku = :s and location = :l", s=sku, l=location)
        return int(row["quantity"])

    def parcel_of(self, entity_id: int, direction: str = "forward") -> Row:
        """The newest parcel of an order, with its newest booking."""
        return self.oms.rows(
            "select p.*, b.id as booking, b.awb, b.status, b.account, b.given_up, b.reference from parcel p"
            " join courier_booking b on b.parcel_id = p.id join sales_order o on o.id = p.order_id"
            " where o.entity_id = :e and p.direction = :d order by p.id desc, b.generation desc",
            e=entity_id,
            d=direction,
        )[0]

    def scan(self, booking: int, *statuses: ParcelStatus, read_back: bool = True) -> None:
        """Scans of a parcel, one after another."""
        for status in statuses:
            self.clock += timedelta(minutes=1)
            event = CourierEvent(code=str(status), label=str(status), occurred_at=self.clock)
            with engine(self.oms.url).begin() as connection:
                reading = Reading(event, Meaning(status))
                follow_up(connection, scans.apply(connection, booking, [reading], read_back=read_back))

    def kinds_of(self, target: str) -> tuple[Any, ...]:
        """The forward life's, and those of returns."""
        if target == TARGET:
            return (TellMagentoOfReturn(self.config), CreateCreditMemo(), CancelOrder(self.config))
        if target.startswith("notify:"):
            return (NotifyStoreOfReturn(self.config), AcknowledgeReturn(self.config))
        return (FetchTracking(), TellNdrAction())

    def _push(self, target: str, world: object, kinds: Sequence[Any]) -> PushSummary:
        known = {kind.name: kind for kind in (*kinds, *self.kinds_of(target))}
        while True:
            summary = push(self.oms.url, target, world, known, holder="test", settle_delay=timedelta(0))
            if not (summary.done or summary.found or summary.already):
                return summary

    def booking(self, booking_id: int) -> parcels.StoredBooking:
        """One booking."""
        with engine(self.oms.url).connect() as connection:
            return parcels.get(connection, booking_id)


@pytest.fixture
def life_of(oms: Oms, store: FakeMagento) -> Callable[..., Returns]:
    """Makes a life of a store with such rules."""

    def make(**more: Any) -> Returns:
        config = forward_config(**more)
        with engine(oms.url).begin() as connection:
            instances.configure(connection, config)
        return Returns(oms, store, config)

    return make


@pytest.fixture
def life(life_of: Callable[..., Returns]) -> Returns:
    """A life by the usual rules."""
    return life_of()
