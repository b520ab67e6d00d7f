"""The effects that tell of a cancellation: a comment on the Magento order, and an event to the store's URL. What was
cancelled, how much of it had left already, and why; the words that somebody wrote with it are not told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig
from magento_oms.domain.cancellation import Cause
from magento_oms.storage import cancellation_notices as told
from magento_oms.storage import cancellations
from magento_oms.storage.cancellations import StoredCancellation
from magento_oms.storage.database import text
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.workflows.fulfilling.notify_store import Event, ToStoreUrl, event_id_of, heading
from magento_oms.workflows.fulfilling.tell_magento import Comment, CommentKind, comment_options

WORDS = {
    Cause.CUSTOMER: "by the customer",
    Cause.PAYMENT: "because the payment never came",
    Cause.EDITED: "because another order took its place",
    Cause.REFUND: "because it was refunded",
    Cause.SELLER: "by the seller",
}


@dataclass(frozen=True, slots=True)
class _Cancelled:
    """A cancellation, the order that it is of, and item id → SKU of what is shipped of that."""

    order: Any
    stored: StoredCancellation
    skus: dict[int, str]

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
        reference = f"[oms-{effect.subject.replace(':', '-')}]"
        parts = [
            f"{_listed(units)} {what}"
            for units, what in (
                (cancelled.items(cancelled.stored.units), "will not be shipped"),
                (cancelled.items(cancelled.stored.too_late), "had left already"),
            )
            if units
        ]
        said = f"Cancelled {WORDS[cancelled.stored.cause]}: {'; '.join(parts)}. {reference}"
        options = comment_options(self._config.store(cancelled.order.store_id))
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
        body = heading(order, event_id, told.CANCELLED, order.planned_at)
        body["order"]["state"] = order.state
        body["cancellation"] = {
            "id": cancelled.stored.id,
            "cause": str(cancelled.stored.cause),
            "items": cancelled.items(cancelled.stored.units),
            "left_already": cancelled.items(cancelled.stored.too_late),
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
    return _Cancelled(order, stored, {row.item_id: row.sku for row in skus})


def _listed(items: list[dict[str, Any]]) -> str:
    return ", ".join(f"{item['quantity']} {item['sku']}" for item in items)
