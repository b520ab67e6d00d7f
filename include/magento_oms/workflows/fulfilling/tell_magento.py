"""The effect that tells Magento of an event as a comment on the order."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from magento_oms.config.models import InstanceConfig, StoreConfig
from magento_oms.ports import CommentOptions, MagentoOrderActions
from magento_oms.storage import notices
from magento_oms.storage.database import text
from magento_oms.storage.effects import ClaimedEffect
from magento_oms.storage.parcels import live_bookings_sql
from magento_oms.workflows.effect_kinds import Result

WORDS = {
    "packed": "Packed",
    "dispatched": "Handed over to the courier",
    "picked_up": "Picked up by the courier",
    "in_transit": "On its way",
    "out_for_delivery": "Out for delivery",
    "delivery_failed": "Delivery was tried in vain",
    "delivered": "Delivered",
    "rto": "Returns to the warehouse",
    "lost": "Lost by the courier",
}


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment to be left."""

    entity_id: int
    text: str
    reference: str
    options: CommentOptions


def comment_options(store: StoreConfig | None) -> CommentOptions:
    """How a store's comments are left; the customer sees none of a store that is not configured any more."""
    return CommentOptions(store.comments.visible_on_front, store.comments.notify) if store else CommentOptions()


class CommentKind:
    """Leaves a comment once: it is known by the reference in it."""

    def send(self, magento: MagentoOrderActions, subject: Comment) -> Result:
        """Leave the comment, unless it is there."""
        if self.find(magento, subject) is None:
            magento.add_comment(subject.entity_id, subject.text, options=subject.options)
        return Result("commented on Magento")

    def find(self, magento: MagentoOrderActions, subject: Comment) -> Result | None:
        """Look for the comment."""
        said = any(subject.reference in str(row.get("comment") or "") for row in magento.comments(subject.entity_id))
        return Result("found on Magento") if said else None

    def settle(self, connection: Connection, subject: Comment, result: Result) -> None:
        """Nothing to note: the effect itself is on the time line."""


class TellMagento(CommentKind):
    """See the module."""

    name = notices.TELL_MAGENTO

    def __init__(self, config: InstanceConfig) -> None:
        self._config = config

    def read(self, connection: Connection, effect: ClaimedEffect) -> Comment:
        """What is to be told."""
        order = connection.execute(
            text("select entity_id, store_id from sales_order where id = :id"), {"id": effect.order_id}
        ).one()
        rows = connection.execute(
            text(
                "select b.awb, coalesce(b.booked -> 'courier' ->> 'name', b.aggregator) as courier"  # noqa: S608
                f" from ({live_bookings_sql()}) b join parcel p on p.id = b.parcel_id where b.awb <> ''"
                " and p.direction = 'forward' and (p.id = cast(:parcel as bigint)"
                " or cast(:parcel as bigint) is null and p.fulfilment_id = :fulfilment) order by p.number"
            ),
            {"parcel": effect.details.get("parcel"), "fulfilment": effect.details["fulfilment"]},
        ).all()
        parcels = ", ".join(f"{row.courier} {row.awb}" for row in rows)
        reference = f"[oms-{effect.subject.replace(':', '-')}]"
        said = WORDS[effect.details["event"]]
        return Comment(
            order.entity_id,
            f"{said}{f': {parcels}' if parcels else ''}. {reference}",
            reference,
            comment_options(self._config.store(order.store_id)),
        )
