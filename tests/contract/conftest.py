"""Every aggregator's hook against its stand-in, over real HTTP."""

from __future__ import annotations

import itertools
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvicorn

sys.path.insert(0, str(Path(__file__).parents[2]))  # the tests' own modules are imported as `tests.…`

from tests.contract.example_fifth.account import VENDOR as FIFTH_VENDOR
from tests.contract.example_fifth.stand_in import FifthStandIn
from tests.contract.facts import Facts
from tests.contract.vendors import FACTS

from aggregator_hooks.account import Vendor
from aggregator_hooks.client import Lent
from aggregator_hooks.connection import AccountConnection
from aggregator_hooks.registry import VENDORS
from careful_http.client import Patience
from careful_http.endpoint import Timeouts
from careful_http.memory import MemoryBreaker, MemoryBudget, MemoryTokenStore
from commerce_sandbox.app import create_app
from commerce_sandbox.couriers.client import CourierClient
from commerce_sandbox.couriers.vendors import VENDORS as STAND_INS
from magento_oms.local.postgres import PostgresServer
from magento_oms.ports import (
    Aggregator,
    Booked,
    Booking,
    Direction,
    InvoiceFacts,
    ParcelItem,
    ParcelSize,
    PostalAddress,
    UnknownOutcome,
)

D = Decimal
WAREHOUSE = PostalAddress(
    "Store Keeper", ("Plot 7, Kalyan Road",), "Pune", "Maharashtra", "411001", "9876543210", company="Pune warehouse",
    gstin="27AAPFU0939F1ZV",
)  # fmt: skip
CUSTOMER = PostalAddress(
    "Asha Rao", ("12, MG Road", "Near Post Office"), "Nashik", "Maharashtra", "422001", "+91 98000 00001",
    email="asha@example.com",
)  # fmt: skip
ITEMS = (
    ParcelItem("TEE-S", "Tee, small", 2, D(250), tax_percent=D(5), hsn="6109", image_url="https://shop.example/t.png"),
)
TODAY = date(2026, 11, 23)
_numbers = itertools.count(1)


@contextmanager
def serving(database: str) -> Iterator[str]:
    """A running sandbox over a database; its URL."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    app = create_app(database, instances=(), threads=4, stand_ins=(*STAND_INS, FifthStandIn()))
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical", access_log=False, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started and time.monotonic() < until:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=15)


@pytest.fixture(scope="session")
def courier_sandbox(postgres_server: PostgresServer) -> Iterator[str]:
    """A running sandbox for all tests; its URL."""
    name = f"couriers_{secrets.token_hex(6)}"
    with serving(postgres_server.create_database(name)) as url:
        yield url
    postgres_server.drop_database(name)


@dataclass
class Joined:
    """One account: its hook, its stand-in and its vendor."""

    hook: Aggregator
    stand_in: CourierClient
    vendor: Vendor
    facts: Facts

    def booking(self, direction: Direction = Direction.FORWARD, **more: Any) -> Booking:
        """A parcel worth 500, to be paid at the door; a reverse pickup of the same."""
        reverse = direction is Direction.REVERSE
        made = Booking(
            reference=f"{next(_numbers):09d}-P{secrets.randbelow(9000) + 1000}",
            order_number="000000123",
            ordered_at=datetime(2026, 11, 22, 20, 0, tzinfo=UTC),
            direction=direction,
            origin=CUSTOMER if reverse else WAREHOUSE,
            destination=WAREHOUSE if reverse else CUSTOMER,
            return_to=WAREHOUSE,
            items=ITEMS,
            size=ParcelSize(D(18), D(12), D("10.4"), D(350)),
            value=D(500),
            cod=D(0) if reverse else D(500),
            pickup_location=self.facts.location,
            courier=self.facts.couriers[reverse],
            invoice=None if reverse else InvoiceFacts("MB/26-27/000123", TODAY, D(500), "27AAPFU0939F1ZV"),
            return_reason="Size did not fit" if reverse else "",
        )
        return replace(made, **more)

    def book(self, booking: Booking) -> Booked:
        """The order with its AWB."""
        make = self.hook.create_return if booking.direction is Direction.REVERSE else self.hook.create_order
        booked = make(booking)
        return booked if booked.awb else self.hook.assign_awb(booking, booked)

    def book_surely(self, booking: Booking) -> Booked:
        """The order with its AWB, by as many looks as the vendor wants."""
        booked: Booked = self.surely(lambda: self.hook.create_order(booking), booking)
        for _ in range(5):
            if booked.awb:
                return booked
            booked = self.surely(
                partial(self.hook.assign_awb, booking, booked), booking, is_there=lambda found: bool(found.awb)
            )
        raise AssertionError("there is no AWB")

    def surely(self, act: Callable[[], Any], booking: Booking, *, is_there: Callable[[Booked], bool] = bool) -> Any:
        """Do something as the outbox does: a lost answer is looked up before anything is sent again."""
        for _ in range(6):
            try:
                return act()
            except UnknownOutcome:
                found = self.hook.find(booking.reference, booking.direction)
                if found is not None and is_there(found):
                    return found
            except self.retried:
                continue
        raise AssertionError("it never came through")

    @property
    def retried(self) -> tuple[type[Exception], ...]:
        """Known not to have happened: done again."""
        from magento_oms.ports import RetryableError

        return (RetryableError,)

    def real(self, kind: str, reference: str) -> int:
        """How often something really happened."""
        return self.stand_in.effects().get((kind, reference), 0)


@pytest.fixture(params=sorted(FACTS))
def vendor_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def joined(courier_sandbox: str, vendor_name: str) -> Iterator[Joined]:
    """An account of a vendor, fresh."""
    found = join(courier_sandbox, vendor_name)
    yield found
    found.hook.close()


class Hurried(MemoryBudget):
    """Keeps the pauses that a vendor asks for, but none longer than a second: a test has no minute to wait."""

    longest = 1.0

    def slow_down(self, seconds: float) -> None:
        super().slow_down(min(seconds, self.longest))


def join(sandbox: str, vendor_name: str, password: str = "", **extra: str) -> Joined:
    """Make an account at a stand-in, and the hook to it."""
    code = f"{vendor_name}_{secrets.token_hex(4)}"
    stand_in = CourierClient(sandbox, code)
    stand_in.set_up(vendor=vendor_name)
    vendor = {**VENDORS, FIFTH_VENDOR.name: FIFTH_VENDOR}[vendor_name]
    login, secret = FACTS[vendor_name].credentials
    connection = AccountConnection(
        vendor.title, stand_in.url, login, password or secret, extra, timeouts=Timeouts(connect=2, read=2, total=4)
    )
    lent = Lent(MemoryTokenStore(), MemoryBreaker(code), Hurried(code), Patience(tries=3, first=0.01, longest=0.05))
    return Joined(vendor.open(connection, code, lent), stand_in, vendor, FACTS[vendor_name])
