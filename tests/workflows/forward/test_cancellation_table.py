"""Every pair of the table in docs/cancellations.md: wherever the units are, cancelling does what it says."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.workflows.couriers.fake_aggregator import STATUSES, scan
from tests.workflows.forward.conftest import Forward
from tests.workflows.payloads import item

from magento_oms.domain.cancellation import OUTCOMES, Ask, Outcome, Stage, as_markdown, outcome
from magento_oms.ports import Direction, Tracking
from magento_oms.storage import scans
from magento_oms.storage.database import engine
from magento_oms.workflows.cancelling.seller import ask_to_cancel, ask_to_cancel_units
from magento_oms.workflows.couriers.outcomes import follow_up
from magento_oms.workflows.couriers.tracking import readings_of
from magento_oms.workflows.warehouse.problems import Kind, WarehouseProblem

D = Decimal
DOCS = Path(__file__).parents[3] / "docs" / "cancellations.md"
SCANS = {
    Stage.COMING_BACK: "rto_initiated",
    Stage.DELIVERED: "delivered",
    Stage.LOST: "lost",
    Stage.BACK: "rto_delivered",
}
LEFT = (Stage.ON_THE_WAY, *SCANS)
WHOLE = (Ask.CUSTOMER_ORDER, Ask.PAYMENT, Ask.EDITED, Ask.REFUNDED, Ask.SELLER_ORDER)


def test_the_docs_have_the_table_that_the_code_acts_by() -> None:
    assert as_markdown() in DOCS.read_text(encoding="utf-8"), "put `as_markdown()` into docs/cancellations.md"
    assert OUTCOMES.keys() == {(stage, ask) for stage in Stage for ask in Ask}


def bring(forward: Forward, stage: Stage, method: str) -> int:
    """An order of two units that have come so far; its entity id."""
    if stage is not Stage.WAITING:
        forward.stock("pune", KURTA=5)
    prepaid = method != "cashondelivery"
    more: dict[str, Any] = {"method": method} | ({"status": "processing", "state": "processing"} if prepaid else {})
    entity_id = forward.place([item(10, "KURTA", 2, 100)], **more)
    forward.route()
    if stage in (Stage.WAITING, Stage.ROUTED):
        return entity_id
    [row] = forward.fulfilments(entity_id)
    if stage is Stage.CANCELLED:
        forward.store.cancel_in_admin(entity_id)
        forward.oms.take_in(forward.store, forward.config, [entity_id])
        return entity_id
    forward.pack(row["id"])
    if stage is Stage.PACKED:
        return entity_id
    forward.push_magento()
    forward.push_couriers()
    if stage is Stage.READY:
        return entity_id
    forward.hand_over(row["id"])
    if code := SCANS.get(stage):
        tell(forward, code)
    return entity_id


def tell(forward: Forward, code: str) -> None:
    """The courier's tracking tells of a scan of the only parcel."""
    [booking] = forward.oms.rows("select id, awb from courier_booking")
    tracking = Tracking(booking["awb"], (scan(code, booking["awb"], 5),))
    with engine(forward.oms.url).begin() as connection:
        readings = readings_of(tracking, STATUSES, Direction.FORWARD)
        follow_up(connection, scans.apply(connection, booking["id"], readings, read_back=True))


def ask(forward: Forward, entity_id: int, what: Ask, stage: Stage) -> None:
    """Cancel the order, or one of its two units, so."""
    store, order_id = forward.store, int(forward.oms.order(entity_id)["id"])
    store.pass_time(5)
    if what is Ask.SELLER_ORDER:
        with engine(forward.oms.url).begin() as connection:
            ask_to_cancel(connection, forward.config, order_id, "out of stock", by="asha")
        return
    if what is Ask.SELLER_UNITS:
        units = D(2) if stage is Stage.CANCELLED else D(1)
        with engine(forward.oms.url).begin() as connection:
            ask_to_cancel_units(connection, forward.config, order_id, {10: units}, "out of stock", by="asha")
        return
    if what is Ask.CUSTOMER_UNITS:
        [row] = store.orders[entity_id]["items"]
        row["qty_canceled"] = 2 if stage is Stage.CANCELLED else 1
        store.save(entity_id)
    elif what is Ask.REFUNDED:
        [row] = store.orders[entity_id]["items"]
        row["qty_refunded"] = 2
        store.save(entity_id, state="closed", status="closed")
    else:
        store.cancel_in_admin(entity_id)
        if what is Ask.EDITED:
            store.save(entity_id, relation_child_real_id="000000001-1")
        if what is Ask.PAYMENT:
            store.save(entity_id, total_due=store.orders[entity_id]["grand_total"])
    forward.oms.take_in(store, forward.config, [entity_id])


