"""A look into an OMS database, and the passing of time in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from tests.workflows.fakes import FakeMagento
from tests.workflows.payloads import Row

from magento_oms.config.models import InstanceConfig
from magento_oms.ports import OrderPage
from magento_oms.storage.database import engine
from magento_oms.workflows.acknowledge_order import AcknowledgeOrder
from magento_oms.workflows.intake import IntakeCounts, take_in
from magento_oms.workflows.order_pull import PullSummary, pull_live
from magento_oms.workflows.push import PushSummary, push
from magento_oms.workflows.turns import NO_LINGER, Linger

TARGET = "magento:loom"

NOT_BUSINESS = ("id", "stored_at", "acknowledged_at", "read_at")
"""Columns of an order that tell when and how often we looked, not what the order is."""


@dataclass(frozen=True)
class Oms:
    """An OMS database."""

    url: str

    def rows(self, sql: str, **values: Any) -> list[Row]:
        """What a query finds."""
        with engine(self.url).connect() as connection:
            return [dict(row) for row in connection.execute(text(sql), values).mappings()]

    def run(self, sql: str, **values: Any) -> None:
        """Change something by hand."""
        with engine(self.url).begin() as connection:
            connection.execute(text(sql), values)

    def order(self, entity_id: int) -> Row:
        """One order."""
        [row] = self.rows("select * from sales_order where entity_id = :id", id=entity_id)
        return row

    def states(self) -> dict[int, str]:
        """State of every order by its id on Magento."""
        return {row["entity_id"]: row["state"] for row in self.rows("select entity_id, state from sales_order")}

    def effects(self, entity_id: int | None = None) -> list[Row]:
        """Effects (of one order), in the order of planning."""
        found = self.rows("select * from effect order by id")
        return [row for row in found if entity_id is None or row["subject"] == f"order:{entity_id}"]

    def effect_states(self, entity_id: int | None = None) -> list[str]:
        """States of the effects."""
        return [row["state"] for row in self.effects(entity_id)]

    def quarantined(self) -> dict[str, str]:
        """Open entries of the quarantine: subject → code."""
        return {
            row["subject"]: row["code"]
            for row in self.rows("select subject, code from quarantine where resolved_at is null")
        }

    def count(self, table: str) -> int:
        """Rows of a table."""
        [row] = self.rows(f"select count(*) as n from {table}")
        return int(row["n"])

    def business(self) -> list[Row]:
        """Orders and lines in all business columns, without what tells when we looked."""
        orders = self.rows("select * from sales_order order by entity_id")
        lines = self.rows(
            "select o.entity_id, l.* from order_line l join sales_order o on o.id = l.order_id order by o.entity_id, 3"
        )
        plain = [{name: value for name, value in row.items() if name not in NOT_BUSINESS} for row in orders]
        return plain + [{name: value for name, value in row.items() if name != "order_id"} for row in lines]

    def take_in(self, store: FakeMagento, config: InstanceConfig, ids: Sequence[int] | None = None) -> IntakeCounts:
        """Take orders in as they are at the store now, as one page."""
        return take_in(self.url, config, self.page(store, ids))

    @staticmethod
    def page(store: FakeMagento, ids: Sequence[int] | None = None) -> OrderPage:
        """Orders as they are at the store now, as one page."""
        pages = [store.page_of(entity_id) for entity_id in (store.orders if ids is None else ids)]
        return OrderPage(
            [page.orders[0] for page in pages], [page.raw[0] for page in pages], store.server_time(), last=True
        )

    def pull_live(self, store: FakeMagento, config: InstanceConfig) -> PullSummary:
        """A live run; while it waits, only the store's clock goes on."""
        return pull_live(self.url, store, config, holder="test", sleep=store.pass_time)

    def push(
        self,
        store: FakeMagento,
        config: InstanceConfig,
        *,
        linger: Linger = NO_LINGER,
        settle_delay: timedelta = timedelta(seconds=90),
    ) -> PushSummary:
        """Carry out what is due."""
        kind = AcknowledgeOrder(config)
        return push(self.url, TARGET, store, {kind.name: kind}, holder="test", settle_delay=settle_delay, linger=linger)

    def let_effects_fall_due(self) -> None:
        """What waits for a later time is due now."""
        self.run("update effect set due_at = now() where state in ('due', 'unknown')")

    def kill_workers(self) -> None:
        """Those who hold claims are gone, and their claims have run out."""
        self.run("update effect set claimed_until = now() - interval '1 second' where claim is not null")
