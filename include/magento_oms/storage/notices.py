"""Planning what Magento and the store are told of fulfilments and parcels, as the store wants it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from magento_oms.domain.intake import PlannedEffect
from magento_oms.ports import ParcelStatus
from magento_oms.storage import effects
from magento_oms.storage.database import text

TELL_MAGENTO = "tell_magento"
NOTIFY_STORE = "notify_store"

EVENT_OF = {
    ParcelStatus.PICKED_UP: "picked_up",
    ParcelStatus.IN_TRANSIT: "in_transit",
    ParcelStatus.OUT_FOR_DELIVERY: "out_for_delivery",
    ParcelStatus.DELIVERY_FAILED: "delivery_failed",
    ParcelStatus.DELIVERED: "delivered",
    ParcelStatus.LOST: "lost",
    ParcelStatus.RTO_INITIATED: "rto",
    ParcelStatus.RTO_IN_TRANSIT: "rto",
}
"""What a parcel's new state is told as."""


def notify_target(instance: str) -> str:
    """Events of an instance's stores are effects towards this."""
    return f"notify:{instance}"


def plan(
    connection: Connection,
    order: Row[Any],
    event: str,
    about: str,
    *,
    comment: str,
    post: str,
    details: dict[str, Any],
    mark: str = "",
    acknowledgement: str = "",
) -> None:
    """Plan to tell of an event in the ways that the order's store wants, each way once.

    Args:
        order: id, instance, entity_id, shadow, and `told`: what the store wants to be told, and how.
        about: what it is about, such as `parcel:<id>`; its events reach the store's URL in their order.
        comment, post: the kinds of effect that leave a comment on Magento, and that send to the store's URL.
        mark: what tells one happening of the event from another.
        acknowledgement: a kind of effect to be planned as well, whatever the store wants of `event`; empty: none.
    """
    told = order.told or {}
    magento, store = f"magento:{order.instance}", notify_target(order.instance)
    ways = (
        (event in told.get("magento_comment", ()), magento, comment, f"{magento}:order:{order.entity_id}"),
        (event in told.get("store_url", ()), store, post, f"{store}:{about}"),
        (bool(acknowledgement), store, acknowledgement, f"{store}:{about}:ack"),
    )
    subject = f"{about}:{event}" + (f":{mark}" if mark else "")
    for wanted, target, kind, lane in ways:
        if wanted:
            effect = PlannedEffect(
                target, kind, subject, lane, withheld=order.shadow, even_if_stopped=True, details=details
            )
            effects.plan(connection, effect, order.id)


def tell(connection: Connection, event: str, fulfilment_id: int, *, parcel_id: int | None = None) -> None:
    """Tell of an event of a fulfilment, or of one of its parcels. Told before, it is not told again."""
    row = connection.execute(
        text(
            "select o.id, o.instance, o.entity_id, o.shadow, s.told from fulfilment f"
            " join sales_order o on o.id = f.order_id"
            " left join store s on s.instance = o.instance and s.store_id = o.store_id where f.id = :id"
        ),
        {"id": fulfilment_id},
    ).one()
    about = f"parcel:{parcel_id}" if parcel_id is not None else f"fulfilment:{fulfilment_id}"
    details = {"fulfilment": fulfilment_id, "event": event} | ({} if parcel_id is None else {"parcel": parcel_id})
    plan(connection, row, event, about, comment=TELL_MAGENTO, post=NOTIFY_STORE, details=details)


def tell_of_parcel(connection: Connection, parcel_id: int, status: ParcelStatus) -> None:
    """Tell of a parcel's new state, if it is one that is told of."""
    event = EVENT_OF.get(status)
    if event is None:
        return
    fulfilment_id = connection.execute(
        text("select fulfilment_id from parcel where id = :id and direction = 'forward'"), {"id": parcel_id}
    ).scalar()
    if fulfilment_id is not None:
        tell(connection, event, fulfilment_id, parcel_id=parcel_id)
