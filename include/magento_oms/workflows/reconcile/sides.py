"""Each side of a reconciliation of orders as rows: Magento's payloads, the OMS's tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig, StatusMeaning, StoreConfig
from magento_oms.domain.orders import MagentoLine, MagentoOrder, NotUnderstood
from magento_oms.mapping.magento_orders import magento_order
from magento_oms.ports import Json, OrderPage, parse_magento_time
from magento_oms.storage import reconciliation
from magento_oms.storage.reconciliation import MOST
from magento_oms.workflows.cancel_rules import ENDED
from magento_oms.workflows.reconcile import compare
from magento_oms.workflows.reconcile.counts import KNOWN
from magento_oms.workflows.reconcile.words import UNIT

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TOLD = "[oms-ack-"
"""Stands in the comment by which an order is acknowledged."""


@dataclass(slots=True)
class Read:
    """Orders of one store as Magento has them, and the payloads that they were read from."""

    orders: list[tuple[Any, ...]] = field(default_factory=list)
    lines: list[tuple[Any, ...]] = field(default_factory=list)
    payloads: dict[int, tuple[Json, bytes]] = field(default_factory=dict)
    server_time: datetime = EPOCH

    def __len__(self) -> int:
        return len(self.payloads)

    def add(self, page: OrderPage, store: StoreConfig) -> None:
        """Add a page."""
        self.server_time = max(self.server_time, page.server_time)
        for payload, raw in zip(page.orders, page.raw, strict=True):
            entity_id = int(payload["entity_id"])
            self.payloads[entity_id] = (payload, raw)
            try:
                order = magento_order(payload)
            except NotUnderstood:
                self.orders.append(_only_there(entity_id, payload, store))
                continue
            self.orders.append(order_row(order, payload, store))
            self.lines += [line_row(order.entity_id, line) for line in order.lines]

    def page(self, entity_ids: Iterable[int]) -> OrderPage:
        """Some of the orders as a page, to be taken in."""
        chosen = [self.payloads[entity_id] for entity_id in entity_ids]
        return OrderPage([payload for payload, _ in chosen], [raw for _, raw in chosen], self.server_time, last=True)

    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Orders and lines."""
        return compare.frame(self.orders, compare.MAGENTO_ORDERS), compare.frame(self.lines, compare.LINES)


def order_row(order: MagentoOrder, payload: Json, store: StoreConfig) -> tuple[Any, ...]:
    """As `compare.MAGENTO_ORDERS` wants it."""
    meaning = store.statuses.meaning(order.status)
    comments = payload.get("status_histories") or ()
    return (
        order.entity_id,
        order.increment_id,
        order.status,
        meaning is not StatusMeaning.IGNORE,
        meaning is StatusMeaning.CANCELLED or order.state in ENDED,
        int(order.updated_at.timestamp()),
        sum(TOLD in str(entry.get("comment") or "") for entry in comments),
        *map(units, (order.grand_total, order.total_due, order.subtotal, order.shipping, order.discount, order.tax)),
    )


def _only_there(entity_id: int, payload: Json, store: StoreConfig) -> tuple[Any, ...]:
    """An order whose payload is not understood: all that counts is that it is there."""
    status = str(payload.get("status") or "")
    expected = store.statuses.meaning(status) is not StatusMeaning.IGNORE
    return (entity_id, str(payload.get("increment_id") or ""), status, expected, False, -1, 0, 0, 0, 0, 0, 0, 0)


def line_row(entity_id: int, line: MagentoLine) -> tuple[Any, ...]:
    """As `compare.LINES` wants it."""
    figures = (line.ordered, line.invoiced, line.shipped, line.cancelled, line.refunded)
    return (entity_id, line.item_id, line.sku, *map(units, figures))


def units(value: Decimal) -> int:
    """A figure as a whole number of 1/10,000, rounded as Postgres does."""
    if not value:
        return 0
    within = min(max(value, Decimal(-MOST)), Decimal(MOST))
    return int((within * UNIT).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def oms_frames(connection: Connection, instance: str, entity_ids: Sequence[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The OMS's side of some orders: orders and lines."""
    stored = compare.frame(reconciliation.orders(connection, instance, entity_ids), compare.OMS_ORDERS)
    lines = compare.frame(reconciliation.lines(connection, instance, entity_ids), compare.LINES)
    return stored, lines


@dataclass(frozen=True, slots=True)
class Kept:
    """Orders that are in quarantine only: entity id → what their payload tells for counting."""

    rows: tuple[tuple[int, int, int, str, int], ...]
    """Entity id, store id, time placed, status, time of the last change."""

    def known(self, store_id: int, start: int, end: int, ignored: Sequence[str]) -> list[tuple[Any, ...]]:
        """Those of a store's window, as `counts.KNOWN`."""
        return [
            (entity_id, placed, status, updated)
            for entity_id, store, placed, status, updated in self.rows
            if store == store_id and start <= placed < end and status not in ignored
        ]

    @property
    def ids(self) -> frozenset[int]:
        """Their entity ids."""
        return frozenset(row[0] for row in self.rows)


def kept(connection: Connection, config: InstanceConfig) -> Kept:
    """The orders of an instance that are in quarantine only, so that they are not counted as lost."""
    rows = []
    for entity_id, raw in reconciliation.only_kept(connection, config.code):
        payload = json.loads(raw)
        try:
            placed, updated = (parse_magento_time(str(payload.get(name))) for name in ("created_at", "updated_at"))
            store_id = int(payload.get("store_id"))
        except (TypeError, ValueError):
            continue  # counting cannot place it: it shows as a difference, and then as kept
        rows.append(
            (entity_id, store_id, int(placed.timestamp()), str(payload.get("status") or ""), int(updated.timestamp()))
        )
    return Kept(tuple(rows))


def known_frame(
    connection: Connection, config: InstanceConfig, store: StoreConfig, start: int, end: int, waiting: Kept
) -> pd.DataFrame:
    """What the OMS knows of a store's orders in a window, for counting."""
    ignored = tuple(store.statuses.ignore)
    stored = reconciliation.known_orders(
        connection,
        config.code,
        store.store_id,
        datetime.fromtimestamp(start, UTC),
        datetime.fromtimestamp(end, UTC),
        ignored,
    )
    return compare.frame([*stored, *waiting.known(store.store_id, start, end, ignored)], KNOWN)
