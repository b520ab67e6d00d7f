"""Orders in the database: what is written comes back, and later changes keep what must stay."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError, IntegrityError

sys.path.insert(0, str(Path(__file__).parents[2]))  # the tests' own modules are imported as `tests.…`

from tests.workflows.fakes import NOW, instance_config, store_config
from tests.workflows.payloads import Row, item, order, over_the_wire

from magento_oms.domain.intake import OrderChange, Payload, StoredOrder
from magento_oms.domain.quantities import Quantities
from magento_oms.domain.states import OrderState
from magento_oms.mapping.magento_orders import magento_order
from magento_oms.storage import instances, orders
from magento_oms.storage.database import copy_into, engine
from magento_oms.workflows.intake_rules import decide

CONFIG = instance_config()


def change(payload: Row, stored: StoredOrder | None = None, read_at: datetime = NOW) -> OrderChange:
    parsed, raw = over_the_wire(payload)
    found = decide(magento_order(parsed), Payload(payload["entity_id"], raw, raw[:16], read_at), stored, CONFIG)
    assert found is not None
    return found


@pytest.fixture
def url(oms_database: str) -> str:
    with engine(oms_database).begin() as connection:
        assert instances.configure(connection, CONFIG)
        assert not instances.configure(connection, CONFIG)
    return oms_database


def load(url: str, entity_id: int = 1) -> StoredOrder:
    with engine(url).begin() as connection:
        return orders.load_for_update(connection, "loom", [entity_id])[entity_id]


def test_new_orders_come_back_as_they_were_written(url: str) -> None:
    payloads = [
        order(1, at=NOW, items=[item(1, "A", 2), item(2, "B", 1, qty_shipped=1)]),
        order(2, at=NOW, status="odd"),
    ]
    with engine(url).begin() as connection:
        orders.insert_new(connection, "loom", [change(payload) for payload in payloads])

    first, second = load(url, 1), load(url, 2)
    assert first.state is OrderState.ALLOCATED
    assert first.quantities[1] == Quantities(Decimal(2), allocated=Decimal(2))
    assert first.quantities[2] == Quantities(Decimal(1), Decimal(1), Decimal(1), shipped=Decimal(1))
    assert (first.magento_updated_at, first.read_at) == (NOW, NOW)
    assert (second.state, second.holds) == (OrderState.HELD, frozenset({"unknown_status"}))
    with engine(url).begin() as connection:
        known = orders.digests(connection, "loom", [1, 2, 3])
    assert known == {1: first.digest, 2: None}  # a held one is decided upon again


def test_second_writer_of_a_new_order_is_told(url: str) -> None:
    with engine(url).begin() as connection:
        orders.insert_new(connection, "loom", [change(order(1, at=NOW))])
    with pytest.raises(IntegrityError), engine(url).begin() as connection:
        orders.insert_new(connection, "loom", [change(order(1, at=NOW))])


def test_copy_raises_what_other_statements_raise(url: str) -> None:
    with (
        pytest.raises(DataError),
        engine(url).begin() as connection,
        copy_into(connection, "heartbeat", ("name", "beat_at")) as copy,
    ):
        copy.write_row(("nul \x00", NOW))


def test_update_keeps_the_buyer_and_what_magento_forgot(url: str) -> None:
    with engine(url).begin() as connection:
        orders.insert_new(connection, "loom", [change(order(1, at=NOW))])
        before = connection.execute(text("select buyer from sales_order")).scalar()
    later = NOW + timedelta(minutes=5)
    moved = order(1, at=NOW, customer_email="new@example.com") | {"updated_at": f"{later:%Y-%m-%d %H:%M:%S}"}
    moved["items"][0] |= {"qty_shipped": 2, "qty_invoiced": 2, "qty_refunded": 1}

    stored = load(url)
    with engine(url).begin() as connection:
        orders.update(connection, stored, change(moved, stored, later))

    after = load(url)
    assert after.state is OrderState.SHIPPED
    assert after.quantities[10].shipped == 2
    with engine(url).begin() as connection:
        assert connection.execute(text("select buyer from sales_order")).scalar() == before
        assert connection.execute(text("select refunded from order_line")).scalar() == 1
        assert connection.execute(text("select placed_at from sales_order")).scalar() == NOW


def test_acknowledged_once_and_the_state_follows(url: str) -> None:
    with engine(url).begin() as connection:
        orders.insert_new(connection, "loom", [change(order(1, at=NOW))])
    for _ in range(2):
        with engine(url).begin() as connection:
            orders.acknowledged(connection, load_id(url), datetime.now(UTC), "by test")
    assert load(url).acknowledged
    assert load(url).state is OrderState.ACKNOWLEDGED
    with engine(url).begin() as connection:
        kinds = connection.execute(text("select kind from order_event order by id")).scalars().all()
    assert kinds == ["received", "acknowledged"]


def load_id(url: str) -> int:
    with engine(url).begin() as connection:
        return int(connection.execute(text("select id from sales_order")).scalar_one())


def test_configuration_reaches_the_tables_when_it_changes(url: str) -> None:
    bhiwandi = {
        "code": "bhiwandi",
        "name": "Bhiwandi",
        "address": {"lines": ["Plot 7"], "city": "Bhiwandi", "state": "Maharashtra", "pincode": "421302"},
        "msi_source": "default",
    }
    changed = instance_config(store_config(mode="shadow", locations=[bhiwandi]), name="Loom & Sons")
    with engine(url).begin() as connection:
        assert instances.configure(connection, changed)
        assert connection.execute(text("select name from instance")).scalar() == "Loom & Sons"
        assert connection.execute(text("select mode from store")).scalar() == "shadow"
        assert connection.execute(text("select msi_source from store_location")).scalar() == "default"
        assert instances.acknowledgement_found(connection, "loom") is None
        instances.note_acknowledgement(connection, "loom", "entity")
        assert instances.acknowledgement_found(connection, "loom") == "entity"