def facts(forward: Forward) -> dict[str, Any]:
    """What there is to be compared."""
    [line] = forward.oms.rows("select cancelled, shipped, packed, allocated from order_line")
    stock = forward.oms.rows("select quantity, reserved from stock")
    return {
        "line": line,
        "stock": stock,
        "fulfilments": [(row["state"], row["lines"]) for row in forward.fulfilments()],
        "credit notes": forward.oms.count("credit_note"),
        "cancellations": forward.oms.count("cancellation"),
        "expected back": [row["asked"] for row in forward.oms.rows("select asked from expected_rto")],
        "troubles": forward.oms.quarantined(),
        "holds": forward.oms.rows("select code from order_hold where released_at is null"),
    }


@pytest.mark.parametrize("what", Ask)
@pytest.mark.parametrize("stage", Stage)
def test_every_pair_comes_to_what_the_table_says(forward: Forward, stage: Stage, what: Ask) -> None:
    prepaid = what in (Ask.PAYMENT, Ask.REFUNDED)
    entity_id = bring(forward, stage, "razorpay" if prepaid else "cashondelivery")
    before = facts(forward)
    expected = outcome(stage, what)
    if expected is Outcome.REFUSE:
        with pytest.raises(WarehouseProblem) as problem:
            ask(forward, entity_id, what, stage)
        assert problem.value.kind is Kind.CONFLICT
        assert "until packing" in problem.value.what
        assert facts(forward) == before
        return
    ask(forward, entity_id, what, stage)
    CHECKS[expected](forward, entity_id, what, before)


def _noted(forward: Forward, expected: Outcome) -> None:
    [noted] = forward.oms.rows("select cause, outcomes from cancellation order by id desc limit 1")
    assert noted["outcomes"][-1]["outcome"] == expected.name.lower()


def _units(what: Ask) -> int:
    return 2 if what in WHOLE else 1


def _dropped(forward: Forward, entity_id: int, what: Ask, before: dict[str, Any]) -> None:
    after = facts(forward)
    assert after["line"]["cancelled"] == _units(what)
    assert forward.oms.order(entity_id)["state"] == ("cancelled" if what in WHOLE else "open")
    assert after["troubles"] == {}
    _noted(forward, Outcome.DROP)


def _taken_off(forward: Forward, entity_id: int, what: Ask, before: dict[str, Any]) -> None:
    after = facts(forward)
    left = 2 - _units(what)
    assert after["line"]["cancelled"] == _units(what)
    assert after["fulfilments"] == [("routed", {"KURTA": left}) if left else ("cancelled", {})]
    assert [(row["quantity"], row["reserved"]) for row in after["stock"]] == [(5, left)]
    assert after["credit notes"] == 0
    _noted(forward, Outcome.TAKE_OFF)


def _box_opened(forward: Forward, entity_id: int, what: Ask, before: dict[str, Any]) -> None:
    after = facts(forward)
    left = 2 - _units(what)
    assert after["line"] == {"cancelled": 2 - left, "shipped": 0, "packed": 0, "allocated": left}
    assert after["fulfilments"] == [("cancelled", {}), *([("routed", {"KURTA": 1})] if left else [])]
    assert [(row["quantity"], row["reserved"]) for row in after["stock"]] == [(5, left)]
    assert after["troubles"] == {}
    [note] = forward.oms.rows(
        "select n.total, i.total as whole from credit_note n join invoice i on i.id = n.invoice_id"
    )
    assert note["total"] == note["whole"]
    _noted(forward, Outcome.REPACK if left else Outcome.OPEN_BOX)
    booked = len(forward.accounts["main"].orders) if forward.accounts else 0
    forward.push_all()
    assert sum(count for (did, _), count in forward.accounts["main"].ledger.items() if did == "cancel") == booked
    assert not any(state in ("due", "planned", "failed") for state in forward.oms.effect_states())
    assert forward.oms.quarantined() == {}


