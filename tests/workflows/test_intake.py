"""Taking orders in: what becomes of new, changed, stale, odd, held and cancelled orders."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.workflows.fakes import LIVE_FROM, FakeMagento, instance_config, store_config
from tests.workflows.oms import Oms
from tests.workflows.payloads import item, order

from magento_oms.config.models import InstanceConfig
from magento_oms.storage.inbox import unpacked


def test_new_order_is_stored_with_its_lines_and_its_acknowledgement(
    oms: Oms, store: FakeMagento, config: InstanceConfig
) -> None:
    entity_id = store.place(items=[item(1, "SAREE", 2, 500), item(2, "GIFT", 1, 50, "virtual")], shipping_amount=60)

    counts = oms.take_in(store, config)

    assert (counts.read, counts.new) == (1, 1)
    stored = oms.order(entity_id)
    assert stored["state"] == "allocated"
    assert stored["grand_total"] == Decimal(1110)
    assert stored["payment_kind"] == "cod"
    lines = oms.rows("select sku, kind, ordered, allocated, state from order_line order by item_id")
    assert [tuple(row.values()) for row in lines] == [
        ("SAREE", "physical", Decimal(2), Decimal(2), "allocated"),
        ("GIFT", "virtual", Decimal(1), Decimal(0), "open"),
    ]
    [effect] = oms.effects()
    assert (effect["kind"], effect["state"], effect["generation"]) == ("acknowledge_order", "due", 1)
    assert oms.count("inbox") == 1


def test_repeating_a_page_changes_nothing(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    for _ in range(3):
        store.place()
    oms.take_in(store, config)
    before = (oms.business(), oms.count("inbox"), oms.count("order_event"), oms.count("effect"))

    counts = oms.take_in(store, config)

    assert (counts.read, counts.unchanged, counts.new, counts.changed) == (3, 3, 0, 0)
    assert (oms.business(), oms.count("inbox"), oms.count("order_event"), oms.count("effect")) == before


def test_two_that_take_in_the_same_page_store_one_order_each(
    oms: Oms, store: FakeMagento, config: InstanceConfig
) -> None:
    for _ in range(30):
        store.place()
    page = oms.page(store)
    together = threading.Barrier(4)

    def take(_: int) -> int:
        from magento_oms.workflows.intake import take_in

        together.wait()
        return take_in(oms.url, config, page).new

    with ThreadPoolExecutor(4) as workers:
        new = list(workers.map(take, range(4)))

    assert sum(new) == 30
    assert oms.count("sales_order") == oms.count("effect") == 30
    assert oms.count("quarantine") == 0


def test_changed_order_shows_what_happened(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    entity_id = store.place()
    oms.take_in(store, config)
    store.pass_time(60)
    store.orders[entity_id]["items"][0]["qty_shipped"] = 2
    store.pay(entity_id)

    counts = oms.take_in(store, config)

    assert counts.changed == 1
    assert oms.order(entity_id)["state"] == "shipped"
    assert oms.order(entity_id)["total_due"] == 0
    kinds = [row["kind"] for row in oms.rows("select kind from order_event order by id")]
    assert kinds == ["received", "magento_status", "quantities", "state"]


def test_part_shipment_keeps_the_order_where_it_is(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    entity_id = store.place()
    oms.take_in(store, config)
    store.orders[entity_id]["items"][0]["qty_shipped"] = 1
    store.save(entity_id)

    oms.take_in(store, config)

    assert oms.order(entity_id)["state"] == "allocated"


def test_older_page_written_late_is_ignored(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    entity_id = store.place()
    old = oms.page(store)
    store.pass_time(5)
    store.cancel_in_admin(entity_id)
    oms.take_in(store, config)

    from magento_oms.workflows.intake import take_in

    counts = take_in(oms.url, config, old)

    assert (counts.ignored, counts.changed) == (1, 0)
    assert oms.order(entity_id)["state"] == "cancelled"


def test_same_time_of_change_is_told_apart_by_when_it_was_read(
    oms: Oms, store: FakeMagento, config: InstanceConfig
) -> None:
    """Comments do not move `updated_at`, and a second holds many changes."""
    from magento_oms.workflows.intake import take_in

    entity_id = store.place()
    old = oms.page(store)
    store.pass_time(1)
    store.add_comment(entity_id, "hello")
    new = oms.page(store)
    take_in(oms.url, config, new)
    digest = oms.order(entity_id)["digest"]

    take_in(oms.url, config, old)

    assert oms.order(entity_id)["digest"] == digest


BAD: dict[str, dict[str, Any]] = {
    "missing_items": {"items": []},
    "unknown_product_type": {"items": [item(1, "X", kind="hologram")], "subtotal": 100, "grand_total": 100},
    "bad_amount": {"grand_total": "much"},
    "totals_do_not_add_up": {"grand_total": 1},
    "bad_time": {"created_at": "yesterday"},
    "missing_field": {"increment_id": ""},
    "bad_quantity": {"items": [item(1, "X", 0)], "subtotal": 0, "grand_total": 0},
    "unexpected_shape": {"billing_address": {"street": 7, "firstname": "A"}, "items": [1]},
    "unknown_store": {"store_id": 9},
    "quantities_do_not_fit": {"items": [item(1, "X", 1, qty_shipped=2)], "subtotal": 100, "grand_total": 100},
}


@pytest.mark.parametrize("code", BAD)
def test_bad_order_goes_to_quarantine_and_the_others_go_on(
    oms: Oms, store: FakeMagento, config: InstanceConfig, code: str
) -> None:
    first, bad, last = store.place(), store.place(), store.place()
    store.orders[bad] |= BAD[code]

    counts = oms.take_in(store, config)
    again = oms.take_in(store, config)

    assert (counts.new, counts.quarantined) == (2, 1)
    assert again.quarantined == 1
    assert set(oms.states()) == {first, last}
    [entry] = oms.rows("select * from quarantine")
    assert (entry["subject"], entry["code"]) == (f"order:{bad}", code)
    assert entry["seen_times"] == 2
    assert entry["way_out"]
    assert "Rao" not in entry["reason"]
    [kept] = oms.rows("select payload from inbox where id = :id", id=entry["inbox_id"])
    assert unpacked(bytes(kept["payload"])) == bytes(store.page_of(bad).raw[0])
    assert oms.count("inbox") == 3


def test_order_that_was_bad_leaves_quarantine_once_it_is_right(
    oms: Oms, store: FakeMagento, config: InstanceConfig
) -> None:
    entity_id = store.place()
    total = store.orders[entity_id]["grand_total"]
    store.save(entity_id, grand_total=1)
    oms.take_in(store, config)
    store.save(entity_id, grand_total=total)

    oms.take_in(store, config)

    assert oms.quarantined() == {}
    assert oms.effect_states() == ["due"]


@pytest.mark.parametrize(
    "odd",
    [
        {"customer_firstname": "Ash\x00a"},
        {"items": [item(10, "SKU", 2, 250, name="Sa\x00ree")]},
        {"items": [item(10, "SKU", 2, 250, product_id=10**30)]},
    ],
)
def test_what_the_database_refuses_is_that_order_s_trouble_alone(
    oms: Oms, store: FakeMagento, config: InstanceConfig, odd: dict[str, Any]
) -> None:
    first, bad, last = store.place(), store.place(), store.place()
    store.orders[bad] |= odd

    counts = oms.take_in(store, config)

    assert (counts.new, counts.quarantined) == (2, 1)
    assert set(oms.states()) == {first, last}
    assert oms.quarantined() == {f"order:{bad}": "could_not_store"}


def test_unknown_status_holds_until_the_configuration_names_it(
    oms: Oms, store: FakeMagento, config: InstanceConfig
) -> None:
    entity_id = store.place(status="ready_for_tailor")

    oms.take_in(store, config)
    assert oms.order(entity_id)["state"] == "held"
    assert oms.quarantined() == {f"order:{entity_id}": "unknown_status"}
    assert oms.effects() == []
    inbox = oms.count("inbox")
    assert oms.take_in(store, config).unchanged == 1
    assert oms.count("inbox") == inbox

    named = instance_config(
        store_config(statuses={"pull": {"pending": "placed", "ready_for_tailor": "to be tailored"}})
    )
    oms.take_in(store, named)

    assert oms.order(entity_id)["state"] == "allocated"
    assert oms.effect_states() == ["due"]
    assert oms.quarantined() == {}


def test_unknown_payment_method_holds_until_the_configuration_names_it(oms: Oms, store: FakeMagento) -> None:
    strict = instance_config(store_config(payment={"cod": ["cashondelivery"], "prepaid": ["razorpay"]}))
    entity_id = store.place(method="checkmo")
    oms.take_in(store, strict)
    assert oms.order(entity_id)["state"] == "held"
    assert oms.quarantined() == {f"order:{entity_id}": "unknown_payment_method"}

    oms.take_in(store, instance_config(store_config(payment={"prepaid": ["razorpay", "checkmo"]})))

    assert oms.order(entity_id)["state"] == "allocated"
    assert oms.order(entity_id)["payment_kind"] == "prepaid"
    assert oms.effect_states() == ["due"]
    assert oms.quarantined() == {}


def test_history_is_stored_and_never_acted_on(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    entity_id = store.place(order(1, at=LIVE_FROM - timedelta(seconds=1), status="odd", method="odd"))
    oms.take_in(store, config)
    store.pay(entity_id)
    oms.take_in(store, config)

    assert oms.order(entity_id)["state"] == "history"
    assert oms.effects() == []
    assert oms.quarantined() == {}


def test_shadow_plans_and_withholds(oms: Oms, store: FakeMagento) -> None:
    shadow = instance_config(store_config(mode="shadow"))
    entity_id = store.place()
    oms.take_in(store, shadow)
    store.pass_time(1)
    store.pay(entity_id)
    oms.take_in(store, shadow)

    assert oms.effect_states() == ["withheld"]
    assert oms.push(store, shadow).done == 0
    assert store.histories(entity_id) == []


def test_ignored_status_is_not_stored(oms: Oms, store: FakeMagento) -> None:
    config = instance_config(store_config(statuses={"ignore": {"quote": "no order yet"}}))
    store.place(status="quote")

    assert oms.take_in(store, config).ignored == 1
    assert oms.states() == {}


def test_hold_stops_the_acknowledgement_and_release_lets_it_go_on(
    oms: Oms, store: FakeMagento, config: InstanceConfig
) -> None:
    entity_id = store.place()
    oms.take_in(store, config)
    store.pass_time(1)
    store.hold(entity_id)
    oms.take_in(store, config)
    assert oms.order(entity_id)["state"] == "held"
    assert oms.push(store, config).done == 0
    assert oms.effect_states() == ["due"]

    store.pass_time(1)
    store.unhold(entity_id)
    oms.take_in(store, config)

    assert oms.order(entity_id)["state"] == "allocated"
    assert oms.push(store, config).done == 1
    assert [(row["state"], row["generation"]) for row in oms.effects()] == [("done", 1)]
    [hold] = oms.rows("select * from order_hold")
    assert hold["released_at"] is not None


def test_late_paid_order_goes_on_when_it_is_paid(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    entity_id = store.place(status="pending_payment", state="pending_payment", method="razorpay")
    oms.take_in(store, config)
    assert oms.order(entity_id)["state"] == "held"
    assert oms.quarantined() == {}
    store.pass_time(7200)
    store.pay(entity_id)

    oms.take_in(store, config)

    assert oms.order(entity_id)["state"] == "allocated"
    assert oms.effect_states() == ["due"]


def test_cancellation_stops_what_was_not_sent(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    entity_id = store.place()
    oms.take_in(store, config)
    store.cancel_in_admin(entity_id)
    oms.take_in(store, config)

    assert oms.order(entity_id)["state"] == "cancelled"
    assert oms.effect_states() == ["cancelled"]


def test_closed_order_has_nothing_more_to_ship(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    entity_id = store.place()
    store.save(entity_id, state="closed", status="closed")
    oms.take_in(store, config)

    assert oms.order(entity_id)["state"] == "cancelled"


def test_cancelled_order_that_comes_back_is_a_person_s_matter(
    oms: Oms, store: FakeMagento, config: InstanceConfig
) -> None:
    entity_id = store.place()
    store.cancel_in_admin(entity_id)
    oms.take_in(store, config)
    store.pass_time(1)
    store.orders[entity_id]["items"][0]["qty_canceled"] = 0
    store.save(entity_id, state="processing", status="processing")

    counts = oms.take_in(store, config)

    assert counts.quarantined == 1
    assert oms.order(entity_id)["magento_status"] == "canceled"
    assert oms.quarantined() == {f"order:{entity_id}": "backwards"}


def test_order_with_other_items_than_before_is_not_guessed_at(
    oms: Oms, store: FakeMagento, config: InstanceConfig
) -> None:
    entity_id = store.place()
    oms.take_in(store, config)
    store.pass_time(1)
    store.save(entity_id, items=[item(777, "OTHER", 2, 250)])

    oms.take_in(store, config)

    assert oms.quarantined() == {f"order:{entity_id}": "lines_changed"}
    assert [row["sku"] for row in oms.rows("select sku from order_line")] == [f"SKU-{entity_id}"]


def test_complete_virtual_order_is_done(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    entity_id = store.place(
        items=[item(1, "EBOOK", 1, 50, "virtual", qty_invoiced=1)], state="complete", status="complete"
    )
    oms.take_in(store, config)

    assert oms.order(entity_id)["state"] == "shipped"
    assert oms.effects() == []


def test_finished_orders_need_no_known_payment_method(oms: Oms, store: FakeMagento) -> None:
    strict = instance_config(store_config(payment={"prepaid": []}))
    store.place(
        items=[item(1, "SAREE", qty_shipped=1, qty_invoiced=1)], method="bank", state="complete", status="complete"
    )
    oms.take_in(store, strict)

    assert oms.quarantined() == {}


def test_later_page_s_rows_move_and_the_last_word_counts(oms: Oms, store: FakeMagento, config: InstanceConfig) -> None:
    from magento_oms.ports import OrderPage
    from magento_oms.workflows.intake import take_in

    entity_id = store.place()
    before = store.page_of(entity_id)
    store.pass_time(1)
    store.cancel_in_admin(entity_id)
    after = store.page_of(entity_id)
    both = OrderPage([*before.orders, *after.orders], [*before.raw, *after.raw], after.server_time, last=True)

    counts = take_in(oms.url, config, both)

    assert (counts.read, counts.new) == (2, 1)
    assert oms.order(entity_id)["state"] == "cancelled"


def test_trouble_of_the_database_as_a_whole_blames_no_order(
    oms: Oms, store: FakeMagento, config: InstanceConfig
) -> None:
    """A page that could not be written for want of a lock is read again; nothing goes to quarantine."""
    from sqlalchemy import text
    from sqlalchemy.exc import OperationalError

    from magento_oms.storage.database import engine

    entity_id = store.place()
    oms.take_in(store, config)
    store.pass_time(1)
    store.cancel_in_admin(entity_id)
    name = oms.rows("select current_database() as name")[0]["name"]
    oms.run(f'alter database "{name}" set lock_timeout = 200')
    with engine(oms.url).begin() as other:
        other.execute(text("select 1 from sales_order for update"))
        with pytest.raises(OperationalError):
            oms.take_in(store, config)

    assert oms.count("quarantine") == 0
    assert oms.take_in(store, config).changed == 1
