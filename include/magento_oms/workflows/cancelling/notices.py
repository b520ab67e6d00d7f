"""The effects that tell of a cancellation: a comment on the Magento order, and an event to the store's URL. What was
cancelled, how much of it had left already, and why; the words that somebody wrote with it are not told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from magento_oms.config.models import InstanceConfig
from magento_oms.domain.cancellation import Cause
from magento_oms.ports import CommentOptions
from magento_oms.storage import cancellation_notices as told
from magento_oms.storage import cancellations
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.workflows.fulfilling.notify_store import Event, ToStoreUrl, event_id_of, moment_of
from magento_oms.workflows.fulfilling.tell_magento import Comment, CommentKind

WORDS = {
    Cause.CUSTOMER: "by the customer",
    Cause.PAYMENT: "because the payment never came",
    Cause.EDITED: "because another order took its place",
    Cause.REFUND: "because it was refunded",
    Cause.SELLER: "by the seller",
}


@dataclass(frozen=True, slots=True)
class _Cancelled:
    """A cancellation with the order's words for it. `skus`: item id → SKU."""

    order: Any
    cause: Cause
    units: dict[int, Decimal]
    left: dict[int, Decimal]
    skus: dict[int, str]
    planned_at: datetime

    def items(self, units: Mapping[int, Decimal]) -> list[dict[str, Any]]:
        """Units as they are told, without lines that nobody ships."""
        return [
            {"item_id": item_id, "sku": self.skus[item_id], "quantity": f"{count.normalize():f}"}
            for item_id, count in sorted(units.items())
            if item_id in self.skus
        ]


class TellMagentoOfCancellation(CommentKind):
    """Leaves a comment on the order."""

    name = told.TELL_MAGENTO_OF_CANCELLATION

    def __init__(self, config: InstanceConfig) -> None:
        self._config = config

    def read(self, connection: Connection, effect: ClaimedEffect) -> Comment:
        """What is to be told."""
        cancelled = _the(connection, effect)
        store = self._config.store(cancelled.order.store_id)
        reference = f"[oms-{effect.subject.replace(':', '-')}]"
        parts = [
            f"{_listed(units)} {what}"
            for units, what in (
                (cancelled.items(cancelled.units), "will not be shipped"),
                (cancelled.items(cancelled.left), "had left already"),
            )
            if units
        ]
        said = f"Cancelled {WORDS[cancelled.cause]}: {'; '.join(parts)}. {reference}"
        options = CommentOptions(store.comments.visible_on_front, store.comments.notify) if store else CommentOptions()
        return Comment(cancelled.order.entity_id, said, reference, options)


class NotifyStoreOfCancellation(ToStoreUrl):
    """Sends an event to the store's `notification_url`."""

    name = told.NOTIFY_STORE_OF_CANCELLATION

    def __init__(self, config: InstanceConfig) -> None:
        self._config = config

    def read(self, connection: Connection, effect: ClaimedEffect) -> Event:
        """What is to be told."""
        cancelled = _the(connection, effect)
        order, store = cancelled.order, self._config.store(cancelled.order.store_id)
        event_id = event_id_of(effect)
        body = {
            "event_id": event_id,
            "event": told.CANCELLED,
            "occurred_at": moment_of(cancelled.planned_at),
            "instance": order.instance,
            "order": {
                "entity_id": order.entity_id,
                "increment_id": order.increment_id,
                "store_id": order.store_id,
                "state": order.state,
            },
            "cancellation": {
                "id": int(effect.details["cancellation"]),
                "cause": str(cancelled.cause),
                "items": cancelled.items(cancelled.units),
                "left_already": cancelled.items(cancelled.left),
            },
        }
        return Event(str(store.notification_url) if store and store.notification_url else "", event_id, body)


def _the(connection: Connection, effect: ClaimedEffect) -> _Cancelled:
    order = connection.execute(
        text(
            "select o.id, o.instance, o.entity_id, o.increment_id, o.store_id, o.state, e.planned_at from effect e"
            " join sales_order o on o.id = e.order_id where e.id = :id"
        ),
        {"id": effect.id},
    ).one()
    stored = next(
        each for each in cancellations.of_order(connection, order.id) if each.id == effect.details["cancellation"]
    )
    skus = connection.execute(
        text("select item_id, sku from order_line where order_id = :id and kind = 'physical'"), {"id": order.id}
    )
    return _Cancelled(
        order,
        stored.cause,
        stored.units,
        stored.too_late,
        {row.item_id: row.sku for row in skus},
        order.planned_at,
    )


def _listed(items: list[dict[str, Any]]) -> str:
    return ", ".join(f"{item['quantity']} {item['sku']}" for item in items)