def _held_and_asked(forward: Forward, entity_id: int, what: Ask, before: dict[str, Any]) -> None:
    assert forward.oms.order(entity_id)["state"] == "held"
    forward.push_magento()
    assert forward.store.orders[entity_id]["state"] == "canceled"
    forward.oms.take_in(forward.store, forward.config, [entity_id])
    assert forward.oms.order(entity_id)["state"] == "cancelled"
    assert all(row["reserved"] == 0 for row in facts(forward)["stock"])
    assert [row["cause"] for row in forward.oms.rows("select cause from cancellation")] == ["seller"]


def _cancelled_and_told(forward: Forward, entity_id: int, what: Ask, before: dict[str, Any]) -> None:
    after = facts(forward)
    assert after["line"]["cancelled"] == 1
    assert sum(row["reserved"] for row in after["stock"]) == sum(
        units for state, lines in after["fulfilments"] for units in lines.values()
    )
    assert forward.effects_of("cancel_units") == ["due"]
    forward.oms.take_in(forward.store, forward.config, [entity_id])
    assert facts(forward)["line"] == after["line"]


def _called_back(forward: Forward, entity_id: int, what: Ask, before: dict[str, Any]) -> None:
    _expected_back(forward, before, asked=True)
    forward.push_couriers()
    assert [request.action for _, request in forward.accounts["main"].ndr] == ["return_to_origin"]
    tell(forward, "rto_delivered")
    assert forward.oms.quarantined() == {}
    assert forward.oms.rows("select ended_as from expected_rto") == [{"ended_as": "rto_delivered"}]


def _awaited(forward: Forward, entity_id: int, what: Ask, before: dict[str, Any]) -> None:
    _expected_back(forward, before, asked=False)
    forward.push_couriers()
    assert forward.accounts["main"].ndr == []


def _expected_back(forward: Forward, before: dict[str, Any], *, asked: bool) -> None:
    after = facts(forward)
    assert after["expected back"] == [asked]
    assert list(after["troubles"].values()) == ["expected_rto"]
    assert (after["line"], after["fulfilments"]) == (before["line"], before["fulfilments"])
    _noted(forward, Outcome.CALL_BACK if asked else Outcome.AWAIT)


def _goes_on(forward: Forward, entity_id: int, what: Ask, before: dict[str, Any]) -> None:
    after = facts(forward)
    assert list(after["troubles"].values()) == ["cancelled_too_late"]
    assert after["expected back"] == []
    assert (after["line"], after["fulfilments"]) == (before["line"], before["fulfilments"])
    _noted(forward, Outcome.GOES_ON)


def _nothing(forward: Forward, entity_id: int, what: Ask, before: dict[str, Any]) -> None:
    after = facts(forward)
    same = ("line", "fulfilments", "stock", "credit notes", "expected back", "troubles")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}


CHECKS: dict[Outcome, Callable[[Forward, int, Ask, dict[str, Any]], None]] = {
    Outcome.DROP: _dropped,
    Outcome.TAKE_OFF: _taken_off,
    Outcome.OPEN_BOX: _box_opened,
    Outcome.REPACK: _box_opened,
    Outcome.HOLD_AND_ASK: _held_and_asked,
    Outcome.CANCEL_AND_TELL: _cancelled_and_told,
    Outcome.CALL_BACK: _called_back,
    Outcome.AWAIT: _awaited,
    Outcome.GOES_ON: _goes_on,
    Outcome.NOTHING: _nothing,
}
