"""An order's way from the store to the courier's hands."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from tests.workflows.couriers.fake_aggregator import STATUSES, scan
from tests.workflows.forward.conftest import Forward, goods
from tests.workflows.payloads import item

from magento_oms.documents.read_back import texts
from magento_oms.ports import PermanentError, RetryableError, UnknownOutcome
from magento_oms.workflows.couriers.tracking import poll
from magento_oms.workflows.warehouse.pack import Box
from magento_oms.workflows.warehouse.problems import Kind, WarehouseProblem

D = Decimal


def ready(forward: Forward, entity_id: int) -> list[int]:
    """Route, pack and book an order; ids of its fulfilments."""
    forward.route()
    ids = [row["id"] for row in forward.fulfilments(entity_id)]
    for fulfilment_id in ids:
        forward.pack(fulfilment_id)
    forward.push_all()
    return ids


def test_an_order_goes_out_once_with_all_its_papers(forward: Forward) -> None:
    forward.stock("pune", KURTA=5, SAREE=5)
    entity_id = forward.place(goods("KURTA", "SAREE"))

    [fulfilment_id] = ready(forward, entity_id)
    [row] = forward.fulfilments(entity_id)
    assert (row["location"], row["state"]) == ("pune", "ready")
    forward.hand_over(fulfilment_id)
    forward.push_all()

    assert forward.oms.order(entity_id)["state"] == "shipped"
    assert forward.store.orders[entity_id]["state"] == "complete"
    [shipment] = forward.store.shipments
    assert shipment["source"] == "pune_src"
    assert [track["track_number"] for track in shipment["tracks"]] == ["MAINO1"]
    assert [entry for entry in forward.store.ledger if entry[0] in ("invoice", "ship")] == [
        ("invoice", entity_id),
        ("ship", entity_id),
    ]
    [paper] = forward.oms.rows("select content from paper where kind = 'invoice'")
    [page] = texts(bytes(paper["content"]))
    assert "LM2627-000001" in page
    assert forward.oms.quarantined() == {}
    assert set(forward.oms.effect_states()) == {"done"}
    [stock] = forward.oms.rows("select quantity, reserved from stock where sku = 'KURTA' and location = 'pune'")
    assert (stock["quantity"], stock["reserved"]) == (4, 0)
    [read_back] = forward.oms.rows("select items, tracks, differs from magento_shipment")
    assert (read_back["tracks"], read_back["differs"]) == (["MAINO1"], "")


def test_a_split_order_is_acknowledged_once_and_its_money_adds_up(forward: Forward) -> None:
    forward.stock("pune", KURTA=1)
    forward.stock("hoskote", SAREE=1)
    entity_id = forward.place(goods("KURTA", "SAREE", price=99.99), shipping_amount=50)
    forward.route()
    forward.push_magento()
    assert forward.effects_of("acknowledge_order") == ["done"]
    assert forward.store.orders[entity_id]["status"] == "processing"

    ids = ready(forward, entity_id)
    for fulfilment_id in ids:
        forward.hand_over(fulfilment_id)
    forward.push_all()

    order = forward.oms.order(entity_id)
    assert order["state"] == "shipped"
    parcels = forward.oms.rows("select value, cod, shipping from parcel order by id")
    assert len(parcels) == 2
    assert sum(row["cod"] for row in parcels) == order["grand_total"]
    invoices = forward.oms.rows("select total, number, seller from invoice order by id")
    assert sum(row["total"] for row in invoices) == order["grand_total"]
    assert {row["seller"] for row in invoices} == {"27AAPFU0939F1ZV", "29AAPFU0939F1ZR"}
    assert len(forward.store.shipments) == 2
    assert forward.store.orders[entity_id]["state"] == "complete"


def test_every_call_may_lose_its_answer(forward: Forward) -> None:
    """Each of the calls of a life fails after it was carried out: nothing happens twice."""
    for method in ("add_comment", "set_status", "invoice", "ship"):
        forward.store.fail(method, UnknownOutcome("The answer was lost."), when="after")
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA"))
    forward.route()
    [row] = forward.fulfilments(entity_id)
    forward.pack(row["id"])
    for _ in range(6):
        forward.push_all()
        forward.oms.let_effects_fall_due()
    forward.hand_over(row["id"])
    for _ in range(6):
        forward.push_all()
        forward.oms.let_effects_fall_due()

    assert forward.oms.order(entity_id)["state"] == "shipped"
    assert len(forward.store.invoices) == len(forward.store.shipments) == 1
    assert forward.store.orders[entity_id]["state"] == "complete"


def test_a_captured_prepaid_order_gets_its_comment_and_no_second_invoice(forward: Forward) -> None:
    forward.stock("pune", KURTA=5)
    paid = [item(10, "KURTA", 1, 100) | {"qty_invoiced": 1}]
    entity_id = forward.place(paid, status="processing", state="processing", method="razorpay")

    [fulfilment_id] = ready(forward, entity_id)

    assert forward.store.invoices == []
    [row] = forward.fulfilments(entity_id)
    assert (row["id"], row["state"]) == (fulfilment_id, "ready")
    assert forward.oms.rows("select magento_invoice from invoice") == [{"magento_invoice": "-"}]
    assert forward.oms.rows("select cod from parcel") == [{"cod": 0}]


def test_virtual_lines_are_invoiced_with_the_first_fulfilment(forward: Forward) -> None:
    forward.stock("pune", KURTA=5)
    entity_id = forward.place([item(10, "KURTA"), item(11, "GIFT-CARD", kind="virtual", price=50)])
    ready(forward, entity_id)
    [invoice] = forward.store.invoices
    assert invoice["items"] == {10: 1.0, 11: 1.0}
    [issued] = forward.oms.rows("select total from invoice")
    assert issued["total"] == 150
    [parcel] = forward.oms.rows("select value, cod, shipping from parcel")
    assert (parcel["value"], parcel["cod"], parcel["shipping"]) == (100, 150, 50)


def test_packing_again_answers_the_same_and_another_body_is_a_conflict(forward: Forward) -> None:
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA", quantity=2))
    forward.route()
    [row] = forward.fulfilments(entity_id)
    first = forward.pack(row["id"], "WMS-1")
    again = forward.pack(row["id"], "WMS-1")
    assert (again.invoice_number, again.parcels, again.again) == (first.invoice_number, first.parcels, True)
    two_boxes = [Box({10: D(1)}), Box({10: D(1)})]
    with pytest.raises(WarehouseProblem) as problem:
        forward.pack(row["id"], "WMS-1", two_boxes)
    assert problem.value.kind is Kind.CONFLICT
    with pytest.raises(WarehouseProblem, match="was packed already, as shipment WMS-1"):
        forward.pack(row["id"], "WMS-2")
    assert forward.oms.count("invoice") == 1


@pytest.mark.parametrize(
    ("boxes", "said"),
    [
        ([Box({10: D(3)})], "3 KURTA packed, 2 routed here"),
        ([Box({10: D(1)})], "send back what is missing first"),
        ([Box({10: D(2), 99: D(1)})], "no such line"),
        ([Box({10: D(2)}, length_cm=D(-1))], "/boxes/0/length_cm: -1 is not above 0"),
        ([Box({10: D("1.5")}), Box({10: D("0.5")})], "no whole number"),
        ([], "There is no box"),
        ([Box({10: D(2)}), Box({})], "The box is empty"),
    ],
)
def test_a_wrong_packing_names_line_and_reason_and_changes_nothing(
    forward: Forward, boxes: list[Box], said: str
) -> None:
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA", quantity=2))
    forward.route()
    [row] = forward.fulfilments(entity_id)
    with pytest.raises(WarehouseProblem) as problem:
        forward.pack(row["id"], boxes=boxes)
    assert said in str(problem.value)
    assert problem.value.kind is Kind.INVALID
    assert forward.oms.count("invoice") == forward.oms.count("parcel") == 0
    assert forward.fulfilments(entity_id)[0]["state"] == "routed"
    assert forward.oms.count("invoice_series") == 0


def test_nothing_is_handed_over_before_its_papers_are_there(forward: Forward) -> None:
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA"))
    forward.route()
    [row] = forward.fulfilments(entity_id)
    with pytest.raises(WarehouseProblem, match="is not packed yet"):
        forward.hand_over(row["id"])
    forward.pack(row["id"])
    with pytest.raises(WarehouseProblem, match="invoice, AWB or label is missing"):
        forward.hand_over(row["id"])
    forward.push_all()
    assert not forward.hand_over(row["id"]).again
    assert forward.hand_over(row["id"]).again


@pytest.mark.parametrize("ships_at", ["handover", "packed"])
def test_a_parcel_that_its_courier_took_needs_no_label_any_more(
    forward_of: Callable[..., Forward], ships_at: str
) -> None:
    """Its aggregator never gave one, the driver came all the same, and the warehouse wants to be rid of it."""
    forward = forward_of(magento_shipment_at=ships_at)
    main = forward.account("main")
    main.labels_ready = False
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA"))
    [fulfilment_id] = ready(forward, entity_id)
    with pytest.raises(WarehouseProblem, match="invoice, AWB or label is missing"):
        forward.hand_over(fulfilment_id)

    [booked] = main.orders.values()
    main.scans[booked.awb] += [scan("picked_up", booked.awb), scan("delivered", booked.awb, 30)]
    forward.oms.run("update courier_booking set track_at = now()")
    poll(forward.oms.url, "main", main, STATUSES, holder="test")

    assert [row["state"] for row in forward.fulfilments(entity_id)] == ["ready"]
    assert forward.effects_of("fetch_label") == ["cancelled"]
    assert not forward.hand_over(fulfilment_id).again
    forward.push_all()
    assert len(forward.store.shipments) == 1
    assert [row["state"] for row in forward.fulfilments(entity_id)] == ["handed_over"]


def test_an_order_cancelled_on_magento_is_not_booked(forward: Forward) -> None:
    """Cancelled after packing; the OMS has not heard of it when the courier would be asked."""
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA"))
    forward.route()
    [row] = forward.fulfilments(entity_id)
    forward.pack(row["id"])
    forward.push_magento()
    forward.store.pass_time(5)
    forward.store.cancel_in_admin(entity_id)

    forward.push_couriers()

    assert forward.accounts["main"].bookings == {}
    assert forward.effects_of("book_parcel") == ["cancelled"]
    assert forward.fulfilments(entity_id)[0]["state"] == "cancelled"
    [stock] = forward.oms.rows("select quantity, reserved from stock")
    assert (stock["quantity"], stock["reserved"]) == (5, 0)


def test_an_order_cancelled_just_before_handover_stays(forward: Forward) -> None:
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA"))
    [fulfilment_id] = ready(forward, entity_id)
    forward.store.pass_time(5)
    forward.store.cancel_in_admin(entity_id)

    with pytest.raises(WarehouseProblem, match="is cancelled: it must not leave"):
        forward.hand_over(fulfilment_id)
    forward.push_all()

    assert forward.store.shipments == []
    assert forward.effects_of("cancel_booking") == ["done"]


def test_handover_goes_on_while_the_store_is_down(forward: Forward) -> None:
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA"))
    [fulfilment_id] = ready(forward, entity_id)
    forward.store.fail("page_of", RetryableError("Maintenance."), times=1)
    forward.hand_over(fulfilment_id)
    forward.push_all()
    assert forward.oms.order(entity_id)["state"] == "shipped"


def test_an_order_that_was_cancelled_after_handover_is_not_shipped_on_magento(forward: Forward) -> None:
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA"))
    [fulfilment_id] = ready(forward, entity_id)
    forward.hand_over(fulfilment_id)
    forward.store.cancel_in_admin(entity_id)
    forward.push_magento()
    assert forward.effects_of("create_shipment") == ["cancelled"]
    assert forward.store.shipments == []


def test_an_invoice_waits_while_the_order_is_on_hold_on_magento(forward: Forward) -> None:
    """Magento itself would invoice an order that waits for its payment."""
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA"))
    forward.route()
    [row] = forward.fulfilments(entity_id)
    forward.pack(row["id"])
    forward.store.save(entity_id, state="pending_payment", status="pending_payment")
    forward.push_magento()
    assert forward.store.invoices == []
    forward.store.save(entity_id, state="processing", status="processing")
    forward.oms.let_effects_fall_due()
    forward.push_magento()
    assert len(forward.store.invoices) == 1


def test_magento_s_own_words_go_to_quarantine(forward: Forward) -> None:
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA"))
    forward.route()
    [row] = forward.fulfilments(entity_id)
    forward.pack(row["id"])
    forward.store.fail("invoice", PermanentError("Could not save an invoice, see error log for details"))
    forward.push_magento()
    reasons = [row["reason"] for row in forward.oms.rows("select reason from quarantine where resolved_at is null")]
    assert any("Could not save an invoice" in reason for reason in reasons)


def test_the_shipment_may_be_made_on_magento_when_the_papers_are_ready(
    forward_of: Callable[..., Forward],
) -> None:
    forward = forward_of(magento_shipment_at="packed")
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA"))
    [fulfilment_id] = ready(forward, entity_id)
    assert len(forward.store.shipments) == 1
    forward.hand_over(fulfilment_id)
    forward.push_all()
    assert len(forward.store.shipments) == 1


def test_events_are_told_as_the_store_wants(forward_of: Callable[..., Forward]) -> None:
    forward = forward_of(
        notification_url="https://loom.example/oms/events",
        notifications={"magento_comment": ["dispatched"], "store_url": ["packed", "dispatched"]},
    )
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA"))
    [fulfilment_id] = ready(forward, entity_id)
    forward.url.failures = 1
    forward.hand_over(fulfilment_id)
    forward.push_all()
    forward.oms.let_effects_fall_due()
    forward.push_all()
    told = sorted(event["event"] for event in forward.url.events.values())
    assert told == ["dispatched", "packed"]
    comments = [text for text in forward.store.histories(entity_id) if "Handed over to the courier" in text]
    assert len(comments) == 1
    assert "MAINO1" in comments[0]


def test_several_boxes_share_cod_value_and_shipping(forward: Forward) -> None:
    forward.stock("pune", KURTA=9)
    entity_id = forward.place(goods("KURTA", quantity=3, price=33.33), shipping_amount=10)
    forward.route()
    [row] = forward.fulfilments(entity_id)
    forward.pack(row["id"], boxes=[Box({10: D(1)}), Box({10: D(1)}), Box({10: D(1)})])
    forward.push_all()
    order = forward.oms.order(entity_id)
    parcels = forward.oms.rows("select value, cod, shipping from parcel")
    assert len(parcels) == 3
    assert sum(parcel["cod"] for parcel in parcels) == order["grand_total"]
    assert sum(parcel["shipping"] for parcel in parcels) == order["shipping"]
    forward.hand_over(row["id"])
    forward.push_all()
    assert len(forward.store.shipments[0]["tracks"]) == 3


def test_an_eway_bill_is_waited_for(forward: Forward) -> None:
    forward.stock("pune", SAREE=1)
    entity_id = forward.place(goods("SAREE", price=60_000))
    forward.route()
    [row] = forward.fulfilments(entity_id)
    forward.pack(row["id"])
    forward.push_all()
    assert forward.oms.order(entity_id)["state"] == "held"
    assert forward.store.invoices == []
    assert forward.accounts["main"].bookings == {}
    [hold] = forward.oms.rows("select reason from order_hold where released_at is null")
    assert "needs an e-way bill" in hold["reason"]
    assert forward.oms.order(entity_id)["state"] == "held"

    # Magento tells of it again: what a person must give is waited for all the same.
    forward.store.pass_time(5)
    forward.store.save(entity_id, status="processing", state="processing")
    forward.oms.take_in(forward.store, forward.config, [entity_id])
    assert forward.oms.order(entity_id)["state"] == "held"


def test_what_is_to_be_collected_survives_magento_s_own_invoice(forward: Forward) -> None:
    """An invoice marks the order as paid. It may be read before the OMS knows of it: all the same the second parcel
    collects its part.
    """
    forward.stock("pune", KURTA=1)
    forward.stock("hoskote", SAREE=1)
    entity_id = forward.place(goods("KURTA", "SAREE"), shipping_amount=50)
    forward.route()
    first, second = (row["id"] for row in forward.fulfilments(entity_id))
    forward.pack(first)
    forward.push_magento()
    forward.oms.run("update order_line set invoiced = 0")  # the answer is on its way
    forward.store.pass_time(5)
    forward.store.save(entity_id)
    forward.oms.take_in(forward.store, forward.config, [entity_id])

    forward.pack(second)

    collected = forward.oms.rows("select cod from parcel order by id")
    assert [row["cod"] for row in collected] == [125, 125]


def test_of_a_line_that_two_locations_ship_only_what_is_invoiced_counts(forward: Forward) -> None:
    forward.stock("pune", KURTA=1)
    forward.stock("hoskote", KURTA=2)
    entity_id = forward.place(goods("KURTA", quantity=3))
    forward.route()
    first, second = (row["id"] for row in forward.fulfilments(entity_id))
    forward.pack(first)
    forward.pack(second)
    forward.store.fail("invoice", RetryableError("Maintenance."), times=99)
    forward.push_magento()
    forward.store.faults.clear()
    forward.oms.run("update effect set due_at = case when subject = :s then now() else now() + interval '1 hour' end"
                    " where kind = 'create_invoice'", s=f"fulfilment:{first}")  # fmt: skip
    forward.push_magento()

    [invoice] = forward.store.invoices
    [line] = forward.oms.rows("select packed, invoiced from order_line")
    assert (line["packed"], float(line["invoiced"])) == (3, sum(invoice["items"].values()))
    assert line["invoiced"] < 3
