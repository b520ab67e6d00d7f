"""Orders recorded from a real Magento, as the commands show them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.workflows.fakes import instance_config

from magento_oms.ports import OrderPage
from magento_oms.storage import instances
from magento_oms.storage.database import engine
from magento_oms.workflows.intake import IntakeCounts, take_in

RECORDED = Path(__file__).parents[1] / "recorded" / "magento" / "state" / "orders.json"
READ_AT = datetime(2026, 11, 24, tzinfo=UTC)
ORDERS = json.loads(RECORDED.read_text("utf-8"), parse_float=Decimal)


@pytest.fixture
def taken_in(oms_database: str) -> IntakeCounts:
    """All recorded orders are in the OMS."""
    config = instance_config()
    with engine(oms_database).begin() as connection:
        instances.configure(connection, config)
    raw = [json.dumps(order, default=str).encode() for order in ORDERS]
    return take_in(oms_database, config, OrderPage(ORDERS, raw, READ_AT, last=True))


def test_every_order_is_listed_or_in_quarantine(run: Run, taken_in: IntakeCounts) -> None:
    listed = json.loads(run("orders", "list", "--limit", 1000, "--json").stdout)
    waiting = json.loads(run("quarantine", "list", "--limit", 1000, "--json").stdout)
    assert len(listed) == taken_in.new > 50
    assert len(waiting) == taken_in.quarantined
    stored = {row["entity_id"]: row for row in listed}
    for order in ORDERS:
        if order["entity_id"] in stored:
            row = stored[order["entity_id"]]
            assert row["increment_id"] == order["increment_id"]
            assert Decimal(row["grand_total"]) == Decimal(order["grand_total"])
        else:
            assert f"order:{order['entity_id']}" in {entry["subject"] for entry in waiting}
    newest = [row["placed_at"] for row in listed]
    assert newest == sorted(newest, reverse=True)
    assert json.loads(run("orders", "list", "--limit", 3, "--json").stdout) == listed[:3]


@pytest.mark.usefixtures("taken_in")
def test_no_buyer_is_shown_unasked(run: Run) -> None:
    shown_with_data = 0
    for row in json.loads(run("orders", "list", "--limit", 1000, "--json").stdout):
        order = next(each for each in ORDERS if each["entity_id"] == row["entity_id"])
        shown = run("orders", "show", "loom", row["entity_id"], "--by", "entity").stdout
        private = {order["customer_email"], order["billing_address"]["telephone"], *order["billing_address"]["street"]}
        assert not [each for each in private if each in shown]
        assert all(item["sku"] in shown for item in order["items"] if item["product_type"] == "simple")
        if row["entity_id"] % 10 == 0:
            personal = run("orders", "show", "loom", row["entity_id"], "--by", "entity", "--personal").stdout
            assert order["customer_email"] in personal
            shown_with_data += 1
    assert shown_with_data


@pytest.mark.usefixtures("taken_in")
def test_piped_lists_are_tables_for_programs(run: Run) -> None:
    names, *rows = run("orders", "list", "--limit", 5).stdout.splitlines()
    assert [len(row.split("\t")) for row in rows] == [len(names.split("\t"))] * 5
