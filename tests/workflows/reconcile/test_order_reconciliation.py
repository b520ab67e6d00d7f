"""Orders compared three ways: what differs is found, told, and healed where that is safe."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.workflows.couriers.fake_aggregator import FakeAggregator, scan
from tests.workflows.fakes import NOW
from tests.workflows.forward.conftest import Forward, goods
from tests.workflows.forward.test_forward_life import ready
from tests.workflows.payloads import order
from tests.workflows.reconcile.conftest import Reconciling

from magento_oms.ports import RetryableError

CLEAN = "orders on Magento {n}, in OMS {n}, lost 0, doubled 0, differing 0 (none)"


def test_a_clean_day_is_proven_by_counting(reconciling: Reconciling) -> None:
    store = reconciling.forward.store
    for _ in range(30):
        reconciling.forward.place()
        store.pass_time(60)
    summary = reconciling.one()
    assert summary.proof == CLEAN.format(n=30)
    assert summary.rows_read <= 5
    assert store.calls["count"] <= 6
    assert reconciling.rows(summary) == []
    page = (reconciling.folder / summary.html).read_text()
    assert summary.proof in page
    assert "Rao" not in page + (reconciling.folder / summary.html).with_suffix(".csv").read_text()


def test_a_lost_order_is_taken_in_and_told(reconciling: Reconciling) -> None:
    forward = reconciling.forward
    kept = [forward.place() for _ in range(3)]
    lost = forward.store.place()
    summary = reconciling.one()
    assert summary.proof == f"{CLEAN.format(n=4)}; 1 healed"
    assert reconciling.told(summary) == [(str(lost), "missing", "order", "healed")]
    assert set(forward.oms.states()) == {*kept, lost}
    assert forward.oms.quarantined() == {}
    again = reconciling.one()
    assert again.proof == CLEAN.format(n=4)


def test_a_dry_run_tells_and_changes_nothing(reconciling: Reconciling) -> None:
    forward = reconciling.forward
    forward.place()
    lost = forward.store.place()
    before = forward.oms.business()
    summary = reconciling.one(dry_run=True)
    assert (summary.lost, summary.differing) == (1, 1)
    assert reconciling.told(summary) == [(str(lost), "missing", "order", "differs")]
    assert forward.oms.business() == before
    assert forward.oms.quarantined() == {}


def test_missed_changes_are_taken_in(reconciling: Reconciling) -> None:
    """A cancellation, a payment, and a change that shows in no count of statuses but in its time."""
    forward, store = reconciling.forward, reconciling.forward.store
    cancelled, paid, shipped, fine = (forward.place() for _ in range(4))
    store.pass_time(60)
    store.cancel_in_admin(cancelled)
    store.pay(paid)
    store.orders[shipped]["items"][0]["qty_shipped"] = 1
    store.save(shipped)
    summary = reconciling.one()
    assert (summary.differing, summary.healed) == (0, 3)
    told = {(entity_id, kind, what) for entity_id, kind, what, _ in reconciling.told(summary)}
    assert {
        (str(cancelled), "state", "status"),
        (str(cancelled), "quantity_behind", "cancelled"),
        (str(paid), "quantity_behind", "invoiced"),
        (str(shipped), "quantity_behind", "shipped"),
    } <= told
    assert str(fine) not in {entity_id for entity_id, *_ in told}
    assert forward.oms.order(cancelled)["state"] == "cancelled"


def test_an_order_that_only_the_oms_has_goes_to_a_person_and_out_of_quarantine_again(reconciling: Reconciling) -> None:
    forward = reconciling.forward
    gone, _ = forward.place(), forward.place()
    payload = forward.store.orders.pop(gone)
    summary = reconciling.one()
    assert summary.proof == "orders on Magento 1, in OMS 2, lost 0, doubled 0, differing 1 (listed)"
    assert reconciling.told(summary) == [(str(gone), "extra", "order", "differs")]
    assert forward.oms.quarantined() == {f"reconciliation:{gone}": "reconcile_extra"}
    forward.store.orders[gone] = payload
    assert reconciling.one().proof == CLEAN.format(n=2)
    assert forward.oms.quarantined() == {}


def test_amounts_that_differ_go_to_a_person_with_both_figures(reconciling: Reconciling) -> None:
    forward = reconciling.forward
    entity_id = forward.place(shipping_amount=40)
    forward.oms.run("update sales_order set shipping = shipping + 1.5, total_due = 1")
    assert reconciling.one(full=True).proof.endswith("differing 1 (listed)")
    [entry] = forward.oms.rows("select subject, code, reason from quarantine")
    assert entry["subject"] == f"reconciliation:{entity_id}"
    assert entry["code"] == "reconcile_money"
    assert "shipping: Magento 40, OMS 41.5" in entry["reason"]
    assert "total_due" not in entry["reason"]  # was healed
    forward.oms.run("update sales_order set shipping = 40")
    assert reconciling.one().differing == 0  # looked up again, though counts agree
    assert forward.oms.quarantined() == {}


def test_an_order_in_quarantine_is_not_lost(reconciling: Reconciling) -> None:
    forward, store = reconciling.forward, reconciling.forward.store
    forward.place()
    odd = store.place(order(7, at=store.now) | {"items": []})
    summary = reconciling.one()
    assert (
        summary.proof == "orders on Magento 2, in OMS 1, lost 0, doubled 0, differing 0 (none); 1 waiting in quarantine"
    )
    assert forward.oms.quarantined() == {f"order:{odd}": "missing_items"}
    calls = store.calls["page_after"]
    assert reconciling.one().proof == summary.proof
    assert store.calls["page_after"] - calls <= 1  # only the sample: counts know of it


def test_orders_of_before_the_store_went_live_are_not_missed(reconciling: Reconciling) -> None:
    long_ago = datetime(2026, 10, 1, tzinfo=UTC)
    reconciling.forward.store.place(order(1, at=long_ago))
    summary = reconciling.run(long_ago - timedelta(days=1), long_ago + timedelta(days=1))
    assert summary.stores == []
    assert "before the stores went live" in summary.note


def test_what_was_handed_over_and_never_told_is_planned(reconciling: Reconciling) -> None:
    forward = reconciling.forward
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA"))
    [fulfilment_id] = ready(forward, entity_id)
    forward.hand_over(fulfilment_id)
    forward.oms.run("delete from effect where kind = 'create_shipment'")
    first = reconciling.one(full=True)
    assert (str(entity_id), "quantity_ahead", "shipped", "healed") in reconciling.told(first)
    assert first.differing == 0
    forward.push_all()
    assert len(forward.store.shipments) == 1
    assert reconciling.one(full=True).proof.startswith(CLEAN.format(n=1))


def test_a_shipment_that_somebody_deleted_goes_to_a_person(reconciling: Reconciling) -> None:
    forward = reconciling.forward
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA"))
    [fulfilment_id] = ready(forward, entity_id)
    forward.hand_over(fulfilment_id)
    forward.push_all()
    forward.store.orders[entity_id]["items"][0]["qty_shipped"] = 0
    forward.store.pass_time(60)
    forward.store.save(entity_id, state="processing", status="processing")
    summary = reconciling.one()
    assert (str(entity_id), "quantity_ahead", "shipped", "differs") in reconciling.told(summary)
    assert len(forward.store.shipments) == 1
    assert forward.oms.quarantined() == {f"reconciliation:{entity_id}": "reconcile_quantity_ahead"}


def shipped(forward: Forward) -> tuple[int, FakeAggregator, str]:
    """An order in the courier's hands: its id, the account, the AWB."""
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA"))
    [fulfilment_id] = ready(forward, entity_id)
    forward.hand_over(fulfilment_id)
    forward.push_all()
    forward.oms.take_in(forward.store, forward.config)  # as the live flow does
    [row] = forward.oms.rows("select awb from courier_booking")
    return entity_id, forward.accounts["main"], row["awb"]


