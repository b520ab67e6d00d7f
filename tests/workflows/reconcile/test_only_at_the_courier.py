"""Orders that only a courier has are on the report, and aggregators that have no list are named there."""

from __future__ import annotations

from collections.abc import Callable

from tests.workflows.couriers.fake_aggregator import FakeAggregator
from tests.workflows.forward.conftest import Forward, goods
from tests.workflows.reconcile.conftest import Reconciling

from magento_oms.ports import Booked, Operation, RetryableError


def shipped(forward: Forward) -> FakeAggregator:
    """An order that is booked at the first account."""
    forward.stock("pune", KURTA=5)
    entity_id = forward.place(goods("KURTA"))
    forward.route()
    [row] = forward.fulfilments(entity_id)
    forward.pack(row["id"])
    forward.push_all()
    return forward.account("main")


def report_of(reconciling: Reconciling, html: str) -> str:
    return (reconciling.folder / html).read_text(encoding="utf-8")


def test_what_the_oms_booked_is_known_and_what_others_made_is_listed(reconciling: Reconciling) -> None:
    courier = shipped(reconciling.forward)
    known = next(iter(courier.orders.values()))
    courier.of_others = [
        Booked("PANEL-7", order_ref="77", awb="STRANGE1"),
        Booked("WITHOUT-AWB"),
        Booked("GONE-8", awb="STRANGE2", cancelled=True),
        Booked("renamed there", order_ref="9", awb=known.awb),  # ours by its AWB
    ]
    summary = reconciling.one()
    assert summary.proof.endswith("differing 0 (none); 2 only at the courier")
    assert [(row["kind"], row["what"], row["subject"], row["courier"]) for row in reconciling.rows(summary)] == [
        ("extra_at_courier", "order at main", "STRANGE1", "PANEL-7"),
        ("extra_at_courier", "order at main", "", "WITHOUT-AWB"),
    ]
    page = report_of(reconciling, summary.html)
    assert "only the courier has this order" in page
    assert reconciling.forward.oms.quarantined() == {}
    assert (summary.lost, summary.doubled, summary.differing) == (0, 0, 0)


def test_a_day_without_strangers_says_nothing_of_them(reconciling: Reconciling) -> None:
    shipped(reconciling.forward)
    summary = reconciling.one()
    assert summary.proof.endswith("differing 0 (none)")
    assert reconciling.rows(summary) == []


def test_an_aggregator_without_a_list_is_named(reconciling: Reconciling) -> None:
    courier = shipped(reconciling.forward)
    courier.operations = courier.operations - {Operation.LIST}
    courier.of_others = [Booked("PANEL-7", awb="STRANGE1")]
    summary = reconciling.one()
    assert reconciling.rows(summary) == []
    assert "main (eshipz) has no list of orders: what only it has is not seen." in report_of(reconciling, summary.html)


def test_an_account_that_cannot_be_listed_is_named_and_the_rest_goes_on(reconciling: Reconciling) -> None:
    courier = shipped(reconciling.forward)
    reconciling.forward.account("spare").of_others = [Booked("PANEL-8", awb="STRANGE3")]

    def down(method: str) -> None:
        if method == "listed":
            raise RetryableError("The courier is down.")

    courier.before_call = down
    summary = reconciling.one()
    assert [row["subject"] for row in reconciling.rows(summary)] == ["STRANGE3"]
    assert "The orders at main could not be listed: The courier is down." in report_of(reconciling, summary.html)


def test_of_a_store_that_is_only_watched_nothing_is_listed(
    forward_of: Callable[..., Forward], reconciling: Reconciling
) -> None:
    reconciling.forward = forward_of(mode="shadow")
    reconciling.forward.account("main").of_others = [Booked("PANEL-7", awb="STRANGE1")]
    reconciling.forward.place(goods("KURTA"))
    assert reconciling.rows(reconciling.one()) == []
