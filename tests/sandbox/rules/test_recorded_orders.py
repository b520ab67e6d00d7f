"""The recorded server's orders, done again from the day they were placed, end in the recorded documents."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from commerce_sandbox.magento_rules import invoices, orders, refunds, shipments
from commerce_sandbox.magento_rules.as_placed import as_placed
from commerce_sandbox.magento_rules.book import OrderBook
from commerce_sandbox.magento_rules.memory import MemoryContext

RECORDED = Path(__file__).parents[2] / "recorded" / "magento" / "state"

Step = tuple[str, Callable[[OrderBook, MemoryContext], Any]]


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-23T{clock}").replace(tzinfo=UTC)


def invoice(clock: str, **body: Any) -> Step:
    return clock, lambda book, ctx: invoices.invoice(book, body, ctx)


def ship(clock: str, **body: Any) -> Step:
    return clock, lambda book, ctx: shipments.ship(book, body, ctx)


def cancel(clock: str) -> Step:
    return clock, orders.cancel


def hold(clock: str) -> Step:
    return clock, orders.hold


def unhold(clock: str) -> Step:
    return clock, orders.unhold


def refund(clock: str, **body: Any) -> Step:
    return clock, lambda book, ctx: refunds.refund_order(book, body, ctx)


def save(clock: str, **entity: Any) -> Step:
    return clock, lambda book, ctx: orders.save_entity(book, {"entity": entity}, ctx)


def comment(clock: str, **body: Any) -> Step:
    return clock, lambda book, ctx: orders.add_comment(book, {"statusHistory": body}, ctx)


def rows(*pairs: tuple[int, float]) -> list[dict[str, Any]]:
    return [{"order_item_id": item_id, "qty": quantity} for item_id, quantity in pairs]


TRACK = {"title": "X", "carrier_code": "custom"}
FROM_WH2 = {"extension_attributes": {"source_code": "wh2"}}

HISTORIES: dict[int, list[Step]] = {
    63: [
        invoice("13:34:29", capture=True, notify=False),
        ship(
            "13:34:32",
            tracks=[{"track_number": "AWB123456", "title": "Bluedart", "carrier_code": "custom"}],
            comment={"comment": "Shipped", "is_visible_on_front": 0},
        ),
    ],
    64: [ship("13:34:43", tracks=[{**TRACK, "track_number": "AWB2"}]), cancel("13:34:44")],
    65: [ship("13:34:48"), invoice("13:34:49", capture=True)],
    66: [
        invoice("13:34:53", capture=True, items=rows((127, 1))),
        ship("13:34:55", items=rows((127, 1)), tracks=[{**TRACK, "track_number": "P1"}]),
        ship("13:34:56", items=rows((127, 50))),
        cancel("13:34:59"),
    ],
    67: [
        ship("13:35:03", items=rows((129, 2))),
        ship("13:35:05"),
        invoice(
            "13:35:07",
            capture=False,
            notify=True,
            appendComment=True,
            comment={"comment": "hi", "is_visible_on_front": 1},
        ),
    ],
    73: [hold("13:35:35"), unhold("13:35:42"), cancel("13:35:45")],
    74: [invoice("13:35:54", capture=True), cancel("13:35:56")],
    75: [
        invoice("13:36:01", capture=True),
        refund(
            "13:36:02",
            items=rows((145, 1)),
            arguments={
                "shipping_amount": 0,
                "adjustment_positive": 0,
                "adjustment_negative": 0,
                "extension_attributes": {"return_to_stock_items": [145]},
            },
        ),
        refund("13:36:05"),
    ],
    76: [
        invoice("13:36:09", capture=True),
        ship("13:36:10"),
        refund("13:36:11", items=rows((147, 1))),
    ],
    80: [
        save("13:38:03", entity_id=80, status="processing", state="processing"),
        comment("13:38:04", comment="now allowed", status="processing", is_customer_notified=0, is_visible_on_front=0),
    ],
    2500067: [
        ship("14:00:41", items=rows((2500124, 1))),
        ship("14:00:42"),
        invoice("14:00:42", capture=True),
    ],
    2500068: [invoice("14:00:44", capture=True)],
    2500069: [ship("14:00:51", items=rows((2500132, 2)), arguments=FROM_WH2)],
}
PENDING_PAYMENT = {2500063: [ship("14:00:24"), invoice("14:00:25", capture=True)]}


@pytest.fixture(scope="module")
def documents() -> dict[str, list[dict[str, Any]]]:
    kept: dict[str, list[dict[str, Any]]] = json.loads((RECORDED / "documents.json").read_text())
    return kept


def without_ids(value: Any) -> Any:
    """The document without the ids that count across orders."""
    dropped = {"entity_id", "increment_id", "parent_id"}
    if isinstance(value, dict):
        return {key: without_ids(item) for key, item in value.items() if key not in dropped}
    if isinstance(value, list):
        return [without_ids(item) for item in value]
    return value


def run(placed: dict[str, Any], steps: list[Step], ctx: MemoryContext) -> OrderBook:
    book = OrderBook(placed)
    for clock, step in steps:
        ctx.now = at(clock)
        step(book, ctx)
    return book


@pytest.mark.parametrize("order_id", [*HISTORIES, *PENDING_PAYMENT])
def test_an_order_done_again_is_the_recorded_order(
    order_id: int, recorded_orders: dict[int, dict[str, Any]], world: MemoryContext
) -> None:
    pending = order_id in PENDING_PAYMENT
    state = ("pending_payment", "pending_payment") if pending else ("new", "pending")
    placed = as_placed(recorded_orders[order_id], state=state[0], status=state[1])
    steps = PENDING_PAYMENT[order_id] if pending else HISTORIES[order_id]

    book = run(placed, steps, world)

    assert without_ids(book.order) == without_ids(recorded_orders[order_id])


@pytest.mark.parametrize("order_id", [*HISTORIES, *PENDING_PAYMENT])
@pytest.mark.parametrize("kind", ["invoices", "shipments", "creditmemos"])
def test_its_documents_are_the_recorded_ones(
    order_id: int,
    kind: str,
    recorded_orders: dict[int, dict[str, Any]],
    documents: dict[str, list[dict[str, Any]]],
    world: MemoryContext,
) -> None:
    placed = as_placed(recorded_orders[order_id])
    if order_id in PENDING_PAYMENT:
        placed |= {"state": "pending_payment", "status": "pending_payment"}
    book = run(placed, HISTORIES.get(order_id) or PENDING_PAYMENT[order_id], world)

    assert [without_times(row) for row in getattr(book, kind)] == [
        without_times(row) for row in documents[kind] if row["order_id"] == order_id
    ]


def without_times(document: dict[str, Any]) -> dict[str, Any]:
    """A document as it was made: without ids, times, and the tracks and comments that were added to it later."""
    made = {key: value for key, value in without_ids(document).items() if not key.endswith("_at")}
    for later in ("tracks", "comments"):
        made[later] = [
            {key: value for key, value in row.items() if not key.endswith("_at")} for row in made.get(later) or []
        ][:1]
    return made