def test_what_the_courier_says_is_learnt(reconciling: Reconciling) -> None:
    entity_id, courier, awb = shipped(reconciling.forward)
    courier.scans[awb] += [scan("picked_up", awb, 1), scan("delivered", awb, 9)]
    summary = reconciling.one()
    assert reconciling.told(summary) == [(str(entity_id), "courier_state", "state", "healed")]
    [row] = reconciling.forward.oms.rows("select status from courier_booking")
    assert row["status"] == "delivered"
    calls = courier.calls["track"]
    assert reconciling.one().differing == 0
    assert courier.calls["track"] == calls  # what ended, and was read back, is not asked for again


def test_an_awb_that_the_courier_does_not_know(reconciling: Reconciling) -> None:
    entity_id, _, _ = shipped(reconciling.forward)
    reconciling.forward.oms.run("update courier_booking set booked_at = now() - interval '1 day'")
    summary = reconciling.one()
    assert reconciling.told(summary) == [(str(entity_id), "not_at_courier", "AWB", "differs")]
    assert reconciling.forward.oms.quarantined() == {f"reconciliation:{entity_id}": "reconcile_not_at_courier"}


def test_a_parcel_that_travels_before_it_was_handed_over(reconciling: Reconciling) -> None:
    forward = reconciling.forward
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA"))
    ready(forward, entity_id)
    [row] = forward.oms.rows("select awb from courier_booking")
    forward.accounts["main"].scans[row["awb"]].append(scan("in_transit", row["awb"], 1))
    kinds = {kind for _, kind, _, outcome in reconciling.told(reconciling.one()) if outcome == "differs"}
    assert kinds == {"travels_before_handover"}


