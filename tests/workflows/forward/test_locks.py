"""Who changes several things of an order locks the order first, so that nobody waits for each other in a circle."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import orjson
import pytest
from sqlalchemy import Connection, text
from tests.workflows.couriers.fake_aggregator import STATUSES, scan
from tests.workflows.forward.conftest import Forward, goods

from magento_oms.storage import invoices, orders, webhooks
from magento_oms.storage.database import engine
from magento_oms.workflows.couriers.webhooks import WebhookReader, work_on_all

READERS = {
    "courier:main": WebhookReader("main", lambda body: [scan(each["code"], each["awb"]) for each in body], STATUSES)
}


@contextmanager
def order_is_locked(forward: Forward, entity_id: int) -> Iterator[Connection]:
    """Somebody is at the order, as intake is that notes its cancellation."""
    with engine(forward.oms.url).begin() as connection:
        orders.lock(connection, forward.oms.order(entity_id)["id"])
        yield connection


def packed(forward: Forward) -> int:
    """An order that is packed and invoiced; its entity id."""
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA"))
    forward.route()
    [row] = forward.fulfilments(entity_id)
    forward.pack(row["id"])
    forward.push_magento()
    forward.oms.take_in(forward.store, forward.config, [entity_id])
    return entity_id


def test_a_push_that_waits_for_an_order_holds_nothing_of_it(forward: Forward) -> None:
    """It would be a deadlock: intake has the order and wants the booking that it calls off."""
    entity_id = packed(forward)
    sent = threading.Event()
    with order_is_locked(forward, entity_id) as connection:
        pushing = threading.Thread(target=forward.push_couriers)
        forward.account("main").before_call = lambda method: sent.set()
        pushing.start()
        assert sent.wait(20)
        for _ in range(200):
            waiting = connection.execute(
                text("select count(*) from pg_stat_activity where datname = current_database()"
                     " and wait_event_type = 'Lock'")
            ).scalar_one()  # fmt: skip
            if waiting:
                break
            pushing.join(0.05)
        assert waiting
        connection.execute(text("select 1 from courier_booking for update nowait"))
        connection.execute(text("select 1 from effect for update nowait"))
    pushing.join(30)
    assert forward.effects_of("book_parcel") == ["done"]


def test_a_webhook_of_an_order_that_somebody_is_at_comes_next_time(forward: Forward) -> None:
    entity_id = packed(forward)
    forward.push_couriers()
    [booking] = forward.oms.rows("select awb from courier_booking")
    with engine(forward.oms.url).begin() as connection:
        webhooks.store(connection, [("courier:main", orjson.dumps([{"code": "picked_up", "awb": booking["awb"]}]))])

    with order_is_locked(forward, entity_id):
        assert work_on_all(forward.oms.url, READERS) == 0
    assert work_on_all(forward.oms.url, READERS) == 1
    assert forward.oms.rows("select status from courier_booking") == [{"status": "picked_up"}]


def test_pages_that_credit_invoices_of_two_sellers_do_not_wait_in_a_circle(
    forward: Forward, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One page cancels an order of Pune before one of Hoskote, another page the other way round, at the same time."""
    forward.stock("pune", KURTA=9)
    forward.stock("hoskote", SAREE=9)
    ids = [forward.place(goods(sku)) for sku in ("KURTA", "SAREE", "SAREE", "KURTA")]
    forward.route()
    for row in forward.fulfilments():
        forward.pack(row["id"])
    for entity_id in ids:
        forward.store.cancel_in_admin(entity_id)
    next_serial = invoices.next_serial
    both = threading.Barrier(2)

    def slowly(connection: Connection, *which: str) -> int:
        serial = next_serial(connection, *which)
        with suppress(threading.BrokenBarrierError):
            both.wait(1)  # the other one has its first series, or waits for ours
        return serial

    monkeypatch.setattr(invoices, "next_serial", slowly)
    troubles: list[str] = []

    def intake(*entity_ids: int) -> None:
        try:
            forward.oms.take_in(forward.store, forward.config, entity_ids)
        except Exception as error:
            troubles.append(str(error))

    runs = [threading.Thread(target=intake, args=ids[:2]), threading.Thread(target=intake, args=ids[2:])]
    for run in runs:
        run.start()
    for run in runs:
        run.join(30)
    assert troubles == []
    series = forward.oms.rows("select seller, last from invoice_series where document_type = 'credit_note' order by 1")
    assert series == [
        {"seller": "27AAPFU0939F1ZV", "last": 2}, {"seller": "29AAPFU0939F1ZR", "last": 2}
    ]  # fmt: skip
