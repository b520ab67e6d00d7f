"""Cancelling beyond the table: several places at once, races, the seller's ways on Magento, the pull, edits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.workflows.fakes import NOW
from tests.workflows.forward.conftest import Forward, goods
from tests.workflows.payloads import item

from magento_oms.ports import NdrAction, PermanentError, UnknownOutcome
from magento_oms.storage.database import engine
from magento_oms.workflows.cancellation_pull import pull_cancellations
from magento_oms.workflows.cancelling.seller import ask_to_cancel, ask_to_cancel_units
from magento_oms.workflows.warehouse.pack import Box
from magento_oms.workflows.warehouse.problems import Kind, WarehouseProblem

D = Decimal


def take_in(forward: Forward, *entity_ids: int) -> None:
    forward.store.pass_time(5)
    forward.oms.take_in(forward.store, forward.config, entity_ids)


def cancel_units(forward: Forward, entity_id: int, units: dict[int, float]) -> None:
    """The customer cancels units, and the OMS reads it."""
    forward.store.cancel_units(entity_id, units)
    take_in(forward, entity_id)


def packed(forward: Forward, entity_id: int) -> list[int]:
    """Route and pack; ids of the fulfilments."""
    forward.route()
    ids = [row["id"] for row in forward.fulfilments(entity_id) if row["state"] == "routed"]
    for fulfilment_id in ids:
        forward.pack(fulfilment_id)
    return ids


def line(forward: Forward, item_id: int = 10) -> dict[str, Decimal]:
    [row] = forward.oms.rows(
        "select allocated, packed, shipped, cancelled from order_line where item_id = :id", id=item_id
    )
    return row


# The customer ---------------------------------------------------------------------------------------------------------


def test_of_a_split_order_the_list_is_shortened_before_a_box_is_opened(forward: Forward) -> None:
    forward.stock("pune", KURTA=2)
    forward.stock("hoskote", KURTA=1)
    entity_id = forward.place([item(10, "KURTA", 3, 100)])
    forward.route()
    first, second = forward.fulfilments(entity_id)
    forward.pack(first["id"])

    cancel_units(forward, entity_id, {10: 1})

    states = {row["id"]: (row["state"], row["lines"]) for row in forward.fulfilments(entity_id)}
    assert states == {first["id"]: ("packed", first["lines"]), second["id"]: ("cancelled", {})}
    assert forward.oms.count("credit_note") == 0


def test_the_rest_of_an_opened_box_goes_out_with_papers_and_cod_of_its_own(forward: Forward) -> None:
    forward.stock("pune", KURTA=5, SAREE=5)
    entity_id = forward.place([item(10, "KURTA", 2, 100), item(11, "SAREE", 1, 50)], shipping_amount=25)
    [old] = packed(forward, entity_id)
    forward.push_all()
    assert forward.fulfilments(entity_id)[0]["state"] == "ready"
    forward.store.refund_in_admin(entity_id, {10: 1})
    take_in(forward, entity_id)

    with pytest.raises(WarehouseProblem, match="is cancelled: it must not leave"):
        forward.hand_over(old)
    [new] = [row for row in forward.fulfilments(entity_id) if row["state"] == "routed"]
    assert (new["lines"], new["location"]) == ({"KURTA": 1, "SAREE": 1}, "pune")
    assert new["explanation"]["replaces"] == old
    with pytest.raises(WarehouseProblem, match=f"Shipment S{old} is fulfilment {old}"):
        forward.pack(new["id"], f"S{old}")
    forward.pack(new["id"])
    forward.push_all()
    forward.hand_over(new["id"])
    forward.push_all()

    assert forward.oms.order(entity_id)["state"] == "shipped"
    bookings = forward.accounts["main"].bookings.values()
    # 150 of 250 are wanted, and 60 % of the shipping falls to them
    assert [booking.cod for booking in bookings] == [D(275), D(165)]
    totals = (
        forward.oms.rows("select total from invoice order by id"),
        forward.oms.rows("select total from credit_note"),
    )
    assert totals == ([{"total": D(275)}, {"total": D(165)}], [{"total": D(275)}])
    assert forward.store.orders[entity_id]["state"] == "complete"
    assert line(forward) == {"allocated": 1, "packed": 1, "shipped": 1, "cancelled": 1}
    [stock] = forward.oms.rows("select quantity, reserved from stock where sku = 'KURTA'")
    assert (stock["quantity"], stock["reserved"]) == (4, 0)
    assert forward.oms.quarantined() == {}


def test_a_virtual_line_is_invoiced_again_with_what_takes_the_box_s_place(forward: Forward) -> None:
    forward.stock("pune", KURTA=5)
    entity_id = forward.place([item(10, "KURTA", 2, 100), item(11, "GIFT-CARD", 1, 50, kind="virtual")])
    packed(forward, entity_id)
    cancel_units(forward, entity_id, {10: 1})
    packed(forward, entity_id)
    forward.push_magento()
    assert [row["total"] for row in forward.oms.rows("select total from invoice order by id")] == [250, 150]
    assert [invoice["items"] for invoice in forward.store.invoices] == [{10: 1.0, 11: 1.0}]


def test_what_waited_only_for_the_cancelled_units_goes_out(forward: Forward) -> None:
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA", "SAREE"))
    forward.route()
    assert forward.fulfilments(entity_id) == []
    cancel_units(forward, entity_id, {11: 1})
    forward.route()
    assert [row["lines"] for row in forward.fulfilments(entity_id)] == [{"KURTA": 1}]
    assert forward.oms.count("unfilled_line") == 0


def test_of_a_partly_shipped_order_the_packed_rest_stays_here(forward: Forward) -> None:
    forward.stock("pune", KURTA=1)
    forward.stock("hoskote", SAREE=1)
    entity_id = forward.place(goods("KURTA", "SAREE"))
    first, _ = packed(forward, entity_id)
    forward.push_all()
    forward.hand_over(first)
    forward.store.cancel_in_admin(entity_id)
    take_in(forward, entity_id)

    assert [row["state"] for row in forward.fulfilments(entity_id)] == ["handed_over", "cancelled"]
    assert forward.oms.order(entity_id)["state"] == "shipped"
    assert forward.oms.rows("select asked from expected_rto") == [{"asked": True}]
    assert forward.oms.count("credit_note") == 1
    take_in(forward, entity_id)
    forward.store.save(entity_id, customer_note="changed again")
    take_in(forward, entity_id)
    assert forward.oms.count("cancellation") == 1
    forward.push_couriers()
    assert [request.action for _, request in forward.accounts["main"].ndr] == [NdrAction.RETURN_TO_ORIGIN]


def test_a_courier_that_takes_no_return_to_origin_is_told_of(forward: Forward) -> None:
    forward.stock("pune", KURTA=1)
    entity_id = forward.place(goods("KURTA"))
    [fulfilment_id] = packed(forward, entity_id)
    forward.push_all()
    forward.hand_over(fulfilment_id)
    forward.store.cancel_in_admin(entity_id)
    take_in(forward, entity_id)
    forward.accounts["main"].ndr_action = _refuse  # type: ignore[method-assign,assignment]
    forward.push_couriers()
    assert sorted(forward.oms.quarantined().values()) == ["expected_rto", "ndr_action"]


def _refuse(*_: Any) -> None:
    raise PermanentError("Not while it is in transit.")


def test_magento_s_shipment_of_what_never_left_is_told_of(forward_of: Callable[..., Forward]) -> None:
    forward = forward_of(magento_shipment_at="packed")
    forward.stock("pune", KURTA=1)
    entity_id = forward.place(goods("KURTA"))
    packed(forward, entity_id)
    forward.push_all()
    forward.store.refund_in_admin(entity_id)
    take_in(forward, entity_id)
    assert forward.fulfilments(entity_id)[0]["state"] == forward.oms.order(entity_id)["state"] == "cancelled"
    assert line(forward) == {"allocated": 0, "packed": 0, "shipped": 0, "cancelled": 1}
    assert list(forward.oms.quarantined().values()) == ["shipped_on_paper"]
    assert forward.oms.rows("select quantity, reserved from stock") == [{"quantity": 1, "reserved": 0}]
    forward.store.save(entity_id, customer_note="read again")
    take_in(forward, entity_id)
    assert forward.oms.order(entity_id)["state"] == "cancelled"


def test_the_hold_for_an_e_way_bill_goes_with_its_invoice(forward: Forward) -> None:
    forward.stock("pune", SAREE=9)
    entity_id = forward.place([item(10, "SAREE", 2, 30_000)])
    packed(forward, entity_id)
    assert forward.oms.order(entity_id)["state"] == "held"
    cancel_units(forward, entity_id, {10: 1})
    assert forward.oms.order(entity_id)["state"] == "allocated"
    packed(forward, entity_id)
    forward.push_all()
    assert [row["state"] for row in forward.fulfilments(entity_id)] == ["cancelled", "ready"]


def test_a_virtual_order_that_was_refunded_stays_done(forward: Forward) -> None:
    entity_id = forward.place(
        [item(10, "GIFT-CARD", kind="virtual", qty_invoiced=1)], status="complete", state="complete"
    )
    assert forward.oms.order(entity_id)["state"] == "shipped"
    forward.store.refund_in_admin(entity_id)
    take_in(forward, entity_id)
    assert forward.oms.order(entity_id)["state"] == "shipped"
    assert forward.oms.quarantined() == {}


# Races ----------------------------------------------------------------------------------------------------------------


def test_a_booking_that_is_under_way_is_cancelled_once_it_is_known(forward: Forward) -> None:
    forward.stock("pune", KURTA=1)
    entity_id = forward.place(goods("KURTA"))
    packed(forward, entity_id)
    forward.push_magento()
    forward.push_couriers("spare")  # makes the account
    main = forward.accounts.setdefault("main", type(forward.accounts["spare"])("main"))

    def cancelled_meanwhile(method: str) -> None:
        if method == "create_order" and forward.store.orders[entity_id]["state"] != "canceled":
            forward.store.cancel_in_admin(entity_id)
            forward.oms.take_in(forward.store, forward.config, [entity_id])

    main.before_call = cancelled_meanwhile
    forward.push_all()
    assert [booked.cancelled for booked in main.orders.values()] == [True]
    assert forward.fulfilments(entity_id)[0]["state"] == "cancelled"
    assert not {"due", "planned", "sending", "unknown", "failed"} & set(forward.oms.effect_states())


def test_cancelling_and_handing_over_at_once_have_one_outcome(forward: Forward) -> None:
    """Whoever is first, both sides say the same."""
    forward.stock("pune", KURTA=20)
    outcomes = set()
    for _ in range(4):
        entity_id = forward.place(goods("KURTA"))
        [fulfilment_id] = packed(forward, entity_id)
        forward.push_magento()
        forward.push_couriers()
        forward.store.pass_time(5)
        forward.store.cancel_in_admin(entity_id)
        start = threading.Barrier(2)
        said: list[str] = []

        def hand_over(fulfilment_id: int = fulfilment_id, start: threading.Barrier = start) -> None:
            start.wait()
            try:
                forward.hand_over(fulfilment_id, check=False)
            except WarehouseProblem:
                said.append("refused")  # noqa: B023  (joined within the turn)
            else:
                said.append("gone")  # noqa: B023

        thread = threading.Thread(target=hand_over)
        thread.start()
        start.wait()
        forward.oms.take_in(forward.store, forward.config, [entity_id])
        thread.join()
        [state] = [row["state"] for row in forward.fulfilments(entity_id)]
        expected = forward.oms.rows(
            "select 1 from expected_rto e join sales_order o on o.id = e.order_id where o.entity_id = :id", id=entity_id
        )
        notes = forward.oms.rows(
            "select 1 from credit_note n join sales_order o on o.id = n.order_id where o.entity_id = :id", id=entity_id
        )
        outcomes.add((said[0], state, forward.oms.order(entity_id)["state"], len(expected), len(notes)))
    assert outcomes <= {("refused", "cancelled", "cancelled", 0, 1), ("gone", "handed_over", "shipped", 1, 0)}
    forward.push_magento()
    assert forward.store.shipments == []


# The seller -----------------------------------------------------------------------------------------------------------


def ask_units(forward: Forward, entity_id: int, totals: dict[int, int]) -> bool:
    with engine(forward.oms.url).begin() as connection:
        order_id = int(forward.oms.order(entity_id)["id"])
        wanted = {item_id: D(units) for item_id, units in totals.items()}
        return ask_to_cancel_units(connection, forward.config, order_id, wanted, "out of stock", by="asha")


def test_units_that_are_not_invoiced_are_cancelled_once_the_rest_is(forward: Forward) -> None:
    forward.store.fail("cancel", UnknownOutcome("The answer was lost."), when="after")
    forward.stock("pune", KURTA=5, SAREE=5)
    entity_id = forward.place(goods("KURTA", "SAREE", quantity=2))
    forward.route()
    assert ask_units(forward, entity_id, {11: 1})
    assert not ask_units(forward, entity_id, {11: 1})
    assert [row["lines"] for row in forward.fulfilments(entity_id)] == [{"KURTA": 2, "SAREE": 1}]
    forward.push_magento()
    assert forward.effects_of("cancel_units") == ["due"]
    assert "cancel" not in [did for did, _ in forward.store.ledger]

    ids = [row["id"] for row in forward.fulfilments(entity_id)]
    forward.pack(ids[0])
    for _ in range(4):
        forward.push_all()
        forward.oms.let_effects_fall_due()
    forward.hand_over(ids[0])
    forward.push_all()

    order = forward.store.orders[entity_id]
    assert [row["qty_canceled"] for row in order["items"]] == [0, 1]
    assert order["state"] == "complete"
    assert [did for did, _ in forward.store.ledger].count("cancel") == 1
    assert forward.effects_of("cancel_units") == ["done"]
    take_in(forward, entity_id)
    assert line(forward, 11)["cancelled"] == 1
    assert [row["cause"] for row in forward.oms.rows("select cause from cancellation")] == ["seller"]


def test_invoiced_units_go_on_an_offline_credit_memo_and_the_money_to_a_person(forward: Forward) -> None:
    forward.store.fail("refund", UnknownOutcome("The answer was lost."), when="after")
    forward.stock("pune", KURTA=5)
    paid = [item(10, "KURTA", 2, 100, qty_invoiced=2)]
    entity_id = forward.place(paid, status="processing", state="processing", method="razorpay", total_due=0)
    forward.route()
    ask_units(forward, entity_id, {10: 1})
    for _ in range(4):
        forward.push_magento()
        forward.oms.let_effects_fall_due()
    [memo] = forward.store.credit_memos
    assert (memo["items"], memo["restock"]) == ([{"order_item_id": 10, "qty": 1.0}], [10])
    assert "no money was moved" in memo["comments"][0]["comment"]
    assert list(forward.oms.quarantined().values()) == ["pay_back"]
    take_in(forward, entity_id)
    assert line(forward)["cancelled"] == 1
    assert [row["lines"] for row in forward.fulfilments(entity_id)] == [{"KURTA": 1}]


def test_a_store_may_want_a_person_to_make_credit_memos(forward_of: Callable[..., Forward]) -> None:
    forward = forward_of(cancellation={"credit_memos": "person"})
    forward.stock("pune", KURTA=5)
    paid = [item(10, "KURTA", 2, 100, qty_invoiced=2)]
    entity_id = forward.place(paid, status="processing", state="processing", method="razorpay")
    forward.route()
    ask_units(forward, entity_id, {10: 1})
    forward.push_magento()
    [entry] = forward.oms.rows("select reason, way_out from quarantine")
    assert "Refund 1 of item 10 of order 000000001 in Magento's admin" in entry["way_out"]
    assert forward.store.credit_memos == []


def test_a_paid_order_is_refunded_offline_as_a_whole(forward: Forward) -> None:
    forward.stock("pune", KURTA=5)
    paid = [item(10, "KURTA", 2, 100, qty_invoiced=2)]
    entity_id = forward.place(paid, status="processing", state="processing", method="razorpay")
    forward.route()
    with engine(forward.oms.url).begin() as connection:
        ask_to_cancel(connection, forward.config, forward.oms.order(entity_id)["id"], "damaged", by="asha")
    forward.push_magento()
    assert forward.store.orders[entity_id]["state"] == "closed"
    assert list(forward.oms.quarantined().values()) == ["pay_back"]
    take_in(forward, entity_id)
    assert forward.oms.order(entity_id)["state"] == "cancelled"
    assert [row["cause"] for row in forward.oms.rows("select cause from cancellation")] == ["seller"]


def test_magento_s_false_is_not_taken_for_done(forward: Forward) -> None:
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA"))
    with engine(forward.oms.url).begin() as connection:
        ask_to_cancel(connection, forward.config, forward.oms.order(entity_id)["id"], "damaged", by="asha")
    forward.store.hold(entity_id)
    forward.push_magento()
    [entry] = forward.oms.rows("select reason, way_out from quarantine where code = 'cancel_order'")
    assert "Magento did not cancel order 000000001: it is holded" in entry["reason"]
    assert "Cancel it in Magento's admin" in entry["way_out"]


@pytest.mark.parametrize(
    ("totals", "kind", "said"),
    [
        ({99: 1}, Kind.INVALID, "/lines/99: The order has no such line"),
        ({10: 4}, Kind.INVALID, "/lines/10: 4 of KURTA are to be cancelled, 3 were ordered"),
        ({10: -1}, Kind.INVALID, "-1 of KURTA"),
        ({12: 1}, Kind.INVALID, "only a whole order is cancelled with it"),
        ({11: 0}, Kind.INVALID, "1 of SAREE are cancelled already; the total never becomes less"),
        ({}, Kind.INVALID, "No line is named"),
        ({10: 2}, Kind.CONFLICT, "/lines/10: 2 of KURTA are packed; 1 more can be"),
    ],
)
def test_what_cannot_be_cancelled_is_named_and_nothing_changes(
    forward: Forward, totals: dict[int, int], kind: Kind, said: str
) -> None:
    forward.stock("pune", KURTA=2)
    forward.stock("hoskote", KURTA=1, SAREE=1)
    items = [item(10, "KURTA", 3), item(11, "SAREE", 2), item(12, "GIFT-CARD", kind="virtual")]
    entity_id = forward.place(items)
    ask_units(forward, entity_id, {11: 1})
    forward.route()
    first, _ = forward.fulfilments(entity_id)
    forward.pack(first["id"], boxes=[Box(dict(first["items"]))])
    assert line(forward, 10)["packed"] == 2
    before = forward.oms.business()
    with pytest.raises(WarehouseProblem) as problem:
        ask_units(forward, entity_id, totals)
    assert said in str(problem.value)
    assert problem.value.kind is kind
    assert forward.oms.business() == before


def test_all_units_of_an_order_are_the_order(forward: Forward) -> None:
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA", quantity=2))
    assert ask_units(forward, entity_id, {10: 2})
    assert forward.effects_of("cancel_order") == ["due"]
    assert forward.oms.order(entity_id)["state"] == "held"


def test_a_bundle_with_one_price_is_cancelled_in_whole_bundles(forward: Forward) -> None:
    rows = [
        item(20, "SET", 2, 300, kind="bundle"),
        item(21, "BED", 2, 0, parent_item_id=20, row_total=0, row_total_incl_tax=0),
        item(22, "PILLOW", 4, 0, parent_item_id=20, row_total=0, row_total_incl_tax=0),
    ]
    entity_id = forward.place(rows)
    with pytest.raises(
        WarehouseProblem, match="part of a bundle with one price: cancel as much of each of BED, PILLOW"
    ):
        ask_units(forward, entity_id, {21: 1})
    assert ask_units(forward, entity_id, {21: 1, 22: 2})


def test_equal_shares_that_are_no_whole_bundle_are_refused(forward: Forward) -> None:
    rows = [
        item(20, "SET", 3, 300, kind="bundle"),
        item(21, "BED", 6, 0, parent_item_id=20, row_total=0, row_total_incl_tax=0),
        item(22, "PILLOW", 6, 0, parent_item_id=20, row_total=0, row_total_incl_tax=0),
    ]
    entity_id = forward.place(rows)
    with pytest.raises(WarehouseProblem, match=r"Of BED, PILLOW 3 bundles were ordered: cancel whole ones, not 0\.5"):
        ask_units(forward, entity_id, {21: 1, 22: 1})
    assert ask_units(forward, entity_id, {21: 2, 22: 2})
    forward.oms.run("delete from inbox")
    with pytest.raises(WarehouseProblem, match="1 bundles"):
        ask_units(forward, entity_id, {21: 4, 22: 4})
    assert ask_units(forward, entity_id, {21: 6, 22: 6})


# The pull -------------------------------------------------------------------------------------------------------------


def pull(forward: Forward, *, minutes: float = 60, dry_run: bool = False) -> dict[str, object]:
    start = forward.store.now - timedelta(minutes=minutes)
    return pull_cancellations(
        forward.oms.url,
        forward.store,
        forward.config,
        start=start,
        end=forward.store.now,
        run_id="test",
        dry_run=dry_run,
    ).as_dict()


def test_the_pull_finds_what_no_order_s_row_tells(forward: Forward) -> None:
    """A cancelled order, one that was refunded in part, and one of which a module cancelled a unit."""
    forward.stock("pune", KURTA=9)
    ids = [forward.place([item(10 * n, "KURTA", 2, 100)]) for n in range(1, 5)]
    forward.route()
    forward.store.pass_time(60)
    forward.store.cancel_in_admin(ids[0])
    forward.store.invoice(ids[1], items={20: 2}, comment="")
    forward.store.refund_in_admin(ids[1], {20: 1})
    forward.store.cancel_units(ids[2], {30: 1})
    assert pull(forward, dry_run=True)["read"] == 4
    assert forward.oms.count("cancellation") == 0

    assert pull(forward)["changed"] == 3
    assert pull(forward).get("changed", 0) == 0
    noted = forward.oms.rows("select cause from cancellation order by id")
    assert [row["cause"] for row in noted] == ["customer", "refund", "customer"]
    assert [sum(row["lines"].values()) for row in forward.fulfilments()] == [0, 1, 1, 2]
    assert forward.oms.rows("select distinct workflow from window_ledger") == [
        {"workflow": "customer_cancellation_pull"}
    ]


def test_an_order_that_changed_again_after_the_window_is_still_found(forward: Forward) -> None:
    entity_id = forward.place(goods("KURTA"))
    forward.store.pass_time(300)
    forward.store.cancel_in_admin(entity_id)
    forward.store.pass_time(3600)
    forward.store.save(entity_id, customer_note="changed again")
    start = NOW
    pull_cancellations(
        forward.oms.url,
        forward.store,
        forward.config,
        start=start,
        end=start + timedelta(minutes=10),
        run_id="backfill",
    )
    assert forward.oms.order(entity_id)["state"] == "cancelled"


# Edits ----------------------------------------------------------------------------------------------------------------


def edited(forward: Forward, old: int) -> int:
    """A new order that replaces `old`, which is not cancelled yet."""
    new = forward.store.place(items=goods("KURTA"), relation_parent_real_id=f"{old:09d}", relation_parent_id=str(old))
    forward.store.orders[new]["increment_id"] = f"{old:09d}-1"
    return new


def finish_edit(forward: Forward, old: int, new: int) -> None:
    forward.store.cancel_in_admin(old)
    forward.store.save(old, relation_child_id=str(new), relation_child_real_id=f"{old:09d}-1")


def test_an_edited_order_goes_on_as_the_new_one(forward: Forward) -> None:
    forward.stock("pune", KURTA=5)
    old = forward.place(goods("KURTA"))
    forward.route()
    new = edited(forward, old)
    finish_edit(forward, old, new)
    take_in(forward, new, old)
    forward.route()
    assert [(row["entity_id"], row["state"]) for row in forward.fulfilments()] == [(old, "cancelled"), (new, "routed")]
    [noted] = forward.oms.rows("select cause, reason from cancellation")
    assert noted == {"cause": "edited", "reason": "replaced by order 000000001-1"}
    assert forward.oms.order(new)["relation"] == {"replaces": "000000001"}


def test_the_new_one_waits_until_the_old_one_is_cancelled_here(forward: Forward) -> None:
    forward.stock("pune", KURTA=5)
    old = forward.place(goods("KURTA"))
    new = edited(forward, old)
    take_in(forward, new)
    assert forward.oms.order(new)["state"] == "held"
    finish_edit(forward, old, new)
    take_in(forward, old)
    forward.route()
    assert forward.oms.states() == {old: "cancelled", new: "allocated"}
    assert [row["entity_id"] for row in forward.fulfilments()] == [new]


def test_a_person_decides_where_the_old_one_has_left(forward: Forward) -> None:
    forward.stock("pune", KURTA=5)
    old = forward.place(goods("KURTA"))
    [fulfilment_id] = packed(forward, old)
    forward.push_all()
    forward.hand_over(fulfilment_id)
    new = edited(forward, old)
    finish_edit(forward, old, new)
    forward.oms.take_in(forward.store, forward.config, [new])
    [hold] = forward.oms.rows("select reason from order_hold where code = 'replaces_order'")
    assert "has left the warehouse: a person decides" in hold["reason"]
    take_in(forward, old)
    assert forward.oms.order(new)["state"] == "held"
    assert list(forward.oms.quarantined().values()) == ["expected_rto"]