def test_a_courier_that_is_down_is_named_and_the_rest_goes_on(reconciling: Reconciling) -> None:
    _, courier, _ = shipped(reconciling.forward)

    def down(method: str) -> None:
        raise RetryableError("The aggregator does not answer.")

    courier.before_call = down
    summary = reconciling.one()
    assert summary.unreadable_couriers == ["main"]
    assert summary.proof == CLEAN.format(n=1)
    assert "does not answer" in (reconciling.folder / summary.html).read_text()


def test_a_store_that_goes_down_in_the_middle_leaves_nothing_half_done(reconciling: Reconciling) -> None:
    forward = reconciling.forward
    lost = forward.store.place()
    forward.store.fail("page_after", RetryableError("The store is in maintenance."))
    with pytest.raises(RetryableError):
        reconciling.run()
    assert forward.oms.rows("select * from reconciliation_report") == []
    assert reconciling.one().healed == 1
    assert lost in forward.oms.states()


def test_what_changed_a_moment_ago_is_no_difference(reconciling: Reconciling) -> None:
    forward, store = reconciling.forward, reconciling.forward.store
    entity_id = forward.place()
    store.pass_time(3590)
    store.hold(entity_id)
    store.pass_time(-3590)  # run() lets an hour pass
    summary = reconciling.one()
    assert summary.proof == CLEAN.format(n=1)
    assert forward.oms.order(entity_id)["magento_status"] == "holded"


def test_a_window_that_has_not_ended_is_cut_off_and_one_that_ended_just_now_is_waited_for(
    reconciling: Reconciling,
) -> None:
    [summary] = reconciling.run(end=NOW + timedelta(days=9)).stores
    assert summary.window.endswith("2026-11-20 12:58) UTC")


def test_every_report_is_noted(reconciling: Reconciling) -> None:
    reconciling.forward.place()
    summary = reconciling.one()
    [row] = reconciling.forward.oms.rows("select * from reconciliation_report")
    assert (row["id"], row["kind"], row["store_id"], row["differing"]) == (summary.report, "orders", 1, 0)
    assert row["proof"] == summary.proof
    assert row["counts"]["orders on Magento"] == 1
    [covered] = reconciling.forward.oms.rows("select * from window_ledger where workflow = 'order_reconciliation'")
    assert (covered["store_id"], covered["run_id"]) == (1, "test")
